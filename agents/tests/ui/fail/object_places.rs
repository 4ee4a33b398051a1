//! An object is a field of its owner's state, which the marked method names and nothing else.
use folkmoot_agents::{Agent, agent, object};

#[derive(Default)]
struct Math;

#[object(crate = folkmoot_agents::__private)]
impl Math {
    #[expose]
    fn add(&mut self) {}
}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct House {
    math: Math,
    others: Vec<Math>,
}

#[agent(crate = folkmoot_agents::__private)]
impl House {
    #[object]
    fn exclusive(&mut self) -> &mut Math {
        &mut self.math
    }

    #[object]
    fn nowhere(&self) {}

    #[object]
    fn owned(&self) -> Math {
        Math
    }

    #[object]
    fn found(&self) -> &Math {
        let first = self.others.first();
        first.unwrap()
    }

    #[object]
    fn one_of_many(&self, at: usize) -> &Math {
        &self.others[at]
    }

    #[object]
    async fn late(&self) -> &Math {
        &self.math
    }

    #[object]
    fn of_whom() -> &'static Math {
        &Math
    }

    #[object(name = "other")]
    fn renamed(&self) -> &Math {
        &self.math
    }

    #[object]
    fn clone(&self) -> &Math {
        &self.math
    }
}

fn main() {}

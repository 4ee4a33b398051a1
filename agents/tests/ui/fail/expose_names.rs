//! Names that a proxy has already.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn borrow(&self) {}

    #[expose]
    fn borrow_mut(&self) {}

    #[expose]
    fn clone(&self) {}

    #[expose]
    fn clone_from(&self) {}

    #[expose]
    fn clone_into(&self) {}

    #[expose]
    fn core(&self) {}

    #[expose]
    fn deref(&self) {}

    #[expose]
    fn fmt(&self) {}

    #[expose]
    fn from(&self) {}

    #[expose]
    fn into(&self) {}

    #[expose]
    fn new(&self) {}

    #[expose]
    fn to_owned(&self) {}

    #[expose]
    fn try_into(&self) {}

    #[expose]
    fn type_id(&self) {}
}

fn main() {}

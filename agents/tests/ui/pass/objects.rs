//! Objects wherever they may be: in other modules, in boxes, twice, with names that Rust keeps for itself, from macros.
#![deny(warnings)]

use folkmoot_agents::{Agent, Context, Proxy, agent, object};
use folkmoot_codecs::CallError;

mod sums {
    use folkmoot_agents::object;

    /// Sums.
    #[derive(Default)]
    pub struct Math {
        pub(super) sum: i64,
    }

    #[object(crate = folkmoot_agents::__private)]
    impl Math {
        /// Adds.
        #[expose]
        pub fn add(&mut self, n: i64) -> i64 {
            self.sum += n;
            self.sum
        }

        #[expose]
        async fn r#move(&self) -> Result<(), String> {
            Err("it cannot be moved".to_owned())
        }
    }
}

#[derive(Default)]
struct Empty;

#[object(crate = folkmoot_agents::__private)]
impl Empty {}

#[derive(Default)]
struct Garden {
    shed: (Empty, Box<sums::Math>),
}

#[object(agent = House, crate = folkmoot_agents::__private)]
impl Garden {
    #[expose]
    async fn plant(&mut self, ctx: &Context<House>, many: u8) -> String {
        format!("{many} at {}", ctx.name())
    }

    #[object]
    fn shed(&self) -> &Empty {
        &self.shed.0
    }

    #[object]
    fn r#type(&self) -> &sums::Math {
        &self.shed.1
    }
}

#[derive(Agent, Default)]
#[agent(crate = folkmoot_agents::__private)]
pub struct House {
    first: sums::Math,
    second: sums::Math,
    garden: Garden,
}

#[agent(crate = folkmoot_agents::__private)]
impl House {
    #[object]
    fn first(&self) -> &sums::Math {
        &self.first
    }

    /// The second.
    #[object]
    fn second(&self) -> &sums::Math {
        &(self.second)
    }

    #[object]
    fn garden(&self) -> &Garden {
        &self.garden
    }
}

macro_rules! barn {
    ($name:ident, $part:ident, $ty:ty) => {
        #[derive(Agent, Default)]
        #[agent(crate = folkmoot_agents::__private)]
        struct $name {
            $part: $ty,
        }

        #[agent(crate = folkmoot_agents::__private)]
        impl $name {
            #[object]
            fn $part(&self) -> &$ty {
                &self.$part
            }
        }
    };
}

barn!(Barn, hay, sums::Math);

async fn call(house: &Proxy<House>, barn: &Proxy<Barn>) -> Result<i64, CallError> {
    let _: Result<(), CallError<String>> = house.first().r#move().await;
    let _: String = house.garden().plant(1).await?;
    let sum: i64 = house.garden().r#type().add(2).await?;
    house.second().add(1).one_way()?;
    barn.hay().add(sum).await
}

fn main() {
    let _ = call;
    let mut house = House::default();
    house.first.sum = 1;
    house.second.add(house.garden.shed.1.sum);
}

//! A trait for callers holds methods without bodies and stands alone.
use folkmoot_agents::agent;

#[agent(crate = folkmoot_agents::__private)]
trait Generic<T> {
    fn one(&self) -> u8;
}

#[agent(crate = folkmoot_agents::__private)]
trait Above: Send {
    fn one(&self) -> u8;
}

#[agent(crate = folkmoot_agents::__private)]
trait Bounded
where
    Self: Sync,
{
    fn one(&self) -> u8;
}

#[agent(crate = folkmoot_agents::__private)]
trait Associated {
    type Item;
    const LIMIT: u8;
    fn one(&self) -> u8;
}

#[agent(crate = folkmoot_agents::__private)]
unsafe trait NotSafe {
    fn one(&self) -> u8;
}

fn main() {}

//! Results are owned and named too.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn text(&self) -> &str {
        "text"
    }

    #[expose]
    fn inside(&self) -> Result<&'static str, String> {
        Ok("text")
    }

    #[expose]
    fn nameless(&self) -> impl Iterator<Item = i64> {
        std::iter::once(self.total)
    }
}

fn main() {}

//! What the macro itself refuses.

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fippa");

folkmoot_agents::protocol!("specs/fipa.yaml");

folkmoot_agents::protocol!(fipa);

folkmoot_agents::protocol!("fipa" "http");

fn main() {}

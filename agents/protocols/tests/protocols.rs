//! The protocols crate as its users see it, part by part.

#[path = "protocols/agreeing.rs"]
mod agreeing;
#[path = "protocols/bytes.rs"]
mod bytes;
#[path = "protocols/checking.rs"]
mod checking;
#[path = "protocols/custom_type.rs"]
mod custom_type;
#[path = "protocols/dialogue.rs"]
mod dialogue;
#[path = "protocols/dialogue_keeping.rs"]
mod dialogue_keeping;
#[path = "protocols/dialogue_recorded.rs"]
mod dialogue_recorded;
#[path = "protocols/dialogue_runs.rs"]
mod dialogue_runs;
#[path = "protocols/hostile.rs"]
mod hostile;
#[path = "protocols/neutral.rs"]
mod neutral;
#[path = "protocols/random.rs"]
mod random;
#[path = "protocols/recorded.rs"]
mod recorded;
#[path = "protocols/rust.rs"]
mod rust;
#[path = "protocols/smoke.rs"]
mod smoke;
#[path = "protocols/specification.rs"]
mod specification;
#[path = "protocols/tools.rs"]
mod tools;
#[path = "protocols/typed.rs"]
mod typed;
#[path = "protocols/verdicts.rs"]
mod verdicts;

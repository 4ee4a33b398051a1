//! Calls between agents of one process: values, order, errors, panics, cancel, deadlines, deadlocks, overload.

mod calls {
    // First, for its macro.
    #[macro_use]
    #[path = "../support/engines.rs"]
    mod engines;

    #[path = "../support/begun.rs"]
    mod begun;
    #[path = "../support/book.rs"]
    mod book;
    mod cancelling;
    mod clocks;
    mod counter;
    #[path = "../hostile/counts.rs"]
    mod counts;
    mod dead_requests;
    mod deadlocks;
    mod destructors;
    mod durable;
    mod errors;
    #[path = "../support/events.rs"]
    mod events;
    mod groups;
    mod keeping;
    #[path = "../support/limit.rs"]
    mod limit;
    mod lives;
    mod mail;
    mod mailed_dialogues;
    #[path = "../support/milling.rs"]
    mod milling;
    mod monitors;
    mod numbered;
    mod objects;
    mod odd_orders;
    mod panics;
    mod rings;
    mod stopping;
    mod suspending;
    mod trees;
    mod troubled_trees;
    mod turns;
    mod workers;
}

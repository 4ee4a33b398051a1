//! Links between nodes: every transport and codec, certificates and rules, what happens when one end goes away.

mod links {
    mod advertised;
    #[path = "../support/begun.rs"]
    mod begun;
    #[path = "../support/book.rs"]
    mod book;
    mod broken;
    mod channels;
    mod conformance;
    #[path = "../hostile/counts.rs"]
    mod counts;
    mod credits;
    mod defects;
    mod dialogues;
    #[path = "../support/events.rs"]
    mod events;
    mod exchange_conformance;
    mod far_exchange;
    mod foreign_tasks;
    mod gathering;
    mod given_up;
    mod idle;
    mod joining;
    #[path = "../support/left_behind.rs"]
    mod left_behind;
    #[path = "../support/limit.rs"]
    mod limit;
    mod link_events;
    #[path = "../hostile/log.rs"]
    mod log;
    mod managed;
    #[path = "../support/milling.rs"]
    mod milling;
    mod monitors;
    #[cfg(unix)]
    mod owners;
    mod passing;
    mod pieces;
    mod pieces_under_way;
    mod plain_peers;
    mod relay;
    mod retrying;
    mod rotation;
    mod secured;
    mod services;
    mod simulation;
    mod slow_encoder;
    #[cfg(unix)]
    mod unix;
}

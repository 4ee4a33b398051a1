//! All cases. Each file is one kind of work: its floor, ours, and the figures to reach.

mod academy;
mod across_workers;
mod aiomas;
mod dialogues;
mod exchange;
mod flooded_neighbour;
mod idle_agents;
mod links;
mod local_call;
mod protocols;
mod remote_call;
mod restart;
mod simulated_day;
mod spawn;

use crate::bench::Group;

pub(crate) use academy::serve_mail;
pub(crate) use dialogues::hold;
pub(crate) use flooded_neighbour::flood;
pub(crate) use idle_agents::weigh;

/// Every group, in the order of the table.
pub(crate) fn all() -> Vec<Group> {
    vec![
        local_call::group(),
        across_workers::group(),
        flooded_neighbour::group(),
        spawn::group(),
        idle_agents::group(),
        restart::group(),
        remote_call::group(),
        links::group(),
        aiomas::group(),
        academy::group(),
        academy::bare_group(),
        protocols::group(),
        dialogues::group(),
        exchange::group(),
        simulated_day::group(),
    ]
}

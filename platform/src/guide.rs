//! The guide: a short page for each thing that one does with Folkmoot.
//!
//! | page | tells |
//! |---|---|
//! | [`agents`] | what each marker takes, and which methods run at the same time |
//! | [`calls`] | deadline, one way, taking back; each error and what to do about it |
//! | [`retries`] | methods that may run twice, and calls of them that outlive a broken link |
//! | [`errors`] | `?` between the errors of calls and one's own |
//! | [`restarts`] | what follows a panic, how often, and what the new life knows |
//! | [`monitors`] | agents that know of each other's crashes, and crash together |
//! | [`trees`] | child containers, whom a crash concerns, suspended agents, a view of all |
//! | [`connecting`] | URLs, `retry_for`, and a peer that restarts |
//! | [`joining`] | agents by name on all nodes, and nodes that go and come back |
//! | [`groups`] | tell all, ask one, ask all with a quorum, on whatever node they live |
//! | [`certificates`] | who a node is, and who may call what |
//! | [`untyped`] | calls by name, and traits in a shared crate |
//! | [`time`] | the agents' clock: real, faster, or set from outside; sleeping, appointments, time-outs |
//! | [`simulation`] | a whole system in virtual time, the same each time, with every fault one likes |
//! | [`stopping`] | how agents and nodes end |
//! | [`logs`] | what a node says about itself, and what is worth an alarm |
//! | [`spawning`] | a container in an agent, futures beside the turns |
//! | [`objects`] | parts of an agent with methods of their own; an agent as an argument or a result |
//! | [`channels`] | requests and replies over one connection, without agents; mosaik |
//! | [`services`] | methods called over a channel, without agents |
//! | [`mail`] | agents with a mailbox of their own: handlers, answers, what is tried again, who owns it |
//! | [`exchange`] | mailboxes: mail that waits for agents that are not there, leases, dead letters, states |
//! | [`keeping`] | fields that outlive their agent and its node, and move with it |
//! | [`dialogues`] | conversations by AEA's rules: what may come next, how they end, what is kept of them |
//! | [`protocols`] | specifications of protocols in AEA's language, and what the command line makes of them |
//! | [`aiomas`] | coming from aiomas: old and new side by side, and how both work together |
//! | [`academy`] | agents of Academy with their mailboxes in an exchange of Folkmoot's |
//! | [`messages`] | messages and envelopes of protocols, to the byte as AEA has them |
//! | [`protocol_types`] | protocols as Rust types, and dialogues in which a wrong reply does not compile |
//! | [`speaking`] | agents that handle messages of a protocol, begin dialogues and await answers |
//! | [`values`] | types on the wire: bytes, options, NaN, big integers, maps |
//!
//! Every example is a program that is compiled and run as a test. The pages lie in `platform/docs`, one file each.

#[doc = include_str!("../docs/agents.md")]
pub mod agents {}

#[doc = include_str!("../docs/calls.md")]
pub mod calls {}

#[doc = include_str!("../docs/retries.md")]
pub mod retries {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/restarts.md")]
pub mod restarts {}

#[doc = include_str!("../docs/monitors.md")]
pub mod monitors {}

#[doc = include_str!("../docs/trees.md")]
pub mod trees {}

#[doc = include_str!("../docs/connecting.md")]
pub mod connecting {}

#[doc = include_str!("../docs/joining.md")]
pub mod joining {}

#[doc = include_str!("../docs/groups.md")]
pub mod groups {}

#[doc = include_str!("../docs/certificates.md")]
pub mod certificates {}

#[doc = include_str!("../docs/untyped.md")]
pub mod untyped {}

#[doc = include_str!("../docs/time.md")]
pub mod time {}

#[doc = include_str!("../docs/simulation.md")]
pub mod simulation {}

#[doc = include_str!("../docs/stopping.md")]
pub mod stopping {}

#[doc = include_str!("../docs/logs.md")]
pub mod logs {}

#[doc = include_str!("../docs/spawning.md")]
pub mod spawning {}

#[doc = include_str!("../docs/objects.md")]
pub mod objects {}

#[doc = include_str!("../docs/channels.md")]
pub mod channels {}

#[doc = include_str!("../docs/services.md")]
pub mod services {}

#[doc = include_str!("../docs/mail.md")]
pub mod mail {}

#[doc = include_str!("../docs/exchange.md")]
pub mod exchange {}

#[doc = include_str!("../docs/keeping.md")]
pub mod keeping {}

#[doc = include_str!("../docs/dialogues.md")]
pub mod dialogues {}

#[doc = include_str!("../docs/protocols.md")]
pub mod protocols {}

#[doc = include_str!("../docs/aiomas.md")]
pub mod aiomas {}

#[doc = include_str!("../docs/academy.md")]
pub mod academy {}

#[doc = include_str!("../docs/messages.md")]
pub mod messages {}

#[doc = include_str!("../docs/protocol_types.md")]
pub mod protocol_types {}

#[doc = include_str!("../docs/speaking.md")]
pub mod speaking {}

#[doc = include_str!("../docs/values.md")]
pub mod values {}

#[cfg(test)]
mod tests {
    /// The variants of an enum, read from its source, for an enum does not tell them.
    fn variants<'a>(source: &'a str, head: &str) -> Vec<&'a str> {
        let (_, rest) = source.split_once(head).unwrap();
        let (variants, _) = rest.split_once("\n}\n").unwrap();
        variants
            .lines()
            .filter_map(|line| line.strip_prefix("    ")?.split(|c: char| !c.is_alphanumeric()).next())
            .filter(|name| name.starts_with(char::is_uppercase))
            .collect()
    }

    #[test]
    fn every_error_of_a_call_has_a_row_that_says_what_to_do() {
        let names = variants(include_str!("../../codecs/src/call_error.rs"), "pub enum CallError");
        assert!(names.contains(&"Agent") && names.contains(&"BadReply"), "{names:?}");
        let rows: Vec<&str> = include_str!("../docs/calls.md").lines().collect();
        for name in names {
            let row = rows.iter().find(|row| {
                row.strip_prefix("| `")
                    .and_then(|row| row.strip_prefix(name))
                    .is_some_and(|row| row.starts_with(['`', '(']))
            });
            assert!(row.is_some(), "platform/docs/calls.md does not say what to do about {name}");
        }
    }

    #[test]
    fn every_error_of_an_exchange_has_a_row_that_says_what_to_do() {
        let names = variants(include_str!("../exchange/src/error.rs"), "pub enum ExchangeError");
        assert!(names.contains(&"LeaseOver") && names.contains(&"Failed"), "{names:?}");
        let page = include_str!("../docs/exchange.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        for name in names {
            let quoted = format!("`{name}`");
            let row =
                rows.iter().find(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&quoted)));
            assert!(row.is_some(), "platform/docs/exchange.md does not say what to do about {name}");
        }
    }
}

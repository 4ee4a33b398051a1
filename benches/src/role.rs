//! What this binary does as a process of its own, started by itself: weigh agents, flood one, serve an echo, call one,
//! be a node that is killed.
//!
//! A role crosses to the child as words on its command line, the first of which no person would type. Neighbours:
//! [`child`](crate::child) starts roles; [`remote`] and [`cases`] play them.

use std::path::PathBuf;
use std::str::FromStr;

use folkmoot::Codec;

use crate::{Result, cases, remote};

const MARK: &str = "@";

/// The hand-written half of a case, or Folkmoot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Floor,
    /// The other floor of remote calls.
    Multiplexer,
    Ours,
}

/// Weigh idle agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weigh {
    pub(crate) side: Side,
    pub(crate) keep_proxies: bool,
}

/// Flood an actor or agent and see what its neighbour waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flood {
    pub(crate) side: Side,
    /// With one-way calls; else with calls. A floor knows one flood only.
    pub(crate) one_way: bool,
    /// Which of the waits is asked for: 100 is the worst.
    pub(crate) percent: usize,
}

/// Answer calls from another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    pub(crate) side: Side,
    /// The folder of a development authority; `None` for plain TCP.
    pub(crate) certs: Option<PathBuf>,
    /// How long a link of ours gathers, in milliseconds.
    pub(crate) gather_ms: u64,
}

/// Call another process whenever told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drive {
    pub(crate) side: Side,
    pub(crate) certs: Option<PathBuf>,
    /// Where the server listens: `host:port` of a floor, an agent's URL of ours.
    pub(crate) to: String,
    pub(crate) codec: Codec,
    pub(crate) text_bytes: usize,
    pub(crate) in_flight: u64,
}

/// Be a node, or a bare listener, that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Victim {
    pub(crate) side: Side,
    /// Where it listens, as `host:port`.
    pub(crate) listen: String,
    /// The URL of a node that it joins; empty for none.
    pub(crate) join: String,
}

/// Hold many open dialogues and weigh them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) side: Side,
}

/// Serve an exchange over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeMail {
    pub(crate) side: Side,
    /// The line that names it; of a floor the file that it appends to, or nothing.
    pub(crate) exchange: String,
}

/// A process's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Weigh(Weigh),
    Flood(Flood),
    Serve(Serve),
    Drive(Drive),
    Victim(Victim),
    Hold(Hold),
    ServeMail(ServeMail),
}

/// The role in the words of a command line; `None` where a person wrote them.
pub(crate) fn of(words: &[String]) -> Option<Role> {
    let (mark, words) = words.split_first()?;
    if mark != MARK {
        return None;
    }
    let word = |at: usize| words.get(at).map(String::as_str);
    let side = match word(1)? {
        "floor" => Side::Floor,
        "multiplexer" => Side::Multiplexer,
        _ => Side::Ours,
    };
    let certs = word(2).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    match word(0)? {
        "weigh" => Some(Role::Weigh(Weigh { side, keep_proxies: word(3)? == "true" })),
        "flood" => Some(Role::Flood(Flood {
            side,
            one_way: word(3)? == "true",
            percent: usize::from_str(word(4)?).ok()?,
        })),
        "hold" => Some(Role::Hold(Hold { side })),
        "mail" => Some(Role::ServeMail(ServeMail { side, exchange: word(3)?.to_owned() })),
        "serve" => Some(Role::Serve(Serve { side, certs, gather_ms: u64::from_str(word(3)?).ok()? })),
        "victim" => {
            Some(Role::Victim(Victim { side, listen: word(3)?.to_owned(), join: word(4)?.to_owned() }))
        }
        _ => Some(Role::Drive(Drive {
            side,
            certs,
            to: word(3)?.to_owned(),
            codec: *CODECS.iter().find(|codec| Some(codec_name(**codec)) == word(4))?,
            text_bytes: usize::from_str(word(5)?).ok()?,
            in_flight: u64::from_str(word(6)?).ok()?,
        })),
    }
}

const CODECS: [Codec; 3] = [Codec::MsgPack, Codec::Json, Codec::Cbor];

/// A codec's name in tables and on command lines.
pub(crate) fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Json => "JSON",
        Codec::Cbor => "CBOR",
        _ => "MsgPack",
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Floor => "floor",
        Side::Multiplexer => "multiplexer",
        Side::Ours => "ours",
    }
}

impl Role {
    /// The role as words, for [`of`] in another process.
    pub(crate) fn words(&self) -> Vec<String> {
        let side = |side| side_name(side).to_owned();
        let dir = |certs: &Option<PathBuf>| {
            certs.as_ref().map_or_else(String::new, |dir| dir.to_string_lossy().into_owned())
        };
        let mut words = vec![MARK.to_owned()];
        match self {
            Role::Weigh(weigh) => words.extend([
                "weigh".to_owned(),
                side(weigh.side),
                String::new(),
                weigh.keep_proxies.to_string(),
            ]),
            Role::Flood(flood) => words.extend([
                "flood".to_owned(),
                side(flood.side),
                String::new(),
                flood.one_way.to_string(),
                flood.percent.to_string(),
            ]),
            Role::Serve(serve) => words.extend([
                "serve".to_owned(),
                side(serve.side),
                dir(&serve.certs),
                serve.gather_ms.to_string(),
            ]),
            Role::Hold(hold) => words.extend(["hold".to_owned(), side(hold.side)]),
            Role::ServeMail(serve) => {
                words.extend(["mail".to_owned(), side(serve.side), String::new(), serve.exchange.clone()])
            }
            Role::Victim(victim) => words.extend([
                "victim".to_owned(),
                side(victim.side),
                String::new(),
                victim.listen.clone(),
                victim.join.clone(),
            ]),
            Role::Drive(drive) => words.extend([
                "drive".to_owned(),
                side(drive.side),
                dir(&drive.certs),
                drive.to.clone(),
                codec_name(drive.codec).to_owned(),
                drive.text_bytes.to_string(),
                drive.in_flight.to_string(),
            ]),
        }
        words
    }

    /// Does the work, to its end.
    pub(crate) fn play(&self) -> Result<()> {
        match self {
            Role::Weigh(weigh) => crate::child::tell(cases::weigh(weigh)?),
            Role::Flood(flood) => crate::child::tell(cases::flood(flood)?),
            Role::ServeMail(serve) => cases::serve_mail(serve),
            Role::Hold(hold) => crate::child::tell(cases::hold(hold)?),
            Role::Serve(serve) => remote::serve(serve),
            Role::Drive(drive) => remote::drive(drive),
            Role::Victim(victim) => remote::fall_victim(victim),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_survives_the_command_line_and_a_persons_words_are_none() {
        let certs = Some(PathBuf::from("certs"));
        for role in [
            Role::Weigh(Weigh { side: Side::Floor, keep_proxies: true }),
            Role::Weigh(Weigh { side: Side::Ours, keep_proxies: false }),
            Role::Flood(Flood { side: Side::Ours, one_way: true, percent: 99 }),
            Role::Serve(Serve { side: Side::Ours, certs: None, gather_ms: 3 }),
            Role::Serve(Serve { side: Side::Floor, certs: certs.clone(), gather_ms: 0 }),
            Role::Serve(Serve { side: Side::Multiplexer, certs: None, gather_ms: 0 }),
            Role::ServeMail(ServeMail { side: Side::Ours, exchange: "memory:".to_owned() }),
            Role::ServeMail(ServeMail { side: Side::Floor, exchange: String::new() }),
            Role::Victim(Victim { side: Side::Ours, listen: "127.0.0.1:0".to_owned(), join: String::new() }),
            Role::Drive(Drive {
                side: Side::Ours,
                certs,
                to: "tls://127.0.0.1:7/echo".to_owned(),
                codec: Codec::Cbor,
                text_bytes: 64,
                in_flight: 100,
            }),
        ] {
            assert_eq!(of(&role.words()), Some(role));
        }
        assert_eq!(of(&["local".to_owned(), "floor".to_owned()]), None);
    }
}

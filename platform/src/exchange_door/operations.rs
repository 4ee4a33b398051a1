//! Each operation of the exchange, as a request over a link: its arguments, and what is done.
//!
//! `codecs/WIRE.md` lists them. Always true: leases and states are given to a node for mailboxes that it may use, under keys
//! of its own; a posting's sender is the link's peer. Neighbour: [`exchange_door`](super).

use std::sync::Arc;
use std::time::Duration;

use folkmoot_codecs::{ArgumentList, CallError, Never};
use folkmoot_exchange::{
    ExchangeError, Fence, Page, Posting, Purge, Receipt, Recv, StatePut, StateQuery, Step,
};
use folkmoot_gateway::name::short;

use super::{Asked, Seat};
use crate::exchange_wire::{self as wire, Blob, Caller, Id, Refused};
use crate::inbound;
use crate::mailroom::MailError;

type Begun = Result<(), CallError<Box<Refused>>>;

/// Whoever receives may also say what became of the mail: these are no operations of their own in rules.
const RECEIVING: &str = "recv";

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

impl Asked<'_> {
    fn read<A: ArgumentList>(&self, names: &[&str]) -> Result<A, CallError<Box<Refused>>> {
        A::decode(&self.arguments, self.path, names).map_err(of_no_exchange)
    }
}

/// An error of a request, which no exchange has judged.
pub(super) fn of_no_exchange(error: CallError<Never>) -> CallError<Box<Refused>> {
    match error {
        CallError::Agent(never) => match never {},
        CallError::BadArguments { method, path, reason } => CallError::BadArguments { method, path, reason },
        other => CallError::BadReply { reason: other.to_string() },
    }
}

/// Reads a request and begins to do what it asks for.
pub(super) fn begin(asked: Asked<'_>) -> Begun {
    match asked.operation {
        "register" | "discover" | "status" | "terminate" | "heartbeat" | "stats" => of_mailboxes(asked),
        "send" | "commit" => sending(asked),
        "recv" | "taken" | "acknowledge" | "refuse" | "give_back" | "extend" => receiving(asked),
        "share" | "unshare" | "shares" => sharing(asked),
        "peek" | "purge" | "dead_letters" | "requeue" => upkeep(asked),
        "take_lease" | "renew_lease" | "give_up_lease" | "state" | "states" => owning(asked),
        other => {
            let reason =
                format!("the exchange has no operation {:?}; this node runs another release", short(other));
            Err(CallError::BadArguments { method: asked.path.to_owned(), path: String::new(), reason })
        }
    }
}

fn of_mailboxes(asked: Asked<'_>) -> Begun {
    if asked.operation == "register" {
        let (caller, what) = asked.read::<(Caller, wire::Registration)>(&["caller", "registration"])?;
        return asked.run(caller, |seat| async move {
            seat.exchange().register(&seat.asker, what.into()).await.map(wire::Registered::from)
        });
    }
    if asked.operation == "discover" {
        let (caller, query) = asked.read::<(Caller, wire::Query)>(&["caller", "query"])?;
        return asked.run_list::<wire::Found, _, _, _>(caller, |seat| async move {
            let mut found = seat.exchange().discover(&seat.asker, query.into()).await?;
            for one in &mut found {
                one.owner = seat.who.own_owner(seat.user.as_ref(), one.owner.take());
            }
            Ok(found)
        });
    }
    let (caller, Id(mailbox)) = asked.read::<(Caller, Id)>(&["caller", "mailbox"])?;
    match asked.operation {
        "status" => asked.run(caller, move |seat| async move {
            seat.exchange().status(&seat.asker, mailbox).await.map(wire::Status::from)
        }),
        "terminate" => asked.run(caller, move |seat| async move {
            seat.exchange().terminate(&seat.asker, mailbox).await.map(wire::Terminated::from)
        }),
        "heartbeat" => asked
            .run(caller, move |seat| async move { seat.exchange().heartbeat(&seat.asker, mailbox).await }),
        _ => asked.run(caller, move |seat| async move {
            seat.exchange().stats(&seat.asker, mailbox).await.map(wire::Stats::from)
        }),
    }
}

impl Seat {
    /// A mail on its way, from the link's peer.
    fn posting(&self, posting: wire::Posting) -> Posting {
        let wire::Posting { to: Id(to), name, agent, user, mail } = posting;
        let gate = &self.link.tables.gate;
        // What a node says of its agents is believed where a rule lets it host them.
        let by = match agent.filter(|agent| gate.may_host(&self.who.principal, agent)) {
            Some(agent) => self.who.principal.with_agent(agent),
            None => self.who.principal.clone(),
        };
        let asker = match user {
            Some(user) => self.who.asker(Some(&user)),
            None => self.who.asker(None),
        };
        let posting = Posting::new(to, mail.into(), by, asker);
        match name {
            Some(name) => posting.named(name),
            None => posting,
        }
    }

    /// A step of theirs: all that it is about is theirs to use.
    async fn commit(&self, step: wire::Step) -> Result<wire::Committed, ExchangeError> {
        let wire::Step { fence, acknowledge, states, send } = step;
        let fence = fence.map(|fence| Fence { mailbox: fence.mailbox.0, epoch: fence.epoch });
        let acknowledge: Vec<Receipt> = acknowledge.into_iter().map(Into::into).collect();
        let mut asker = &self.asker;
        if !self.who.is_container() && self.user.is_none() && (fence.is_some() || !states.is_empty()) {
            let touched = fence.iter().map(|fence| fence.mailbox);
            self.may_use(touched.chain(acknowledge.iter().map(|receipt| receipt.mailbox))).await?;
            asker = self.container_asker();
        }
        let put = |wire::Put { key, expected, bytes }: wire::Put| StatePut {
            key: self.who.key(&key),
            expected,
            bytes: bytes.map(|Blob(bytes)| bytes),
        };
        let states = states.into_iter().map(put).collect();
        let mut admitted = Vec::with_capacity(send.len());
        for posting in send {
            let posting = self.mailroom.admit(self.posting(posting)).await;
            admitted.push(posting.map_err(|reason| ExchangeError::Denied { reason })?);
        }
        let send = admitted;
        let step = Step { fence, acknowledge, states, send };
        let committed = self.exchange().commit(asker, step).await;
        if let Err(ExchangeError::Denied { reason }) = &committed {
            self.mailroom.note_denied(reason);
        }
        committed.map(Into::into)
    }
}

fn denied(error: MailError) -> ExchangeError {
    match error {
        MailError::Denied(reason) => ExchangeError::Denied { reason },
        MailError::Exchange(error) => error,
    }
}

fn sending(asked: Asked<'_>) -> Begun {
    if asked.operation == "commit" {
        let (caller, step) = asked.read::<(Caller, wire::Step)>(&["caller", "step"])?;
        return asked.run(caller, |seat| async move { seat.commit(step).await });
    }
    let (caller, posting) = asked.read::<(Caller, wire::Posting)>(&["caller", "posting"])?;
    asked.run(caller, |seat| async move {
        let sent = seat.mailroom.send(seat.posting(posting)).await;
        sent.map(wire::Accepted::from).map_err(denied)
    })
}

fn receiving(asked: Asked<'_>) -> Begun {
    match asked.operation {
        "recv" => {
            let names = ["caller", "mailbox", "wait", "lease", "max", "epoch"];
            let (caller, Id(mailbox), wait, lease, max, epoch) =
                asked.read::<(Caller, Id, u64, u64, u64, Option<u64>)>(&names)?;
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            asked.receive(&caller, mailbox, Recv { wait: ms(wait), lease: ms(lease), max, epoch })
        }
        "taken" => {
            let (number,) = asked.read::<(u64,)>(&["id"])?;
            // Its lease may have ended on the way.
            asked.link.receivers.end(number);
            inbound::answer::<(), Box<Refused>>(asked.link, (!asked.no_reply).then_some(&asked.id), &Ok(()));
            Ok(())
        }
        "give_back" => {
            let (caller, receipts) = asked.read::<(Caller, Vec<wire::Receipt>)>(&["caller", "receipts"])?;
            let asked = Asked { operation: RECEIVING, ..asked };
            asked.run(caller, |seat| async move {
                let receipts = receipts.into_iter().map(Into::into).collect();
                seat.exchange().give_back(&seat.asker, receipts);
                Ok(())
            })
        }
        "acknowledge" => {
            let (caller, receipt) = asked.read::<(Caller, wire::Receipt)>(&["caller", "receipt"])?;
            asked.run(caller, move |seat| async move {
                seat.exchange().acknowledge(&seat.asker, &receipt.into()).await
            })
        }
        "refuse" => {
            let names = ["caller", "receipt", "refusal"];
            let (caller, receipt, refusal) = asked.read::<(Caller, wire::Receipt, wire::Refusal)>(&names)?;
            asked.run(caller, move |seat| async move {
                seat.exchange().refuse(&seat.asker, &receipt.into(), refusal.into()).await
            })
        }
        _ => {
            let names = ["caller", "receipt", "lease"];
            let (caller, receipt, lease) = asked.read::<(Caller, wire::Receipt, u64)>(&names)?;
            asked.run(caller, move |seat| async move {
                let until = seat.exchange().extend(&seat.asker, &receipt.into(), ms(lease)).await?;
                Ok(until.as_millis())
            })
        }
    }
}

fn sharing(asked: Asked<'_>) -> Begun {
    if asked.operation == "shares" {
        let (caller, Id(mailbox)) = asked.read::<(Caller, Id)>(&["caller", "mailbox"])?;
        return asked.run(caller, move |seat| async move {
            let groups = seat.exchange().shares(&seat.asker, mailbox).await?;
            let own = |group: &Arc<str>| seat.who.own_group(seat.user.as_ref(), group);
            Ok(groups.iter().map(own).collect::<Vec<String>>())
        });
    }
    let shares = asked.operation == "share";
    let (caller, Id(mailbox), group) = asked.read::<(Caller, Id, String)>(&["caller", "mailbox", "group"])?;
    asked.run(caller, move |seat| async move {
        let known = seat.who.group(seat.user.as_ref(), &group);
        let outcome = match shares {
            true => seat.exchange().share(&seat.asker, mailbox, known).await.map(|()| true),
            false => seat.exchange().unshare(&seat.asker, mailbox, known).await,
        };
        outcome.map_err(|error| match error {
            ExchangeError::NotInGroup { .. } => ExchangeError::NotInGroup { group: group.into() },
            error => error,
        })
    })
}

fn upkeep(asked: Asked<'_>) -> Begun {
    let page = |after, max| Page { after, max: usize::try_from(max).unwrap_or(usize::MAX) };
    match asked.operation {
        "peek" => {
            let names = ["caller", "mailbox", "after", "max"];
            let (caller, Id(mailbox), after, max) = asked.read::<(Caller, Id, u64, u64)>(&names)?;
            asked.run_list::<wire::Peeked, _, _, _>(caller, move |seat| async move {
                seat.exchange().peek(&seat.asker, mailbox, page(after, max)).await
            })
        }
        "dead_letters" => {
            let names = ["caller", "mailbox", "after", "max"];
            let (caller, Id(mailbox), after, max) = asked.read::<(Caller, Id, u64, u64)>(&names)?;
            asked.run_list::<wire::DeadLetter, _, _, _>(caller, move |seat| async move {
                seat.exchange().dead_letters(&seat.asker, mailbox, page(after, max)).await
            })
        }
        "purge" => {
            let names = ["caller", "mailbox", "dead_letters"];
            let (caller, Id(mailbox), dead_letters) = asked.read::<(Caller, Id, bool)>(&names)?;
            asked.run(caller, move |seat| async move {
                let what = if dead_letters { Purge::DeadLetters } else { Purge::Waiting };
                seat.exchange().purge(&seat.asker, mailbox, what).await
            })
        }
        _ => {
            let names = ["caller", "mailbox", "positions"];
            let (caller, Id(mailbox), positions) = asked.read::<(Caller, Id, Vec<u64>)>(&names)?;
            asked.run(caller, move |seat| async move {
                seat.exchange().requeue(&seat.asker, mailbox, positions).await
            })
        }
    }
}

fn owning(asked: Asked<'_>) -> Begun {
    match asked.operation {
        "take_lease" => {
            let names = ["caller", "mailbox", "holder", "time"];
            let (caller, Id(mailbox), holder, time) = asked.read::<(Caller, Id, String, u64)>(&names)?;
            asked.run(caller, move |seat| async move {
                seat.may_use([mailbox]).await?;
                let holder = seat.who.holder(holder);
                let taken =
                    seat.exchange().take_lease(seat.container_asker(), mailbox, holder, ms(time)).await;
                taken.map(wire::Lease::from)
            })
        }
        "renew_lease" => {
            let names = ["caller", "mailbox", "epoch", "time"];
            let (caller, Id(mailbox), epoch, time) = asked.read::<(Caller, Id, u64, u64)>(&names)?;
            asked.run(caller, move |seat| async move {
                seat.may_use([mailbox]).await?;
                let renewed =
                    seat.exchange().renew_lease(seat.container_asker(), mailbox, epoch, ms(time)).await;
                renewed.map(wire::Lease::from)
            })
        }
        "give_up_lease" => {
            let names = ["caller", "mailbox", "epoch"];
            let (caller, Id(mailbox), epoch) = asked.read::<(Caller, Id, u64)>(&names)?;
            asked.run(caller, move |seat| async move {
                seat.may_use([mailbox]).await?;
                seat.exchange().give_up_lease(seat.container_asker(), mailbox, epoch).await
            })
        }
        "states" => {
            let names = ["caller", "prefix", "after", "max"];
            let (caller, prefix, after, max) = asked.read::<(Caller, String, Option<String>, u64)>(&names)?;
            asked.run_list::<wire::Keyed, _, _, _>(caller, move |seat| async move {
                let after = after.map(|after| seat.who.key(&after));
                let max = usize::try_from(max).unwrap_or(usize::MAX);
                let query = StateQuery { prefix: seat.who.key(&prefix), after, max };
                let mut found = seat.exchange().states(seat.container_asker(), query).await?;
                found.iter_mut().for_each(|(key, _)| *key = seat.who.own_key(key));
                Ok(found)
            })
        }
        _ => {
            let (caller, key) = asked.read::<(Caller, String)>(&["caller", "key"])?;
            asked.run(caller, move |seat| async move {
                let found = seat.exchange().state(seat.container_asker(), seat.who.key(&key)).await?;
                Ok(found.map(wire::State::from))
            })
        }
    }
}

//! Agents of one interface, spoken to as one: tell all, ask one, ask all.
//!
//! A group is fixed, made of proxies, or live: then its members follow the directory, and a member is an agent of one
//! node, so that two nodes with a namesake are two members. Always true: an agent counts once; each call is one of its
//! own, which passes the gate and speaks for whoever obtained the group. Neighbours: [`ask_one`] chooses a member,
//! [`ask_all`] asks them all, [`host`](crate::host) knows who they are.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use folkmoot_codecs::{CallError, Principal};
use futures_util::future::{Either, select};

use crate::connect::Way;
use crate::host::{Enrolled, Host, Wanted};
use crate::interface::Interface;
use crate::proxy::Proxy;
use crate::shared::Status;

mod any_call;
mod ask_all;
mod ask_one;
mod member;
mod order;
mod quorum;

pub use any_call::AnyCall;
pub use ask_all::AskAll;
pub use ask_one::AskOne;
pub use member::Member;
pub use quorum::{AskQuorum, NoQuorum};

use member::Entry;

/// Agents that expose `I`, spoken to as one. Cheap to clone; clones take turns with each other.
pub struct Group<I: Interface + ?Sized> {
    inner: Arc<Inner<I>>,
}

struct Inner<I: Interface + ?Sized> {
    source: Source,
    /// Those who are left out: by name and node, and where they were when that was said.
    without: Vec<(Member, String)>,
    /// Counts the calls to one member: each begins at another.
    turns: AtomicUsize,
    present: Mutex<Present<I>>,
}

/// Where the members come from.
#[derive(Clone)]
enum Source {
    Fixed,
    Live { host: Arc<dyn Host>, caller: Principal, wanted: Wanted },
}

struct Present<I: Interface + ?Sized> {
    /// The directory's, as it was looked at last.
    version: Option<u64>,
    entries: Arc<[Entry<I>]>,
}

/// What came of telling all members something.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Told {
    /// How many calls were sent.
    pub sent: usize,
    /// The members that no call could be sent to, and why.
    pub failed: Vec<(Member, CallError)>,
}

impl<I: Interface + ?Sized> Group<I> {
    /// A group of these and no others. A proxy to an agent that is a member already changes nothing.
    pub fn of(proxies: impl IntoIterator<Item = Proxy<I>>) -> Group<I> {
        let mut known = HashSet::new();
        let new = proxies.into_iter().filter(|proxy| known.insert(Proxy::url(proxy)));
        let entries = new.map(|proxy| Entry::new(Member::of(&proxy), proxy)).collect();
        Group::new(Source::Fixed, Vec::new(), entries)
    }

    /// The agents that are wanted, wherever `host` knows them to live, spoken to for `caller`.
    #[doc(hidden)]
    pub fn live(host: Arc<dyn Host>, caller: Principal, wanted: Wanted) -> Group<I> {
        Group::new(Source::Live { host, caller, wanted }, Vec::new(), Arc::default())
    }

    fn new(source: Source, without: Vec<(Member, String)>, entries: Arc<[Entry<I>]>) -> Group<I> {
        let present = Mutex::new(Present { version: None, entries });
        Group { inner: Arc::new(Inner { source, without, turns: AtomicUsize::new(0), present }) }
    }

    /// The same group without that agent: for one that asks its peers, `ctx.own_proxy()`.
    pub fn without<J: Interface + ?Sized>(&self, proxy: &Proxy<J>) -> Group<I> {
        let left_out = [(Member::of(proxy), Proxy::url(proxy))];
        let entries = match self.inner.source {
            Source::Live { .. } => Arc::default(),
            Source::Fixed => {
                let here = self.present();
                let stays = |entry: &&Entry<I>| !is_among(&left_out, &entry.seat.member, &entry.proxy);
                here.entries.iter().filter(stays).cloned().collect()
            }
        };
        let without = self.inner.without.iter().cloned().chain(left_out).collect();
        Group::new(self.inner.source.clone(), without, entries)
    }

    /// Who belongs to it now; by name, where it is live.
    pub fn members(&self) -> Vec<Member> {
        self.entries().iter().map(|entry| entry.seat.member.clone()).collect()
    }

    /// Proxies to all who belong to it now.
    pub fn proxies(&self) -> Vec<Proxy<I>> {
        self.entries().iter().map(|entry| entry.proxy.clone()).collect()
    }

    /// How many belong to it now.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether nobody belongs to it now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until at least so many belong to it, `within` at most.
    ///
    /// # Errors
    /// `TooFewMembers`, where they have not come until then; at once where the group is fixed.
    pub async fn wait_for(&self, members: usize, within: Duration) -> Result<(), CallError> {
        let Source::Live { host, .. } = &self.inner.source else {
            return self.too_few(members);
        };
        let mut time = host.link_sleep(within);
        loop {
            if self.too_few(members).is_ok() {
                return Ok(());
            }
            let seen = self.present().version.unwrap_or_default();
            match select(host.clone().roll_changed(seen), time).await {
                Either::Left(((), left)) => time = left,
                Either::Right(_) => return self.too_few(members),
            }
        }
    }

    /// Asks one member: each in turn, unless [`least_loaded`](AskOne::least_loaded) says otherwise.
    ///
    /// Awaited, it gives the reply. Where the member could not take the call, and its method has surely not run,
    /// another is asked, each at most once.
    pub fn ask_one<C: AnyCall, F: Fn(&Proxy<I>) -> C>(&self, question: F) -> AskOne<I, F, C> {
        AskOne::new(self.clone(), question)
    }

    /// Asks all who are members at this moment.
    ///
    /// Awaited, it gives the answer of each; options, such as `.quorum(2)`, come before the await.
    pub fn ask_all<C: AnyCall>(&self, mut question: impl FnMut(&Proxy<I>) -> C) -> AskAll<C> {
        let entries = self.entries();
        let host = self.host(&entries);
        let calls = entries.iter().map(|entry| (entry.seat.clone(), question(&entry.proxy)));
        AskAll::new(calls.collect(), host)
    }

    /// Tells all who are members at this moment, and waits for no reply.
    ///
    /// A call counts as sent where nothing is known yet that keeps it from arriving. What could not be sent is in the
    /// report; it is also counted as `folkmoot_one_way_failures_total` and logged.
    pub fn tell_all<C: AnyCall>(&self, mut news: impl FnMut(&Proxy<I>) -> C) -> Told {
        let entries = self.entries();
        let mut told = Told::default();
        for entry in entries.iter() {
            match entry.outlook().into_error().map_or_else(|| news(&entry.proxy).tell(), Err) {
                Ok(()) => told.sent += 1,
                Err(error) => told.failed.push((entry.seat.member.clone(), error)),
            }
        }
        if let (Some((member, error)), Some(host)) = (told.failed.first(), self.host(&entries)) {
            host.counters().one_way_failures.increment(told.failed.len() as u64);
            tracing::warn!(group = %self, failed = told.failed.len(), first = %member, %error, "not all were told");
        }
        told
    }

    fn too_few(&self, needed: usize) -> Result<(), CallError> {
        let members = self.len();
        match members < needed {
            true => Err(CallError::TooFewMembers { group: self.to_string(), members, needed }),
            false => Ok(()),
        }
    }

    /// The container that speaks; none where a fixed group is empty.
    fn host(&self, entries: &[Entry<I>]) -> Option<Arc<dyn Host>> {
        match &self.inner.source {
            Source::Live { host, .. } => Some(host.clone()),
            Source::Fixed => entries.first().map(|entry| entry.host().clone()),
        }
    }

    fn present(&self) -> MutexGuard<'_, Present<I>> {
        self.inner.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The members, as the directory has them now.
    fn entries(&self) -> Arc<[Entry<I>]> {
        let mut present = self.present();
        if let Source::Live { host, caller, wanted } = &self.inner.source
            && let Some(roll) = host.clone().roll(wanted, present.version)
        {
            present.version = Some(roll.version);
            let entries = self.enrol(host, caller, &present.entries, roll.members);
            // What is let go may close links, and need not be waited for.
            let gone = std::mem::replace(&mut present.entries, entries);
            let entries = present.entries.clone();
            drop(present);
            drop(gone);
            return entries;
        }
        present.entries.clone()
    }

    /// Entries for those on the roll; who was a member before keeps theirs, and what is known of the load.
    fn enrol(
        &self,
        host: &Arc<dyn Host>,
        caller: &Principal,
        before: &[Entry<I>],
        roll: Vec<Enrolled>,
    ) -> Arc<[Entry<I>]> {
        let before: BTreeMap<&Member, &Entry<I>> =
            before.iter().map(|entry| (&entry.seat.member, entry)).collect();
        let entry = |Enrolled { name, node, way }| {
            let member = Member::new(name, node);
            match before.get(&member) {
                Some(known) if known.status() != Some(Status::Stopped) => return Some((*known).clone()),
                _ => {}
            }
            let proxy = match way {
                // Where it has ended at this very moment it is no member.
                Way::Here(name) => Proxy::to_local(host, caller.clone(), &name).ok()?,
                Way::Far(far) => Proxy::to_far(host.clone(), caller.clone(), far),
            };
            (!is_among(&self.inner.without, &member, &proxy)).then(|| Entry::new(member, proxy))
        };
        roll.into_iter().filter_map(entry).collect()
    }
}

/// Whether an agent is one of those: by its name and node, so that it is the same one at another address too; or by its
/// URL, where a proxy goes by that.
fn is_among<I: Interface + ?Sized>(those: &[(Member, String)], member: &Member, proxy: &Proxy<I>) -> bool {
    !those.is_empty() && {
        let url = Proxy::url(proxy);
        those.iter().any(|(known, at)| known == member || *at == url)
    }
}

impl<I: Interface + ?Sized> Clone for Group<I> {
    fn clone(&self) -> Self {
        Group { inner: self.inner.clone() }
    }
}

impl<I: Interface + ?Sized> fmt::Display for Group<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.source {
            Source::Fixed => write!(f, "a fixed group"),
            Source::Live { wanted, .. } => write!(f, "{wanted}"),
        }
    }
}

impl<I: Interface + ?Sized> fmt::Debug for Group<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group<{}>({self})", I::NAME)
    }
}

//! The door itself: [`Gate::admit`] and the permit it gives.
//!
//! Always true: an [`Admitted`] can be built nowhere else, cannot be cloned and cannot be changed; it names its
//! gate. Neighbours: [`rule`](crate::rule) holds the permissions; the platform's router calls the gate.

use std::sync::atomic::{AtomicU64, Ordering};

use folkmoot_codecs::Principal;

use crate::name::short;
use crate::rule::{EXCHANGE, RuleSet};

/// Which gate admitted a message; unique in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GateId(u64);

/// What the gate must know of a message to judge it.
pub trait Subject {
    /// Who speaks.
    fn principal(&self) -> &Principal;
    /// The agent that is spoken to.
    fn agent(&self) -> &str;
    /// The method that is called.
    fn method(&self) -> &str;
    /// Whether the speaker lives in the gate's own container.
    fn is_inside(&self) -> bool;
}

/// A message that passed the gate.
///
/// The fields are private and there is neither `Clone` nor mutable access: what was judged is what arrives.
#[derive(Debug)]
pub struct Admitted<M> {
    message: M,
    gate: GateId,
}

impl<M> Admitted<M> {
    /// The gate that admitted the message.
    pub fn gate(&self) -> GateId {
        self.gate
    }

    /// The message.
    pub fn message(&self) -> &M {
        &self.message
    }
}

/// A refused message, given back, and the reason.
#[derive(Debug)]
pub struct Denied<M> {
    /// The message as it was handed in.
    pub message: M,
    /// Why it was refused, as one sentence.
    pub reason: String,
}

/// The door of one container.
#[derive(Debug)]
pub struct Gate {
    id: GateId,
    rules: RuleSet,
    open: bool,
}

impl Gate {
    fn new(rules: RuleSet, open: bool) -> Gate {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Gate { id: GateId(NEXT.fetch_add(1, Ordering::Relaxed)), rules, open }
    }

    /// A gate that denies everyone outside what no rule allows.
    pub fn deny_by_default(rules: RuleSet) -> Gate {
        Gate::new(rules, false)
    }

    /// A gate that lets everyone in: for containers that cannot know who speaks.
    pub fn open() -> Gate {
        Gate::new(RuleSet::default(), true)
    }

    /// Which gate this is.
    pub fn id(&self) -> GateId {
        self.id
    }

    /// Whether this gate lets everyone in.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Judges one message.
    ///
    /// Agents of the gate's own container may call each other; everyone else needs a rule.
    ///
    /// # Errors
    /// The message, given back, with the reason of the refusal.
    #[inline]
    pub fn admit<M: Subject>(&self, message: M) -> Result<Admitted<M>, Denied<M>> {
        if message.is_inside() || self.may_call(message.principal(), message.agent(), message.method()) {
            Ok(Admitted { message, gate: self.id })
        } else {
            let reason = format!(
                "no rule lets {} call {:?} of agent {:?}",
                message.principal(),
                short(message.method()),
                short(message.agent())
            );
            Err(Denied { message, reason })
        }
    }

    /// Whether `principal`, who lives elsewhere, may call that method: such a principal may also read about it.
    #[inline]
    pub fn may_call(&self, principal: &Principal, agent: &str, method: &str) -> bool {
        self.open || self.rules.allows(principal.node_name(), agent, method)
    }

    /// Whether `principal` may ask the exchange of this gate's node for an operation: for itself, or for a group. Who may
    /// act for a group is said by rules that name it in full, and by none that allows everything.
    pub fn may_ask_exchange(&self, principal: &Principal, group: Option<&str>, operation: &str) -> bool {
        match group {
            None => self.may_call(principal, EXCHANGE, operation),
            Some(group) => {
                let agent = format!("{EXCHANGE}/{group}");
                self.open || self.rules.allows_by_name(principal.node_name(), &agent, operation)
            }
        }
    }

    /// The groups of the exchange that `principal` is in: those for which a rule lets it act in some way.
    pub fn exchange_groups(&self, principal: &Principal) -> Vec<String> {
        self.rules.exchange_groups(principal.node_name())
    }

    /// Whether `principal`'s node may join this one.
    pub fn may_join(&self, principal: &Principal) -> bool {
        self.open || self.rules.allows_join(principal.node_name())
    }

    /// Whether it is believed that `agent` lives on `principal`'s node, when that node says so.
    pub fn may_host(&self, principal: &Principal, agent: &str) -> bool {
        self.open || self.rules.allows_hosting(principal.node_name(), agent)
    }

    /// Whether `principal` may call at least one method of `agent`: such a principal may learn that the agent exists.
    pub fn may_reach(&self, principal: &Principal, agent: &str) -> bool {
        self.open || self.rules.allows_some(principal.node_name(), agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;

    #[derive(Debug)]
    struct Call(Principal, bool);

    impl Subject for Call {
        fn principal(&self) -> &Principal {
            &self.0
        }
        fn agent(&self) -> &str {
            "counter"
        }
        fn method(&self) -> &str {
            "add"
        }
        fn is_inside(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn what_no_rule_allows_is_denied_with_a_reason_and_given_back() {
        let mut rules = RuleSet::default();
        rules.allow(Rule::new("a", "counter", "add").unwrap());
        let gate = Gate::deny_by_default(rules);
        let admitted = gate.admit(Call(Principal::node("a"), false)).unwrap();
        assert_eq!(admitted.gate(), gate.id());
        let denied = gate.admit(Call(Principal::node("b"), false)).unwrap_err();
        assert_eq!(denied.message.0, Principal::node("b"));
        assert_eq!(denied.reason, "no rule lets b call \"add\" of agent \"counter\"");
        assert!(gate.may_reach(&Principal::node("a"), "counter"));
        assert!(!gate.may_reach(&Principal::node("b"), "counter"));
        assert!(gate.may_call(&Principal::node("a"), "counter", "add"));
        assert!(!gate.may_call(&Principal::node("a"), "counter", "reset"));
        assert!(Gate::open().may_call(&Principal::anonymous(), "counter", "reset"));
    }

    #[test]
    fn those_inside_need_no_rule_and_an_open_gate_admits_all() {
        let closed = Gate::deny_by_default(RuleSet::default());
        assert!(closed.admit(Call(Principal::node("x"), true)).is_ok());
        let open = Gate::open();
        assert!(open.admit(Call(Principal::anonymous(), false)).is_ok());
        assert_ne!(open.id(), closed.id());
    }
}

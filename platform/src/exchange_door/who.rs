//! Who asks the exchange of this node over a link, as the exchange knows them.
//!
//! Always true: it follows from what the peer has proven. What it says besides tells apart its own users, and for which of
//! its groups it acts; a rule must let it. Where nothing can be proven and no rule is given, everyone is the container.
//! Neighbours: `folkmoot_gateway` has the rules, the guide's page on the exchange tells of them.

use std::sync::Arc;

use folkmoot_codecs::Principal;
use folkmoot_exchange::{Asker, ExchangeError};
use folkmoot_gateway::name::short;
use folkmoot_gateway::{EXCHANGE, Gate};

use crate::exchange_wire::{Caller, User};

/// The group whose members are to the exchange what its own container is.
const CONTAINER: &str = "container";

/// As whom the nodes of a group own mailboxes and states; `None` of the one that is the container itself.
pub(crate) fn owner_of_group(group: &str) -> Option<String> {
    (group != CONTAINER).then(|| named(group))
}

fn named(group: &str) -> String {
    format!("group {group:?}")
}

/// For whom a node asks.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) principal: Principal,
    owner: Owner,
}

/// As whom the node owns mailboxes and states.
#[derive(Clone, Debug)]
enum Owner {
    Container,
    Named { name: String, groups: Vec<String> },
}

impl Who {
    /// Whoever asks for `operation`, if they may.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn of(
        gate: &Gate,
        principal: &Principal,
        caller: &Caller,
        operation: &str,
    ) -> Result<Who, String> {
        let group = caller.group.as_deref();
        if !gate.may_ask_exchange(principal, group, operation) {
            let agent =
                group.map_or_else(|| EXCHANGE.to_owned(), |group| format!("{EXCHANGE}/{}", short(group)));
            return Err(format!(
                "no rule lets {principal} ask the exchange for it (`.allow({:?}, {agent:?}, {operation:?})`)",
                principal.node_name()
            ));
        }
        let owner = match group {
            Some(CONTAINER) => Owner::Container,
            None if gate.is_open() => Owner::Container,
            group => {
                let mut groups = gate.exchange_groups(principal);
                let name = match group {
                    Some(group) => {
                        if !groups.iter().any(|known| known == group) {
                            groups.push(group.to_owned());
                        }
                        named(group)
                    }
                    None => format!("node {:?}", principal.node_name()),
                };
                Owner::Named { name, groups }
            }
        };
        Ok(Who { principal: principal.clone(), owner })
    }

    /// Whether it is to the exchange what its own container is.
    pub(super) fn is_container(&self) -> bool {
        matches!(self.owner, Owner::Container)
    }

    /// As whom the exchange knows them, or a user of theirs.
    pub(super) fn asker(&self, user: Option<&User>) -> Asker {
        match (&self.owner, user) {
            (Owner::Container, None) => Asker::Container,
            (Owner::Container, Some(User { name, groups })) => {
                Asker::user(name.as_str()).in_groups(groups.iter().map(String::as_str))
            }
            (Owner::Named { name, groups }, None) => {
                Asker::user(name.as_str()).in_groups(groups.iter().map(String::as_str))
            }
            // Nobody is the user of another node, whatever they are called there.
            (Owner::Named { name: node, .. }, Some(User { name, groups })) => {
                let groups = groups.iter().map(|group| format!("{node} group {group:?}"));
                Asker::user(format!("{node} user {name:?}")).in_groups(groups)
            }
        }
    }

    /// The group as the exchange knows it.
    pub(super) fn group(&self, user: Option<&User>, group: &str) -> Arc<str> {
        match (&self.owner, user) {
            (Owner::Named { name, .. }, Some(_)) => format!("{name} group {group:?}").into(),
            _ => group.into(),
        }
    }

    /// The group as the asker knows it.
    pub(super) fn own_group(&self, user: Option<&User>, group: &str) -> String {
        let own = match (&self.owner, user) {
            (Owner::Named { name, groups: _ }, Some(User { groups, .. })) => {
                let is_it = |own: &&String| format!("{name} group {own:?}") == group;
                groups.iter().find(is_it)
            }
            _ => None,
        };
        own.map_or_else(|| group.to_owned(), Clone::clone)
    }

    /// The key of a state as the exchange knows it: each owner has keys of its own.
    pub(super) fn key(&self, key: &str) -> Arc<str> {
        match &self.owner {
            Owner::Container => key.into(),
            Owner::Named { name, .. } => format!("{name} {key}").into(),
        }
    }

    /// Whose a mailbox is, as the asker knows them: the asker's own are its container's, or its user's.
    pub(super) fn own_owner(&self, user: Option<&User>, owner: Option<Arc<str>>) -> Option<Arc<str>> {
        let Owner::Named { .. } = &self.owner else { return owner };
        let asker = self.asker(user);
        match owner {
            Some(owner) if asker.owner_name() == Some(&owner) => user.map(|user| user.name.as_str().into()),
            Some(owner) => Some(owner),
            None => Some("the container of the exchange".into()),
        }
    }

    /// The key as the asker knows it.
    pub(super) fn own_key(&self, key: &str) -> Arc<str> {
        match &self.owner {
            Owner::Container => key.into(),
            Owner::Named { name, .. } => {
                let own = key.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix(' '));
                own.unwrap_or(key).into()
            }
        }
    }

    /// Who holds a lease: the proven node, and what it is to it.
    pub(super) fn holder(&self, holder: String) -> Arc<str> {
        match &self.owner {
            Owner::Named { .. } if holder != self.principal.node_name() => {
                format!("{}: {holder}", self.principal.node_name()).into()
            }
            _ => holder.into(),
        }
    }

    /// An error as the asker understands it, of their own keys.
    pub(super) fn own_error(&self, error: ExchangeError) -> ExchangeError {
        match error {
            ExchangeError::Revision { key, expected, found } => {
                ExchangeError::Revision { key: self.own_key(&key), expected, found }
            }
            error => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use folkmoot_gateway::{Rule, RuleSet};

    use super::*;

    fn gate() -> Gate {
        let mut rules = RuleSet::default();
        for (principal, agent, operation) in [
            ("a", "folkmoot/exchange", "*"),
            ("a", "folkmoot/exchange/crew", "*"),
            ("b", "folkmoot/exchange/crew", "recv"),
            ("hub-*", "folkmoot/exchange/container", "*"),
            ("b", "*", "*"),
        ] {
            rules.allow(Rule::new(principal, agent, operation).unwrap());
        }
        Gate::deny_by_default(rules)
    }

    fn who(name: &str, group: Option<&str>, operation: &str) -> Result<Who, String> {
        let caller = Caller { group: group.map(str::to_owned), ..Caller::default() };
        Who::of(&gate(), &Principal::node(name), &caller, operation)
    }

    fn name(asker: &Asker) -> &str {
        asker.owner_name().expect("a user")
    }

    #[test]
    fn a_node_is_itself_unless_a_rule_lets_it_act_for_more() {
        let a = who("a", None, "recv").unwrap().asker(None);
        assert_eq!(a, Asker::user("node \"a\"").in_groups(["crew"]));
        let (crew_a, crew_b) =
            (who("a", Some("crew"), "recv").unwrap(), who("b", Some("crew"), "recv").unwrap());
        assert_eq!(
            [&crew_a, &crew_b].map(|who| who.asker(None).owner_name().cloned()),
            [Some("group \"crew\"".into()), Some("group \"crew\"".into())]
        );
        let error = who("b", Some("crew"), "send").unwrap_err();
        assert!(error.contains("`.allow(\"b\", \"folkmoot/exchange/crew\", \"send\")`"), "{error}");
        // All agents, as a rule has it, are no group.
        assert!(who("b", Some("container"), "recv").is_err() && who("b", None, "recv").is_ok());
        assert!(who("c", None, "recv").is_err());
        assert!(who("hub-1", Some("container"), "state").unwrap().is_container());
        assert!(who("hub-1", None, "state").is_err());
        let open = Who::of(&Gate::open(), &Principal::anonymous(), &Caller::default(), "recv").unwrap();
        assert!(open.is_container());
    }

    #[test]
    fn what_is_a_nodes_own_is_no_other_nodes() {
        let user = |name: &str| User { name: name.to_owned(), groups: vec!["crew".to_owned()] };
        let user_ada = user("ada");
        let (a, crew) = (who("a", None, "x").unwrap(), who("a", Some("crew"), "x").unwrap());
        let names =
            [a.asker(None), a.asker(Some(&user("ada"))), crew.asker(Some(&user("ada"))), crew.asker(None)];
        let mut texts: Vec<&str> = names.iter().map(name).collect();
        texts.dedup();
        assert_eq!(texts.len(), 4, "{texts:?}");
        // The groups that it says its users are in are no groups of the exchange.
        assert!(!a.asker(Some(&user("ada"))).is_in("crew") && a.asker(None).is_in("crew"));
        assert_eq!(a.own_group(Some(&user("ada")), &a.group(Some(&user("ada")), "crew")), "crew");
        // A name cannot be made to look like another's.
        let mut rules = RuleSet::default();
        rules.allow(Rule::new("*", "folkmoot/exchange", "*").unwrap());
        let open_to_all = Gate::deny_by_default(rules);
        let fake = Principal::node("a\" user \"ada");
        let fake = Who::of(&open_to_all, &fake, &Caller::default(), "x").unwrap().asker(None);
        assert_ne!(name(&fake), name(&a.asker(Some(&user("ada")))));
        assert_ne!(a.key("market"), crew.key("market"));
        let owner_of = |who: &Who, user: Option<&User>| {
            let owner = |of: Option<&User>| a.asker(of).owner_name().cloned();
            [owner(None), owner(Some(&user_ada)), None].map(|owner| who.own_owner(user, owner).is_none())
        };
        assert_eq!(owner_of(&a, None), [true, false, false]);
        assert_eq!(owner_of(&crew, None), [false, false, false]);
        assert_eq!(
            a.own_owner(Some(&user_ada), a.asker(Some(&user_ada)).owner_name().cloned()).as_deref(),
            Some("ada")
        );
        let error = ExchangeError::Revision { key: a.key("market"), expected: 1, found: 2 };
        let ExchangeError::Revision { key, .. } = a.own_error(error) else { panic!("another error") };
        assert_eq!(&*key, "market");
        assert_eq!((&*a.holder("a".into()), &*a.holder("b".into())), ("a", "a: b"));
    }
}

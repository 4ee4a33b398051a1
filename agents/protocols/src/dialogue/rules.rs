//! What a dialogue allows, by the performatives' numbers: with what it begins, what answers what, what ends it, who may
//! say what, and which end state it has come to.
//!
//! Performatives are indices in the order of their field numbers ([`Specification::by_number`]), so that a question
//! costs no comparison of names. AEA's language says nothing about who may say what and which performative leads to
//! which end state; where an author does not say it either, nothing is guessed: every role may say everything, and a
//! dialogue's end is told by its terminal performative alone. Neighbours: [`super::dialogues`] asks;
//! [`crate::specification`] is what an author wrote.

use std::collections::BTreeMap;

use crate::specification::{DialogueRules, EndStateOf, Specification};

/// The rules of one protocol's dialogues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    protocol: String,
    acts: Vec<Act>,
    roles: Vec<Role>,
    end_states: Vec<String>,
    keeps_ended: bool,
}

/// What the rules say of one performative.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Act {
    name: String,
    is_initial: bool,
    /// Sorted.
    replies: Vec<u16>,
    is_terminal: bool,
    /// The end state that it leads to, by what it answers; sorted.
    ends_after: Vec<(u16, u16)>,
    /// The end state that it leads to otherwise.
    ends_as: Option<u16>,
}

/// A part that an agent takes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Role {
    name: String,
    /// What it may say, sorted; `None` where nobody said so: everything.
    says: Option<Vec<u16>>,
}

/// Rules that do not fit together: a name that is not the protocol's, or a specification without dialogues.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The specification has no dialogue section.
    #[error("the protocol {0} has no dialogue section: add `initiation`, `reply`, `termination` and `roles`")]
    NoDialogues(String),
    /// There is no such performative.
    #[error("there is no performative {name} in {protocol}: it has {known}")]
    UnknownPerformative {
        /// The name that was given.
        name: String,
        /// Whose rules these are.
        protocol: String,
        /// Those that there are.
        known: String,
    },
    /// There is no such role.
    #[error("there is no role {name} in {protocol}: it has {known}")]
    UnknownRole {
        /// The name that was given.
        name: String,
        /// Whose rules these are.
        protocol: String,
        /// Those that there are.
        known: String,
    },
    /// There is no such end state.
    #[error("there is no end state {name} in {protocol}: it has {known}")]
    UnknownEndState {
        /// The name that was given.
        name: String,
        /// Whose rules these are.
        protocol: String,
        /// Those that there are.
        known: String,
    },
    /// Only what ends a dialogue leads to an end state.
    #[error("{performative} does not end a dialogue of {protocol}, so it leads to no end state")]
    NotTerminal {
        /// The performative that goes on.
        performative: String,
        /// Whose rules these are.
        protocol: String,
    },
    /// A protocol of more performatives than a message can tell apart.
    #[error("{protocol} has {count} performatives: at most {} can be told apart", u16::MAX)]
    TooManyPerformatives {
        /// Whose rules these are.
        protocol: String,
        /// How many there are.
        count: usize,
    },
}

impl Rules {
    /// The rules of a specification.
    ///
    /// Where it has one terminal performative and one end state, the one leads to the other.
    ///
    /// # Errors
    /// It has no dialogue section, or names in it what it does not have.
    pub fn of(specification: &Specification) -> Result<Rules, RulesError> {
        let protocol = specification.id.to_string();
        let section =
            specification.dialogue.as_ref().ok_or_else(|| RulesError::NoDialogues(protocol.clone()))?;
        let sorted = specification.by_number();
        if sorted.len() > usize::from(u16::MAX) {
            return Err(RulesError::TooManyPerformatives { protocol, count: sorted.len() });
        }
        let acts = sorted.iter().map(|performative| Act::named(&performative.name)).collect();
        let role = |name: &String| Role { name: name.clone(), says: None };
        let mut rules = Rules {
            protocol,
            acts,
            roles: section.roles.iter().map(role).collect(),
            end_states: section.end_states.clone(),
            keeps_ended: section.keep_terminal_state_dialogues,
        };
        rules.take(section)?;
        Ok(rules)
    }

    fn take(&mut self, section: &DialogueRules) -> Result<(), RulesError> {
        for name in &section.initiation {
            let number = self.performative(name)?;
            self.act_mut(number, |act| act.is_initial = true);
        }
        for (name, replies) in &section.reply {
            let number = self.performative(name)?;
            let replies = self.sorted(replies)?;
            self.act_mut(number, |act| act.replies = replies);
        }
        for name in &section.termination {
            let number = self.performative(name)?;
            self.act_mut(number, |act| act.is_terminal = true);
        }
        if let ([terminal], [end_state]) = (section.termination.as_slice(), section.end_states.as_slice()) {
            self.set_end_state(terminal, None, end_state)?;
        }
        for (terminal, end_state) in &section.end_state_of {
            match end_state {
                EndStateOf::Always(end_state) => self.set_end_state(terminal, None, end_state)?,
                EndStateOf::After(states) => {
                    for (after, end_state) in states {
                        self.set_end_state(terminal, Some(after), end_state)?;
                    }
                }
            }
        }
        for (role, says) in &section.says {
            self.set_says(role, says)?;
        }
        Ok(())
    }

    /// Says what a role may say. Whatever is in no role's list may still be said by roles that have no list.
    ///
    /// # Errors
    /// There is no such role or performative.
    pub fn says<S: AsRef<str>>(mut self, role: &str, performatives: &[S]) -> Result<Rules, RulesError> {
        self.set_says(role, performatives)?;
        Ok(self)
    }

    fn set_says<S: AsRef<str>>(&mut self, role: &str, performatives: &[S]) -> Result<(), RulesError> {
        let number = self.role(role)?;
        let says = self.sorted(performatives)?;
        if let Some(role) = self.roles.get_mut(usize::from(number)) {
            role.says = Some(says);
        }
        Ok(())
    }

    /// Says to which end state a terminal performative leads: in answer to `after`, or else where that is `None`.
    ///
    /// # Errors
    /// There is no such performative or end state, or the performative ends nothing.
    pub fn ends(mut self, terminal: &str, after: Option<&str>, end_state: &str) -> Result<Rules, RulesError> {
        self.set_end_state(terminal, after, end_state)?;
        Ok(self)
    }

    fn set_end_state(
        &mut self,
        terminal: &str,
        after: Option<&str>,
        end_state: &str,
    ) -> Result<(), RulesError> {
        let number = self.performative(terminal)?;
        let after = after.map(|name| self.performative(name)).transpose()?;
        let end_state = self.end_state(end_state)?;
        if !self.is_terminal(number) {
            return Err(RulesError::NotTerminal {
                performative: terminal.to_owned(),
                protocol: self.protocol.clone(),
            });
        }
        self.act_mut(number, |act| match after {
            None => act.ends_as = Some(end_state),
            Some(after) => match act.ends_after.binary_search_by_key(&after, |(after, _)| *after) {
                Ok(place) => act.ends_after.get_mut(place).into_iter().for_each(|pair| pair.1 = end_state),
                Err(place) => act.ends_after.insert(place, (after, end_state)),
            },
        });
        Ok(())
    }

    fn sorted<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<u16>, RulesError> {
        let mut numbers =
            names.iter().map(|name| self.performative(name.as_ref())).collect::<Result<Vec<u16>, _>>()?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn act(&self, performative: u16) -> Option<&Act> {
        self.acts.get(usize::from(performative))
    }

    fn act_mut(&mut self, performative: u16, change: impl FnOnce(&mut Act)) {
        if let Some(act) = self.acts.get_mut(usize::from(performative)) {
            change(act);
        }
    }

    /// Whose rules these are: `author/name:version`.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// A performative's number.
    ///
    /// # Errors
    /// There is no such performative.
    pub fn performative(&self, name: &str) -> Result<u16, RulesError> {
        let found = self.acts.binary_search_by(|act| act.name.as_str().cmp(name));
        found.ok().and_then(|place| u16::try_from(place).ok()).ok_or_else(|| {
            RulesError::UnknownPerformative {
                name: name.to_owned(),
                protocol: self.protocol.clone(),
                known: self.performatives().collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// A role's number.
    ///
    /// # Errors
    /// There is no such role.
    pub fn role(&self, name: &str) -> Result<u16, RulesError> {
        let found = self.roles.iter().position(|role| role.name == name);
        found.and_then(|place| u16::try_from(place).ok()).ok_or_else(|| RulesError::UnknownRole {
            name: name.to_owned(),
            protocol: self.protocol.clone(),
            known: self.roles().collect::<Vec<_>>().join(", "),
        })
    }

    /// An end state's number.
    ///
    /// # Errors
    /// There is no such end state.
    pub fn end_state(&self, name: &str) -> Result<u16, RulesError> {
        let found = self.end_states.iter().position(|state| state == name);
        found.and_then(|place| u16::try_from(place).ok()).ok_or_else(|| RulesError::UnknownEndState {
            name: name.to_owned(),
            protocol: self.protocol.clone(),
            known: self.end_states.join(", "),
        })
    }

    /// The performatives' names by number.
    pub fn performatives(&self) -> impl Iterator<Item = &str> {
        self.acts.iter().map(|act| act.name.as_str())
    }

    /// The roles' names by number: one or two.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.name.as_str())
    }

    /// The end states' names by number.
    pub fn end_states(&self) -> impl Iterator<Item = &str> {
        self.end_states.iter().map(String::as_str)
    }

    /// A performative's name.
    pub fn performative_name(&self, performative: u16) -> Option<&str> {
        Some(self.act(performative)?.name.as_str())
    }

    /// A role's name.
    pub fn role_name(&self, role: u16) -> Option<&str> {
        Some(self.roles.get(usize::from(role))?.name.as_str())
    }

    /// An end state's name.
    pub fn end_state_name(&self, end_state: u16) -> Option<&str> {
        Some(self.end_states.get(usize::from(end_state))?.as_str())
    }

    /// Whether a dialogue may begin with it.
    pub fn is_initial(&self, performative: u16) -> bool {
        self.act(performative).is_some_and(|act| act.is_initial)
    }

    /// Whether it ends a dialogue.
    pub fn is_terminal(&self, performative: u16) -> bool {
        self.act(performative).is_some_and(|act| act.is_terminal)
    }

    /// What may answer a performative, by number, sorted.
    pub fn replies(&self, performative: u16) -> &[u16] {
        self.act(performative).map(|act| act.replies.as_slice()).unwrap_or_default()
    }

    /// Whether `reply` may answer `to`.
    pub fn may_answer(&self, reply: u16, to: u16) -> bool {
        self.replies(to).binary_search(&reply).is_ok()
    }

    /// Whether a role may say a performative. True where the author did not say so.
    pub fn may_say(&self, role: u16, performative: u16) -> bool {
        match self.roles.get(usize::from(role)).and_then(|role| role.says.as_ref()) {
            Some(says) => says.binary_search(&performative).is_ok(),
            None => true,
        }
    }

    /// The other side's role: the other of two, or the only one.
    pub fn other_role(&self, role: u16) -> u16 {
        match self.roles.len() {
            2 => 1 - role.min(1),
            _ => role,
        }
    }

    /// The role of whoever says a performative, where that is certain: there is one role, or one alone may say it.
    pub fn speaker_role(&self, performative: u16) -> Option<u16> {
        let mut able = self.roles_able_to(performative);
        match (able.next(), able.next()) {
            (Some(role), None) => Some(role),
            _ => None,
        }
    }

    /// The roles that may say a performative.
    pub fn roles_able_to(&self, performative: u16) -> impl Iterator<Item = u16> {
        (0..).take(self.roles.len()).filter(move |role| self.may_say(*role, performative))
    }

    /// The end state to which a terminal performative leads in answer to another, where the author said so.
    pub fn end_state_of(&self, terminal: u16, after: Option<u16>) -> Option<u16> {
        let act = self.act(terminal)?;
        let by_answer = after.and_then(|after| {
            let place = act.ends_after.binary_search_by_key(&after, |(after, _)| *after).ok()?;
            act.ends_after.get(place).map(|(_, end_state)| *end_state)
        });
        by_answer.or(act.ends_as)
    }

    /// Whether dialogues that have ended are kept with their messages, to be looked at.
    pub fn keeps_ended(&self) -> bool {
        self.keeps_ended
    }

    /// The performatives' names with their numbers.
    pub(crate) fn numbers(&self) -> BTreeMap<&str, u16> {
        self.performatives().zip(0..).collect()
    }
}

impl Act {
    fn named(name: &str) -> Act {
        Act {
            name: name.to_owned(),
            is_initial: false,
            replies: Vec::new(),
            is_terminal: false,
            ends_after: Vec::new(),
            ends_as: None,
        }
    }
}

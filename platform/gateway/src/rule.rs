//! Allow rules: who may call which method of which agent.
//!
//! A rule names a principal, an agent and a method; each is an exact name, a prefix followed by `*`, or `*` alone.
//! What no rule allows is denied. Neighbour: [`gate`](crate::gate) asks the [`RuleSet`].

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use crate::name::{self, NameFault, short};

/// What the exchange of a node is called in rules, where other nodes ask for its operations: in the place of an agent.
pub const EXCHANGE: &str = "folkmoot/exchange";

/// The group that nodes may act for, where `agent` is an exchange and a group: `folkmoot/exchange/crew`.
pub fn exchange_group(agent: &str) -> Option<&str> {
    agent.strip_prefix(EXCHANGE)?.strip_prefix('/')
}

/// An exact name, a prefix (`spiffe://demo/node/*`) or anything (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Matches every name.
    Any,
    /// Matches this name only.
    Exact(String),
    /// Matches every name that starts so.
    Prefix(String),
}

impl Pattern {
    /// Whether `name` is matched.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exact(exact) => exact == name,
            Pattern::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        match text.find('*') {
            _ if text.is_empty() => Err(PatternError::Empty),
            None => Ok(Pattern::Exact(text.to_owned())),
            Some(0) if text.len() == 1 => Ok(Pattern::Any),
            Some(at) if at + 1 == text.len() => Ok(Pattern::Prefix(text.trim_end_matches('*').to_owned())),
            Some(_) => Err(PatternError::InnerStar { pattern: text.to_owned() }),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Any => f.write_str("*"),
            Pattern::Exact(name) => f.write_str(name),
            Pattern::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The pattern has no characters.
    #[error("an empty pattern matches nothing; write * to match everything")]
    Empty,
    /// A star stands before other characters.
    #[error("`{}`: a * may only stand at the end of a pattern", short(pattern))]
    InnerStar {
        /// The pattern as written.
        pattern: String,
    },
    /// No agent can have such a name.
    #[error("`{}` is no agent's name: {fault}", short(pattern))]
    NoAgent {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// No method can have such a name.
    #[error("`{}` is no method's name: {fault}", short(pattern))]
    NoMethod {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        fault: NameFault,
    },
}

/// One permission: this principal may call this method of this agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Whose node may call.
    pub principal: Pattern,
    /// Which agent.
    pub agent: Pattern,
    /// Which method.
    pub method: Pattern,
}

impl Rule {
    /// Reads the three patterns of a rule.
    ///
    /// # Errors
    /// The first pattern that is none, or that no agent or method can ever match.
    pub fn new(principal: &str, agent: &str, method: &str) -> Result<Rule, PatternError> {
        let rule = Rule { principal: principal.parse()?, agent: agent.parse()?, method: method.parse()? };
        let no_agent = |fault| PatternError::NoAgent { pattern: rule.agent.to_string(), fault };
        match &rule.agent {
            Pattern::Any => {}
            Pattern::Exact(name) => match exchange_group(name) {
                None if name == EXCHANGE => {}
                None => name::check_agent(name).map_err(no_agent)?,
                Some(group) => name::check_agent(group).map_err(no_agent)?,
            },
            Pattern::Prefix(prefix) => name::check_agent_prefix(prefix).map_err(no_agent)?,
        }
        let no_method = |fault| PatternError::NoMethod { pattern: rule.method.to_string(), fault };
        match &rule.method {
            Pattern::Any => {}
            Pattern::Exact(name) => name::check_method(name).map_err(no_method)?,
            Pattern::Prefix(prefix) => name::check_method_prefix(prefix).map_err(no_method)?,
        }
        Ok(rule)
    }
}

/// One permission: these nodes may join, and what they say of these agents is believed: that they live there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostRule {
    /// Which nodes.
    pub node: Pattern,
    /// Which agents.
    pub agent: Pattern,
}

impl HostRule {
    /// Reads the two patterns of a rule.
    ///
    /// # Errors
    /// The first pattern that is none, or that no agent can ever match.
    pub fn new(node: &str, agent: &str) -> Result<HostRule, PatternError> {
        let Rule { principal: node, agent, .. } = Rule::new(node, agent, "*")?;
        if let Pattern::Exact(name) = &agent {
            // What is no agent has rules, but lives nowhere.
            let no_agent = |fault| PatternError::NoAgent { pattern: name.clone(), fault };
            name::check_agent(name).map_err(no_agent)?;
        }
        Ok(HostRule { node, agent })
    }
}

/// All rules of a gate, arranged so that exact ones are found without a walk.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    exact: HashMap<String, HashMap<String, HashSet<String>>>,
    patterns: Vec<Rule>,
    hosts: Vec<HostRule>,
}

impl RuleSet {
    /// Adds a permission.
    pub fn allow(&mut self, rule: Rule) {
        match rule {
            Rule {
                principal: Pattern::Exact(principal),
                agent: Pattern::Exact(agent),
                method: Pattern::Exact(method),
            } => {
                self.exact.entry(principal).or_default().entry(agent).or_default().insert(method);
            }
            rule => self.patterns.push(rule),
        }
    }

    /// Whether some rule lets `principal` call `method` of `agent`.
    pub fn allows(&self, principal: &str, agent: &str, method: &str) -> bool {
        self.exact
            .get(principal)
            .and_then(|agents| agents.get(agent))
            .is_some_and(|methods| methods.contains(method))
            || self.patterns.iter().any(|rule| {
                rule.principal.matches(principal) && rule.agent.matches(agent) && rule.method.matches(method)
            })
    }

    /// Whether some rule that names `agent` in full lets `principal` call `method`.
    pub fn allows_by_name(&self, principal: &str, agent: &str, method: &str) -> bool {
        let named = |rule: &&Rule| matches!(&rule.agent, Pattern::Exact(exact) if exact == agent);
        let is_exact = self.exact.get(principal).and_then(|agents| agents.get(agent));
        is_exact.is_some_and(|methods| methods.contains(method))
            || self
                .patterns
                .iter()
                .filter(named)
                .any(|rule| rule.principal.matches(principal) && rule.method.matches(method))
    }

    /// The groups of the exchange in which `principal` is, in order: those that some rule names in full.
    pub fn exchange_groups(&self, principal: &str) -> Vec<String> {
        let exact = self.exact.get(principal).into_iter().flat_map(HashMap::keys).map(String::as_str);
        let patterns = self.patterns.iter().filter(|rule| rule.principal.matches(principal));
        let named = patterns.filter_map(|rule| match &rule.agent {
            Pattern::Exact(agent) => Some(agent.as_str()),
            Pattern::Any | Pattern::Prefix(_) => None,
        });
        let mut groups: Vec<String> =
            exact.chain(named).filter_map(exchange_group).map(str::to_owned).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Whether some rule lets `principal` call any method of `agent`.
    pub fn allows_some(&self, principal: &str, agent: &str) -> bool {
        self.exact.get(principal).is_some_and(|agents| agents.contains_key(agent))
            || self.patterns.iter().any(|rule| rule.principal.matches(principal) && rule.agent.matches(agent))
    }

    /// Adds a permission to join and to host agents.
    pub fn allow_host(&mut self, rule: HostRule) {
        self.hosts.push(rule);
    }

    /// Whether some rule lets `node` join.
    pub fn allows_join(&self, node: &str) -> bool {
        self.hosts.iter().any(|rule| rule.node.matches(node))
    }

    /// Whether some rule lets `node` host `agent`.
    pub fn allows_hosting(&self, node: &str, agent: &str) -> bool {
        self.hosts.iter().any(|rule| rule.node.matches(node) && rule.agent.matches(agent))
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty() && self.hosts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_prefix_and_any_rules_allow_what_they_name_and_nothing_else() {
        let mut rules = RuleSet::default();
        assert!(rules.is_empty());
        rules.allow(Rule::new("spiffe://demo/node/a", "counter", "add").unwrap());
        rules.allow(Rule::new("spiffe://demo/node/*", "market", "bid*").unwrap());
        assert!(rules.allows("spiffe://demo/node/a", "counter", "add"));
        assert!(!rules.allows("spiffe://demo/node/a", "counter", "reset"));
        assert!(!rules.allows("spiffe://demo/node/b", "counter", "add"));
        assert!(rules.allows("spiffe://demo/node/b", "market", "bid_now"));
        assert!(!rules.allows("spiffe://other/node/b", "market", "bid_now"));
        assert!(rules.allows_some("spiffe://demo/node/a", "counter"));
        assert!(!rules.allows_some("spiffe://demo/node/b", "counter"));
    }

    #[test]
    fn rules_about_names_that_cannot_be_are_refused() {
        for agent in ["a/b", "a b", "..", "a%*", &"x".repeat(129)] {
            let error = Rule::new("*", agent, "add").unwrap_err();
            assert!(matches!(error, PatternError::NoAgent { .. }), "{agent}: {error}");
        }
        for method in ["add now", "1st", "a b*", "add()", "?", "-a"] {
            let error = Rule::new("*", "counter", method).unwrap_err();
            assert!(matches!(error, PatternError::NoMethod { .. }), "{method}: {error}");
        }
        let long = Rule::new("*", &"x".repeat(100_000), "add").unwrap_err().to_string();
        assert!(long.len() < 300 && long.contains("100000 bytes long"), "{long}");
        for (agent, method) in [
            ("counter", "add"),
            ("pump", "level?"),
            ("pump", "action-*"),
            ("haus.*", "get_*"),
            ("*", "*"),
            (".*", "_x"),
        ] {
            assert!(Rule::new("*", agent, method).is_ok(), "{agent} {method}");
        }
    }

    #[test]
    fn a_node_may_join_and_host_what_a_rule_names() {
        let mut rules = RuleSet::default();
        rules.allow_host(HostRule::new("spiffe://demo/node/*", "house.*").unwrap());
        assert!(!rules.is_empty());
        assert!(rules.allows_join("spiffe://demo/node/a") && !rules.allows_join("spiffe://other/node/a"));
        assert!(rules.allows_hosting("spiffe://demo/node/a", "house.7"));
        assert!(!rules.allows_hosting("spiffe://demo/node/a", "market"));
        assert!(HostRule::new("*", "a/b").is_err());
    }

    #[test]
    fn who_acts_for_a_group_of_the_exchange_is_named_by_a_rule_of_that_group() {
        let mut rules = RuleSet::default();
        for (principal, agent, operation) in [
            ("north", "folkmoot/exchange/crew", "recv"),
            ("n*", "folkmoot/exchange/watch", "*"),
            ("north", "folkmoot/exchange", "send"),
            ("south", "*", "*"),
        ] {
            rules.allow(Rule::new(principal, agent, operation).unwrap());
        }
        assert_eq!(rules.exchange_groups("north"), ["crew", "watch"]);
        assert_eq!(rules.exchange_groups("nord"), ["watch"]);
        assert!(rules.exchange_groups("south").is_empty());
        assert!(rules.allows_by_name("north", "folkmoot/exchange/crew", "recv"));
        assert!(!rules.allows_by_name("north", "folkmoot/exchange/crew", "send"));
        assert!(rules.allows_by_name("nord", "folkmoot/exchange/watch", "send"));
        assert!(!rules.allows_by_name("south", "folkmoot/exchange/crew", "recv"), "all agents are no group");
        assert!(rules.allows("south", EXCHANGE, "recv") && rules.allows("north", EXCHANGE, "send"));
        for agent in ["folkmoot/exchange/", "folkmoot/exchange/a b", "folkmoot/exchange/a/b", "folkmoot/x"] {
            assert!(Rule::new("*", agent, "*").is_err(), "{agent}");
        }
        assert!(HostRule::new("*", EXCHANGE).is_err());
    }

    #[test]
    fn wrong_patterns_say_why() {
        assert_eq!("".parse::<Pattern>(), Err(PatternError::Empty));
        assert!("a*b".parse::<Pattern>().unwrap_err().to_string().contains("end"));
        for text in ["*", "name", "pre*"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
    }
}

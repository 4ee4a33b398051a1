//! Whether a message is a dialogue's next one: AEA's checks in AEA's order, then the roles.
//!
//! Changes nothing. Neighbours: [`super::taking`] asks before it takes a message; [`super::rules`] has the tables.

use super::claim::Claim;
use super::conversation::Conversation;
use super::history::Place;
use super::limits::Limits;
use super::rules::Rules;
use super::{Refusal, Speech};

/// Whether it can be the first message; `role` is the speaker's.
pub(super) fn first(rules: &Rules, role: Option<u16>, claim: Claim) -> Result<(), Refusal> {
    if claim.message_id != 1 {
        return Err(Refusal::OtherNumber { expected: 1, found: claim.message_id });
    }
    if claim.target != 0 {
        return Err(Refusal::FirstHasTarget { found: claim.target });
    }
    let performative = name(rules, claim.performative)?;
    if !rules.is_initial(claim.performative) {
        let initial = rules.performatives().filter(|name| is_initial(rules, name));
        return Err(Refusal::NotInitial {
            performative: performative.to_owned(),
            expected: initial.collect::<Vec<_>>().join(" or "),
            protocol: rules.protocol().to_owned(),
        });
    }
    may_say(rules, role, claim.performative)
}

fn is_initial(rules: &Rules, name: &str) -> bool {
    rules.performative(name).is_ok_and(|number| rules.is_initial(number))
}

/// Whether it can be the next message; says which performative it answers.
pub(super) fn next<B: Speech>(
    rules: &Rules,
    limits: &Limits,
    conversation: &Conversation<B>,
    claim: Claim,
) -> Result<u16, Refusal> {
    let expected = conversation.next_number(claim.by)?;
    if claim.message_id != expected {
        return Err(Refusal::OtherNumber { expected, found: claim.message_id });
    }
    let performative = name(rules, claim.performative)?;
    if claim.target == 0 {
        return Err(Refusal::NoTarget);
    }
    let answered = match conversation.history.find(claim.target) {
        Place::Here(said) => said.performative,
        Place::Nowhere => return Err(Refusal::UnknownTarget { target: claim.target }),
        Place::Forgotten => {
            return Err(Refusal::ForgottenTarget { target: claim.target, limit: limits.messages });
        }
    };
    if !rules.may_answer(claim.performative, answered) {
        return Err(Refusal::NoAnswer {
            performative: performative.to_owned(),
            to: name(rules, answered)?.to_owned(),
            expected: expected_answers(rules, answered),
        });
    }
    may_say(rules, conversation.role_of(claim.by, rules), claim.performative)?;
    Ok(answered)
}

fn expected_answers(rules: &Rules, to: u16) -> String {
    let names: Vec<&str> =
        rules.replies(to).iter().filter_map(|reply| rules.performative_name(*reply)).collect();
    match names.as_slice() {
        [] => "nothing answers that".to_owned(),
        [one] => format!("only {one} does"),
        several => format!("{} do", several.join(", ")),
    }
}

fn name(rules: &Rules, performative: u16) -> Result<&str, Refusal> {
    rules.performative_name(performative).ok_or_else(|| Refusal::UnknownPerformative {
        number: performative,
        protocol: rules.protocol().to_owned(),
    })
}

/// As long as nobody knows the speaker's role, it may be any that may say it.
fn may_say(rules: &Rules, role: Option<u16>, performative: u16) -> Result<(), Refusal> {
    let may = match role {
        Some(role) => rules.may_say(role, performative),
        None => rules.roles_able_to(performative).next().is_some(),
    };
    if may {
        return Ok(());
    }
    let role = match role.and_then(|role| rules.role_name(role)) {
        Some(role) => role.to_owned(),
        None => rules.roles().collect::<Vec<_>>().join(" or "),
    };
    Err(Refusal::NotItsRole { role, performative: name(rules, performative)?.to_owned() })
}

//! What changed in the rules of dialogues: no byte is another, but peers may refuse what the other says.

use super::{Change, Effect, add};
use crate::specification::DialogueRules;

pub(super) fn compare(
    before: Option<&DialogueRules>,
    after: Option<&DialogueRules>,
    changes: &mut Vec<Change>,
) {
    let mut rule = |text: String| add(changes, Effect::Dialogue, text);
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, None) => return,
        (Some(_), None) => return rule("there are no rules for dialogues any more".to_owned()),
        (None, Some(_)) => return rule("there are rules for dialogues".to_owned()),
    };
    lists("a dialogue may begin with", &before.initiation, &after.initiation, &mut rule);
    for (name, replies) in &before.reply {
        if let Some(later) = after.reply.get(name) {
            lists(&format!("`{name}` may be answered with"), replies, later, &mut rule);
        }
    }
    lists("the roles have", &before.roles, &after.roles, &mut rule);
    lists("the end states have", &before.end_states, &after.end_states, &mut rule);
    if before.keep_terminal_state_dialogues != after.keep_terminal_state_dialogues {
        let kept = if after.keep_terminal_state_dialogues { "are kept" } else { "are not kept any more" };
        rule(format!("dialogues that have ended {kept}"));
    }
}

/// As sets: their order means nothing.
fn lists(what: &str, before: &[String], after: &[String], rule: &mut impl FnMut(String)) {
    for gone in before.iter().filter(|name| !after.contains(name)) {
        rule(format!("{what} `{gone}` no more"));
    }
    for new in after.iter().filter(|name| !before.contains(name)) {
        rule(format!("{what} `{new}` too"));
    }
}

//! Dialogues are judged as AEA judges them, by what it was recorded to do; its defects are not ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use folkmoot_protocols::DialogueReference;
use folkmoot_protocols::dialogue::{DialogueId, Dialogues, Side, Update};
use serde_json::Value;

use crate::dialogue::{Sent, Word, rules, word};

const RECORDED: &str = include_str!("../fixtures/aea/dialogues.txt");
const NOW: Duration = Duration::ZERO;

/// A reference by the number that it is recorded as.
fn text(reference: u64) -> String {
    if reference == 0 { String::new() } else { format!("{reference:064x}") }
}

fn number(reference: &str) -> u64 {
    if reference.is_empty() { 0 } else { u64::from_str_radix(reference, 16).unwrap() }
}

struct End {
    dialogues: Dialogues<Word>,
    next_reference: Arc<AtomicU64>,
    /// In the order in which they began.
    known: Vec<DialogueId>,
}

impl End {
    fn new(address: &str) -> End {
        let next_reference = Arc::new(AtomicU64::new(0));
        let next = next_reference.clone();
        let nonces = move || {
            let mut nonce = [0; 32];
            nonce[24..].copy_from_slice(&next.load(Ordering::Relaxed).to_be_bytes());
            Some(nonce)
        };
        End { dialogues: Dialogues::new(rules(), address, nonces), next_reference, known: Vec::new() }
    }

    fn state(&self) -> Value {
        let told = |id: &DialogueId| {
            let dialogue = self.dialogues.get(*id).unwrap();
            let ids: Vec<i32> = dialogue.messages().map(|said| said.message_id).collect();
            let references = [dialogue.starter_reference(), dialogue.responder_reference()].map(number);
            serde_json::json!([references[0], references[1], dialogue.started_by() == Side::Us, ids])
        };
        self.known.iter().map(told).collect()
    }
}

/// Counts of what was compared.
#[derive(Debug, Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    again: usize,
}

fn replay(line: &str, ends: &mut [End; 2], seen: &mut Seen) {
    let step: Vec<Value> = serde_json::from_str(line).unwrap();
    let at = |place: usize| step[place].as_u64().unwrap();
    let small = |place: usize| i32::try_from(step[place].as_i64().unwrap()).unwrap();
    let text_at = |place: usize| step[place].as_str().unwrap();
    let end = &mut ends[usize::from(text_at(1) == "bob")];
    let said = |performative: &str| word(&rules(), performative);
    match text_at(0) {
        "begin" => {
            end.next_reference.store(at(5), Ordering::Relaxed);
            let begun = end.dialogues.begin(text_at(2), said(text_at(3)), NOW);
            assert_eq!(begun.is_ok(), step[4] == true, "{line}: {begun:?}");
            end.known.extend(begun.map(|(id, _)| id));
        }
        "reply" => {
            let is_it = |id: &&DialogueId| {
                let dialogue = end.dialogues.get(**id).unwrap();
                let by_us = dialogue.started_by() == Side::Us;
                number(dialogue.starter_reference()) == at(2) && by_us == (step[3] == true)
            };
            let id = *end.known.iter().find(is_it).unwrap();
            let target = (!step[4].is_null()).then(|| small(4));
            let reply = end.dialogues.reply(id, target, said(text_at(5)), NOW);
            let done = if step[6] == true { Some(small(7)) } else { None };
            assert_eq!(reply.as_ref().ok().map(|reply| reply.message_id), done, "{line}: {reply:?}");
        }
        "update" => {
            let message = Sent {
                dialogue_reference: DialogueReference { starter: text(at(2)), responder: text(at(3)) },
                message_id: small(4),
                target: small(5),
                sender: Some(text_at(6).to_owned()),
                to: Some(text_at(7).to_owned()),
                body: said(text_at(8)),
            };
            end.next_reference.store(at(10), Ordering::Relaxed);
            let update = end.dialogues.update(&message, NOW);
            match (&update, text_at(9)) {
                (Update::Accepted { id, is_new, .. }, "accepted") => {
                    seen.accepted += 1;
                    end.known.extend(is_new.then_some(*id));
                }
                (Update::Refused(_), "refused" | "raised") => seen.refused += 1,
                // What comes again AEA refuses as a wrong number, or raises at.
                (Update::Again { .. }, "refused" | "raised") => seen.again += 1,
                _ => panic!("{line}: {update:?}"),
            }
        }
        "state" => assert_eq!(end.state(), step[2], "{line}"),
        other => panic!("{other} is no step"),
    }
}

#[test]
fn what_aea_accepts_is_accepted_and_what_it_refuses_is_refused_or_came_again() {
    let (mut seen, mut ends) = (Seen::default(), [End::new("ann"), End::new("bob")]);
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        match line {
            "run" => ends = [End::new("ann"), End::new("bob")],
            step => replay(step, &mut ends, &mut seen),
        }
    }
    assert!(seen.accepted > 200 && seen.refused > 200 && seen.again > 100, "{seen:?}");
}

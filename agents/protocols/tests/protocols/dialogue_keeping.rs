//! How long dialogues are kept and how much of them: time-outs, bounds, what is forgotten, and snapshots.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_protocols::dialogue::{
    DialogueId, Dialogues, Ended, Limits, Rules, Side, Snapshot, SnapshotError, Update,
};

use crate::dialogue::{Word, agent, nonces, rules, word};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

fn code(update: &Update) -> &'static str {
    match update {
        Update::Refused(refusal) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

fn id(update: &Update) -> DialogueId {
    match update {
        Update::Accepted { id, .. } => *id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_silent_dialogue_is_given_up_at_its_time_and_takes_nothing_after() {
    let rules = rules();
    let mut bob = agent(&rules, "bob").with_limits(limits(|limits| limits.time_out = Some(seconds(60))));
    let mut ann = agent(&rules, "ann");
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    let silent = id(&bob.update(&offer, seconds(100)));
    let (spoken_at, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    let spoken = id(&bob.update(&offer, seconds(110)));
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    let patient = id(&bob.update(&offer, seconds(120)));
    bob.set_time_out(patient, Some(seconds(10_000)), seconds(120)).unwrap();
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    let endless = id(&bob.update(&offer, seconds(120)));
    bob.set_time_out(endless, None, seconds(120)).unwrap();
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    let hasty = id(&bob.update(&offer, seconds(120)));
    bob.set_time_out(hasty, Some(seconds(1)), seconds(120)).unwrap();
    assert!(bob.next_deadline().is_some_and(|next| next <= seconds(121)));
    assert_eq!(bob.expire(seconds(159), 10), [hasty]);
    let counter = bob.reply(spoken, None, word(&rules, "counter"), seconds(159)).unwrap();
    assert!(bob.expire(Duration::from_millis(159_999), 10).is_empty());
    // Due, but nobody has asked for it yet.
    let refused = bob.reply(silent, None, word(&rules, "counter"), seconds(160)).unwrap_err();
    assert_eq!(refused.to_string(), "the dialogue was given up after 60s of silence: begin a new one");
    assert_eq!(bob.expire(seconds(160), 10), [silent]);
    assert_eq!(bob.get(silent).unwrap().ended(), Some(&Ended::TimedOut));
    assert_eq!(
        bob.reply(silent, None, word(&rules, "counter"), seconds(160)).unwrap_err().code(),
        "timed_out"
    );
    // Time does not go back.
    assert!(bob.expire(seconds(5), 10).is_empty());
    id(&ann.update(&counter, seconds(0)));
    let more = ann.reply(spoken_at, None, word(&rules, "counter"), seconds(0)).unwrap();
    assert_eq!(code(&bob.update(&more, seconds(219))), "timed_out");
    assert_eq!(bob.expire(seconds(219), 10), [spoken]);
    assert_eq!(bob.expire(seconds(10_119), 10), []);
    assert_eq!(bob.expire(seconds(10_120), 10), [patient]);
    assert_eq!(bob.expire(seconds(1_000_000_000), 10), []);
    assert_eq!((bob.open(), bob.known(), bob.next_deadline()), (1, 1, None), "only the endless one is left");
    let counts = bob.statistics().begun_by(Side::Them);
    assert_eq!((counts.begun, counts.timed_out), (5, 4));
}

#[test]
fn many_that_are_due_are_given_up_in_order_so_many_at_a_time() {
    let rules = rules();
    let mut ann = agent(&rules, "ann").with_limits(limits(|limits| limits.time_out = Some(seconds(60))));
    // A clock that tells the date.
    let day = seconds(1_700_000_000);
    let begun: Vec<DialogueId> = (0..100)
        .map(|moment| ann.begin("bob", word(&rules, "offer"), day + seconds(moment / 10)).unwrap().0)
        .collect();
    assert!(ann.next_deadline().is_some_and(|next| next > day && next <= day + seconds(60)));
    let mut given_up: Vec<DialogueId> = Vec::new();
    loop {
        let some = ann.expire(day + seconds(1_000), 7);
        given_up.extend(&some);
        if some.len() < 7 {
            break;
        }
    }
    given_up.sort_unstable();
    assert_eq!(given_up, begun);
    assert_eq!((ann.open(), ann.known()), (0, 100));
}

#[test]
fn a_peer_may_open_so_many_and_all_together_so_many() {
    let rules = rules();
    let bounds = limits(|limits| (limits.open, limits.open_per_peer) = (5, 3));
    let mut bob = agent(&rules, "bob").with_limits(bounds);
    let open = |bob: &mut Dialogues<Word>, peer: &str| -> Update {
        let (_, mut offer) = agent(&rules, peer).begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
        offer.dialogue_reference.starter = fastrand::u64(..).to_string();
        bob.update(&offer, seconds(0))
    };
    let first = id(&open(&mut bob, "ann"));
    id(&open(&mut bob, "ann"));
    id(&open(&mut bob, "ann"));
    assert_eq!(code(&open(&mut bob, "ann")), "too_many_with_peer");
    assert_eq!(bob.begin("ann", word(&rules, "offer"), seconds(0)).unwrap_err().code(), "too_many_with_peer");
    id(&open(&mut bob, "carl"));
    id(&open(&mut bob, "dora"));
    let refused = bob.begin("carl", word(&rules, "offer"), seconds(0)).unwrap_err();
    assert_eq!(refused.to_string(), "5 dialogues are open, and no more are taken (`Limits::open`)");
    bob.reply(first, None, word(&rules, "shake"), seconds(0)).unwrap();
    id(&open(&mut bob, "ann"));
    assert_eq!((bob.open(), bob.known(), bob.peers()), (5, 6, 3));
}

#[test]
fn ended_dialogues_are_forgotten_by_number_and_by_time_and_leave_nothing() {
    let rules = rules();
    let bounds = limits(|limits| (limits.ended, limits.ended_time) = (3, seconds(60)));
    let mut ann = agent(&rules, "ann").with_limits(bounds);
    let mut ids = Vec::new();
    for moment in 0..5 {
        let peer = format!("peer-{moment}");
        let (id, _) = ann.begin(&peer, word(&rules, "offer"), seconds(moment)).unwrap();
        ann.abandon(id, seconds(moment)).unwrap();
        ids.push(id);
    }
    assert!(ann.get(ids[1]).is_none() && ann.get(ids[2]).is_some());
    assert_eq!((ann.known(), ann.peers(), ann.statistics().forgotten), (3, 3, 2));
    assert_eq!(ann.reply(ids[0], None, word(&rules, "counter"), seconds(5)).unwrap_err().code(), "gone");
    assert_eq!(ann.next_deadline(), Some(seconds(62)));
    // The next message of any dialogue makes room.
    let (last, _) = ann.begin("bob", word(&rules, "offer"), seconds(63)).unwrap();
    assert_eq!((ann.known(), ann.peers()), (2, 2));
    ann.expire(seconds(64), 10);
    assert_eq!(ann.known(), 1);
    // Its place is taken by another, which is not taken for it.
    ann.abandon(last, seconds(64)).unwrap();
    ann.expire(seconds(200), 10);
    let (other, _) = ann.begin("bob", word(&rules, "offer"), seconds(200)).unwrap();
    assert!(ann.get(last).is_none() && ann.get(other).is_some());
    assert_eq!((ann.known(), ann.open(), ann.peers()), (1, 1, 1));
}

#[test]
fn a_long_dialogue_goes_on_with_what_it_remembers() {
    let rules = rules();
    let bounds = limits(|limits| (limits.messages, limits.body_bytes) = (10, 40));
    let mut ann = agent(&rules, "ann").with_limits(bounds.clone());
    let mut bob = agent(&rules, "bob").with_limits(bounds);
    let (at_ann, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    let at_bob = id(&bob.update(&offer, seconds(0)));
    for _ in 0..500 {
        let counter = bob.reply(at_bob, None, word(&rules, "counter"), seconds(0)).unwrap();
        id(&ann.update(&counter, seconds(0)));
        let counter = ann.reply(at_ann, None, word(&rules, "counter"), seconds(0)).unwrap();
        id(&bob.update(&counter, seconds(0)));
    }
    let dialogue = bob.get(at_bob).unwrap();
    assert_eq!((dialogue.message_count(), dialogue.messages().count()), (1001, 10));
    assert_eq!(bob.body_bytes(), 35, "five counters of seven bytes");
    assert_eq!(
        bob.update(&offer, seconds(0)),
        Update::Again { id: at_bob },
        "said so long ago that it is forgotten"
    );
    let refused = ann.reply(at_ann, Some(1), word(&rules, "shake"), seconds(0)).unwrap_err();
    assert_eq!(refused.code(), "forgotten_target");
    let last = ann.message(at_ann, 501).unwrap();
    assert_eq!((last.target, last.body.text.as_str()), (-500, "counter"), "what was lost can be sent again");
    assert_eq!(ann.message(at_ann, 497), None);
}

#[test]
fn bodies_beyond_what_all_may_take_are_not_kept_and_counted() {
    let rules = rules();
    let mut ann = agent(&rules, "ann").with_limits(limits(|limits| limits.body_bytes_in_all = 12));
    let ids: Vec<DialogueId> =
        (0..4).map(|_| ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap().0).collect();
    assert_eq!((ann.body_bytes(), ann.statistics().bodies_not_kept), (15, 1));
    assert!(ann.message(ids[0], 1).is_some() && ann.message(ids[3], 1).is_none());
    for id in ids {
        ann.abandon(id, seconds(0)).unwrap();
    }
    assert_eq!(ann.body_bytes(), 0);
}

/// As JSON, whose bodies are texts.
fn written(dialogues: &Dialogues<Word>) -> serde_json::Value {
    let snapshot = dialogues.snapshot();
    let texts = snapshot.try_map(|word| Ok((word.performative, word.text))).unwrap();
    serde_json::to_value(&texts).unwrap()
}

fn restored(
    json: serde_json::Value,
    rules: &Arc<Rules>,
    limits: Limits,
    now: Duration,
) -> Result<Dialogues<Word>, SnapshotError> {
    let snapshot: Snapshot<(u16, String)> = serde_json::from_value(json).unwrap();
    let snapshot = snapshot.try_map(|(performative, text)| Ok(Word { performative, text }))?;
    Dialogues::restore(snapshot, rules.clone(), "bob", limits, nonces(b'c'), now)
}

/// Bob with a dialogue begun by each side, one of which was completed, and one that has ended.
fn busy(rules: &Arc<Rules>) -> (Dialogues<Word>, Dialogues<Word>) {
    let (mut ann, mut bob) = (agent(rules, "ann"), agent(rules, "bob"));
    for _ in 0..2 {
        let (_, offer) = ann.begin("bob", word(rules, "offer"), seconds(0)).unwrap();
        id(&bob.update(&offer, seconds(0)));
        let (_, offer) = bob.begin("ann", word(rules, "offer"), seconds(0)).unwrap();
        id(&ann.update(&offer, seconds(0)));
    }
    let by_ann = bob.all().find(|(_, dialogue)| dialogue.started_by() == Side::Them).unwrap().0;
    let shake = bob.reply(by_ann, None, word(rules, "shake"), seconds(10)).unwrap();
    id(&ann.update(&shake, seconds(10)));
    let by_bob = ann.all().find(|(_, dialogue)| dialogue.started_by() == Side::Them).unwrap().0;
    let counter = ann.reply(by_bob, None, word(rules, "counter"), seconds(10)).unwrap();
    id(&bob.update(&counter, seconds(10)));
    (ann, bob)
}

#[test]
fn after_a_restart_dialogues_go_on_on_the_side_that_each_has() {
    let rules = rules();
    let (mut ann, bob) = busy(&rules);
    let json = written(&bob);
    let mut again = restored(json.clone(), &rules, Limits::default(), seconds(5_000)).unwrap();
    assert_eq!((again.open(), again.known(), again.peers()), (3, 4, 1));
    assert_eq!(again.statistics(), bob.statistics());
    assert_eq!(again.body_bytes(), bob.body_bytes());
    for (_, dialogue) in bob.all() {
        let id = again.find(&dialogue.label()).unwrap();
        let taken_back = again.get(id).unwrap();
        assert_eq!((taken_back.label(), taken_back.ended()), (dialogue.label(), dialogue.ended()));
        let ids = |dialogue: folkmoot_protocols::dialogue::Dialogue<'_, Word>| -> Vec<(i32, i32, u16)> {
            dialogue.messages().map(|said| (said.message_id, said.target, said.performative)).collect()
        };
        assert_eq!(ids(taken_back), ids(dialogue));
    }
    let open: Vec<_> =
        again.all().filter(|(_, dialogue)| dialogue.ended().is_none()).map(|(id, _)| id).collect();
    for id in open {
        let by_us = again.get(id).unwrap().started_by() == Side::Us;
        let next = again.reply(id, Some(1), word(&rules, "counter"), seconds(5_000)).unwrap();
        assert_eq!(next.message_id > 0, by_us, "its numbers have the sign of who began");
        assert!(matches!(ann.update(&next, seconds(20)), Update::Accepted { .. }));
    }
    let ended = again.all().find(|(_, dialogue)| dialogue.ended().is_some()).unwrap().0;
    assert_eq!(
        again.reply(ended, Some(1), word(&rules, "counter"), seconds(5_000)).unwrap_err().code(),
        "ended"
    );
}

#[test]
fn what_was_left_of_a_time_out_is_left_after_a_restart() {
    let rules = rules();
    let (_, bob) = busy(&rules);
    let mut again = restored(written(&bob), &rules, Limits::default(), seconds(50_000)).unwrap();
    // Three are open; one was last spoken in ten seconds before the snapshot was taken.
    assert_eq!(again.expire(seconds(53_589), 10).len(), 0);
    assert_eq!(again.expire(seconds(53_590), 10).len(), 2);
    assert_eq!(again.expire(seconds(53_599), 10).len(), 0);
    assert_eq!(again.expire(seconds(53_600), 10).len(), 1);
}

#[test]
fn a_snapshot_that_is_anothers_or_damaged_is_not_taken_back() {
    let rules = rules();
    let (_, bob) = busy(&rules);
    let json = written(&bob);
    let cases: [(&str, serde_json::Value, &str); 12] = [
        ("/version", 2.into(), "the snapshot is of version 2, this program reads version 1"),
        ("/address", "carl".into(), "the snapshot is of the dialogues of carl, not of bob"),
        (
            "/protocol",
            "fair/barter:0.4.0".into(),
            "the snapshot is of dialogues in fair/barter:0.4.0, not in",
        ),
        (
            "/performatives/0",
            "haggle".into(),
            "the snapshot speaks of haggle, which the protocol does not have",
        ),
        ("/dialogues/0/peer", "bob".into(), "it has no peer or no reference"),
        ("/dialogues/0/starter_reference", "".into(), "it has no peer or no reference"),
        ("/dialogues/0/said", serde_json::json!([2, 0]), "its messages have gaps"),
        ("/dialogues/0/messages", serde_json::json!([]), "its messages have gaps"),
        ("/dialogues/0/messages/0/message_id", 0.into(), "its messages "),
        ("/dialogues/0/messages/0/target", 1.into(), "its messages answer what cannot be"),
        ("/dialogues/0/messages/0/performative", 77.into(), "the snapshot speaks of number 77"),
        ("/dialogues/0/role", 5.into(), "the snapshot speaks of number 5"),
    ];
    for (place, value, text) in cases {
        let mut damaged = json.clone();
        *damaged.pointer_mut(place).unwrap() = value;
        let error =
            restored(damaged, &rules, Limits::default(), seconds(0)).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains(text)), "{place}: {error:?}");
    }
    let mut twice = json.clone();
    let first = twice["dialogues"][0].clone();
    twice["dialogues"].as_array_mut().unwrap().push(first);
    let error = restored(twice, &rules, Limits::default(), seconds(0)).err().unwrap();
    assert!(error.to_string().contains("it occurs twice"), "{error}");
    let error = restored(json.clone(), &rules, limits(|limits| limits.open = 2), seconds(0)).err().unwrap();
    assert!(error.to_string().starts_with("the snapshot holds 3 open dialogues"), "{error}");
    let few = restored(json, &rules, limits(|limits| limits.ended = 1), seconds(0)).unwrap();
    assert_eq!(few.known(), 4);
}

#[test]
fn one_dialogue_is_taken_down_alone_and_put_back_beside_others() {
    let rules = rules();
    let (_, bob) = busy(&rules);
    let mut other = agent(&rules, "bob");
    let mut put_back = Vec::new();
    for (id, dialogue) in bob.all() {
        let snapshot = bob.snapshot_of(id).unwrap();
        assert_eq!(snapshot.len(), 1);
        let ids = other.put_back(snapshot.clone(), seconds(20)).unwrap();
        let taken_back = other.get(ids[0]).unwrap();
        assert_eq!((taken_back.label(), taken_back.ended()), (dialogue.label(), dialogue.ended()));
        assert_eq!(taken_back.message_count(), dialogue.message_count());
        // It is known already.
        assert!(matches!(other.put_back(snapshot, seconds(20)), Err(SnapshotError::Damaged { .. })));
        put_back.extend(ids);
    }
    assert_eq!((other.open(), other.known()), (bob.open(), bob.known()));
    let mut limits = Limits::default();
    limits.open = other.open();
    other.set_limits(limits);
    let open = bob.all().find(|(_, dialogue)| dialogue.ended().is_none()).unwrap().0;
    let full = other.put_back(bob.snapshot_of(open).unwrap(), seconds(20));
    assert!(matches!(full, Err(SnapshotError::TooMany { limit: 3, .. })), "{full:?}");
    assert_eq!(put_back.len(), bob.known());
}

#[test]
fn the_dialogue_of_a_message_is_known_before_it_is_taken() {
    let rules = rules();
    let (mut ann, mut bob) = (agent(&rules, "ann"), agent(&rules, "bob"));
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), seconds(0)).unwrap();
    assert_eq!(bob.dialogue_of(&offer), None);
    let known = id(&bob.update(&offer, seconds(0)));
    assert_eq!(bob.dialogue_of(&offer), Some(known));
    let counter = bob.reply(known, None, word(&rules, "counter"), seconds(0)).unwrap();
    assert_eq!(ann.dialogue_of(&counter), ann.all().next().map(|(id, _)| id));
    assert_eq!((ann.statistics().accepted, bob.open()), (0, 1), "nothing was taken");
}

#[test]
fn what_was_said_and_did_not_go_out_is_taken_back_and_an_end_counts_once_it_has() {
    let rules = rules();
    let now = seconds(5);
    let mut ann = agent(&rules, "ann");
    let mut bob = agent(&rules, "bob");
    bob.confirm_ends();
    let ends = |bob: &Dialogues<Word>| bob.statistics().begun_by(Side::Them).terminal.values().sum::<u64>();
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), now).unwrap();
    let at = id(&bob.update(&offer, now));
    for performative in ["counter", "walk_away"] {
        let said = bob.reply(at, None, word(&rules, performative), now).unwrap();
        assert_eq!((bob.open(), ends(&bob)), (usize::from(performative == "counter"), 0));
        assert!(bob.unsay(at, said.message_id, now), "{performative}");
        assert!(!bob.unsay(at, said.message_id, now), "it is taken back once");
        assert!(!bob.unsay(at, offer.message_id, now), "and what others said not at all");
        assert_eq!((bob.open(), bob.get(at).unwrap().message_count()), (1, 1));
        assert!(bob.get(at).unwrap().ended().is_none());
    }
    // As if nothing had been said: the next one has its number, and time runs again.
    assert_eq!(bob.expire(now, 10), []);
    let decline = bob.reply(at, None, word(&rules, "walk_away"), now).unwrap();
    assert_eq!(decline.message_id, -1);
    assert!(matches!(ann.update(&decline, now), Update::Accepted { ended: Some(_), .. }));
    assert!(bob.confirm(at) && !bob.confirm(at), "once");
    assert_eq!((bob.open(), ends(&bob)), (0, 1));
    assert!(!bob.unsay(at, decline.message_id, now), "it has gone out");

    // An end of which nobody knows is none, and the first message stands.
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), now).unwrap();
    let at = id(&bob.update(&offer, now));
    bob.reply(at, None, word(&rules, "walk_away"), now).unwrap();
    bob.abandon(at, now).unwrap();
    assert_eq!(bob.get(at).unwrap().ended(), Some(&Ended::Abandoned));
    let counts = bob.statistics().begun_by(Side::Them);
    assert_eq!((counts.abandoned, ends(&bob)), (1, 1));
    let (begun, first) = bob.begin("ann", word(&rules, "offer"), now).unwrap();
    assert!(!bob.unsay(begun, first.message_id, now));
    // Nor is taken back what something else has come after.
    let (_, offer) = ann.begin("bob", word(&rules, "offer"), now).unwrap();
    let at = id(&bob.update(&offer, now));
    let counter = bob.reply(at, None, word(&rules, "counter"), now).unwrap();
    let at_ann = id(&ann.update(&counter, now));
    let answer = ann.reply(at_ann, None, word(&rules, "counter"), now).unwrap();
    id(&bob.update(&answer, now));
    assert!(!bob.unsay(at, counter.message_id, now));
    let snapshot = bob.statistics().clone();
    assert_eq!((snapshot.begun_by_them.begun, bob.open()), (3, 2));
}

//! Dialogues of random protocols, over a way that loses, repeats and reorders: both ends come to the same.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use folkmoot_protocols::dialogue::{DialogueId, Dialogues, Ended, Limits, Rules, Side, Update};
use folkmoot_protocols::{Specification, Trace};

use crate::dialogue::{Sent, Word, agent};

const NOW: Duration = Duration::from_secs(1);

/// A protocol of random rules in which every performative can be reached.
fn random_rules(random: &mut Rng) -> Arc<Rules> {
    let count = random.usize(2..8);
    let name = |number: usize| format!("act_{}", (b'a' + number as u8) as char);
    let acts: String = (0..count).map(|number| format!("  {}: {{}}\n", name(number))).collect();
    let (mut reply, mut terminal) = (String::new(), Vec::new());
    for number in 0..count {
        // The last one ends; each other is answered by the next, and by some more.
        let mut replies: Vec<usize> = (0..count).filter(|_| random.u8(..3) == 0).collect();
        if number + 1 == count || (number > 0 && random.u8(..4) == 0) {
            replies.clear();
            terminal.push(name(number));
        } else if !replies.contains(&(number + 1)) {
            replies.push(number + 1);
        }
        let names: Vec<String> = replies.into_iter().map(name).collect();
        writeln!(reply, "  {}: [{}]", name(number), names.join(", ")).unwrap();
    }
    let keeps = random.bool();
    let text = format!(
        "name: some\nauthor: any\nversion: 1.0.0\ndescription: ''\nlicense: MIT\naea_version: '>=1.0.0'\n\
         protocol_specification_id: any/some:1.0.0\nspeech_acts:\n{acts}---\ninitiation: [act_a]\nreply:\n{reply}\
         termination: [{}]\nroles: {{one, other}}\nend_states: [done]\nkeep_terminal_state_dialogues: {keeps}\n",
        terminal.join(", ")
    );
    let (specification, _) =
        Specification::read_lenient(&text).unwrap_or_else(|findings| panic!("{findings}"));
    Arc::new(Rules::of(&specification).unwrap())
}

/// One end, and what it has said in order.
struct End {
    dialogues: Dialogues<Word>,
    id: Option<DialogueId>,
    said: Vec<Sent>,
}

impl End {
    fn new(rules: &Arc<Rules>, address: &str) -> End {
        End { dialogues: agent(rules, address), id: None, said: Vec::new() }
    }

    fn hear(&mut self, message: &Sent) -> Update {
        let update = self.dialogues.update(message, NOW);
        if let Update::Accepted { id, .. } = update {
            self.id = Some(id);
        }
        update
    }

    /// Says something that the rules allow in answer to something that has been said, if there is anything.
    fn speak(&mut self, random: &mut Rng) {
        let Some(id) = self.id else { return };
        let dialogue = self.dialogues.get(id).unwrap();
        let options: Vec<(i32, u16)> = dialogue
            .messages()
            .flat_map(|said| {
                dialogue.answers(Side::Us, said.message_id).map(move |act| (said.message_id, act))
            })
            .collect();
        let Some((target, performative)) = random.choice(options) else { return };
        let body = Word { performative, text: format!("{}", random.u16(..)) };
        let message = self.dialogues.reply(id, Some(target), body, NOW).unwrap();
        self.said.push(message);
    }

    fn ended(&self) -> Option<Ended> {
        self.dialogues.get(self.id?)?.ended().copied()
    }

    /// What a side has said, as this end knows it.
    fn known(&self, by: Side) -> Vec<(i32, i32, u16)> {
        let dialogue = self.dialogues.get(self.id.unwrap()).unwrap();
        let messages = dialogue.messages().filter(|said| said.by == by);
        messages.map(|said| (said.message_id, said.target, said.performative)).collect()
    }
}

fn is_prefix<T: PartialEq>(short: &[T], long: &[T]) -> bool {
    short.len() <= long.len() && long[..short.len()] == *short
}

#[test]
fn both_ends_come_to_the_same_whatever_the_way_does() {
    let (mut ended, mut crossed) = (0, 0);
    for seed in 0..1_500 {
        let mut random = Rng::with_seed(seed);
        let rules = random_rules(&mut random);
        let mut ends = [End::new(&rules, "ann"), End::new(&rules, "bob")];
        let body = Word { performative: 0, text: "first".to_owned() };
        let (id, first) = ends[0].dialogues.begin("bob", body, NOW).unwrap();
        ends[0].id = Some(id);
        ends[0].said.push(first);
        for _ in 0..60 {
            let speaker = random.usize(..2);
            match random.u8(..4) {
                0 => ends[speaker].speak(&mut random),
                // Any message at any time: late, early, again, or never.
                _ => {
                    let [one, other] = &mut ends;
                    let (from, to) = if speaker == 0 { (one, other) } else { (other, one) };
                    if let Some(message) = random.choice(&from.said) {
                        crossed += usize::from(matches!(to.hear(message), Update::EndsCrossed { .. }));
                    }
                }
            }
            agree_so_far(&ends, seed);
        }
        // At last everything is sent again, in order.
        let [one, other] = &mut ends;
        for _ in 0..2 {
            for message in &one.said {
                crossed += usize::from(matches!(other.hear(message), Update::EndsCrossed { .. }));
            }
            for message in &other.said {
                let _ = one.hear(message);
            }
        }
        agree_so_far(&ends, seed);
        let [one, other] = &ends;
        assert_eq!(one.known(Side::Us), other.known(Side::Them), "seed {seed}");
        assert_eq!(one.known(Side::Them), other.known(Side::Us), "seed {seed}");
        match (one.ended(), other.ended()) {
            (None, None) => {}
            (Some(one), Some(other)) => {
                ended += 1;
                let (Ended::Said { performative, after, by, .. }, Ended::Said { by: seen_by, .. }) =
                    (one, other)
                else {
                    panic!("seed {seed}: nobody gave it up");
                };
                let mirrored =
                    Ended::Said { performative, after, end_state: end_state(&rules, performative), by };
                assert_eq!(one, mirrored, "seed {seed}");
                assert_eq!(by, seen_by.other(), "seed {seed}");
                assert_eq!(one.word(&rules), other.word(&rules), "seed {seed}");
            }
            (one, other) => panic!("seed {seed}: {one:?} here, {other:?} there"),
        }
        for end in &ends {
            let (dialogues, rest) = (&end.dialogues, usize::from(end.ended().is_none()));
            assert_eq!((dialogues.open(), dialogues.known(), dialogues.peers()), (rest, 1, 1), "seed {seed}");
        }
    }
    assert!(ended > 300 && crossed > 20, "{ended} ended, {crossed} of them crossing: the runs say little");
}

fn end_state(rules: &Rules, performative: u16) -> Option<u16> {
    rules.end_state_of(performative, None)
}

/// Each end knows a beginning of what the other said, and nothing else.
fn agree_so_far([one, other]: &[End; 2], seed: u64) {
    if other.id.is_none() {
        return;
    }
    for (end, far) in [(one, other), (other, one)] {
        let heard = end.known(Side::Them);
        let said: Vec<_> =
            far.said.iter().map(|sent| (sent.message_id, sent.target, sent.body.performative)).collect();
        assert!(is_prefix(&heard, &said), "seed {seed}: {heard:?} of {said:?}");
        assert_eq!(end.known(Side::Us).len(), end.said.len(), "seed {seed}");
    }
}

#[test]
fn a_replayed_trace_is_judged_as_the_ends_judged_it() {
    let mut refused = 0;
    for seed in 0..600 {
        let mut random = Rng::with_seed(seed);
        let rules = random_rules(&mut random);
        let mut ends = [End::new(&rules, "ann"), End::new(&rules, "bob")];
        let mut trace = Trace::new(rules.clone());
        let body = Word { performative: 0, text: String::new() };
        let (id, first) = ends[0].dialogues.begin("bob", body, NOW).unwrap();
        ends[0].id = Some(id);
        trace.take(&first).unwrap();
        let _ = ends[1].hear(&first);
        for _ in 0..30 {
            let speaker = random.usize(..2);
            let before = ends[speaker].said.len();
            ends[speaker].speak(&mut random);
            let Some(message) = ends[speaker].said.get(before).cloned() else { continue };
            let mut spoilt = message.clone();
            match random.u8(..6) {
                0 => spoilt.message_id += random.i32(1..4),
                1 => spoilt.message_id = -spoilt.message_id,
                2 => spoilt.target = random.i32(..),
                3 => spoilt.body.performative = random.u16(20..),
                // A first answer may give any reference.
                _ if message.message_id == -1 => spoilt.dialogue_reference.starter.push('x'),
                _ => spoilt.dialogue_reference.responder = "other".repeat(20),
            }
            let heard = ends[1 - speaker].hear(&spoilt);
            assert!(matches!(heard, Update::Refused(_)), "seed {seed}: {spoilt:?} {heard:?}");
            trace.take(&spoilt).unwrap_err();
            refused += 1;
            assert!(matches!(ends[1 - speaker].hear(&message), Update::Accepted { .. }), "seed {seed}");
            trace.take(&message).unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
            trace.take(&message).unwrap_or_else(|refusal| panic!("seed {seed}, again: {refusal}"));
        }
        let told: Vec<_> = trace.dialogues().collect();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].ended, told[0].starter.as_str()), (ends[0].ended(), "ann"), "seed {seed}");
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn whatever_comes_nothing_panics_and_nothing_is_left_behind() {
    for seed in 0..120 {
        let mut random = Rng::with_seed(seed);
        let rules = random_rules(&mut random);
        let mut limits = Limits::default();
        (limits.open, limits.open_per_peer, limits.ended, limits.messages) = (6, 4, 3, 4);
        limits.time_out = Some(Duration::from_millis(40));
        limits.ended_time = Duration::from_millis(90);
        let mut bob = agent(&rules, "bob").with_limits(limits);
        let mut now = Duration::ZERO;
        let mut references = vec![String::new(), "s".to_owned(), "t".to_owned()];
        for _ in 0..300 {
            now += Duration::from_millis(random.u64(..8));
            let pick = |random: &mut Rng, texts: &[String]| texts[random.usize(..texts.len())].clone();
            let small =
                |random: &mut Rng| if random.u8(..20) == 0 { random.i32(..) } else { random.i32(-4..5) };
            let message = Sent {
                dialogue_reference: folkmoot_protocols::DialogueReference {
                    starter: pick(&mut random, &references),
                    responder: if random.bool() { String::new() } else { pick(&mut random, &references) },
                },
                message_id: if random.bool() { 1 } else { small(&mut random) },
                target: if random.bool() { 0 } else { small(&mut random) },
                sender: random
                    .choice([None, Some("ann"), Some("carl"), Some("bob")])
                    .unwrap()
                    .map(str::to_owned),
                to: random.choice([None, Some("bob"), Some("bob"), Some("ann")]).unwrap().map(str::to_owned),
                body: Word {
                    performative: if random.bool() { 0 } else { random.u16(..9) },
                    text: String::new(),
                },
            };
            match random.u8(..6) {
                0 => {
                    let _ = bob.begin("ann", message.body, now);
                }
                1 => {
                    let ids: Vec<DialogueId> = bob.all().map(|(id, _)| id).collect();
                    if let Some(id) = random.choice(ids) {
                        let _ = bob.reply(id, random.bool().then_some(message.target), message.body, now);
                    }
                }
                2 => drop(bob.expire(now, 2)),
                3 => drop(bob.sent(&message, now)),
                _ => drop(bob.update(&message, now)),
            }
            let known: Vec<String> =
                bob.all().map(|(_, dialogue)| dialogue.label().responder_reference).collect();
            references.truncate(3);
            references.extend(known);
            assert!(bob.open() <= 6 && bob.known() <= 6 + 3 && bob.peers() <= bob.known());
            let open = bob.all().filter(|(_, dialogue)| dialogue.ended().is_none()).count();
            assert_eq!(open, bob.open());
            assert_eq!(bob.with_peer("ann").count() + bob.with_peer("carl").count(), bob.known());
            assert!(bob.all().all(|(id, dialogue)| bob.find(&dialogue.label()) == Some(id)));
            let again =
                Dialogues::restore(bob.snapshot(), rules.clone(), "bob", Limits::default(), || None, now);
            assert_eq!(again.map(|again| (again.open(), again.known())).unwrap(), (bob.open(), bob.known()));
        }
        while !bob.expire(now + Duration::from_secs(1), 2).is_empty() {}
        bob.expire(now + Duration::from_secs(2), 100);
        bob.expire(now + Duration::from_secs(3), 100);
        assert_eq!(
            (bob.open(), bob.known(), bob.peers(), bob.next_deadline()),
            (0, 0, 0, None),
            "seed {seed}"
        );
    }
}

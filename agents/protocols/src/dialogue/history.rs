//! What has been said in one dialogue: enough of each message to judge the next, and its body for as long as there is
//! room.
//!
//! Both sides number their messages for themselves, the starter 1, 2, 3, the responder -1, -2, -3. Always true: the
//! messages stand in the order in which they were said or heard here, without gaps on either side; the oldest are
//! forgotten first. The last two, one of which is nearly always answered, lie with what else is kept of the dialogue;
//! only longer ones have memory beside that. Neighbours: [`super::dialogues`] writes it, [`super::Dialogue`] shows it.

use std::collections::VecDeque;

use super::Speech;
use super::claim::Claim;

/// The messages of a dialogue.
#[derive(Debug, Clone)]
pub(super) struct History<B> {
    /// The last one but one, and the last.
    recent: [Option<Said<B>>; 2],
    /// Those before.
    older: VecDeque<Said<B>>,
    /// How many each side has said in all: the starter, the responder.
    last: [u32; 2],
    /// Of the first messages here, how many are known to have no body.
    without_body: u32,
    body_bytes: usize,
}

/// What is kept of one message.
#[derive(Debug, Clone)]
pub(super) struct Said<B> {
    pub(super) message_id: i32,
    pub(super) target: i32,
    pub(super) performative: u16,
    pub(super) body: Option<B>,
    /// What the body weighs, as long as it is here.
    pub(super) weight: u32,
}

impl<B: Speech> Said<B> {
    pub(super) fn new(message_id: i32, target: i32, performative: u16, body: Option<&B>) -> Said<B> {
        let (body, weight) = weighed(body);
        Said { message_id, target, performative, body: body.cloned(), weight }
    }

    fn let_go(&mut self) -> usize {
        self.body = None;
        std::mem::take(&mut self.weight) as usize
    }
}

/// A body and its weight; none where the weight does not fit in its number.
fn weighed<B: Speech>(body: Option<&B>) -> (Option<&B>, u32) {
    let weighed = body.and_then(|body| Some((body, u32::try_from(body.weight()).ok()?)));
    weighed.map_or((None, 0), |(body, weight)| (Some(body), weight))
}

/// Where a message stands.
#[derive(Debug)]
pub(super) enum Place<'a, B> {
    Here(&'a Said<B>),
    /// It was said, but so long ago that nothing is known of it.
    Forgotten,
    /// Nobody has said it yet.
    Nowhere,
}

impl<B: Speech> History<B> {
    pub(super) fn new() -> History<B> {
        let (recent, older) = ([None, None], VecDeque::new());
        History { recent, older, last: [0; 2], without_body: 0, body_bytes: 0 }
    }

    /// As it was taken down elsewhere: the messages that are known, in order, and how many each side has said in all.
    pub(super) fn recalled(mut messages: VecDeque<Said<B>>, last: [u32; 2]) -> Option<History<B>> {
        let body_bytes = messages.iter().map(|said| said.weight as usize).sum();
        let all = u32::try_from(u64::from(last[0]) + u64::from(last[1])).ok()?;
        all.checked_sub(u32::try_from(messages.len()).ok()?)?;
        let one = messages.pop_back()?;
        let recent = [messages.pop_back(), Some(one)];
        messages.shrink_to_fit();
        let history = History { recent, older: messages, last, without_body: 0, body_bytes };
        history.is_whole().then_some(history)
    }

    /// Whether each side's numbers follow one another up to the last.
    fn is_whole(&self) -> bool {
        let mut next = self.last;
        for said in self.messages().rev() {
            let [starter, responder] = &mut next;
            let last = if said.message_id > 0 { starter } else { responder };
            if *last == 0 || said.message_id.unsigned_abs() != *last {
                return false;
            }
            *last -= 1;
        }
        u64::from(next[0]) + u64::from(next[1]) == self.forgotten()
    }

    /// How many messages a side has said: the starter where `id` is positive, else the responder.
    pub(super) fn count(&self, id: i32) -> u32 {
        let [starter, responder] = self.last;
        if id > 0 { starter } else { responder }
    }

    /// How many both sides have said.
    pub(super) fn total(&self) -> u64 {
        self.last.iter().map(|count| u64::from(*count)).sum()
    }

    pub(super) fn counts(&self) -> [u32; 2] {
        self.last
    }

    pub(super) fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// The messages that are remembered, in order.
    pub(super) fn messages(&self) -> impl DoubleEndedIterator<Item = &Said<B>> {
        self.older.iter().chain(self.recent.iter().flatten())
    }

    /// How many were said before the first one here.
    fn forgotten(&self) -> u64 {
        self.total() - self.len() as u64
    }

    fn len(&self) -> usize {
        self.older.len() + self.recent.iter().flatten().count()
    }

    /// The message at a place of those that are remembered.
    fn at(&self, place: usize) -> Option<&Said<B>> {
        match place.checked_sub(self.older.len()) {
            Some(place) => self.recent.iter().flatten().nth(place),
            None => self.older.get(place),
        }
    }

    fn at_mut(&mut self, place: usize) -> Option<&mut Said<B>> {
        match place.checked_sub(self.older.len()) {
            Some(place) => self.recent.iter_mut().flatten().nth(place),
            None => self.older.get_mut(place),
        }
    }

    pub(super) fn last_message(&self) -> Option<&Said<B>> {
        let [_, last] = &self.recent;
        last.as_ref()
    }

    /// Finds a message by its number.
    pub(super) fn find(&self, id: i32) -> Place<'_, B> {
        if id == 0 || id.unsigned_abs() > self.count(id) {
            return Place::Nowhere;
        }
        // What is answered is nearly always among the last.
        let recent = self.recent.iter().flatten().find(|said| said.message_id == id);
        match recent.or_else(|| self.search(id)) {
            Some(said) => Place::Here(said),
            None => Place::Forgotten,
        }
    }

    /// By halving: how many of a side's messages have been said up to a place grows along the places.
    fn search(&self, id: i32) -> Option<&Said<B>> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            let said = self.at(middle)?;
            let of_its_side = u64::from(said.message_id.unsigned_abs());
            let so_far = self.forgotten() + middle as u64 + 1;
            let said_so_far =
                if (said.message_id > 0) == (id > 0) { of_its_side } else { so_far - of_its_side };
            if said_so_far < u64::from(id.unsigned_abs()) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        self.at(from).filter(|said| said.message_id == id)
    }

    /// Adds the next message of its side, within `messages` and `body_bytes`; older bodies make room. Its body is copied
    /// where it stays, for what is moved on once more has to be waited for.
    pub(super) fn push(&mut self, claim: Claim, body: Option<&B>, messages: usize, body_bytes: usize) {
        let (body, weight) = self.with_room(body, body_bytes);
        while self.len() >= messages.max(2) {
            self.forget_first();
        }
        let Claim { message_id, target, performative, .. } = claim;
        let [starter, responder] = &mut self.last;
        *(if message_id > 0 { starter } else { responder }) += 1;
        let [before, last] = &mut self.recent;
        if let Some(said) = before.take() {
            if self.older.len() == self.older.capacity() {
                // Most dialogues are short and there are many: not four at once.
                self.older.reserve_exact((self.older.len() / 2).max(2));
            }
            self.older.push_back(said);
        }
        *before = last.take();
        *last = Some(Said { message_id, target, performative, body: body.cloned(), weight });
    }

    /// A body and its weight, which is counted; none where it takes more than `body_bytes` alone.
    fn with_room<'a>(&mut self, body: Option<&'a B>, body_bytes: usize) -> (Option<&'a B>, u32) {
        let (body, weight) = weighed(body);
        let Some(others) = body_bytes.checked_sub(weight as usize) else { return (None, 0) };
        self.make_room(others);
        self.body_bytes += weight as usize;
        (body, weight)
    }

    /// Takes the last message back, as if it had not been said. What was forgotten for it stays so.
    pub(super) fn pop(&mut self) {
        let [before, last] = &mut self.recent;
        let Some(said) = std::mem::replace(last, before.take()) else { return };
        *before = self.older.pop_back();
        self.body_bytes -= said.weight as usize;
        let [starter, responder] = &mut self.last;
        *(if said.message_id > 0 { starter } else { responder }) -= 1;
        self.without_body = self.without_body.min(self.len() as u32);
    }

    fn forget_first(&mut self) {
        let first = self.older.pop_front().or_else(|| self.recent.iter_mut().find_map(Option::take));
        if let Some(first) = first {
            self.body_bytes -= first.weight as usize;
            self.without_body = self.without_body.saturating_sub(1);
        }
    }

    /// Lets go of bodies, the oldest first, until they take no more than `body_bytes`.
    fn make_room(&mut self, body_bytes: usize) {
        while self.body_bytes > body_bytes {
            let Some(oldest) = self.at_mut(self.without_body as usize) else { return };
            self.body_bytes -= oldest.let_go();
            self.without_body += 1;
        }
    }

    /// Lets go of all bodies, and of the room that was kept for more.
    pub(super) fn strip(&mut self) {
        self.make_room(0);
        // Those that weigh nothing too.
        self.older.iter_mut().chain(self.recent.iter_mut().flatten()).for_each(|said| said.body = None);
        self.older.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::super::label::Side;
    use super::*;

    /// A performative alone.
    #[derive(Debug, Clone)]
    struct Bare;

    impl Speech for Bare {
        fn performative(&self) -> u16 {
            3
        }

        fn weight(&self) -> usize {
            2
        }

        fn is_same(&self, _: &Bare) -> bool {
            true
        }
    }

    fn claim(message_id: i32) -> Claim {
        Claim { message_id, target: 0, performative: 3, by: Side::Us }
    }

    fn said(message_id: i32) -> Said<Bare> {
        Said::new(message_id, 0, 3, Some(&Bare))
    }

    fn spoken(
        random: &mut fastrand::Rng,
        count: usize,
        messages: usize,
        body_bytes: usize,
    ) -> (History<Bare>, Vec<i32>) {
        let (mut history, mut ids) = (History::new(), Vec::new());
        for _ in 0..count {
            let sign = if random.u8(..3) == 0 { -1 } else { 1 };
            let id = sign * (history.count(sign) as i32 + 1);
            history.push(claim(id), Some(&Bare), messages, body_bytes);
            ids.push(id);
        }
        (history, ids)
    }

    #[test]
    fn each_message_is_found_by_its_number_or_known_to_be_forgotten() {
        let mut random = fastrand::Rng::with_seed(3);
        for count in 0..80 {
            let (history, ids) = spoken(&mut random, count, 20, 1000);
            for (place, id) in ids.iter().enumerate() {
                let kept = place + 20 >= ids.len();
                match history.find(*id) {
                    Place::Here(said) => assert!(kept && said.message_id == *id),
                    Place::Forgotten => assert!(!kept),
                    Place::Nowhere => panic!("{id} was said"),
                }
            }
            for side in [1, -1] {
                let next = side * (history.count(side) as i32 + 1);
                assert!(matches!(history.find(next), Place::Nowhere));
            }
            let messages = history.messages().cloned().collect();
            assert_eq!(History::recalled(messages, history.counts()).is_some(), count > 0);
        }
    }

    #[test]
    fn bodies_take_no_more_than_they_may_and_the_oldest_go_first() {
        let (mut history, _) = spoken(&mut fastrand::Rng::with_seed(4), 30, 20, 16);
        let with_body =
            |history: &History<Bare>| history.messages().map(|said| said.body.is_some()).collect::<Vec<_>>();
        assert_eq!(history.body_bytes(), 16);
        assert_eq!(with_body(&history), [vec![false; 12], vec![true; 8]].concat(), "a weight of 2 each");
        history.push(claim(history.count(1) as i32 + 1), None, 20, 16);
        history.push(claim(history.count(1) as i32 + 1), Some(&Bare), 20, 16);
        assert_eq!(with_body(&history), [vec![false; 11], vec![true; 7], vec![false, true]].concat());
        history.strip();
        assert_eq!((history.body_bytes(), history.messages().count()), (0, 20));
    }

    #[test]
    fn what_is_taken_back_was_never_said() {
        let mut random = fastrand::Rng::with_seed(5);
        for count in 1..40 {
            let (mut history, ids) = spoken(&mut random, count, 20, 16);
            let next = history.count(1) as i32 + 1;
            let before = history.counts();
            history.push(claim(next), Some(&Bare), 20, 16);
            history.pop();
            assert_eq!(history.counts(), before);
            assert!(matches!(history.find(next), Place::Nowhere));
            assert_eq!(history.last_message().map(|said| said.message_id), ids.last().copied());
            history.push(claim(next), Some(&Bare), 20, 16);
            assert!(matches!(history.find(next), Place::Here(_)));
            let weights: u32 = history.messages().map(|said| said.weight).sum();
            assert_eq!(history.body_bytes(), weights as usize);
        }
    }

    #[test]
    fn a_history_with_gaps_is_not_taken_back() {
        for (ids, last) in [
            (vec![1, 3], [3, 0]),
            (vec![1, -1], [1, 0]),
            (vec![2], [2, 1]),
            (vec![-1, 1], [1, 2]),
            (vec![i32::MIN], [0, u32::MAX]),
            (vec![0], [1, 1]),
        ] {
            let messages: VecDeque<Said<Bare>> = ids.iter().map(|id| said(*id)).collect();
            let whole = History::recalled(messages, last).is_some();
            assert_eq!(whole, ids == [2], "{ids:?} {last:?}");
        }
    }
}

//! The plan of a child container: who of its members lies down and who rises, in which order.
//!
//! Pure: it is told what happened and says the next step, and nothing here waits, locks or sends. Always true: members
//! lie down in the reverse order of their start, one after the other, and rise in its order, one after the other;
//! nobody rises while somebody else has still to lie down. Neighbour: [`branch`](super::branch) does the steps.

use folkmoot_agents::deadlines::LinkInstant;

use super::Strategy;

/// Names a member of a child container; unique in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(pub(crate) u64);

/// What a member is doing, as far as the plan goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Its first start has not finished.
    New,
    Up,
    /// It was asked to lie down.
    LyingDown,
    Down,
    /// It was asked to rise.
    Rising,
    /// It was asked to end.
    Ending,
}

#[derive(Debug)]
struct Place {
    id: MemberId,
    /// Whether it is never started anew.
    temporary: bool,
    doing: Doing,
    /// Whether it has to lie down, as soon as those that started after it have.
    must_lie_down: bool,
}

/// What the members are to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    Up,
    Down,
    /// They end where they lie down.
    Gone,
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    LieDown(MemberId),
    Rise(MemberId),
    End(MemberId),
    /// Nothing before that moment.
    Pause(LinkInstant),
    /// Somebody has still to do what was asked.
    Wait,
    /// The aim is reached.
    Settled,
}

/// What becomes of a member that crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It starts anew by itself: nobody else is concerned.
    Alone,
    /// It lies down, and the plan says when it rises.
    LiesDown,
}

/// The members in the order of their start, and what they are to come to.
#[derive(Debug)]
pub(crate) struct Plan {
    strategy: Strategy,
    places: Vec<Place>,
    aim: Aim,
    pause: Option<LinkInstant>,
    /// Whether there was nothing to do when all were looked at, and nothing came of what happened since: with many
    /// members each that starts would cost a look at all.
    calm: bool,
}

impl Plan {
    pub(crate) fn new(strategy: Strategy) -> Plan {
        Plan { strategy, places: Vec::new(), aim: Aim::Up, pause: None, calm: true }
    }

    pub(crate) fn aim(&self) -> Aim {
        self.aim
    }

    /// The members, in the order of their start.
    pub(crate) fn members(&self) -> impl DoubleEndedIterator<Item = MemberId> {
        self.places.iter().map(|place| place.id)
    }

    /// Whether members are on their way down or up.
    pub(crate) fn is_moving(&self) -> bool {
        self.pause.is_some()
            || self
                .places
                .iter()
                .any(|place| place.must_lie_down || !matches!(place.doing, Doing::New | Doing::Up))
    }

    /// Whether that member is on its first start or on another that was asked for.
    pub(crate) fn is_rising(&self, id: MemberId) -> bool {
        self.places.iter().any(|place| place.id == id && place.doing == Doing::Rising)
    }

    /// A member comes in whose first start has yet to finish.
    pub(crate) fn enter(&mut self, id: MemberId, temporary: bool) {
        self.places.push(Place { id, temporary, doing: Doing::New, must_lie_down: false });
    }

    /// A member has ended.
    pub(crate) fn remove(&mut self, id: MemberId) {
        if let Some(at) = self.places.iter().rposition(|place| place.id == id) {
            self.places.remove(at);
        }
    }

    /// A start has gone well.
    pub(crate) fn started(&mut self, id: MemberId) {
        let down = self.aim != Aim::Up;
        if let Some(place) = self.place(id)
            && matches!(place.doing, Doing::New | Doing::Rising)
        {
            place.doing = Doing::Up;
            place.must_lie_down |= down;
            // One that had not started when the others lay down.
            let follows = place.must_lie_down;
            self.calm &= !follows;
        }
    }

    /// A member lies down as it was asked to.
    pub(crate) fn lies_down(&mut self, id: MemberId) {
        if let Some(place) = self.place(id)
            && place.doing == Doing::LyingDown
        {
            place.doing = Doing::Down;
        }
    }

    /// Whether a crash of that member would change anything: not where it is to lie down in any case.
    pub(crate) fn heeds(&mut self, id: MemberId) -> bool {
        self.aim == Aim::Up
            && self.place(id).is_some_and(|place| {
                !place.must_lie_down && matches!(place.doing, Doing::New | Doing::Up | Doing::Rising)
            })
    }

    /// A member has crashed that lies down whatever comes of it.
    pub(crate) fn falls(&mut self, id: MemberId) {
        self.calm = false;
        if let Some(place) = self.place(id) {
            place.doing = Doing::Down;
            place.must_lie_down = false;
        }
    }

    /// A member has crashed, and is to be started anew after a pause until `not_before`.
    pub(crate) fn crashed(&mut self, id: MemberId, not_before: LinkInstant) -> Fate {
        if self.strategy == Strategy::OneForOne {
            // Where it was asked to rise it goes on trying, and those behind it wait.
            return Fate::Alone;
        }
        self.falls(id);
        let at = self.places.iter().position(|place| place.id == id).unwrap_or(self.places.len());
        let first = if self.strategy == Strategy::OneForAll { 0 } else { at };
        for place in self.places.iter_mut().skip(first).filter(|place| place.id != id) {
            // One that has not started yet did so beside the old ones: it starts anew after them.
            place.must_lie_down |= matches!(place.doing, Doing::New | Doing::Up | Doing::Rising);
        }
        self.pause = Some(self.pause.map_or(not_before, |pause| pause.max(not_before)));
        Fate::LiesDown
    }

    /// All lie down, to rise again or to end.
    pub(crate) fn lower(&mut self, aim: Aim) {
        self.aim = aim;
        self.pause = None;
        self.calm = false;
        for place in &mut self.places {
            place.must_lie_down |= matches!(place.doing, Doing::New | Doing::Up | Doing::Rising);
        }
    }

    /// All that lie down rise, not before that moment.
    pub(crate) fn raise(&mut self, not_before: Option<LinkInstant>) {
        self.aim = Aim::Up;
        self.pause = not_before;
        self.calm = false;
    }

    /// The next step; whatever it asks of a member is taken for asked.
    pub(crate) fn next(&mut self, now: LinkInstant) -> Step {
        if self.calm {
            return Step::Settled;
        }
        if self.has_any(|place| matches!(place.doing, Doing::LyingDown | Doing::Ending)) {
            return Step::Wait;
        }
        let can_lie_down = |place: &Place| place.must_lie_down && place.doing != Doing::New;
        if let Some(place) = self.places.iter_mut().rev().find(|place| can_lie_down(place)) {
            place.must_lie_down = false;
            place.doing = Doing::LyingDown;
            return Step::LieDown(place.id);
        }
        let all_end = self.aim == Aim::Gone;
        let ends = |place: &Place| place.doing == Doing::Down && (place.temporary || all_end);
        if let Some(place) = self.places.iter_mut().rev().find(|place| ends(place)) {
            place.doing = Doing::Ending;
            return Step::End(place.id);
        }
        match self.aim {
            Aim::Down => return Step::Settled,
            Aim::Gone if self.places.is_empty() => return Step::Settled,
            Aim::Gone => return Step::Wait,
            Aim::Up => {}
        }
        if let Some(pause) = self.pause {
            if now < pause {
                return Step::Pause(pause);
            }
            self.pause = None;
        }
        if self.has_any(|place| place.doing == Doing::Rising) {
            return Step::Wait;
        }
        match self.places.iter_mut().find(|place| place.doing == Doing::Down) {
            Some(place) => {
                place.doing = Doing::Rising;
                Step::Rise(place.id)
            }
            None => {
                self.calm = true;
                Step::Settled
            }
        }
    }

    fn place(&mut self, id: MemberId) -> Option<&mut Place> {
        // From the end: mostly it is one that has just come.
        self.places.iter_mut().rev().find(|place| place.id == id)
    }

    fn has_any(&self, look: impl Fn(&Place) -> bool) -> bool {
        self.places.iter().any(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: LinkInstant = LinkInstant(0);

    fn id(n: u64) -> MemberId {
        MemberId(n)
    }

    fn plan(strategy: Strategy, members: u64) -> Plan {
        let mut plan = Plan::new(strategy);
        for n in 1..=members {
            plan.enter(id(n), false);
            plan.started(id(n));
        }
        plan
    }

    /// Does what the plan says until it is settled, and tells in which order.
    fn run(plan: &mut Plan) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            let step = plan.next(LinkInstant(u64::MAX));
            match step {
                Step::LieDown(member) => plan.lies_down(member),
                Step::Rise(member) => plan.started(member),
                Step::End(member) => plan.remove(member),
                Step::Pause(_) | Step::Wait => panic!("nobody is waited for: {plan:?}"),
                Step::Settled => return steps,
            }
            steps.push(step);
        }
    }

    #[test]
    fn each_strategy_concerns_those_whom_it_names_in_order() {
        let mut alone = plan(Strategy::OneForOne, 3);
        assert_eq!(alone.crashed(id(2), AT_ONCE), Fate::Alone);
        assert_eq!(run(&mut alone), []);
        let mut rest = plan(Strategy::RestForOne, 4);
        assert_eq!(rest.crashed(id(2), AT_ONCE), Fate::LiesDown);
        let down = [Step::LieDown(id(4)), Step::LieDown(id(3))];
        let up = [Step::Rise(id(2)), Step::Rise(id(3)), Step::Rise(id(4))];
        assert_eq!(run(&mut rest), [&down[..], &up].concat());
        let mut all = plan(Strategy::OneForAll, 3);
        all.crashed(id(2), AT_ONCE);
        let down = [Step::LieDown(id(3)), Step::LieDown(id(1))];
        let up = [Step::Rise(id(1)), Step::Rise(id(2)), Step::Rise(id(3))];
        assert_eq!(run(&mut all), [&down[..], &up].concat());
        assert!(!all.is_moving());
    }

    #[test]
    fn nobody_rises_before_the_pause_is_over_or_while_one_lies_down() {
        let mut plan = plan(Strategy::OneForAll, 2);
        plan.crashed(id(1), LinkInstant(50));
        assert_eq!(plan.next(AT_ONCE), Step::LieDown(id(2)));
        assert_eq!(plan.next(LinkInstant(60)), Step::Wait);
        plan.lies_down(id(2));
        assert_eq!(plan.next(LinkInstant(49)), Step::Pause(LinkInstant(50)));
        assert_eq!(plan.next(LinkInstant(50)), Step::Rise(id(1)));
        assert_eq!(plan.next(LinkInstant(50)), Step::Wait);
        plan.started(id(1));
        assert_eq!(plan.next(LinkInstant(50)), Step::Rise(id(2)));
    }

    #[test]
    fn a_crash_amid_a_recovery_begins_it_anew() {
        let mut plan = plan(Strategy::OneForAll, 3);
        plan.crashed(id(3), AT_ONCE);
        for asked in [Step::LieDown(id(2)), Step::LieDown(id(1))] {
            assert_eq!(plan.next(AT_ONCE), asked);
            plan.lies_down(if asked == Step::LieDown(id(2)) { id(2) } else { id(1) });
        }
        assert_eq!(plan.next(AT_ONCE), Step::Rise(id(1)));
        plan.started(id(1));
        assert_eq!(plan.next(AT_ONCE), Step::Rise(id(2)));
        // The first crashes again while the second is on its way up.
        assert!(plan.heeds(id(1)));
        plan.crashed(id(1), AT_ONCE);
        assert_eq!(plan.next(AT_ONCE), Step::LieDown(id(2)));
        // It had just started when the order came: that start counts for nothing.
        plan.started(id(2));
        plan.lies_down(id(2));
        assert_eq!(run(&mut plan), [Step::Rise(id(1)), Step::Rise(id(2)), Step::Rise(id(3))]);
    }

    #[test]
    fn one_that_crashes_on_its_way_down_lies_down_and_counts_for_nothing() {
        let mut plan = plan(Strategy::OneForAll, 2);
        plan.crashed(id(1), AT_ONCE);
        assert!(!plan.heeds(id(2)), "it is about to lie down");
        assert_eq!(plan.next(AT_ONCE), Step::LieDown(id(2)));
        plan.falls(id(2));
        assert_eq!(plan.next(AT_ONCE), Step::Rise(id(1)));
        // The answer to the order comes late.
        plan.lies_down(id(2));
        plan.started(id(1));
        assert_eq!(plan.next(AT_ONCE), Step::Rise(id(2)));
        plan.lies_down(id(2));
        assert!(plan.is_rising(id(2)));
    }

    #[test]
    fn temporary_members_end_where_others_rise() {
        let mut plan = plan(Strategy::OneForAll, 1);
        plan.enter(id(2), true);
        plan.started(id(2));
        plan.crashed(id(1), AT_ONCE);
        assert_eq!(run(&mut plan), [Step::LieDown(id(2)), Step::End(id(2)), Step::Rise(id(1))]);
        assert_eq!(plan.members().count(), 1);
    }

    #[test]
    fn one_that_had_not_started_yet_starts_anew_after_the_others() {
        let mut plan = plan(Strategy::OneForAll, 1);
        plan.enter(id(2), false);
        plan.crashed(id(1), AT_ONCE);
        // The new one is waited for by nobody: it may itself wait for the first.
        assert_eq!(plan.next(AT_ONCE), Step::Rise(id(1)));
        plan.started(id(1));
        plan.started(id(2));
        assert_eq!(run(&mut plan), [Step::LieDown(id(2)), Step::Rise(id(2))]);
    }

    #[test]
    fn lowered_and_raised_all_start_anew_in_order_whatever_the_strategy() {
        for strategy in [Strategy::OneForOne, Strategy::RestForOne, Strategy::OneForAll] {
            let mut plan = plan(strategy, 2);
            plan.lower(Aim::Down);
            assert!(!plan.heeds(id(1)));
            assert_eq!(run(&mut plan), [Step::LieDown(id(2)), Step::LieDown(id(1))]);
            plan.raise(None);
            assert_eq!(run(&mut plan), [Step::Rise(id(1)), Step::Rise(id(2))]);
        }
    }

    #[test]
    fn who_is_to_be_gone_ends_also_where_it_starts_late() {
        let mut plan = plan(Strategy::OneForOne, 1);
        plan.enter(id(2), false);
        plan.lower(Aim::Gone);
        assert_eq!(plan.next(AT_ONCE), Step::LieDown(id(1)));
        plan.lies_down(id(1));
        assert_eq!(plan.next(AT_ONCE), Step::End(id(1)));
        plan.remove(id(1));
        assert_eq!(plan.next(AT_ONCE), Step::Wait);
        plan.started(id(2));
        assert_eq!(run(&mut plan), [Step::LieDown(id(2)), Step::End(id(2))]);
    }
}

//! One conformance suite over every engine: what an exchange promises, whatever stores it.
//!
//! Each test is a function over a [`World`](conformance::world::World), which an engine makes; the list below runs all
//! of them over each. A new engine is one line in `engines!`, a new test one in its module's list.

mod conformance {
    pub(crate) mod basics;
    pub(crate) mod bounds;
    pub(crate) mod waiting;
    pub(crate) mod world;
}

/// Runs every test over every engine.
macro_rules! engines {
    ($($engine:ident),*) => { $(
        mod $engine {
            use crate::conformance::world::World;

            engines!(@tests $engine basics: [
                a_mail_is_delivered_once_it_was_sent_and_never_after_it_was_acknowledged,
                mail_is_delivered_in_the_order_in_which_it_was_accepted_higher_priorities_first,
                a_receiver_that_waits_gets_what_is_sent_meanwhile,
                a_receiver_that_waits_in_vain_gets_nothing,
                what_is_not_acknowledged_within_its_lease_is_delivered_again,
                a_mailbox_is_missing_then_inactive_then_active_then_terminated,
                terminating_answers_every_request_read_or_not,
                terminating_tells_those_who_wait,
                a_retried_send_is_delivered_once
            ]);
            engines!(@tests $engine bounds: [
                a_full_mailbox_refuses_and_takes_mail_again_when_some_was_acknowledged
            ]);
            engines!(@tests $engine waiting: [
                a_receiver_that_goes_away_takes_no_mail_with_it
            ]);
        }
    )* };
    (@tests $engine:ident $module:ident: [$($test:ident),*]) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                crate::conformance::$module::$test(super::World::$engine().await).await;
            })*
        }
    };
}

engines!(memory);

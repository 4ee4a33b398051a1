//! The tests of the suite, by module: whoever runs them over an exchange hands a macro of its own in.
//!
//! Neighbours: `conformance.rs` runs them over every engine, the platform's tests over the exchange of another node.

/// Hands what is given and every test to `$run`, but those that have threads of their own.
macro_rules! every_test {
    ($run:ident: $given:ident) => {
        $run! {
            $given;
            basics: [
                a_mail_is_delivered_once_it_was_sent_and_never_after_it_was_acknowledged,
                mail_is_delivered_in_the_order_in_which_it_was_accepted_higher_priorities_first,
                a_mailbox_is_missing_then_inactive_then_active_then_terminated,
                a_retried_send_is_delivered_once,
                a_closed_exchange_says_so_and_tells_those_who_wait,
                stats_tell_what_a_mailbox_holds_and_has_done,
                what_happens_is_counted,
            ]
            bounds: [
                a_full_mailbox_refuses_and_takes_mail_again_when_some_was_acknowledged,
                a_mailbox_may_ask_for_less_of_one_thing_and_for_the_most_of_all_others,
                each_bound_of_a_mailbox_holds_and_is_named,
                each_bound_of_the_exchange_holds_and_is_named,
                what_cannot_be_is_refused_with_what_to_do,
            ]
            deliveries: [
                what_is_not_acknowledged_within_its_lease_is_delivered_again,
                a_delivery_is_kept_longer_when_it_is_extended,
                a_refused_mail_comes_again_after_its_pause_and_in_its_old_place,
                what_was_not_looked_at_goes_back_and_does_not_count,
                after_its_last_attempt_a_mail_is_a_dead_letter_with_a_cause,
                what_expires_is_a_dead_letter_but_not_in_hand,
                dead_letters_are_listed_requeued_and_purged,
                peeking_shows_what_waits_and_takes_nothing,
                purging_spares_what_is_in_hand,
                several_deliveries_come_at_once_and_as_many_as_may_be_in_hand,
            ]
            directory: [
                agents_are_found_by_type_subtype_capability_and_name,
                pages_follow_each_other_in_the_order_of_registration,
                who_registers_again_is_found_by_what_holds_now,
            ]
            owners: [
                there_is_one_owner_and_only_it_receives,
                a_past_owner_can_do_nothing_any_more,
                an_owner_that_gives_up_makes_way_at_once,
                a_lease_that_is_not_renewed_is_over,
            ]
            rights: [
                a_mailbox_is_its_owners_until_it_is_shared,
                only_an_owner_shares_and_only_with_groups_of_theirs,
                nobody_sends_in_anothers_name,
                mail_that_another_gate_admitted_or_another_name_was_judged_for_is_not_taken,
                states_and_leases_are_the_containers_alone,
            ]
            steps: [
                a_step_is_done_all_at_once,
                of_a_step_that_is_refused_nothing_was_done,
                a_state_is_written_only_over_the_revision_that_was_read,
                states_are_listed_by_what_their_keys_begin_with,
                a_page_of_large_states_ends_early,
                an_answer_to_nobody_keeps_no_step_from_being_done,
                a_step_sees_what_it_has_done_itself,
            ]
            tracking: [
                whoever_asked_is_told_that_the_request_is_dead,
                deaths_are_told_in_their_order_then_those_in_the_mailboxes_of_whom_that_told,
                nobody_is_told_that_a_mail_is_dead_who_does_not_wait,
                notices_of_death_keep_to_the_bounds,
                terminating_answers_every_request_read_or_not,
                an_answered_or_expired_request_is_not_answered_again,
                an_answer_to_a_requester_that_is_gone_settles_its_request,
                terminating_answers_even_those_whose_mailbox_is_full,
            ]
            waiting: [
                a_receiver_that_waits_gets_what_is_sent_meanwhile,
                a_receiver_that_waits_in_vain_gets_nothing,
                terminating_tells_those_who_wait,
                a_receiver_that_goes_away_takes_no_mail_with_it,
                each_of_many_receivers_gets_its_mail,
                one_of_those_who_wait_learns_when_anothers_lease_ends,
                room_in_hand_wakes_one_who_waits,
                a_listener_gives_what_comes_and_ends_when_nothing_does,
                a_dropped_listener_gives_back_what_it_has_not_handed_out,
                those_who_wait_are_bounded,
            ]
        }
    };
}

/// The same, for those that have.
#[allow(unused_macros, reason = "they are for engines, which are asked from any thread")]
macro_rules! every_threaded_test {
    ($run:ident: $given:ident) => {
        $run! {
            $given;
            waiting: [
                threads_that_send_and_receive_at_once_miss_nothing,
            ]
            model: [
                random_operations_do_what_a_simple_model_does,
            ]
        }
    };
}

//! Academy's front door as raw HTTP sees it: every route, code and header, and what others get wrong.
//!
//! What Academy's own server gets wrong, and which test shows that this one does not:
//!
//! | there | here |
//! |---|---|
//! | a listener that goes away swallows the next message | [`delivery`], `a_listener_that_goes_away_takes_no_message_with_it` |
//! | terminating answers 404, and nobody further, where a requester is not registered | [`routes`], `terminating_answers_every_request_that_nobody_has_answered` |
//! | a second passes until a stream is renewed, or its end is noticed | [`streams`], `a_stream_ends_when_nothing_came_for_its_time_and_its_connection_goes_on`, `a_stream_ends_at_once_when_its_mailbox_is_terminated` |
//! | what is malformed, a `timeout` of null and HEAD are answered with 500 | [`hostile`], `a_body_that_is_no_object_is_the_clients_mistake`, `head_receives_nothing`; [`older_clients`], `a_time_of_null_is_waited_for_without_an_end` |
//! | signs of life and figures of mailboxes that are not there | [`routes`], `unknown_and_terminated_mailboxes_have_their_codes` |
//! | an unshare of what was never shared is answered with 400 | [`tokens`], `an_unshare_of_what_was_never_shared_is_no_mistake` |
//! | a message that is sent again comes twice | [`delivery`], `a_message_that_is_sent_again_is_delivered_once` |
//! | anyone reads, ends and speaks as anyone's mailbox | [`tokens`], `a_mailbox_is_its_owners_until_it_is_shared`, `nobody_sends_in_anothers_name` |
//! | a restart loses all | `platform/cli/tests/exchange.rs`, `in_a_folder_mail_outlives_the_server_however_it_ends` |
//! | memory without a bound | [`hostile`], `a_full_mailbox_says_so_and_takes_more_once_there_is_room`, `more_connections_than_may_be_are_closed_and_the_others_go_on` |
//!
//! Neighbours: `academy/scenario.py` has Academy's own clients do the same in the live lane; the exchange behind it has a
//! suite of its own.

#[path = "http/answering.rs"]
mod answering;
#[path = "http/client.rs"]
mod client;
#[path = "http/counts.rs"]
mod counts;
#[cfg(unix)]
#[path = "http/crashing.rs"]
mod crashing;
#[path = "http/delivery.rs"]
mod delivery;
#[path = "http/handles.rs"]
mod handles;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/older_clients.rs"]
mod older_clients;
#[path = "http/routes.rs"]
mod routes;
#[path = "http/serving.rs"]
mod serving;
#[path = "http/streams.rs"]
mod streams;
#[path = "http/tokens.rs"]
mod tokens;

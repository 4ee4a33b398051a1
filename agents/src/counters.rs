//! The counters of a container's agents and links, and of front doors, their names in one table.
//!
//! Handles are taken from the `metrics` recorder once, when a container or a front door starts: install the recorder before.
//! Neighbours: agents and links count here, [`door`] has what front doors count; nothing else in Folkmoot names a metric.

mod door;

pub use door::{DoorCounters, Outcome};
use metrics::{Counter, Gauge, counter, gauge};

macro_rules! table {
    (
        $($field:ident: $kind:ident = $name:literal, $text:literal;)*
        @doors: $($of_doors:ident: $doors_kind:ident = $doors_name:literal, $doors_text:literal;)*
    ) => {
        /// One handle per row of [`TABLE`], but for those of front doors.
        pub struct Counters {
            $(#[doc = $text] pub $field: $kind,)*
        }

        /// Every metric: name, kind, meaning.
        pub const TABLE: &[(&str, &str, &str)] = &[
            $(($name, stringify!($kind), $text),)*
            $(($doors_name, stringify!($doors_kind), $doors_text),)*
        ];

        $(#[doc = $doors_text] const $of_doors: &str = $doors_name;)*

        impl Counters {
            /// Takes all handles from the recorder, labelled with the node's name.
            pub fn new(node: &str) -> Counters {
                Counters { $($field: take!($kind, $name, node),)* }
            }
        }
    };
}

macro_rules! take {
    (Counter, $name:literal, $node:expr) => {
        counter!($name, "node" => $node.to_owned())
    };
    (Gauge, $name:literal, $node:expr) => {
        gauge!($name, "node" => $node.to_owned())
    };
}

table! {
    calls: Counter = "folkmoot_calls_total", "Turns that ended, well or not: calls and timers.";
    panics: Counter = "folkmoot_panics_total", "Turns, starts, stops and factories that panicked, and starts and stops that failed.";
    restarts: Counter = "folkmoot_restarts_total", "Agents that were started anew, after a crash or an end of their own.";
    escalations: Counter = "folkmoot_escalations_total", "Child containers that gave up, and left it to the container above to say what follows.";
    containers_down: Counter = "folkmoot_containers_down_total", "Child containers that gave up and stay down, their agents with them.";
    messages_in: Counter = "folkmoot_messages_in_total", "Messages of protocols that agents took in.";
    messages_out: Counter = "folkmoot_messages_out_total", "Messages of protocols that the other side took in.";
    messages_refused: Counter = "folkmoot_messages_refused_total", "Messages of protocols that were refused.";
    messages_refused_by_peers: Counter = "folkmoot_messages_refused_by_peers_total", "Messages of protocols sent by mail that the other side has refused, which ended their dialogues.";
    ways_back_refused: Counter = "folkmoot_ways_back_refused_total", "Messages whose sender named a place to be answered at that nothing shows to be its own.";
    messages_unread: Counter = "folkmoot_messages_unread_total", "Messages of protocols that nobody had asked for when their dialogue was over.";
    dialogues_timed_out: Counter = "folkmoot_dialogues_timed_out_total", "Dialogues in which nobody spoke for their time-out.";
    dialogues_given_up_by_peers: Counter = "folkmoot_dialogues_given_up_by_peers_total", "Dialogues that the other side has given up, and told so.";
    dialogues_untold: Counter = "folkmoot_dialogues_untold_total", "Dialogues that ended with their agent's life without a word to the other side, for there were too many.";
    dialogue_ends_untold: Counter = "folkmoot_dialogue_ends_untold_total", "Dialogues whose end their own agent was not told: too many ends waited, or it lost its mailbox before.";
    dialogues_lost: Counter = "folkmoot_dialogues_lost_total", "Dialogues that were kept and could not be taken back.";
    snapshots_kept: Counter = "folkmoot_snapshots_kept_total", "Changes of agents' fields that were kept.";
    snapshots_refused: Counter = "folkmoot_snapshots_refused_total", "Changes of agents' fields that were not kept, and taken back.";
    agents: Gauge = "folkmoot_agents", "Agents that live now.";
    overloads: Counter = "folkmoot_overloads_total", "Calls refused because a bounded queue was full.";
    one_way_failures: Counter = "folkmoot_one_way_failures_total", "One-way calls that ended with an error, or never left.";
    cancels: Counter = "folkmoot_cancels_total", "Turns dropped because nobody waited any more.";
    answers_dropped: Counter = "folkmoot_answers_dropped_total", "Answers that were not sent, or not to their end, because nobody waited any more.";
    retries: Counter = "folkmoot_retries_total", "Idempotent calls that were made again, after an attempt that failed.";
    retries_refused: Counter = "folkmoot_retries_refused_total", "Idempotent calls that were not made again because the budget of retries was spent.";
    repeated_requests: Counter = "folkmoot_repeated_requests_total", "Requests that came again under their key and were answered with the first one's reply.";
    replies_not_kept: Counter = "folkmoot_replies_not_kept_total", "Replies to idempotent calls for which there was no room, or not until their time was over.";
    deadlocks: Counter = "folkmoot_deadlocks_total", "Calls refused because they would have waited for themselves.";
    members_passed_over: Counter = "folkmoot_members_passed_over_total", "Members of groups that could not take a call which another may.";
    quorums_missed: Counter = "folkmoot_quorums_missed_total", "Groups in which too few members replied.";
    deadlines: Counter = "folkmoot_deadlines_total", "Calls whose deadline passed.";
    denials: Counter = "folkmoot_denials_total", "Messages that the gate refused.";
    links: Gauge = "folkmoot_links", "Links that are open now.";
    links_opened: Counter = "folkmoot_links_opened_total", "Links opened, by either side.";
    reconnects: Counter = "folkmoot_reconnects_total", "Links opened again after they had broken.";
    links_refused: Counter = "folkmoot_links_refused_total", "Connections closed before their first frame: handshake, certificate, silence, too many.";
    frames_in: Counter = "folkmoot_frames_in_total", "Frames received.";
    frames_out: Counter = "folkmoot_frames_out_total", "Frames sent.";
    bytes_in: Counter = "folkmoot_bytes_in_total", "Bytes received.";
    bytes_out: Counter = "folkmoot_bytes_out_total", "Bytes sent.";
    pieces_in: Counter = "folkmoot_pieces_in_total", "Pieces of large payloads received; each is a frame too.";
    pieces_out: Counter = "folkmoot_pieces_out_total", "Pieces of large payloads sent; each is a frame too.";
    bad_frames: Counter = "folkmoot_bad_frames_total", "Frames that broke the rules of the wire and closed their link.";
    bad_requests: Counter = "folkmoot_bad_requests_total", "Requests that could be answered only with what is wrong with them.";
    hostings_refused: Counter = "folkmoot_hostings_refused_total", "Agents that a joined node listed and that were left out: no rule lets it host them, or they are too many.";
    orphan_replies: Counter = "folkmoot_orphan_replies_total", "Replies that nobody waited for.";
    link_crashes: Counter = "folkmoot_link_crashes_total", "Agents that crashed because one that they are linked to did, or was lost.";
    missed_events: Counter = "folkmoot_missed_events_total", "Events of agents that were not kept, for a monitor took them too slowly.";
    stray_events: Counter = "folkmoot_stray_events_total", "Events of agents that came from other nodes and that nobody waits for here.";
    certs_reloaded: Counter = "folkmoot_certs_reloaded_total", "Changes of the node's certificates that were taken.";
    certs_refused: Counter = "folkmoot_certs_refused_total", "Changes of the node's certificates that were refused, the old ones kept.";
    far_operations: Counter = "folkmoot_exchange_far_operations_total", "Operations of the container's exchange that other nodes asked for.";
    far_receivers: Gauge = "folkmoot_exchange_far_receivers", "Receivers of other nodes that wait for mail now, or whose mail is on its way to them.";
    far_deliveries_lost: Counter = "folkmoot_exchange_far_deliveries_lost_total", "Deliveries to other nodes that went back at once: their receiver went away, or its link ended, before they had arrived.";
    far_attempts: Counter = "folkmoot_exchange_far_attempts_total", "Operations of another node's exchange that were asked for again, after a link broke.";
    far_give_backs_lost: Counter = "folkmoot_exchange_far_give_backs_lost_total", "Deliveries that were to go back to another node's exchange, and did not get there: their leases end by themselves.";
    mails_accepted: Counter = "folkmoot_mails_accepted_total", "Mails that the container's exchange took.";
    mails_repeated: Counter = "folkmoot_mails_repeated_total", "Mails that came again and were known from their first time.";
    mails_refused: Counter = "folkmoot_mails_refused_total", "Mails that the exchange did not take: no such mailbox, a full one, a wrong mail.";
    mails_delivered: Counter = "folkmoot_mails_delivered_total", "Deliveries of mail, first ones and others.";
    mails_redelivered: Counter = "folkmoot_mails_redelivered_total", "Deliveries of mail that had been delivered before.";
    mails_acknowledged: Counter = "folkmoot_mails_acknowledged_total", "Mails that were acknowledged, and are done with.";
    mails_given_back: Counter = "folkmoot_mails_given_back_total", "Deliveries that were given back, to be delivered again or not.";
    late_words: Counter = "folkmoot_late_words_total", "Words about deliveries and states that were refused because a lease was over.";
    dead_letters: Counter = "folkmoot_dead_letters_total", "Mails that became dead letters.";
    dead_letters_lost: Counter = "folkmoot_dead_letters_lost_total", "Dead letters that were thrown away because there were too many.";
    deaths_told: Counter = "folkmoot_dead_letters_told_total", "Requests whose senders were told that they are dead letters, or were purged.";
    deaths_untold: Counter = "folkmoot_dead_letters_untold_total", "Requests that are dead and whose senders were not told, for their own mailboxes were full.";
    mails_thrown_away: Counter = "folkmoot_mails_thrown_away_total", "Mails and dead letters that were purged, or went with their mailbox.";
    mailboxes_terminated: Counter = "folkmoot_mailboxes_terminated_total", "Mailboxes that were terminated.";
    mailboxes_forgotten: Counter = "folkmoot_mailboxes_forgotten_total", "Terminated mailboxes that were forgotten because there were too many.";
    mails_handled: Counter = "folkmoot_mails_handled_total", "Mails that an agent has handled, and that are done with.";
    mails_retried: Counter = "folkmoot_mails_retried_total", "Mails that an agent did not handle and that it tries again, unless that was the last attempt.";
    mails_unreadable: Counter = "folkmoot_mails_unreadable_total", "Mails that became dead letters because their handler could not read them.";
    mails_unhandled: Counter = "folkmoot_mails_unhandled_total", "Mails that became dead letters because their agent has no handler for them.";
    mails_crashing: Counter = "folkmoot_mails_crashing_total", "Mails that became dead letters because they crashed their agent again and again.";
    mails_denied: Counter = "folkmoot_mails_denied_total", "Mails that became dead letters because the gate of their agent's node refused them.";
    answers_late: Counter = "folkmoot_answers_late_total", "Answers that came by mail and that nobody waited for.";
    mailboxes_lost: Counter = "folkmoot_mailboxes_lost_total", "Times that an agent's mailbox was another owner's, or might be: it is started anew once it has it again, or ends.";
    mailboxes_retaken: Counter = "folkmoot_mailboxes_retaken_total", "Of these, those after which the agent had its mailbox again.";
    foreign_requests: Counter = "folkmoot_foreign_requests_total", "Mails of other platforms that asked something of agents here, again where they came again.";
    foreign_answers: Counter = "folkmoot_foreign_answers_total", "Of these, those that were answered and acknowledged.";
    workers_blocked: Counter = "folkmoot_workers_blocked_total", "Times that a worker did not answer the watchdog.";
    @doors:
    REQUESTS: Counter = "folkmoot_door_requests_total", "Requests that a front door answered, by route and outcome.";
    REFUSALS: Counter = "folkmoot_door_refusals_total", "Requests that a front door refused, by cause.";
    BYTES_IN: Counter = "folkmoot_door_bytes_in_total", "Bytes that a front door read.";
    BYTES_OUT: Counter = "folkmoot_door_bytes_out_total", "Bytes that a front door wrote.";
    CONNECTIONS: Gauge = "folkmoot_door_connections", "Connections to a front door that are open now.";
    CONNECTIONS_CUT: Counter = "folkmoot_door_connections_cut_total", "Connections that a front door did not take, or ended before their client did, by cause.";
    STREAMS: Gauge = "folkmoot_door_streams", "Streams of mail that a front door has open now.";
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}

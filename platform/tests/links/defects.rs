//! What users of aiomas 2.0.1 run into, by number, and the test of each that it does not happen here.
//!
//! Most of these tests stand where they belong; those that belong nowhere else stand here. Always true: no number is
//! without a test, and each test that is named is there. Neighbour: the guide's page `aiomas` tells users of these.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{LinkLimits, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::counts::Counts;
use super::left_behind::Watch;

/// How long a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

macro_rules! tests {
    ($($number:literal $what:literal: $($file:literal $test:literal),+;)*) => {
        /// Number, what happens with aiomas, and the tests: the text of the file, and the function's name.
        const DEFECTS: [(usize, &str, &[(&str, &str)]); 16] =
            [$(($number, $what, &[$((include_str!($file), $test)),+])),*];
    };
}

tests! {
    1 "a late reply to a call that was given up ends the link":
        "defects.rs" "a_late_reply_to_a_call_that_was_given_up_hurts_no_link";
    2 "no link comes back":
        "broken.rs" "the_same_proxy_works_again_after_the_peers_restart";
    3 "a connect that failed once hangs when it is tried again":
        "broken.rs" "a_failed_attempt_names_its_cause_and_does_not_spoil_the_next",
        "broken.rs" "a_retry_waits_for_a_server_that_comes_later";
    4 "no free port is picked":
        "../../../transports/tests/conformance.rs" "port_zero_becomes_a_real_port";
    5 "calls have no deadline, no cancel and wait for a reply always; what comes has no limit":
        "../calls/cancelling.rs" "a_deadline_ends_a_call_with_the_chain_of_callers",
        "../calls/cancelling.rs" "a_queued_turn_that_was_taken_back_never_runs_and_frees_its_place",
        "../hostile/frames.rs" "wrong_frames_on_a_plain_link_close_it_and_nothing_else",
        "../../../codecs/tests/hostile/chunks.rs" "what_is_promised_within_the_limit_is_held_to_it";
    6 "a map with the key __type__ ends the peer's link":
        "plain_peers.rs" "a_map_of_ones_own_with_that_key_goes_to_folkmoot_peers_and_to_no_other",
        "plain_peers.rs" "what_looks_like_a_special_type_and_is_none_is_answered_and_hurts_no_link";
    7 "proxies cannot be handed on":
        "passing.rs" "the_gate_decides_for_a_third_party_that_a_proxy_was_handed_on_to",
        "plain_peers.rs" "a_peer_that_we_call_gets_its_own_types_and_gives_proxies";
    8 "an empty frame kills a peer that speaks MsgPackBlosc":
        "defects.rs" "an_empty_frame_of_msgpackblosc_ends_its_link_alone";
    9 "paths walk through objects, errors tell of files, and whoever can connect may call everything":
        "defects.rs" "paths_lead_to_exposed_methods_alone_and_errors_tell_of_no_files",
        "secured.rs" "what_no_rule_allows_is_denied_with_the_reason";
    10 "calls that cannot be encoded are kept; queues have no bound":
        "defects.rs" "a_call_that_cannot_be_encoded_leaves_nothing_behind",
        "../hostile/takers.rs" "requests_are_not_read_while_their_answers_are_not_taken";
    11 "agents have no names and never end":
        "../calls/lives.rs" "a_proxy_calls_whoever_bears_the_name_now",
        "../calls/numbered.rs" "numbers_count_up_beside_names_and_none_is_given_twice";
    12 "the type of an error is lost":
        "../../../codecs/tests/conformance/errors.rs" "between_containers_every_error_comes_back",
        "../../../codecs/tests/conformance/errors.rs" "a_method_chooses_the_exception_of_plain_peers",
        "../../../codecs/tests/conformance/errors.rs" "tracebacks_are_taken_apart";
    13 "socket files are left behind and in the way, and have no TLS":
        "../../../transports/tests/unix.rs" "the_files_are_private_and_go_with_the_listener",
        "../../../transports/tests/unix.rs" "what_a_dead_listener_left_is_replaced",
        "unix.rs" "certificates_speak_over_a_socket_and_no_plain_peer_does";
    14 "what belongs to a connection is kept when it has ended":
        "defects.rs" "connections_that_have_ended_are_forgotten";
    15 "an external clock jumps over the times of its sleepers":
        "../calls/clocks.rs" "each_sleeper_sees_its_own_moment_and_equal_ones_wake_in_order",
        "../calls/clocks.rs" "what_is_done_every_so_often_drifts_on_no_external_clock";
    16 "TLS is 1.2 alone":
        "../../../transports/tests/certificates.rs" "a_listener_refuses_each_bad_dialer_and_the_dialer_learns_why",
        "../../../transports/tests/certificates.rs" "tls_1_2_with_ecdhe_and_aes_gcm_works_with_both_kinds_of_key";
}

#[test]
fn every_number_has_its_tests() {
    for (nth, (number, what, tests)) in (1..).zip(DEFECTS) {
        assert_eq!(nth, number, "{what}");
        for (text, test) in tests {
            assert!(text.contains(&format!("fn {test}(")), "{number}, {what}: there is no test {test}");
        }
    }
}

#[derive(Agent, Default)]
struct Host {
    private: u32,
}

#[agent]
impl Host {
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    #[expose]
    fn panics(&self) {
        panic!("on purpose, at {}", self.private);
    }

    #[allow(dead_code, reason = "that it cannot be called is what is tested")]
    fn container(&self) -> u32 {
        self.private
    }
}

async fn host() -> (Container, Counts) {
    let counts = Counts::default();
    let container = counts.during(Container::builder("tcp://127.0.0.1:0").watched()).await.unwrap();
    container.spawn("0", Host::default).await.unwrap();
    (container, counts)
}

async fn dial(container: &Container) -> TcpStream {
    TcpStream::connect(container.endpoint().host_and_port().unwrap()).await.unwrap()
}

async fn send(stream: &mut TcpStream, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], payload].concat()).await.unwrap();
}

async fn next(stream: &mut TcpStream) -> String {
    let read = async {
        let length = stream.read_u32().await.unwrap();
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        String::from_utf8(payload).unwrap()
    };
    timeout(PATIENCE, read).await.expect("something comes")
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_late_reply_to_a_call_that_was_given_up_hurts_no_link() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}/0", server.local_addr().unwrap());
    let node = Container::builder("tcp://127.0.0.1:0").codec(Codec::Json).watched().await.unwrap();
    let serve = async {
        let mut stream = server.accept().await.unwrap().0;
        let mut late = Vec::new();
        loop {
            let call = next(&mut stream).await;
            let (id, rest) = call.strip_prefix("[0,").unwrap().split_once(',').unwrap();
            let reply = match rest {
                rest if rest.starts_with("[\"folkmoot/hello\"") => {
                    format!(r#"[2, {id}, "LookupError: no\n"]"#)
                }
                rest if rest.starts_with("[\"validate_aid\"") => format!(r#"[1, {id}, "Peer"]"#),
                rest if rest.contains("/slow") => {
                    late.push(id.to_owned());
                    continue;
                }
                // Only now the replies that nobody waits for any more.
                rest if rest.contains("/quick") => {
                    for id in late.drain(..) {
                        send(&mut stream, format!(r#"[1, {id}, "late"]"#).as_bytes()).await;
                        send(&mut stream, format!(r#"[2, {id}, "LookupError: twice\n"]"#).as_bytes()).await;
                    }
                    format!(r#"[1, {id}, "quick"]"#)
                }
                _ => format!(r#"[1, {id}, "last"]"#),
            };
            send(&mut stream, reply.as_bytes()).await;
            if rest.contains("/last") {
                return;
            }
        }
    };
    let call = async {
        let agent: Proxy<Untyped> = node.connect(&url).await.unwrap();
        for _ in 0..3 {
            let given_up = agent.call("slow", [0; 0]).deadline(Duration::from_millis(20)).await;
            assert!(matches!(given_up, Err(CallError::DeadlineExceeded { .. })), "{given_up:?}");
        }
        for _ in 0..3 {
            assert_eq!(agent.call("quick", [0; 0]).await.unwrap(), "quick".into());
        }
        assert_eq!(agent.call("last", [0; 0]).await.unwrap(), "last".into());
    };
    timeout(PATIENCE, async { tokio::join!(serve, call) }).await.unwrap();
    node.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_empty_frame_of_msgpackblosc_ends_its_link_alone() {
    let (host, _) = host().await;
    let peer = Container::builder("tcp://127.0.0.1:0").codec(Codec::MsgPackBlosc).watched().await.unwrap();
    let agent: Proxy<Host> = peer.connect(host.url("0")).await.unwrap();
    assert_eq!(agent.echo(1.into()).await.unwrap(), 1.into());
    let mut stream = dial(&host).await;
    // A stored chunk first, `validate_aid` of "0", so that the link speaks MsgPackBlosc; then the empty frame.
    let message = [&[0x93, 0, 0, 0x93, 0xac][..], b"validate_aid", &[0x91, 0xa1], b"0", &[0x80]].concat();
    let length = u32::try_from(message.len()).unwrap();
    let mut chunk = vec![2, 1, 0x13, 8];
    for field in [length, length, length + 16] {
        chunk.extend_from_slice(&field.to_le_bytes());
    }
    chunk.extend_from_slice(&message);
    send(&mut stream, &chunk).await;
    let length = timeout(PATIENCE, stream.read_u32()).await.unwrap().unwrap();
    let mut reply = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut reply).await.unwrap();
    assert!(reply.ends_with(b"Host"), "{reply:?}");
    send(&mut stream, &[]).await;
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the link ends").ok();
    assert_eq!(agent.echo(2.into()).await.unwrap(), 2.into());
    peer.shutdown().await;
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn paths_lead_to_exposed_methods_alone_and_errors_tell_of_no_files() {
    let (host, _) = host().await;
    host.spawn("1", Host::default).await.unwrap();
    let mut stream = dial(&host).await;
    for path in [
        "agents/0/container/agents/1/echo",
        "agents/0/private",
        "agents/0/__class__/echo",
        "agents/0/../1/echo",
        "container/agents/0/echo",
        "agents/0/router/obj/echo",
    ] {
        send(&mut stream, format!(r#"[0, 1, ["{path}", [1], {{}}]]"#).as_bytes()).await;
        let answer = next(&mut stream).await;
        assert!(answer.starts_with(r#"[2,1,"LookupError: Name "#), "{path}: {answer}");
    }
    send(&mut stream, br#"[0, 1, ["agents/0/container", [], {}]]"#).await;
    assert_eq!(next(&mut stream).await, r#"[2,1,"LookupError: \"Host.container\" is not exposed\n"]"#);
    for (method, arguments) in [("panics", "[]"), ("echo", "[]"), ("nothing", "[]"), ("echo", "5")] {
        send(&mut stream, format!(r#"[0, 1, ["agents/0/{method}", {arguments}, {{}}]]"#).as_bytes()).await;
        let answer = next(&mut stream).await;
        let tells =
            ["defects.rs", "/src/", "\\\\", env!("CARGO_MANIFEST_DIR")].map(|part| answer.contains(part));
        assert!(answer.starts_with("[2,1,") && tells == [false; 4], "{method}: {answer}");
    }
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_that_cannot_be_encoded_leaves_nothing_behind() {
    let (host, _) = host().await;
    let mut limits = LinkLimits::default();
    limits.max_pending_calls = 2;
    let peer = Container::builder("tcp://127.0.0.1:0").limits(limits).watched().await.unwrap();
    let agent: Proxy<Host> = peer.connect(host.url("0")).await.unwrap();
    for _ in 0..100 {
        let refused = agent.echo(i128::MAX.into()).await.unwrap_err();
        assert!(matches!(refused, CallError::Unencodable { .. }), "{refused}");
    }
    let (first, second) = tokio::join!(agent.echo(1.into()), agent.echo(2.into()));
    assert_eq!((first.unwrap(), second.unwrap()), (1.into(), 2.into()));
    peer.shutdown().await;
    host.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn connections_that_have_ended_are_forgotten() {
    let (host, counts) = host().await;
    for _ in 0..50 {
        let mut stream = dial(&host).await;
        send(&mut stream, br#"[0, 1, ["agents/0/echo", [1], {}]]"#).await;
        assert_eq!(next(&mut stream).await, "[1,1,1]");
    }
    let forgotten = async {
        while counts.open_links() > 0.0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, forgotten).await.expect("each link is forgotten with its connection");
    assert_eq!(counts.of("links_opened"), 50);
    host.shutdown().await;
}

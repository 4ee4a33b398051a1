//! Requests that are well-formed and ask for nonsense: each is answered, in words, and the link lives on.
//!
//! Neighbours: `frames.rs` has what closes a link, `answers.rs` replies and cancels, `hello.rs` Hellos.

use folkmoot::{Codec, Container, Value};

use super::raw::value;
use super::rig::{Rig, tight, until};

/// What is asked, and what the exception's text says.
const NONSENSE: [(&str, &str); 24] = [
    (r#"[0, 1, ["folkmoot/ping", []]]"#, "the content has 2 elements, not 3"),
    (r#"[0, 1, ["agents/victim/add", [1]]]"#, "the content has 2 elements, not 3"),
    (r#"[0, 1, ["agents/victim/add", [1], {}, 4]]"#, "the content has 4 elements, not 3"),
    (r#"[0, 1, []]"#, "the content has 0 elements, not 3"),
    (r#"[0, 1, null]"#, "the content is null, not a list"),
    (r#"[0, 1, {"path": "x"}]"#, "the content is a map, not a list"),
    (r#"[0, 1, [5, [], {}]]"#, "the path is an integer, not a text"),
    (r#"[0, 1, [["x"], [], {}]]"#, "the path is a list, not a text"),
    (r#"[0, 1, ["agents/victim/add", {}, {}]]"#, "the arguments are a map, not a list"),
    (r#"[0, 1, ["agents/victim/add", null, {}]]"#, "the arguments are no list"),
    (r#"[0, 1, ["agents/victim/add", [1], []]]"#, "the keyword arguments are a list, not a map"),
    (r#"[0, 1, ["agents/victim/add", [1], null]]"#, "the keyword arguments are no map"),
    (r#"[0, 1, ["agents/victim/add", [], {"amount": 1, "amount": 2}]]"#, "\"amount\" is given twice"),
    (r#"[0, 1, ["agents/victim/add", [1], {}], 5]"#, "a map of headers"),
    (r#"[0, 1, ["agents/victim/add", [1], {}], {"deadline_ms": -1}]"#, "headers.deadline_ms"),
    (r#"[0, 1, ["agents/victim/add", [1], {}], {"no_reply": "yes"}]"#, "headers.no_reply"),
    (r#"[0, 1, ["agents/victim/add", [1], {}], {"chain": [["a"]]}]"#, "headers.chain[0]"),
    (r#"[0, 1, ["agents/victim/add", ["one"], {}]]"#, "amount: expected i64, found the text \"one\""),
    (r#"[0, 1, ["agents/victim/add", [1, 2], {}]]"#, "bad arguments for \"add\""),
    (r#"[0, 1, ["agents/victim/add", [], {}]]"#, "bad arguments for \"add\": amount"),
    (r#"[0, 1, ["agents/victim/add", [1], {"amuont": 1}]]"#, "amuont"),
    (r#"[0, 1, ["agents/victim/text", [-1], {}]]"#, "bad arguments for \"text\": bytes"),
    (r#"[0, 1, ["agents/victim/ad", [1], {}]]"#, "; did you mean \"add\"?"),
    (r#"[0, 1, ["agents/victm/add", [1], {}]]"#, "; did you mean \"victim\"?"),
];

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn nonsense_is_answered_in_words_and_the_link_lives_on() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        let (mut plain, mut rich) = (rig.known(codec).await, rig.rich(codec).await);
        for (json, words) in NONSENSE {
            let answer = plain.ask(json).await;
            assert!(answer.exception().contains(words), "{codec} {json}: {:?}", answer.exception());
            assert_eq!(answer.id, Value::Int(1));
            let rich_answer = rich.ask(json).await;
            assert!(rich_answer.exception().contains(words), "{codec} {json}: {:?}", rich_answer.exception());
            assert!(["bad-arguments", "no-such-agent", "no-such-method"].contains(&rich_answer.code()));
        }
        let bad = NONSENSE.iter().take(17).count() as u64 * 2;
        rig.counted("bad_requests", bad).await;
        rig.logged_once(&plain, "reason=the content has 4 elements").await;
        assert_eq!(
            plain.ask(r#"[0, 2, ["agents/victim/add", [], {"amount": 3}]]"#).await.result(),
            &Value::Int(3)
        );
        assert_eq!(rich.ask(r#"[0, 2, ["agents/victim/add", [3], {}]]"#).await.result(), &Value::Int(6));
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn keys_that_are_no_texts_are_named() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::MsgPack).await;
    let begin = [&[0x93, 0, 1, 0x93, 0xb1][..], b"agents/victim/add", &[0x90]].concat();
    for (key, words) in [(&[5_u8][..], "is an integer, not a text"), (&[0x90], "is a list, not a text")] {
        let payload = [&begin[..], &[0x81], key, &[1]].concat();
        raw.send_bytes(&super::raw::frame(&payload)).await;
        let answer = raw.answer().await;
        assert!(answer.exception().contains(words), "{}", answer.exception());
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn paths_of_every_form_are_answered() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::Json).await;
    for (path, words) in [
        ("", "Name \"\" not found in \"\""),
        ("/", "Name \"\" not found in \"\""),
        ("agents", "the path leads to the agents"),
        ("agents/", "Name \"\" not found in \"agents\""),
        ("agents/victim", "the path leads to an agent"),
        ("agents//add", "Name \"\" not found in \"agents\""),
        ("agents/0/", "Name \"0\" not found in \"agents\""),
        ("agents/victim/", "Name \"\" not found in \"agents/victim\""),
        ("agents/victim//add", "Name \"add\" not found in \"agents/victim"),
        ("agents/victim/add/", "Name \"\" not found in \"agents/victim/add\""),
        ("agents/../victim/add", "Name \"..\" not found in \"agents\""),
        ("/agents/victim/add", "Name \"\" not found in \"\""),
        ("AGENTS/victim/add", "Name \"AGENTS\" not found in \"\""),
        ("folkmoot/", "Name \"folkmoot\" not found in \"\""),
        ("folkmoot/shutdown", "Name \"folkmoot\" not found in \"\""),
        (r"agents/vic\u0000tim/add", "not found in \"agents\""),
        (r"agents/\u202evictim/add", "not found in \"agents\""),
    ] {
        let answer = raw.ask(&format!(r#"[0, 1, ["{path}", [1], {{}}]]"#)).await;
        assert!(answer.exception().contains(words), "{path}: {}", answer.exception());
    }
    assert_eq!(rig.proxy.total().await.unwrap(), 0, "nothing ran");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_path_of_a_megabyte_costs_a_short_answer() {
    let rig = Rig::start().await;
    let long = "x".repeat(1 << 20);
    for raw in [&mut rig.known(Codec::MsgPack).await, &mut rig.rich(Codec::MsgPack).await] {
        for path in [&long, &format!("agents/{long}/add"), &format!("agents/victim/{long}")] {
            let answer = raw.ask(&format!(r#"[0, 1, ["{path}", [1], {{}}]]"#)).await;
            assert!(answer.exception().contains("bytes long, the limit is 1024"), "{}", answer.exception());
            assert!(answer.bytes.len() < 1024, "{} bytes", answer.bytes.len());
        }
        raw.ask(r#"[0, 2, ["folkmoot/ping", [], {}]]"#).await.result();
    }
    rig.counted("bad_requests", 6).await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn long_names_of_arguments_are_cut_in_the_log() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::Json).await;
    let name = r"\u0001\n".repeat(100_000);
    let twice = format!(r#"[0, 1, ["agents/victim/add", [], {{"{name}": 1, "{name}": 2}}]]"#);
    let answer = raw.ask(&twice).await;
    assert!(answer.exception().contains("the keyword argument"), "{}", answer.exception());
    assert!(answer.bytes.len() < 100_000, "{} bytes", answer.bytes.len());
    rig.logged_once(&raw, "a bad request").await;
    let unknown = raw.ask(&format!(r#"[0, 1, ["agents/victim/add", [], {{"{name}": 1}}]]"#)).await;
    unknown.exception();
    assert_short_lines(&rig);
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peers_words_make_no_lines_of_their_own_in_the_log() {
    let target = Container::builder("tcp://127.0.0.1:0").name("target").limits(tight());
    let target = target.allow("anonymous", "victim", "total").allow("anonymous", "victim", "add");
    let rig = Rig::of(target, Container::builder("tcp://127.0.0.1:0").name("honest")).await;
    let mut raw = rig.rich(Codec::Json).await;
    let forged = r"\nERROR all is lost\u001b[2J";
    let method = raw.ask(&format!(r#"[0, 1, ["agents/victim/x{forged}", [], {{}}]]"#)).await;
    assert_eq!(method.code(), "denied");
    let agent = raw.ask(&format!(r#"[0, 1, ["agents/x{forged}/x", [], {{}}]]"#)).await;
    assert_eq!(agent.code(), "denied");
    rig.counted("denials", 2).await;
    assert_eq!(rig.log.with(&["denied", "all is lost"]).len(), 2, "{:#?}", rig.log.all());
    let reason = format!("{forged}{}", "x".repeat(100_000));
    raw.send(&format!(r#"[0, 1, ["folkmoot/goodbye", ["{reason}"], {{}}]]"#)).await;
    raw.rest().await;
    rig.logged_once(&raw, "the peer said goodbye: ").await;
    assert_short_lines(&rig);
    rig.end().await;
}

fn assert_short_lines(rig: &Rig) {
    for line in rig.log.all() {
        assert!(line.len() < 2000, "{} bytes in one line", line.len());
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn ids_are_echoed_as_they_came() {
    for codec in Codec::ALL {
        let rig = Rig::start().await;
        let mut raw = rig.known(codec).await;
        let long = format!("\"{}\"", "i".repeat(60));
        for id in [
            "null",
            "true",
            "0",
            "-1",
            "1.5",
            "\"\"",
            "\"a\\u0000b\"",
            "18446744073709551615",
            "4294967296",
            &long,
        ] {
            let answer = raw.ask(&format!(r#"[0, {id}, ["agents/victim/total", [], {{}}]]"#)).await;
            assert_eq!(answer.result(), &Value::Int(0), "{codec} {id}");
            let bytes = value(codec, id);
            assert!(
                answer.bytes.windows(bytes.len()).any(|window| window == bytes),
                "{codec} {id}: {answer:?}"
            );
            let answer = raw.ask(&format!(r#"[0, {id}, ["agents/nobody/total", [], {{}}]]"#)).await;
            assert!(answer.exception().contains("Name \"nobody\" not found in \"agents\""));
            assert!(
                answer.bytes.windows(bytes.len()).any(|window| window == bytes),
                "{codec} {id}: {answer:?}"
            );
        }
        rig.end().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn json_ids_keep_their_spelling_and_their_size() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::Json).await;
    for id in [r#""\u0061""#, "1e3", "123456789012345678901234567890", "-0"] {
        raw.send_bytes(&super::raw::frame(format!(r#"[0, {id}, ["folkmoot/ping",[],{{}}]]"#).as_bytes()))
            .await;
        let answer = raw.answer().await;
        let start = format!("[1,{id},");
        assert!(answer.bytes.starts_with(start.as_bytes()), "{id}: {}", answer.bytes.escape_ascii());
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn each_request_of_a_duplicate_id_is_answered() {
    let rig = Rig::start().await;
    let mut raw = rig.known(Codec::MsgPack).await;
    for _ in 0..3 {
        raw.send(r#"[0, 9, ["agents/victim/wait", [1], {}]]"#).await;
    }
    raw.ask(r#"[0, 9, ["agents/victim/total", [], {}]]"#).await.result();
    rig.released.add_permits(1);
    for _ in 0..3 {
        let answer = raw.answer().await;
        assert_eq!((answer.result(), &answer.id), (&Value::Text("x".into()), &Value::Int(9)));
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn requests_beyond_what_may_be_in_hand_are_refused_at_once() {
    let mut limits = tight();
    limits.max_requests_in_hand = 3;
    let rig = Rig::with(limits).await;
    let mut raw = rig.rich(Codec::Json).await;
    for id in 1..=5 {
        raw.send(&format!(r#"[0, {id}, ["agents/victim/wait", [1], {{}}]]"#)).await;
    }
    for id in 4..=5 {
        let answer = raw.answer().await;
        assert_eq!((answer.code(), &answer.id), ("overloaded", &Value::Int(id)));
        assert!(answer.exception().contains("(limit 3)"), "{}", answer.exception());
    }
    rig.counted("overloads", 2).await;
    rig.released.add_permits(1);
    for _ in 1..=3 {
        raw.answer().await.result();
    }
    raw.ask(r#"[0, 6, ["agents/victim/total", [], {}]]"#).await.result();
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn deadlines_of_any_size_are_taken() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    for (deadline, has_time) in [("0", false), ("1", false), ("60000", true), ("18446744073709551615", true)]
    {
        let request = format!(r#"[0, 1, ["agents/victim/total", [], {{}}], {{"deadline_ms": {deadline}}}]"#);
        // One that is over already may be refused; none of them goes without an answer.
        let answer = raw.ask(&request).await;
        let is_late = answer.kind != 1 && answer.code() == "deadline-exceeded";
        assert!(answer.kind == 1 || (is_late && !has_time), "{deadline}: {answer:?}");
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_deadline_that_passes_in_the_queue_tells_the_time_that_was_given() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    raw.send(r#"[0, 1, ["agents/victim/hold", [], {}]]"#).await;
    raw.send(r#"[0, 2, ["agents/victim/add", [1], {}], {"deadline_ms": 7}]"#).await;
    raw.ask(r#"[0, 3, ["folkmoot/ping", [], {}]]"#).await.result();
    let arrived = std::time::Instant::now();
    until("the deadline has passed", || arrived.elapsed() > std::time::Duration::from_millis(40)).await;
    rig.released.add_permits(1);
    raw.answer().await.result();
    let late = raw.answer().await;
    assert_eq!(late.code(), "deadline-exceeded");
    assert!(late.exception().starts_with("no reply within 7ms, the method has not run"), "{late:?}");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_chain_that_is_told_outermost_first_is_kept_so() {
    let rig = Rig::start().await;
    let mut raw = rig.rich(Codec::Json).await;
    let chain = r#"[["far/first", false], ["target/victim", true], ["far/last", false]]"#;
    let answer =
        raw.ask(&format!(r#"[0, 1, ["agents/victim/total", [], {{}}], {{"chain": {chain}}}]"#)).await;
    assert_eq!(answer.code(), "deadlock");
    let names = "(far/first -> target/victim -> far/last -> target/victim)";
    assert!(answer.exception().contains(names), "{}", answer.exception());
    rig.counted("deadlocks", 1).await;
    let long = vec![r#"["far/one", true]"#; 65].join(",");
    let answer =
        raw.ask(&format!(r#"[0, 1, ["agents/victim/total", [], {{}}], {{"chain": [{long}]}}]"#)).await;
    assert!(answer.exception().contains("more than 64 callers"), "{}", answer.exception());
    rig.end().await;
}

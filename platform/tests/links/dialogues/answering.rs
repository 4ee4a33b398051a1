//! Where answers go: over unix sockets to who has spoken, and what is told where a rule is missing for them.

use super::super::log::Log;
use super::*;

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_unix_sockets_answers_go_to_sockets_of_who_has_spoken() {
    use std::os::unix::fs::{MetadataExt, chown, symlink};
    use std::os::unix::net::UnixListener;

    super::super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("unix://{}", dir.path().join(name).display());
    let counts = Counts::default();
    let one = counts.during(Container::builder(&at("one")).watched()).await.unwrap();
    let two = Container::builder(&at("two")).watched().await.unwrap();
    let slow = one.spawn("slow", Slow::default).await.unwrap();
    let patient = two.spawn("patient", Patient::default).await.unwrap();
    let far: Proxy<Slow> = two.connect(one.url("slow")).await.unwrap();
    patient.ask(far, "rye".to_owned()).await.unwrap();
    assert_eq!(slow.answer_all().await.unwrap(), 1);
    assert_eq!(until_offers(&patient, 1).await, ["rye"]);

    // A socket of somebody else: one that is given away, which takes root, or a file of root's.
    let user = std::fs::metadata(dir.path()).unwrap().uid();
    let given_away = dir.path().join("given-away");
    drop(UnixListener::bind(&given_away).unwrap());
    let others = match chown(&given_away, Some(user + 1), None) {
        Ok(()) => given_away,
        Err(_) => "/etc/passwd".into(),
    };
    symlink(&others, dir.path().join("link")).unwrap();
    let rude = two.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("slow")).await.unwrap();
    let mut refused = 0;
    for (sender, is_taken) in [
        (two.url("rude"), true),
        (format!("{}:body", at("nobody")), false),
        (format!("unix://{}:body", others.display()), false),
        // A link is its maker's, and what it leads to is not.
        (format!("{}:body", at("link")), false),
    ] {
        let bytes = envelope(&sender, &sender, 1, 0, cfp("rye"));
        let answered = rude.hand_over(far.clone(), bytes).await.unwrap();
        match is_taken {
            true => assert_eq!(answered, "taken", "{sender}"),
            false => {
                let told = format!("is not one of unix:uid={user}, who has spoken");
                assert!(answered.contains(&told), "{sender}: {answered}");
                refused += 1;
            }
        }
    }
    assert_eq!(counts.of("ways_back_refused"), refused);
    // Who has spoken proved to be a user, and is found by no other name of the network either.
    let bytes = envelope("tcp://127.0.0.1:9/somebody", "5", 1, 0, cfp("rye"));
    let answered = rude.hand_over(far, bytes).await.unwrap();
    assert!(answered.contains("nobody at 127.0.0.1 has a link here"), "{answered}");
    for container in [two, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_rule_that_is_missing_for_answers_is_logged_once_for_each_who_lacks_it() {
    super::super::limit::watch();
    let log = Log::default();
    let _telling = log.listen();
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery = node("bakery").allow("spiffe://demo/node/town", "slow", "fetchai/fipa:1.0.0");
    let bakery = bakery.watched().await.unwrap();
    let slow = bakery.spawn("slow", Slow::default).await.unwrap();
    let town = node("town").allow("spiffe://demo/node/bakery", "heard", "fetchai/*").watched().await.unwrap();
    let far: Proxy<Slow> = town.connect(bakery.url("slow")).await.unwrap();
    let asks = async |name: &str, times: usize| {
        let patient = town.spawn(name, Patient::default).await.unwrap();
        for _ in 0..times {
            patient.ask(far.clone(), "rye".to_owned()).await.unwrap();
        }
        slow.answer_each().await.unwrap()
    };
    let told = |name: &str| log.with(&["WARN", "its node needs that rule", &format!("/{name}")]);
    for said in asks("deaf", 3).await {
        assert!(said.contains("no rule lets spiffe://demo/node/bakery call"), "{said}");
    }
    let lines = told("deaf");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let rule = r#".allow(\"spiffe://demo/node/bakery\", \"deaf\", \"fetchai/fipa:1.0.0\")"#;
    assert!(lines[0].contains(rule), "{lines:?}");
    // Another lacks a rule of its own, and who has one is not told of.
    asks("dull", 2).await;
    assert_eq!(asks("heard", 1).await, ["said"]);
    assert_eq!((told("deaf").len(), told("dull").len(), told("heard").len()), (1, 1, 0));
    for container in [town, bakery] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nobody_has_an_agent_speak_wherever_it_likes() {
    let counts = Counts::default();
    let plain = Container::builder("tcp://127.0.0.1:0").answer_to("192.0.2.8");
    let one = counts.during(plain.watched()).await.unwrap();
    let two = hall(Codec::MsgPack).await;
    one.spawn("baker", Slow::default).await.unwrap();
    let rude = two.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("baker")).await.unwrap();
    for (sender, answer) in [
        ("tcp://192.0.2.7:9/somebody", "nobody at 192.0.2.7 has a link here"),
        ("tcp://example.org:80/somebody", "nobody at example.org has a link here"),
        ("unix:///run/some.sock:body", "who has spoken proved nothing"),
        ("tcp://192.0.2.8:9/somebody", "taken"),
        ("tcp://localhost:9/somebody", "taken"),
    ] {
        let answered = rude.hand_over(far.clone(), envelope(sender, sender, 1, 0, cfp("rye"))).await.unwrap();
        assert!(answered.contains(answer), "{sender}: {answered}");
    }
    assert_eq!(counts.of("ways_back_refused"), 3);
    for container in [two, one] {
        container.shutdown().await;
    }

    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery =
        node("bakery").allow("spiffe://demo/node/town", "baker", "fetchai/*").watched().await.unwrap();
    let baker = bakery.spawn("baker", Slow::default).await.unwrap();
    let town = node("town").watched().await.unwrap();
    let village = node("village").allow("spiffe://demo/node/bakery", "*", "*").watched().await.unwrap();
    let patient = village.spawn("patient", Patient::default).await.unwrap();
    let rude = town.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = town.connect(bakery.url("baker")).await.unwrap();
    let answered = rude.hand_over(far.clone(), envelope("tcp://127.0.0.1:9/x", "1", 1, 0, cfp("rye"))).await;
    assert!(answered.unwrap().contains("would prove to be that"));
    // It may say so, but there somebody else is found.
    let sender = village.url("patient");
    assert_eq!(rude.hand_over(far, envelope(&sender, "2", 1, 0, cfp("rye"))).await.unwrap(), "taken");
    let said = baker.answer_each().await.unwrap();
    assert!(said.len() == 1 && said[0].contains("spiffe://demo/node/town"), "{said:?}");
    assert!(patient.offers().await.unwrap().is_empty());
    for container in [village, town, bakery] {
        container.shutdown().await;
    }
}

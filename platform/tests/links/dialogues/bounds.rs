//! How many dialogues an agent takes: of one node, of one address, of all who have proven nothing.

use super::*;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_spawn_says_how_much_its_dialogues_may_take() {
    let hall = hall(Codec::MsgPack).await;
    let mut limits = Limits::default();
    limits.open_per_peer = 2;
    let baker = hall.spawn("baker", Slow::default).dialogue_limits(limits.clone()).await.unwrap();
    let untyped: Proxy<Untyped> = hall.find("baker").unwrap();
    let rude = hall.spawn("rude", Rude::default).await.unwrap();
    let me = Proxy::url(&rude);
    let hand_over = async |number: u32| {
        rude.hand_over(untyped.clone(), envelope(&me, &number.to_string(), 1, 0, cfp("rye"))).await.unwrap()
    };
    assert_eq!((hand_over(1).await, hand_over(2).await), ("taken".to_owned(), "taken".to_owned()));
    let refused = hand_over(3).await;
    assert!(refused.starts_with("INVALID_DIALOGUE 2 dialogues with"), "{refused}");
    assert_eq!(baker.open().await.unwrap(), 2);
    let mut silent = limits.clone();
    silent.time_out = Some(Duration::ZERO);
    let mut none = limits;
    none.open = 0;
    for (limits, words) in [(silent, "`time_out` of zero"), (none, "`open` of 0")] {
        let error = hall.spawn("odd", Slow::default).dialogue_limits(limits).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    hall.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_changes_its_address_has_no_more_dialogues_for_that() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery =
        node("bakery").allow("spiffe://demo/node/town", "baker", "fetchai/*").watched().await.unwrap();
    let town = node("town").watched().await.unwrap();
    let baker = bakery.spawn("baker", Slow::default).await.unwrap();
    baker.allow_each(3).await.unwrap();
    let rude = town.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = town.connect(bakery.url("baker")).await.unwrap();
    let mut answers = Vec::new();
    for number in 0..5 {
        let sender = format!("tls://127.0.0.1:9/somebody{number}");
        let bytes = envelope(&sender, &number.to_string(), 1, 0, cfp("rye"));
        answers.push(rude.hand_over(far.clone(), bytes).await.unwrap());
    }
    assert_eq!(answers[..3], ["taken", "taken", "taken"]);
    for refused in &answers[3..] {
        assert!(
            refused.starts_with("INVALID_DIALOGUE 3 dialogues with spiffe://demo/node/town"),
            "{refused}"
        );
    }
    assert_eq!(baker.open().await.unwrap(), 3);
    for container in [town, bakery] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_have_proven_nothing_have_no_more_dialogues_together_than_they_may() {
    let (one, two) = (hall(Codec::MsgPack).await, hall(Codec::MsgPack).await);
    let baker = one.spawn("baker", Slow::default).await.unwrap();
    baker.allow_each(3).await.unwrap();
    let rude = two.spawn("rude", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("baker")).await.unwrap();
    let hand_over = |number: u32| {
        let sender = format!("tcp://127.0.0.1:9/somebody{number}");
        rude.hand_over(far.clone(), envelope(&sender, &number.to_string(), 1, 0, cfp("rye")))
    };
    for number in 0..3 {
        assert_eq!(hand_over(number).await.unwrap(), "taken");
    }
    let refused = hand_over(3).await.unwrap();
    let told = "INVALID_DIALOGUE 3 dialogues are open with peers who have proven nothing";
    assert!(refused.starts_with(told), "{refused}");
    // One that is over leaves its place to another.
    assert_eq!(baker.abandon_one().await.unwrap(), 2);
    assert_eq!(hand_over(4).await.unwrap(), "taken");
    assert!(hand_over(5).await.unwrap().starts_with(told));
    for container in [two, one] {
        container.shutdown().await;
    }
}

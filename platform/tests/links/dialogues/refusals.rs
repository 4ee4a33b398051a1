//! Messages that are not taken: by the rules, by the gate, by who does not speak the protocol; and how whoever spoke hears of it.

use super::*;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_the_rules_do_not_allow_is_refused_with_an_error_of_the_protocol_default() {
    let hall = hall(Codec::MsgPack).await;
    let baker = hall.spawn("baker", Slow::default).await.unwrap();
    let untyped: Proxy<Untyped> = hall.find("baker").unwrap();
    let rude = hall.spawn("rude", Rude::default).await.unwrap();
    let me = Proxy::url(&rude);
    let hand_over = |bytes: Vec<u8>| rude.hand_over(untyped.clone(), bytes);

    assert_eq!(hand_over(envelope(&me, "1", 1, 0, cfp("rye"))).await.unwrap(), "taken");
    // Once more is as good as once.
    assert_eq!(hand_over(envelope(&me, "1", 1, 0, cfp("rye"))).await.unwrap(), "taken");
    assert_eq!(baker.open().await.unwrap(), 1);
    let error = hand_over(envelope(&me, "2", 1, 0, Accept)).await.unwrap();
    assert!(
        error.starts_with("INVALID_MESSAGE a dialogue of fetchai/fipa:1.0.0 does not begin with accept"),
        "{error}"
    );
    let error = hand_over(envelope(&me, "3", 2, -1, Accept)).await.unwrap();
    assert!(error.starts_with("INVALID_DIALOGUE there is no dialogue 3/"), "{error}");
    let error = hand_over(envelope(&me, "1", 3, -1, Accept)).await.unwrap();
    assert!(
        error.starts_with("INVALID_MESSAGE the next message of its side has the number 2, not 3"),
        "{error}"
    );
    let mut other = Envelope::decode(&envelope(&me, "4", 1, 0, cfp("rye")), Reading::STRICT).unwrap();
    other.protocol_id = "fetchai/http:1.0.0".to_owned();
    let error = hand_over(other.encode()).await.unwrap();
    assert!(error.starts_with("UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/http:1.0.0"), "{error}");
    // An error is answered with none, also where it tells of nothing that is known.
    other.protocol_id = "fetchai/default:1.0.0".to_owned();
    let error = hand_over(other.encode()).await.unwrap_err().to_string();
    assert!(error.contains("the error tells of no message or dialogue"), "{error}");
    let mut cut = envelope(&me, "4", 1, 0, cfp("rye"));
    cut.truncate(cut.len() - 1);
    let error = hand_over(cut).await.unwrap_err().to_string();
    assert!(error.contains("the argument is no envelope"), "{error}");
    let error = hand_over(envelope("nowhere at all", "5", 1, 0, cfp("rye"))).await.unwrap();
    assert!(error.starts_with("INVALID_MESSAGE the sender \"nowhere at all\" cannot be answered"), "{error}");
    // However much somebody writes, it is told in part.
    let error = hand_over(envelope(&"\u{1}".repeat(50_000), "5", 1, 0, cfp("rye"))).await.unwrap();
    assert!(error.starts_with("INVALID_MESSAGE the sender") && error.len() < 1_100, "{}", error.len());
    // A message that is nearly too long for a frame is refused like others: it does not go back.
    let long = cfp(&"x".repeat((16 << 20) - 2_000));
    let outsiders = self::hall(Codec::MsgPack).await;
    let outsider = outsiders.spawn("outsider", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = outsiders.connect(hall.url("baker")).await.unwrap();
    let error = outsider.hand_over(far, envelope(&Proxy::url(&outsider), "7", 2, 1, long)).await.unwrap();
    assert!(error.starts_with("INVALID_DIALOGUE there is no dialogue 7/"), "{error}");
    outsiders.shutdown().await;
    // Somebody else's dialogue, as it would be if only the address were looked at.
    let other = hall.spawn("other", Rude::default).await.unwrap();
    let error = other.hand_over(untyped.clone(), envelope(&me, "1", 2, -1, Accept)).await.unwrap();
    assert!(error.starts_with("INVALID_DIALOGUE the dialogue is not with"), "{error}");
    assert_eq!(baker.open().await.unwrap(), 1);
    // From another node nobody has it speak to its neighbours.
    let elsewhere = self::hall(Codec::MsgPack).await;
    let outsider = elsewhere.spawn("outsider", Rude::default).await.unwrap();
    let far: Proxy<Untyped> = elsewhere.connect(hall.url("baker")).await.unwrap();
    let error = outsider.hand_over(far, envelope(&me, "6", 1, 0, cfp("rye"))).await.unwrap();
    assert!(error.ends_with("it is an agent of this node, and the message came from elsewhere"), "{error}");
    elsewhere.shutdown().await;
    hall.shutdown().await;
}

/// Takes no messages, and says what it was told.
#[derive(Agent, Default)]
struct Asker;

#[agent]
impl Asker {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, whom: Proxy<Untyped>) -> Result<String, String> {
        match ctx.open(&whom, cfp("rye")).answer().await {
            Ok(heard::ToCfp::Propose(..)) => Ok("an offer".to_owned()),
            Ok(heard::ToCfp::Decline(..)) => Ok("none".to_owned()),
            Err(DialogueError::Refused { code, reason }) => Err(format!("{} {reason}", code.name())),
            Err(other) => Err(other.to_string()),
        }
    }

    /// An answer for which nobody waits yet is kept.
    #[expose]
    async fn ask_slowly(&self, ctx: &Context<Self>, whom: Proxy<Mill>) -> Result<String, String> {
        let said = ctx.open(&whom, cfp("rye")).await.map_err(|error| error.to_string())?;
        // Has the mill's turn over, whose answer was handed over within it.
        whom.open().await.map_err(|error| error.to_string())?;
        let heard::ToCfp::Propose(offer, _) = ctx.answer(said).await.map_err(|error| error.to_string())?
        else {
            return Err("declined".to_owned());
        };
        Ok(String::from_utf8_lossy(&offer.proposal.description_bytes).into_owned())
    }

    #[expose]
    async fn wait_for_nobody(&self, ctx: &Context<Self>, whom: Proxy<Mill>) -> Result<(), String> {
        let dialogues = ctx.dialogues::<Fipa>();
        let before = dialogues.open();
        let limits = {
            let mut limits = Limits::default();
            limits.time_out = Some(Duration::from_millis(20));
            limits
        };
        dialogues.set_limits(limits);
        let dialogue = match ctx.open(&whom, cfp("rye")).answer().await.map_err(|error| error.to_string())? {
            heard::ToCfp::Propose(_, dialogue) => dialogue,
            heard::ToCfp::Decline(..) => return Err("declined".to_owned()),
        };
        // A counter-proposal, to which this mill has nothing to say.
        let proposal = types::Description::default();
        match ctx.reply(dialogue, Propose { proposal }).answer().await {
            Err(error) if error.to_string().ends_with("timed_out") => {}
            other => return Err(format!("{other:?}")),
        }
        match dialogues.open() {
            open if open == before => Ok(()),
            open => Err(format!("{open} are open, {before} were")),
        }
    }

    #[expose]
    async fn ask_too_often(&self, ctx: &Context<Self>, whom: Proxy<Mill>) -> Result<String, String> {
        let limits = {
            let mut limits = Limits::default();
            limits.open_per_peer = 2 + ctx.dialogues::<Fipa>().open();
            limits
        };
        ctx.dialogues::<Fipa>().set_limits(limits);
        for _ in 0..2 {
            ctx.open(&whom, cfp("rye")).await.map_err(|error| error.to_string())?;
        }
        match ctx.open(&whom, cfp("rye")).await {
            Err(DialogueError::Refusal(refusal)) => Ok(refusal.code().to_owned()),
            other => Err(format!("{other:?}")),
        }
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_speaks_is_told_why_nothing_came_of_it() {
    let one = hall(Codec::MsgPack).await;
    let two = hall(Codec::Json).await;
    one.spawn("mill", mill(&Book::default())).await.unwrap();
    one.spawn("asker", Asker::default).await.unwrap();
    one.spawn("customer", Customer::default).await.unwrap();
    let asker = two.spawn("asker", Asker::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("mill")).await.unwrap();
    let typed: Proxy<Mill> = two.connect(one.url("mill")).await.unwrap();
    assert_eq!(asker.ask(far).await.unwrap(), "an offer");
    assert_eq!(asker.ask_slowly(typed.clone()).await.unwrap(), "3 shillings");
    asker.wait_for_nobody(typed.clone()).await.unwrap();
    assert_eq!(asker.ask_too_often(typed).await.unwrap(), "too_many_with_peer");
    // It has never spoken fipa.
    let stranger: Proxy<Untyped> = two.connect(one.url("asker")).await.unwrap();
    let error = asker.ask(stranger).await.unwrap_err();
    let told = "UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/fipa:1.0.0: asker does not speak it, for it handles none \
                of its performatives and has begun no dialogue in it";
    assert_eq!(error, CallError::Agent(told.to_owned()));
    for container in [two, one] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_rule_of_the_gate_names_a_protocol_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str| Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let bakery = node("bakery").allow("spiffe://demo/node/town", "baker", "fetchai/fipa:1.0.0");
    let bakery = bakery.allow("spiffe://demo/node/village", "baker", "open").watched().await.unwrap();
    bakery.spawn("baker", mill(&Book::default())).await.unwrap();
    let town = node("town").allow("spiffe://demo/node/bakery", "asker", "fetchai/*").watched().await.unwrap();
    let village = node("village").watched().await.unwrap();
    let asker = town.spawn("asker", Asker::default).await.unwrap();
    let baker: Proxy<Untyped> = town.connect(bakery.url("baker")).await.unwrap();
    assert_eq!(asker.ask(baker).await.unwrap(), "an offer");
    let asker = village.spawn("asker", Asker::default).await.unwrap();
    let baker: Proxy<Untyped> = village.connect(bakery.url("baker")).await.unwrap();
    let error = asker.ask(baker).await.unwrap_err().to_string();
    assert!(error.contains("no rule lets spiffe://demo/node/village call \"fetchai/fipa:1.0.0\""), "{error}");
    for container in [town, village, bakery] {
        container.shutdown().await;
    }
}

/// Speaks to whom it likes.
#[derive(Agent, Default)]
struct Hopeful;

#[agent]
impl Hopeful {
    #[expose]
    async fn ask(&self, ctx: &Context<Self>, whom: Proxy<Untyped>) -> String {
        match ctx.open::<Fipa, _>(&whom, cfp("rye")).await {
            Ok(_) => "taken".to_owned(),
            Err(DialogueError::Refused { code, reason }) => format!("{} {reason}", code.name()),
            Err(error) => format!("{error:?}"),
        }
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_does_not_speak_a_protocol_says_so_in_the_words_of_aea() {
    let counts = Counts::default();
    let hall = counts.during(hall(Codec::MsgPack)).await;
    let other = self::hall(Codec::MsgPack).await;
    hall.spawn("mute", Hopeful::default).await.unwrap();
    let (rude, hopeful) = (
        other.spawn("rude", Rude::default).await.unwrap(),
        other.spawn("hopeful", Hopeful::default).await.unwrap(),
    );
    let far: Proxy<Untyped> = other.connect(hall.url("mute")).await.unwrap();
    let told = "UNSUPPORTED_PROTOCOL Unsupported protocol fetchai/fipa:1.0.0: mute does not speak it, for it handles none \
                of its performatives and has begun no dialogue in it";
    let me = Proxy::url(&rude);
    let message = envelope(&me, "1", 1, 0, cfp("rye"));
    assert_eq!(rude.hand_over(far.clone(), message.clone()).await.unwrap(), told);
    assert_eq!(hopeful.ask(far.clone()).await.unwrap(), told);
    // The same within a container.
    let near = hall.spawn("near", Hopeful::default).await.unwrap();
    assert_eq!(near.ask(hall.find("mute").unwrap()).await.unwrap(), told);
    assert_eq!(counts.of("messages_refused"), 3);
    // An error is not answered with one, and what is no envelope is a call.
    let mut error = Envelope::decode(&message, Reading::STRICT).unwrap();
    error.protocol_id = "fetchai/default:1.0.0".to_owned();
    for bytes in [error.encode(), b"no envelope".to_vec()] {
        let refused = rude.hand_over(far.clone(), bytes).await.unwrap_err().to_string();
        assert!(refused.contains("mute") && refused.contains("fetchai/fipa:1.0.0"), "{refused}");
        assert!(!refused.contains("UNSUPPORTED"), "{refused}");
    }
    for container in [other, hall] {
        container.shutdown().await;
    }
}

//! What a gate leaves to the engine behind it: which mail is an answer. Another node's exchange has a gate of its own, so
//! these are not run over links.

use folkmoot_codecs::Principal;
use folkmoot_exchange::{Asker, ExchangeError, Posting, Step};

use super::world::World;

pub(crate) async fn an_answer_needs_no_rule_and_what_answers_nothing_does(world: World) {
    let (agent, ada, bob) = (world.agent(1).await, world.agent(2).await, world.agent(3).await);
    for tag in [1, 2] {
        world.send(agent, world.mail("?").from(ada).request(tag, None)).await;
    }
    // As a posting is that no rule lets through.
    let judged = |to, mail| {
        let posting = Posting::new(to, mail, Principal::node("tester"), Asker::Container);
        world.admit(posting.only_as_answer("no rule"))
    };
    let answer = |from, tag| world.mail("!").from(from).response(tag, None);
    let (first, second) = (answer(agent, 1), answer(agent, 2));
    for (to, other) in [
        (ada, answer(agent, 3)),
        (bob, answer(agent, 1)),
        (ada, answer(bob, 1)),
        (ada, world.mail("!").from(agent)),
        (agent, world.mail("?").from(ada).request(3, None)),
    ] {
        let error = world.exchange.send(judged(to, other)).await.unwrap_err();
        assert!(matches!(&error, ExchangeError::Denied { reason } if reason == "no rule"), "{error}");
    }
    world.exchange.send(judged(ada, first.clone())).await.unwrap();
    // Sent once more it is known; another answer to the same request is none.
    assert!(world.exchange.send(judged(ada, first)).await.unwrap().is_repeated);
    let error = world.exchange.send(judged(ada, answer(agent, 1))).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Denied { .. }), "{error}");
    // The same in a step, of which nothing is done where one of its mails is refused.
    let twice = vec![judged(ada, second.clone()), judged(ada, answer(agent, 2))];
    let step = Step { send: twice, ..Step::default() };
    let error = world.exchange.commit(&Asker::Container, step).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Denied { .. }), "{error}");
    let step = Step { send: vec![judged(ada, second)], ..Step::default() };
    world.exchange.commit(&Asker::Container, step).await.unwrap();
    assert_eq!(world.drain(ada).await, ["!", "!"]);
    assert!(world.drain(bob).await.is_empty());
}

//! Receivers that wait, and what becomes of mail when they go.

use folkmoot_exchange::Recv;

use super::world::{SECOND, World, text};

pub(crate) async fn a_receiver_that_goes_away_takes_no_mail_with_it(world: World) {
    let agent = world.agent(1).await;
    let gone = world.waiting(agent, Recv::within(60 * SECOND)).await;
    let stays = world.waiting(agent, Recv::within(60 * SECOND)).await;
    assert!(gone.waits().await && stays.waits().await);
    gone.leave().await;
    world.say(agent, "hello").await;
    let got = stays.outcome().await.unwrap();
    assert_eq!((text(&got[0].mail), got[0].attempt), ("hello".to_owned(), 1));
}

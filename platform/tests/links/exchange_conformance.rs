//! The suite that every engine passes, over the exchange of another node: what it promises holds over a link.
//!
//! Without the tests that have threads and runtimes of their own (random operations, many threads at once): they are for
//! engines. Time is the exchange's, which a test sets on; nothing here waits for link time. Neighbours: the list in
//! `platform/exchange/tests/conformance/list.rs`; [`far_exchange`](super::far_exchange) tests what links add.

#[macro_use]
#[path = "../../exchange/tests/conformance/list.rs"]
mod list;

#[path = "../../exchange/tests/conformance/basics.rs"]
mod basics;
#[path = "../../exchange/tests/conformance/bounds.rs"]
mod bounds;
#[path = "../../exchange/tests/conformance/deliveries.rs"]
mod deliveries;
#[path = "../../exchange/tests/conformance/directory.rs"]
mod directory;
#[path = "../../exchange/tests/conformance/owners.rs"]
mod owners;
#[path = "../../exchange/tests/conformance/rights.rs"]
mod rights;
#[path = "../../exchange/tests/conformance/steps.rs"]
mod steps;
#[path = "../../exchange/tests/conformance/tracking.rs"]
mod tracking;
#[allow(dead_code, reason = "some are for the tests with threads")]
#[path = "../../exchange/tests/conformance/waiting.rs"]
mod waiting;
#[allow(dead_code, reason = "it opens engines, too")]
#[path = "../../exchange/tests/conformance/world.rs"]
mod world;

use std::cell::RefCell;
use std::sync::Arc;

use folkmoot::exchange::{Exchange, Ground, open};
use folkmoot::{Codec, Container, Mailroom};

use super::left_behind::Watch;
use super::limit;

thread_local! {
    /// The nodes of this thread's test.
    static NODES: RefCell<Vec<Container>> = const { RefCell::new(Vec::new()) };
}

/// An exchange on `ground`, as another node sees it that speaks that codec.
async fn far(ground: Ground, codec: Codec) -> Arc<dyn Exchange> {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a-test").replace("::", "-");
    let count = NODES.with_borrow(Vec::len);
    let room = Mailroom::over(open("memory:", ground).await.unwrap());
    let hub = Container::builder(&format!("local://hub-{name}-{count}")).exchange_of(&room);
    let hub = hub.watched().await.unwrap();
    let node = Container::builder(&format!("local://node-{name}-{count}")).name("tester").codec(codec);
    let node = node.exchange(&hub.endpoint().to_string()).watched().await.unwrap();
    let exchange = node.mailroom().unwrap().exchange().clone();
    NODES.with_borrow_mut(|nodes| nodes.extend([node, hub]));
    exchange
}

/// Of a test that failed nothing is ended: its thread's own tables are gone when these are dropped.
struct Failed;

impl Drop for Failed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(NODES.take());
        }
    }
}

/// Runs a test, and ends its nodes.
fn run<F: Future<Output = ()>>(test: F) {
    let _failed = Failed;
    super::left_behind::block_on(async {
        test.await;
        for node in NODES.take() {
            node.shutdown().await;
        }
    });
}

/// Runs tests over an exchange elsewhere.
macro_rules! over_links {
    ($codec:ident; $($module:ident: [$($test:ident,)*])*) => { $(
        mod $module {
            $(#[test]
            fn $test() {
                use super::super::{far, run, world::World};

                run(async {
                    let world = World::of(0, |ground| Box::pin(far(ground, folkmoot::Codec::$codec))).await;
                    super::super::$module::$test(world).await;
                });
            })*
        }
    )* };
}

mod msgpack {
    every_test!(over_links: MsgPack);
}

mod json {
    every_test!(over_links: Json);
}

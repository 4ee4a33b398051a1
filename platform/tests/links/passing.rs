//! Proxies as arguments and results: called back while the first call is pending, handed on to a third party, and what
//! becomes of URLs that lead nowhere.

use folkmoot::prelude::*;
use folkmoot::{Address, Builder, Untyped, Value};
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::left_behind::Watch;

/// Asks for offers, and is asked back for its limit.
#[derive(Agent, Default)]
struct Buyer {
    known: Option<Proxy<Seller>>,
}

/// An order with proxies within.
#[derive(Serialize, Deserialize)]
struct Order {
    pieces: u32,
    buyer: Option<Proxy<dyn Buying>>,
    witnesses: Vec<Proxy<Seller>>,
}

/// What sellers know of buyers.
#[agent]
trait Buying {
    async fn limit(&self) -> u32;
    async fn caller(&self) -> (String, Option<String>);
    fn note(&mut self, seller: Proxy<Seller>);
}

#[agent]
impl Buyer {
    #[expose]
    async fn limit(&self) -> u32 {
        7
    }

    #[expose]
    async fn caller(&self, ctx: &Context<Self>) -> (String, Option<String>) {
        (ctx.caller().node_name().to_owned(), ctx.caller().agent_name().map(str::to_owned))
    }

    #[expose]
    fn note(&mut self, seller: Proxy<Seller>) {
        self.known = Some(seller);
    }

    #[expose]
    fn known(&self) -> Option<Proxy<Seller>> {
        self.known.clone()
    }

    /// Shared: it may be called back meanwhile.
    #[expose]
    async fn buy(&self, ctx: &Context<Self>, seller: Proxy<Seller>) -> Result<u32, String> {
        buy(ctx, &seller).await
    }

    /// Exclusive: it may not.
    #[expose]
    async fn buy_alone(&mut self, ctx: &Context<Self>, seller: Proxy<Seller>) -> Result<u32, String> {
        buy(ctx, &seller).await
    }
}

async fn buy(ctx: &Context<Buyer>, seller: &Proxy<Seller>) -> Result<u32, String> {
    let me: Proxy<dyn Buying> = Proxy::cast(&ctx.own_proxy()).unwrap();
    let order = Order { pieces: 10, buyer: Some(me), witnesses: vec![seller.clone()] };
    seller.sell(order).await.map_err(|error| match error {
        CallError::Agent(text) => text,
        other => other.to_string(),
    })
}

#[derive(Agent, Default)]
struct Seller {
    kept: Vec<Proxy<dyn Buying>>,
}

#[agent]
impl Seller {
    /// Sells as many as the buyer's limit allows, for which it asks back.
    #[expose]
    async fn sell(&self, order: Order) -> Result<u32, String> {
        let limit = match &order.buyer {
            None => u32::MAX,
            Some(buyer) => buyer.limit().await.map_err(|error| match error {
                CallError::Deadlock { chain } => format!("deadlock {}", chain.join(" ")),
                other => other.to_string(),
            })?,
        };
        Ok(order.pieces.min(limit) + u32::try_from(order.witnesses.len()).unwrap() * 100)
    }

    #[expose]
    fn keep(&mut self, buyers: Vec<Proxy<dyn Buying>>) {
        self.kept = buyers;
    }

    /// How it is known to the first buyer that it keeps.
    #[expose]
    async fn introduce(&self) -> Result<(String, Option<String>), String> {
        let buyer = self.kept.first().ok_or("nobody")?;
        buyer.caller().await.map_err(|error| error.to_string())
    }

    /// The same, as one whom this agent calls.
    #[expose]
    async fn introduce_itself(&self, ctx: &Context<Self>) -> Result<(String, Option<String>), String> {
        let buyer = ctx.adopt(self.kept.first().ok_or("nobody")?);
        buyer.caller().await.map_err(|error| error.to_string())
    }

    /// Hands the first buyer that it keeps on to another seller.
    #[expose]
    async fn hand_on(&self, to: Proxy<Seller>) -> Result<(), String> {
        to.keep(self.kept.clone()).await.map_err(|error| error.to_string())
    }

    #[expose]
    fn first(&self) -> Option<Proxy<dyn Buying>> {
        self.kept.first().cloned()
    }
}

async fn node(name: &str) -> (Container, Counts) {
    start(Container::builder("tcp://127.0.0.1:0").name(name)).await
}

async fn start(builder: Builder) -> (Container, Counts) {
    super::limit::watch();
    let counts = Counts::default();
    let container = counts.during(builder.watched()).await.unwrap();
    (container, counts)
}

/// Where nobody listens.
async fn nowhere() -> Address {
    let (gone, _) = node("gone").await;
    let address = gone.url("seller").parse().unwrap();
    gone.shutdown().await;
    address
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_agent_that_passes_itself_is_called_back_while_its_call_is_pending() {
    let ((one, in_one), (two, in_two)) = (node("one").await, node("two").await);
    let buyer = one.spawn("buyer", Buyer::default).await.unwrap();
    two.spawn("seller", Seller::default).await.unwrap();
    let seller: Proxy<Seller> = one.connect(two.url("seller")).await.unwrap();
    assert_eq!(buyer.buy(seller.clone()).await, Ok(107));
    // Where the caller holds its state for itself, the call back would wait for it for ever.
    let chain = "deadlock one/buyer two/seller one/buyer".to_owned();
    assert_eq!(buyer.buy_alone(seller).await, Err(CallError::Agent(chain)));
    assert_eq!((in_one.open_links(), in_two.open_links()), (2.0, 2.0), "one link each way");

    // The same within a node, over both kinds of doors.
    let own = one.spawn("seller", Seller::default).await.unwrap();
    assert_eq!(buyer.buy(own.clone()).await, Ok(107));
    let chain = "deadlock one/buyer one/seller one/buyer".to_owned();
    assert_eq!(buyer.buy_alone(own.clone()).await, Err(CallError::Agent(chain)));
    let by_name: Proxy<Untyped> = one.find("buyer").unwrap();
    assert_eq!(by_name.call("buy", [Value::from(&own)]).await, Ok(Value::Int(107)));
    one.shutdown().await;
    two.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn joined_nodes_call_back_over_the_one_link_also_with_proxies_that_were_looked_up() {
    let ((one, in_one), (two, in_two)) = (node("one").await, node("two").await);
    let buyer = one.spawn("buyer", Buyer::default).await.unwrap();
    two.spawn("seller", Seller::default).await.unwrap();
    two.join(one.endpoint().to_string()).await.unwrap();
    let seller: Proxy<Seller> = one.lookup("seller").await.unwrap();
    assert_eq!(Proxy::url(&seller), two.url("seller"));
    assert_eq!(buyer.buy(seller.clone()).await, Ok(107));
    let far: Proxy<Buyer> = two.lookup("buyer").await.unwrap();
    assert_eq!(far.buy(two.find("seller").unwrap()).await, Ok(107));
    far.note(seller.clone()).await.unwrap();
    let back = far.known().await.unwrap().unwrap();
    assert_eq!(Proxy::url(&back), two.url("seller"));
    assert_eq!(back.sell(Order { pieces: 3, buyer: None, witnesses: vec![] }).await, Ok(3));
    assert_eq!((in_one.open_links(), in_two.open_links()), (1.0, 1.0));
    one.shutdown().await;
    two.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_proxy_that_is_read_speaks_for_its_reader() {
    let ((one, _), (two, _)) = (node("one").await, node("two").await);
    let buyer = one.spawn("buyer", Buyer::default).await.unwrap();
    let seller = one.spawn("seller", Seller::default).await.unwrap();
    // Near and typed it is handed over as it is; encoded, it is the agent's own.
    let buying: Proxy<dyn Buying> = Proxy::cast(&buyer).unwrap();
    seller.keep(vec![buying.clone()]).await.unwrap();
    assert_eq!(seller.introduce().await, Ok(("one".into(), None)));
    assert_eq!(seller.introduce_itself().await, Ok(("one".into(), Some("seller".into()))));
    let by_name: Proxy<Untyped> = Proxy::cast(&seller).unwrap();
    by_name.call("keep", [Value::List(vec![Value::from(buying)])]).await.unwrap();
    assert_eq!(seller.introduce().await, Ok(("one".into(), Some("seller".into()))));
    // So is one in a reply its caller's, whichever way it came.
    let far: Proxy<Seller> = two.connect(one.url("seller")).await.unwrap();
    let back = far.first().await.unwrap().unwrap();
    assert_eq!(Proxy::url(&back), one.url("buyer"));
    assert_eq!(back.caller().await.unwrap(), ("anonymous".into(), None));
    one.shutdown().await;
    two.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_gate_decides_for_a_third_party_that_a_proxy_was_handed_on_to() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let tls = |name: &str| {
        Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap()).allow("*", "seller", "*")
    };
    let first = tls("first").allow("spiffe://demo/node/second", "buyer", "*").allow(
        "spiffe://demo/node/third",
        "other",
        "caller",
    );
    let (first, _) = start(first).await;
    let ((second, _), (third, in_third)) = (start(tls("second")).await, start(tls("third")).await);
    for name in ["buyer", "other"] {
        first.spawn(name, Buyer::default).await.unwrap();
    }
    second.spawn("seller", Seller::default).await.unwrap();
    third.spawn("seller", Seller::default).await.unwrap();
    let seller: Proxy<Seller> = first.connect(second.url("seller")).await.unwrap();
    let last: Proxy<Seller> = first.connect(third.url("seller")).await.unwrap();

    let own: Proxy<dyn Buying> = first.find("buyer").unwrap();
    seller.keep(vec![own]).await.unwrap();
    assert_eq!(seller.introduce().await, Ok(("spiffe://demo/node/second".into(), None)));
    seller.hand_on(last.clone()).await.unwrap();
    let Err(CallError::Agent(text)) = last.introduce().await else { panic!("it was let in") };
    assert!(
        text.contains("no rule lets spiffe://demo/node/third call \"caller\" of agent \"buyer\""),
        "{text}"
    );

    let own: Proxy<dyn Buying> = first.find("other").unwrap();
    seller.keep(vec![own]).await.unwrap();
    seller.hand_on(last.clone()).await.unwrap();
    assert_eq!(last.introduce().await, Ok(("spiffe://demo/node/third".into(), None)));
    assert_eq!(in_third.of("denials"), 0, "third's own gate was asked");
    for container in [third, second, first] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn no_url_leads_a_node_with_certificates_to_a_plain_link() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let secured = Container::builder("tls://127.0.0.1:0").certs(certs.node("secured").unwrap());
    let ((secured, in_secured), (plain, _)) = (start(secured).await, node("plain").await);
    let buyer = plain.spawn("buyer", Buyer::default).await.unwrap();
    secured.spawn("seller", Seller::default).await.unwrap();
    let seller: Proxy<Untyped> = secured.find("seller").unwrap();
    seller.call("keep", [Value::List(vec![Value::from(&buyer)])]).await.unwrap();
    let seller: Proxy<Seller> = secured.find("seller").unwrap();
    let Err(CallError::Agent(text)) = seller.introduce().await else { panic!("it followed the URL") };
    assert!(text.contains("follows such URLs over tls:// alone"), "{text}");
    assert_eq!(in_secured.open_links(), 0.0);
    secured.shutdown().await;
    plain.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_a_url_leads_to_shows_when_it_is_called_and_not_before() {
    let ((one, in_one), (two, in_two)) = (node("one").await, node("two").await);
    let seller = one.spawn("seller", Seller::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("seller")).await.unwrap();
    let keep = |url: String| far.call("keep", [Value::List(vec![Value::from(url)])]);
    let nowhere = nowhere().await;

    // Thousands of URLs cost neither a link nor an attempt at one.
    let many = (1..2_000).map(|n| Value::from(format!("tcp://127.0.0.1:{n}/buyer")));
    far.call("keep", [Value::List(many.collect())]).await.unwrap();
    assert_eq!((in_one.open_links(), in_two.open_links()), (1.0, 1.0));

    keep(nowhere.to_string()).await.unwrap();
    let Err(CallError::Agent(text)) = seller.introduce().await else { panic!("nobody answered") };
    assert!(text.contains(&format!("no link to {}", nowhere.endpoint)), "{text}");
    keep("tls://127.0.0.1:1/buyer".into()).await.unwrap();
    let Err(CallError::Agent(text)) = seller.introduce().await else { panic!("nobody answered") };
    assert!(text.contains("needs certificates"), "{text}");

    // Nor does it tell whether an agent is there, here or elsewhere.
    for node in [&one, &two] {
        keep(node.url("nobody")).await.unwrap();
        let Err(CallError::Agent(text)) = seller.introduce().await else { panic!("nobody answered") };
        assert!(text.contains("no agent"), "{text}");
        let buyer = node.spawn("nobody", Buyer::default).await.unwrap();
        assert!(seller.introduce().await.is_ok(), "it came meanwhile");
        buyer.limit().await.unwrap();
    }
    one.shutdown().await;
    two.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_text_that_is_no_url_of_an_agent_is_told_with_its_place() {
    let ((one, _), (two, _)) = (node("one").await, node("two").await);
    one.spawn("seller", Seller::default).await.unwrap();
    let far: Proxy<Untyped> = two.connect(one.url("seller")).await.unwrap();
    for (wrong, words) in [
        (Value::from("seller"), "no scheme"),
        (Value::from("tcp://127.0.0.1:1"), "names no agent"),
        (Value::from("tcp://127.0.0.1:1/a/b"), "no name of an agent"),
        (Value::from("tcp://a\nb:1/seller"), "control characters"),
        (Value::from(format!("tcp://{}:1/seller", "a".repeat(9_000))), "the limit is 2048"),
        (Value::from(7), "an agent's URL"),
    ] {
        let good = Value::from(one.url("seller"));
        let order = Value::Map(vec![
            ("pieces".into(), 1.into()),
            ("buyer".into(), Value::Null),
            ("witnesses".into(), Value::List(vec![good, wrong])),
        ]);
        match far.call("sell", [order]).await {
            Err(CallError::BadArguments { path, reason, .. }) => {
                assert!(path == "order.witnesses[1]" && reason.contains(words), "{path}: {reason}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Says that it returns a proxy, and returns whatever text.
    #[derive(Agent, Default)]
    struct Liar;

    #[agent]
    impl Liar {
        #[expose]
        fn first(&self) -> String {
            "nobody".to_owned()
        }
    }

    one.spawn("liar", Liar::default).await.unwrap();
    let liar: Proxy<Seller> = two.connect(one.url("liar")).await.unwrap();
    let error = liar.first().await.unwrap_err();
    assert!(matches!(&error, CallError::BadReply { reason } if reason.contains("no scheme")), "{error}");
    one.shutdown().await;
    two.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_schema_of_a_proxy_is_a_uri() {
    let (one, _) = node("one").await;
    one.spawn("buyer", Buyer::default).await.unwrap();
    let described = one.describe("buyer").unwrap();
    let buy = described.methods.iter().find(|method| method.name == "buy").unwrap();
    let schema = &buy.arguments[0].schema;
    assert_eq!(
        (schema["type"].as_str(), schema["format"].as_str()),
        (Some("string"), Some("uri")),
        "{schema}"
    );
    one.shutdown().await;
}

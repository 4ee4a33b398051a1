//! Objects of an agent: their methods under a path, in this process and over a link, as turns of their agent.

use folkmoot::prelude::*;
use folkmoot::{Untyped, Value};
use tokio::sync::{mpsc, oneshot};

/// Sums.
#[derive(Default)]
struct Math {
    sum: i64,
}

#[object]
impl Math {
    /// Adds `n` to the sum.
    #[expose]
    fn add(&mut self, n: i64) -> i64 {
        self.sum += n;
        self.sum
    }

    #[expose(idempotent)]
    fn divide(&self, by: i64) -> Result<i64, String> {
        self.sum.checked_div(by).ok_or_else(|| "by nothing".to_owned())
    }

    /// No part of what can be called.
    fn double(&mut self) {
        self.sum *= 2;
    }
}

/// An object with objects, of this one agent.
#[derive(Default)]
struct Garden {
    trees: u32,
    math: Math,
    shed: (Shed, Vec<u8>),
}

#[object(agent = House)]
impl Garden {
    #[expose]
    async fn plant(&mut self, ctx: &Context<House>, trees: u32) -> String {
        self.trees += trees;
        format!("{} trees at {}", self.trees, ctx.name())
    }

    #[object]
    fn math(&self) -> &Math {
        &self.math
    }

    /// Behind the trees.
    #[object]
    fn shed(&self) -> &Shed {
        &self.shed.0
    }
}

/// Whoever waits in the shed tells, and is let go.
#[derive(Default)]
struct Shed {
    waits: Option<(mpsc::UnboundedSender<oneshot::Sender<()>>, u32)>,
}

#[object]
impl Shed {
    #[expose]
    async fn rest(&self) -> u32 {
        let (tell, gone) = oneshot::channel();
        let Some((waiting, answer)) = &self.waits else { return 0 };
        waiting.send(tell).unwrap();
        gone.await.unwrap();
        *answer
    }

    #[expose]
    async fn rest_alone(&mut self) -> u32 {
        self.rest().await
    }
}

#[derive(Agent, Default)]
struct House {
    open: bool,
    math: Math,
    garden: Garden,
}

#[agent]
impl House {
    #[expose]
    fn open(&mut self) -> bool {
        self.math.double();
        !std::mem::replace(&mut self.open, true)
    }

    #[expose]
    async fn is_open(&self) -> bool {
        self.open
    }

    #[every(hours = 9)]
    fn close(&mut self) {
        self.open = false;
    }

    #[object]
    fn math(&self) -> &Math {
        &self.math
    }

    #[object]
    fn garden(&self) -> &Garden {
        &self.garden
    }
}

async fn hall() -> Container {
    super::counter::hall().await
}

async fn all_of(house: &Proxy<House>) {
    assert_eq!(house.math().add(2).await, Ok(2));
    assert_eq!(house.open().await, Ok(true));
    assert_eq!(house.math().divide(2).await, Ok(2));
    assert_eq!(house.math().divide(0).await, Err(CallError::Agent("by nothing".to_owned())));
    let garden = house.garden();
    assert_eq!(garden.plant(3).await, Ok("3 trees at house".to_owned()));
    assert_eq!(garden.math().add(7).await, Ok(7), "another one than the house's own");
    assert_eq!(garden.shed().rest().await, Ok(0));
    house.math().add(1).one_way().unwrap();
    assert_eq!(house.math().add(0).await, Ok(5));
}

#[folkmoot::test]
async fn objects_are_called_through_their_agent_near_and_far() {
    let (hall, other) = (hall().await, hall().await);
    let near = hall.spawn("house", House::default).await.unwrap();
    all_of(&near).await;
    hall.spawn("house-2", House::default).await.unwrap();
    hall.stop("house", std::time::Duration::from_secs(9)).await.unwrap();
    hall.spawn("house", House::default).await.unwrap();
    let far: Proxy<House> = other.connect(hall.url("house")).await.unwrap();
    all_of(&far).await;

    let by_name: Proxy<Untyped> = other.connect(hall.url("house")).await.unwrap();
    let call = |method, n: i64| by_name.call(method, [Value::from(n)]);
    assert_eq!(call("math/add", 1).await, Ok(Value::Int(6)));
    assert_eq!(call("garden/math/add", 1).await, Ok(Value::Int(8)));
    for (wrong, near) in [
        ("math/ad", Some("math/add")),
        ("garden/shed/rest_alon", Some("garden/shed/rest_alone")),
        ("math", Some("math/add")),
        ("math/", Some("math/add")),
        ("shed/rest", Some("garden/shed/rest")),
        ("/", None),
        ("math/add/", Some("math/add")),
        ("add", Some("math/add")),
        ("math/double", None),
        ("garden/math/shed/rest", Some("garden/shed/rest")),
        ("open/math", None),
    ] {
        let error = call(wrong, 1).await.unwrap_err();
        let CallError::NoSuchMethod { agent, method, nearest } = &error else { panic!("{wrong}: {error}") };
        assert_eq!((agent.as_str(), method.as_str(), nearest.as_deref()), ("house", wrong, near));
    }
    let error = by_name.call("garden/math/add", ["x"]).await.unwrap_err();
    assert!(
        matches!(&error, CallError::BadArguments { method, path, .. } if method == "garden/math/add" && path == "n"),
        "{error}"
    );
    for container in [other, hall] {
        container.shutdown().await;
    }
}

#[folkmoot::test]
async fn a_description_has_the_methods_of_objects_by_their_paths() {
    let hall = hall().await;
    hall.spawn("house", House::default).await.unwrap();
    let described = hall.describe("house").unwrap();
    let names: Vec<&str> = described.methods.iter().map(|method| method.name.as_str()).collect();
    let wanted = [
        "open",
        "is_open",
        "math/add",
        "math/divide",
        "garden/plant",
        "garden/math/add",
        "garden/math/divide",
        "garden/shed/rest",
        "garden/shed/rest_alone",
    ];
    assert_eq!(names, wanted);
    let idempotent = described.methods.iter().filter(|method| method.idempotent);
    let idempotent: Vec<&str> = idempotent.map(|method| method.name.as_str()).collect();
    assert_eq!(idempotent, ["math/divide", "garden/math/divide"]);
    let add = &described.methods[2];
    assert_eq!(
        (add.docs.as_str(), add.shared, add.arguments[0].name.as_str()),
        ("Adds `n` to the sum.", false, "n")
    );
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_call_of_an_object_is_a_turn_of_its_agent() {
    let hall = hall().await;
    let (waiting, mut waiters) = mpsc::unbounded_channel();
    let house = hall
        .spawn("house", move || {
            let mut house = House::default();
            house.garden.shed.0.waits = Some((waiting.clone(), 5));
            house
        })
        .await
        .unwrap();
    // Shared: others run meanwhile, of whatever object.
    let first = tokio::spawn(house.garden().shed().rest().into_future());
    let let_go = waiters.recv().await.unwrap();
    assert_eq!(house.is_open().await, Ok(false));
    assert_eq!(house.math().divide(1).await, Ok(0));
    // Exclusive: it waits for that one, and others for it.
    let second = tokio::spawn(house.garden().shed().rest_alone().into_future());
    tokio::task::yield_now().await;
    let third = tokio::spawn(house.math().add(1).into_future());
    let_go.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(5));
    let let_go = waiters.recv().await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!third.is_finished(), "two turns that each want the state alone ran at once");
    let_go.send(()).unwrap();
    assert_eq!((second.await.unwrap(), third.await.unwrap()), (Ok(5), Ok(1)));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn rules_name_the_methods_of_objects_by_their_paths() {
    super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let server = Container::builder("tls://127.0.0.1:0").certs(certs.node("server").unwrap());
    let server = server
        .allow("spiffe://demo/node/one", "house", "math/add")
        .allow("spiffe://demo/node/all", "house", "garden/*")
        .start()
        .await
        .unwrap();
    server.spawn("house", House::default).await.unwrap();
    for (name, add, plant, rest) in [("one", true, false, false), ("all", false, true, true)] {
        let client =
            Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap()).start().await.unwrap();
        let house: Proxy<House> = client.connect(server.url("house")).await.unwrap();
        let denied = |error: CallError| match error {
            CallError::Denied { reason } => reason.contains("no rule"),
            other => panic!("{other}"),
        };
        let (added, planted) = (house.math().add(1).await, house.garden().plant(1).await);
        assert_eq!(added.map_or_else(|error| !denied(error), |_| true), add, "{name}");
        assert_eq!(planted.map_or_else(|error| !denied(error), |_| true), plant, "{name}");
        let rested = house.garden().shed().rest().await;
        assert_eq!(rested.map_or_else(|error| !denied(error), |_| true), rest, "{name}");
        assert!(house.open().await.is_err(), "{name}");
        client.shutdown().await;
    }
    for wrong in ["math/", "/add", "math//add", "math/1st", "math/a b", "/*"] {
        let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node("x").unwrap());
        assert!(builder.allow("*", "house", wrong).start().await.is_err(), "{wrong}");
    }
    server.shutdown().await;
}

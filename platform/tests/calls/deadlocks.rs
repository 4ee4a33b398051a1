//! Calls that would wait for themselves are answered at once, with the chain.

use folkmoot::prelude::*;
use tokio::sync::mpsc;

use super::counter::hall;

/// Calls another one, which may call back.
#[derive(Agent, Default)]
struct Friend;

#[agent]
impl Friend {
    #[expose]
    async fn hello_exclusive(&mut self, ctx: &Context<Self>, path: Vec<String>) -> Result<String, String> {
        pass_on(ctx, path, true).await
    }

    #[expose]
    async fn hello_shared(&self, ctx: &Context<Self>, path: Vec<String>) -> Result<String, String> {
        pass_on(ctx, path, false).await
    }
}

/// Calls the first friend of `path` with the rest of it. `~name` is called shared, `name` exclusive.
async fn pass_on(ctx: &Context<Friend>, mut path: Vec<String>, _: bool) -> Result<String, String> {
    if path.is_empty() {
        return Ok("end".to_owned());
    }
    let next = path.remove(0);
    let (name, shared) = match next.strip_prefix('~') {
        Some(name) => (name, true),
        None => (next.as_str(), false),
    };
    let friend: Proxy<Friend> = match name.contains("://") {
        true => ctx.connect(name).await.map_err(|error| error.to_string())?,
        false => ctx.find(name).map_err(|error| error.to_string())?,
    };
    let answer = match shared {
        true => friend.hello_shared(path).await,
        false => friend.hello_exclusive(path).await,
    };
    answer.map_err(|error| match error {
        CallError::Agent(text) => text,
        CallError::Deadlock { chain } => format!("deadlock {}", chain.join(" ")),
        other => other.to_string(),
    })
}

fn path<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

async fn friends(names: &[&str]) -> Container {
    let hall = hall().await;
    for name in names {
        hall.spawn(name, Friend::default).await.unwrap();
    }
    hall
}

#[folkmoot::test]
async fn a_cycle_with_an_exclusive_turn_in_it_is_a_deadlock() {
    let hall = friends(&["a", "b"]).await;
    let a: Proxy<Friend> = hall.find("a").unwrap();
    for (route, shared) in [(path(["b", "a"]), false), (path(["b", "~a"]), false), (path(["~b", "a"]), true)]
    {
        let answer = match shared {
            true => a.hello_shared(route).await,
            false => a.hello_exclusive(route).await,
        };
        let text = "deadlock hall/a hall/b hall/a".to_owned();
        assert_eq!(answer, Err(CallError::Agent(text)));
    }
    let itself = a.hello_exclusive(path(["~a"])).await;
    assert_eq!(itself, Err(CallError::Agent("deadlock hall/a hall/a".to_owned())));
    assert_eq!(a.hello_exclusive(path(["b"])).await, Ok("end".to_owned()), "the agents were left blocked");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn shared_turns_may_re_enter() {
    let hall = friends(&["a", "b"]).await;
    let a: Proxy<Friend> = hall.find("a").unwrap();
    assert_eq!(a.hello_shared(path(["~b", "~a", "~b", "~a"])).await, Ok("end".to_owned()));
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_cycle_across_nodes_is_found_too() {
    super::limit::watch();
    let (one, two) = (
        Container::builder("tcp://127.0.0.1:0").name("one").start().await.unwrap(),
        Container::builder("tcp://127.0.0.1:0").name("two").start().await.unwrap(),
    );
    one.spawn("a", Friend::default).await.unwrap();
    two.spawn("b", Friend::default).await.unwrap();
    let a: Proxy<Friend> = one.find("a").unwrap();
    let (to_b, to_a) = (two.url("b"), one.url("a"));
    let answer = a.hello_exclusive(path([&to_b, &to_a])).await;
    assert_eq!(answer, Err(CallError::Agent("deadlock one/a two/b one/a".to_owned())));
    let answer = a.hello_shared(path([&format!("~{to_b}"), &format!("~{to_a}")])).await;
    assert_eq!(answer, Ok("end".to_owned()));
    one.shutdown().await;
    two.shutdown().await;
}

#[folkmoot::test]
async fn an_agent_of_another_node_is_not_taken_for_its_namesake_here() {
    let (one, two) = (friends(&["a", "b"]).await, friends(&["a", "b"]).await);
    let a: Proxy<Friend> = one.find("a").unwrap();
    let to_a = two.url("a");
    assert_eq!(a.hello_exclusive(path([&to_a])).await, Ok("end".to_owned()));
    assert_eq!(a.hello_exclusive(path([&to_a, "b"])).await, Ok("end".to_owned()));
    one.shutdown().await;
    two.shutdown().await;
}

/// Waits for a word before it calls on, so that two chains cross for certain.
#[derive(Agent)]
struct Crossing {
    began: mpsc::UnboundedSender<()>,
    go: std::sync::Arc<tokio::sync::Semaphore>,
}

#[agent]
impl Crossing {
    #[expose]
    async fn call(&mut self, ctx: &Context<Self>, name: String) -> Result<(), String> {
        self.began.send(()).unwrap();
        self.go.acquire().await.map_err(|error| error.to_string())?.forget();
        let other: Proxy<Crossing> = ctx.find(&name).map_err(|error| error.to_string())?;
        other.touch().await.map_err(|error| error.to_string())
    }

    #[expose]
    fn touch(&mut self) {}
}

#[folkmoot::test]
async fn crossed_chains_are_found_in_rings_of_two_and_three() {
    for names in [vec!["a", "b"], vec!["a", "b", "c"]] {
        let hall = hall().await;
        let (began, mut begun) = mpsc::unbounded_channel();
        let go = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let mut agents = Vec::new();
        for name in &names {
            let (began, go) = (began.clone(), go.clone());
            let factory = move || Crossing { began: began.clone(), go: go.clone() };
            agents.push(hall.spawn(name, factory).await.unwrap());
        }
        let calls =
            agents.iter().enumerate().map(|(at, agent)| agent.call(names[(at + 1) % names.len()].to_owned()));
        let steer = async {
            for _ in &names {
                begun.recv().await.unwrap();
            }
            go.add_permits(names.len());
        };
        let (answers, ()) = tokio::join!(futures_util::future::join_all(calls), steer);
        let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert_eq!(refused.len(), 1, "{answers:?}");
        assert!(refused[0].to_string().contains("deadlock"), "{answers:?}");
        hall.shutdown().await;
    }
}

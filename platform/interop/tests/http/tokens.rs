//! Who may do what, where there are tokens.

use crate::client::{Answer, Client, Hall, about, about_with, agent, put, request, response, uid, user};

const TOKENS: &str = "
tokens:
  token-of-ada: {user: ada, groups: [crew, fans]}
  token-of-bob: {user: bob, groups: [crew]}
  token-of-eve: {user: eve}
";

async fn hall() -> (Hall, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKENS).unwrap();
    let path = file.path().to_owned();
    (Hall::open_as(|academy| academy.tokens(path)).await, file)
}

/// Asks as whoever has `token-of-NAME`.
async fn asks(client: &mut Client, name: &str, method: &str, path: &str, body: &str) -> Answer {
    client.asks_with(method, path, &format!("Authorization: Bearer token-of-{name}\r\n"), body).await
}

const FORBIDDEN: &str = "Incorrect permissions";

#[tokio::test]
async fn without_a_token_nobody_comes_in() {
    let (hall, _file) = hall().await;
    let mut client = hall.client().await;
    for header in [
        "",
        "Authorization: token-of-ada\r\n",
        "Authorization: bearer token-of-ada\r\n",
        "Authorization: Basic token-of-ada\r\n",
        "Authorization: Bearer  token-of-ada\r\n",
        "Authorization: Bearer token-of-ada x\r\n",
        "Authorization: Bearer\r\n",
    ] {
        let answer = client.asks_with("GET", "/mailbox", header, &about(&agent(1))).await;
        assert_eq!((answer.status, &*answer.body), (401, "Missing required headers."), "{header:?}");
    }
    for name in ["zoe", "ad", "ada1"] {
        let answer = asks(&mut client, name, "GET", "/mailbox", &about(&agent(1))).await;
        answer.is(403, "Token expired or revoked.");
    }
    asks(&mut client, "ada", "GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
}

#[tokio::test]
async fn a_mailbox_is_its_owners_until_it_is_shared() {
    let (hall, _file) = hall().await;
    let mut client = hall.client().await;
    let id = agent(1);
    let create = about_with(&id, r#""agent":"m.A""#);
    asks(&mut client, "ada", "POST", "/mailbox", &create).await.is(200, "");
    let message = put(&request(&user(9), &id, 1));
    let all = [
        ("POST", "/mailbox", about(&id)),
        ("GET", "/mailbox", about(&id)),
        ("DELETE", "/mailbox", about(&id)),
        ("GET", "/message", about(&id)),
        ("GET", "/mailbox/listen", about(&id)),
        ("POST", "/mailbox/heartbeat", about(&id)),
        ("GET", "/mailbox/heartbeat", about(&id)),
        ("GET", "/mailbox/stats", about(&id)),
        ("PUT", "/message", message.clone()),
        ("POST", "/mailbox/share", about_with(&id, r#""group_id":"crew""#)),
        ("GET", "/mailbox/share", about(&id)),
        ("DELETE", "/mailbox/share", about_with(&id, r#""group_id":"crew""#)),
    ];
    for (method, path, body) in &all {
        let answer = asks(&mut client, "bob", method, path, body).await;
        assert_eq!((answer.status, &*answer.body), (403, FORBIDDEN), "{method} {path}");
    }
    let discover = r#"{"agent":"m.A","allow_subclasses":true}"#;
    asks(&mut client, "bob", "GET", "/discover", discover).await.is(200, r#"{"agent_ids": ""}"#);
    let found = format!(r#"{{"agent_ids": "{}"}}"#, uid(1));
    asks(&mut client, "ada", "GET", "/discover", discover).await.is(200, &found);

    let share = |group: &str| about_with(&id, &format!(r#""group_id":"{group}""#));
    asks(&mut client, "ada", "POST", "/mailbox/share", &share("others")).await.is(403, FORBIDDEN);
    for group in ["crew", "crew", "fans"] {
        asks(&mut client, "ada", "POST", "/mailbox/share", &share(group)).await.is(200, "");
    }
    let shares = asks(&mut client, "ada", "GET", "/mailbox/share", &about(&id)).await;
    shares.is(200, r#"{"group_ids": ["crew", "fans"]}"#);
    // Members use it as the owner does, but do not say with whom it is shared.
    asks(&mut client, "bob", "GET", "/discover", discover).await.is(200, &found);
    asks(&mut client, "bob", "PUT", "/message", &message).await.is(200, "");
    assert_eq!(
        asks(&mut client, "bob", "GET", "/message", &about(&id)).await.message(),
        request(&user(9), &id, 1)
    );
    for (method, path, body) in &all[9..] {
        asks(&mut client, "bob", method, path, body).await.is(403, FORBIDDEN);
        if *method == "GET" {
            asks(&mut client, "eve", method, path, body).await.is(403, FORBIDDEN);
        }
    }
    asks(&mut client, "eve", "GET", "/mailbox", &about(&id)).await.is(403, FORBIDDEN);
    for group in ["crew", "crew", "never-shared"] {
        asks(&mut client, "ada", "DELETE", "/mailbox/share", &share(group)).await.is(200, "");
    }
    asks(&mut client, "bob", "GET", "/mailbox", &about(&id)).await.is(403, FORBIDDEN);
    asks(&mut client, "ada", "GET", "/mailbox/share", &about(&id))
        .await
        .is(200, r#"{"group_ids": ["fans"]}"#);
}

#[tokio::test]
async fn an_unshare_of_what_was_never_shared_is_no_mistake() {
    let hall = Hall::open().await;
    let id = hall.mailbox(&agent(1)).await;
    let body = about_with(&id, r#""group_id":"crew""#);
    hall.client().await.asks("DELETE", "/mailbox/share", &body).await.is(200, "");
    // Everyone is one user there, who is in no group.
    hall.client().await.asks("POST", "/mailbox/share", &body).await.is(403, FORBIDDEN);
}

#[tokio::test]
async fn nobody_sends_in_anothers_name() {
    let (hall, _file) = hall().await;
    let mut client = hall.client().await;
    let (ada, bob) = (agent(1), agent(2));
    asks(&mut client, "ada", "POST", "/mailbox", &about(&ada)).await.is(200, "");
    asks(&mut client, "bob", "POST", "/mailbox", &about(&bob)).await.is(200, "");
    let share = about_with(&ada, r#""group_id":"crew""#);
    asks(&mut client, "ada", "POST", "/mailbox/share", &share).await.is(200, "");
    asks(&mut client, "bob", "PUT", "/message", &put(&request(&bob, &ada, 1))).await.is(200, "");
    // Ada's mailbox is shared with bob, and bob's with nobody.
    asks(&mut client, "ada", "PUT", "/message", &put(&response(&bob, &ada, 1))).await.is(403, FORBIDDEN);
    asks(&mut client, "eve", "PUT", "/message", &put(&request(&bob, &ada, 2))).await.is(403, FORBIDDEN);
    let stats = asks(&mut client, "ada", "GET", "/mailbox/stats", &about(&ada)).await;
    stats.is(200, r#"{"incoming": 1, "outgoing": 0, "completed": 0, "in_progress": 0, "queued": 1}"#);
}

#[tokio::test(start_paused = true)]
async fn tokens_come_and_go_with_their_file() {
    let (hall, file) = hall().await;
    let mut client = hall.client().await;
    std::fs::write(file.path(), "tokens:\n  token-of-zoe: {user: zoe}\n").unwrap();
    crate::client::until(async || {
        asks(&mut client, "ada", "GET", "/mailbox", &about(&agent(1))).await.status == 403
    })
    .await;
    asks(&mut client, "zoe", "GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
    // A mistake in it takes nobody's token away.
    std::fs::write(file.path(), "tokens: what a pity, and longer").unwrap();
    folkmoot::Clock::sleep(&folkmoot::RealClock, std::time::Duration::from_secs(11)).await;
    asks(&mut client, "zoe", "GET", "/mailbox", &about(&agent(1))).await.is(200, r#"{"status": "MISSING"}"#);
}

//! The example `mosaik`, with this test in the place of mosaik: over the same channel, opened from either end.
//!
//! Neighbour: the live lane runs the real mosaik.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use folkmoot::channel::{Channel, Options};
use folkmoot::{CallError, Value};
use serde_json::json;

use super::{example, text};

/// Longest time that is waited for the example.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(example("mosaik"));
    command
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn ask(channel: &Channel, request: serde_json::Value) -> Result<serde_json::Value, CallError> {
    channel.send(&request).deadline(PATIENCE).await
}

/// What mosaik asks in the course of a simulation, and what it is asked.
async fn simulate(channel: Channel) {
    let mosaik = channel.clone();
    let progress = tokio::task::spawn_local(async move {
        let mut asked = 0;
        while let Some(request) = mosaik.recv().await {
            assert_eq!(request.value(), Value::from(json!(["get_progress", [], {}])));
            request.reply(&12.5).unwrap();
            asked += 1;
        }
        asked
    });
    let meta =
        ask(&channel, json!(["init", ["sim-0"], {"time_resolution": 60.0, "step_size": 15}])).await.unwrap();
    assert_eq!(meta["api_version"], "3.0");
    assert_eq!(meta["models"]["Battery"]["attrs"], json!(["charge_kwh", "power_kw"]));
    let created = ask(&channel, json!(["create", [2, "Battery"], {"capacity_kwh": 7.5}])).await.unwrap();
    let entity = |eid| json!({"eid": eid, "type": "Battery"});
    assert_eq!(created, json!([entity("battery-0"), entity("battery-1")]));
    for (wrong, words) in [
        (json!(["create", [1, "Windmill"], {"capacity_kwh": 1.0}]), "there is no model \"Windmill\""),
        (json!(["create", [1, "Battery"], {"capacity_kwh": "much"}]), "expected f64"),
        (json!(["create", [1]]), "expected"),
        (json!(["blow_up", [], {}]), "there is no function \"blow_up\""),
        (json!(["get_data", [{"battery-9": ["charge_kwh"]}], {}]), "there is no battery \"battery-9\""),
        (json!(["get_data", [{"battery-0": ["colour"]}], {}]), "no attribute \"colour\""),
        (json!(7), "expected"),
    ] {
        let error = ask(&channel, wrong).await.unwrap_err();
        let CallError::Remote { kind, message, .. } = error else { panic!("{error:?}") };
        assert!(kind == "SimulationError" && message.contains(words), "{kind}: {message}");
    }
    assert_eq!(ask(&channel, json!(["setup_done", [], {}])).await.unwrap(), json!(null));
    for (time, charge) in [(0, 0.0), (15, 5.0), (30, 7.5)] {
        let power = json!({"battery-1": {"power_kw": {"a": 15.0, "b": 5.0}}});
        let next = ask(&channel, json!(["step", [time, power, 30], {}])).await.unwrap();
        assert_eq!(next, json!(time + 15));
        let wanted = json!({"battery-0": ["charge_kwh"], "battery-1": ["charge_kwh", "power_kw"]});
        let data = ask(&channel, json!(["get_data", [wanted], {}])).await.unwrap();
        assert_eq!(data["battery-0"], json!({"charge_kwh": 0.0}));
        assert_eq!(data["battery-1"]["power_kw"], 20.0);
        let seen = data["battery-1"]["charge_kwh"].as_f64().unwrap();
        assert!((seen - charge).abs() < 1e-9, "{charge} kWh at {time}, not {seen}");
    }
    assert_eq!(ask(&channel, json!(["stop", [], {}])).await.unwrap(), json!(null));
    channel.ended().await;
    assert_eq!(progress.await.unwrap(), 3);
}

fn ends_well(example: Child) {
    let output = example.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[folkmoot::test]
async fn batteries_live_in_the_time_of_who_connects_to_them() {
    let mut served = start(&["--listen", "127.0.0.1:0"]);
    let mut line = String::new();
    BufReader::new(served.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("READY ").unwrap();
    simulate(Options::new().open(&format!("tcp://{address}")).await.unwrap()).await;
    ends_well(served);
}

#[test]
fn without_mosaik_the_example_says_so() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let output = start(&[&address]).wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("no channel to tcp://127.0.0.1:"), "{}", text(&output.stderr));
}

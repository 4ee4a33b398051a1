//! A simulator for the co-simulator mosaik: batteries, each an agent, that live in mosaik's time.
//!
//! ```text
//! cargo run --release --example mosaik -- 127.0.0.1:5555            # as mosaik's `cmd` has it: `mosaik %(addr)s`
//! cargo run --release --example mosaik -- --listen 127.0.0.1:5555   # mosaik's `connect`
//! ```
//! It speaks mosaik's API, version 3, over a channel in JSON: requests are
//! `[function, [arguments], {keyword arguments}]`, and an exception is `[type, message]`. The model `Battery` takes
//! `capacity_kwh` and `charge_kwh`, the attribute `power_kw` (what is put into it), and has `charge_kwh`. With
//! `--listen` the first line is `READY <address>`. Neighbours: `tests/examples/mosaik.rs` plays mosaik,
//! `platform/tests/mosaik` runs the real one.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Parser;
use folkmoot::channel::{Channel, Options, Request};
use folkmoot::prelude::*;
use folkmoot::{ExternalClock, Value};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Serves batteries to mosaik.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where mosaik waits for its simulator: HOST:PORT
    #[arg(required_unless_present = "listen")]
    mosaik: Option<String>,
    /// Waits for mosaik at HOST:PORT; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "mosaik")]
    listen: Option<String>,
}

/// A battery. Each minute it takes what is put into it.
#[derive(Agent)]
struct Battery {
    capacity_kwh: f64,
    charge_kwh: f64,
    power_kw: f64,
}

#[agent]
impl Battery {
    #[every(minutes = 1)]
    fn minute(&mut self) {
        self.charge_kwh = (self.charge_kwh + self.power_kw / 60.0).clamp(0.0, self.capacity_kwh);
    }

    /// Sets what is put into it from now on.
    #[expose]
    fn set_power(&mut self, power_kw: f64) {
        self.power_kw = power_kw;
    }

    /// The value of one of mosaik's attributes.
    #[expose]
    fn attribute(&self, name: String) -> Result<f64, String> {
        match name.as_str() {
            "charge_kwh" => Ok(self.charge_kwh),
            "power_kw" => Ok(self.power_kw),
            _ => Err(format!("a battery has no attribute {name:?}; it has charge_kwh and power_kw")),
        }
    }
}

/// What a battery is made with.
#[derive(Clone, Debug, Deserialize)]
struct Parameters {
    capacity_kwh: f64,
    #[serde(default)]
    charge_kwh: f64,
}

/// The keyword arguments of `init`.
#[derive(Debug, Deserialize)]
struct Settings {
    /// Seconds of one step of mosaik's time.
    time_resolution: f64,
    /// Steps of mosaik's time between two of ours.
    #[serde(default = "quarter_of_an_hour")]
    step_size: u64,
}

fn quarter_of_an_hour() -> u64 {
    900
}

/// What `create` tells of an entity.
#[derive(Debug, Serialize)]
struct Entity {
    eid: String,
    r#type: &'static str,
}

/// For each entity and attribute, what each of the others gives.
type Inputs = BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>;

/// The simulator: a container whose clock mosaik sets.
struct Simulator {
    hall: Container,
    clock: ExternalClock,
    settings: Settings,
    batteries: BTreeMap<String, Proxy<Battery>>,
}

impl Simulator {
    async fn start() -> Result<Simulator> {
        let clock = ExternalClock::new("2014-01-01T00:00:00".parse()?);
        let name = format!("local://mosaik-{}", std::process::id());
        let hall = Container::builder(&name).clock(clock.clone()).start().await?;
        let settings = Settings { time_resolution: 1.0, step_size: quarter_of_an_hour() };
        Ok(Simulator { hall, clock, settings, batteries: BTreeMap::new() })
    }

    /// Answers mosaik until it says stop, or is gone.
    async fn serve(mut self, channel: Channel) -> Result<()> {
        while let Some(request) = channel.recv().await {
            let name = request.content().map(|(name, _, _): (String, IgnoredAny, IgnoredAny)| name);
            let answer = match name.as_deref() {
                Ok("stop") => {
                    request.reply(&())?;
                    break;
                }
                Ok(name) => self.answer(name, &request, &channel).await,
                Err(error) => Err(error.clone().into()),
            };
            match answer {
                Ok(value) => request.reply(&value)?,
                Err(error) => request.raise(&("SimulationError", error.to_string())),
            }
        }
        channel.close().await;
        self.hall.shutdown().await;
        Ok(())
    }

    async fn answer(&mut self, name: &str, request: &Request, mosaik: &Channel) -> Result<Value> {
        match name {
            "init" => {
                let (_, (_sid,), settings): (IgnoredAny, (String,), Settings) = request.content()?;
                self.settings = settings;
                Ok(Value::from(json!({
                    "api_version": "3.0",
                    "type": "time-based",
                    "models": {"Battery": {
                        "public": true,
                        "params": ["capacity_kwh", "charge_kwh"],
                        "attrs": ["charge_kwh", "power_kw"],
                    }},
                })))
            }
            "create" => {
                let (_, (count, model), parameters): (IgnoredAny, (usize, String), Parameters) =
                    request.content()?;
                Ok(Value::from(
                    serde_json::to_value(self.create(count, &model, parameters).await?).map_err(other)?,
                ))
            }
            "setup_done" => Ok(Value::Null),
            "step" => {
                let (_, (time, inputs, _), _): (IgnoredAny, (u64, Inputs, IgnoredAny), IgnoredAny) =
                    request.content()?;
                let next = self.step(time, inputs).await?;
                // While mosaik waits for the step it answers over the same channel.
                let progress: f64 =
                    mosaik.send(&("get_progress", [0; 0], BTreeMap::<&str, ()>::new())).await?;
                eprintln!("step to {time} s, mosaik is at {progress:.0} %");
                Ok(next.into())
            }
            "get_data" => {
                let (_, (outputs,), _): (IgnoredAny, (BTreeMap<String, Vec<String>>,), IgnoredAny) =
                    request.content()?;
                self.data(outputs).await
            }
            other => Err(format!("there is no function {other:?}").into()),
        }
    }

    async fn create(&mut self, count: usize, model: &str, parameters: Parameters) -> Result<Vec<Entity>> {
        if model != "Battery" {
            return Err(format!("there is no model {model:?}; there is Battery").into());
        }
        let mut entities = Vec::new();
        for _ in 0..count {
            let eid = format!("battery-{}", self.batteries.len());
            let Parameters { capacity_kwh, charge_kwh } = parameters;
            let new = move || Battery { capacity_kwh, charge_kwh, power_kw: 0.0 };
            self.batteries.insert(eid.clone(), self.hall.spawn(&eid, new).await?);
            entities.push(Entity { eid, r#type: "Battery" });
        }
        Ok(entities)
    }

    /// Lets the agents live until `time`, then gives them their inputs. Gives the time of the next step.
    async fn step(&self, time: u64, inputs: Inputs) -> Result<u64> {
        let seconds = time as f64 * self.settings.time_resolution;
        if seconds > self.clock.time() {
            self.clock.advance_to(seconds).await?;
        }
        for (eid, attributes) in inputs {
            if let Some(powers) = attributes.get("power_kw") {
                self.battery(&eid)?.set_power(powers.values().sum()).await?;
            }
        }
        Ok(time + self.settings.step_size)
    }

    async fn data(&self, outputs: BTreeMap<String, Vec<String>>) -> Result<Value> {
        let mut data = Vec::new();
        for (eid, names) in outputs {
            let mut values = Vec::new();
            for name in names {
                let value = self.battery(&eid)?.attribute(name.clone()).await?;
                values.push((name.into(), value.into()));
            }
            data.push((eid.into(), Value::Map(values)));
        }
        Ok(Value::Map(data))
    }

    fn battery(&self, eid: &str) -> Result<&Proxy<Battery>> {
        self.batteries.get(eid).ok_or_else(|| format!("there is no battery {eid:?}").into())
    }
}

fn other(error: serde_json::Error) -> Error {
    Error::Other(error.into())
}

#[folkmoot::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let Arguments { mosaik, listen } = Arguments::parse();
    let simulator = Simulator::start().await?;
    let channel = match (mosaik, listen) {
        (Some(address), _) => Options::new().open(&format!("tcp://{address}")).await?,
        (None, Some(address)) => {
            let mut listener =
                Options::new().take_codecs([Codec::Json]).listen(&format!("tcp://{address}")).await?;
            let mut out = std::io::stdout();
            writeln!(out, "READY {}", listener.endpoint().to_string().trim_start_matches("tcp://"))?;
            out.flush()?;
            listener.accept().await.ok_or("the door was closed")?
        }
        (None, None) => return Err("say where mosaik is, or --listen".into()),
    };
    simulator.serve(channel).await
}

//! An agent on one node, called from another over mutual TLS: the first example of the README, word for word.
#![allow(clippy::print_stdout)]

use folkmoot::prelude::*;

#[derive(Agent, Default)]
struct Counter {
    total: i64,
}

#[agent]
impl Counter {
    /// Adds `amount` and returns the new total.
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }
}

#[folkmoot::main]
async fn main() -> Result<()> {
    let certs = DevCerts::in_dir("target/hello-certs")?; // a development CA, made once
    let server = Container::builder("tls://127.0.0.1:0")
        .certs(certs.node("server")?)
        .allow("spiffe://demo/node/client", "counter", "add") // all else is denied
        .start()
        .await?;
    server.spawn("counter", Counter::default).await?; // a factory: a restart needs one

    let client = Container::builder("tls://127.0.0.1:0").certs(certs.node("client")?).start().await?;
    let counter: Proxy<Counter> = client.connect(server.url("counter")).await?;
    counter.add(2).await?;
    println!("2 + 3 = {}", counter.add(3).await?);
    Ok(())
}

//! `folkmoot describe`: what an agent exposes, as one would write it down, or as JSON for tools.
//!
//! Neighbour: [`node`](crate::node), who asks.

use clap::Args;
use folkmoot::{AgentDescription, MethodDescription, Result};

use crate::node::Node;

/// The arguments of `folkmoot describe`.
#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// The agent, as in tls://market.example:5555/counter or unix:///run/market.sock:counter
    url: String,
    /// Prints the whole description, JSON Schemas included
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: Node,
}

/// Asks the agent's node and gives what it told.
///
/// # Errors
/// What kept it from being asked, or what it was answered with.
pub(crate) fn run(describe: Describe) -> Result<String> {
    folkmoot::block_on(describe.ask())
}

impl Describe {
    async fn ask(self) -> Result<String> {
        let container = self.node.start(&self.url).await?;
        let description = self.node.connect(&container, &self.url).describe().await;
        container.shutdown().await;
        let description = description?;
        match self.json {
            true => serde_json::to_string_pretty(&description).map_err(|error| error.to_string().into()),
            false => Ok(page(&description)),
        }
    }
}

fn page(description: &AgentDescription) -> String {
    let mut page = description.agent_type.clone();
    for line in description.docs.lines() {
        page.push_str(&format!("\n  {line}"));
    }
    for method in &description.methods {
        page.push_str(&format!("\n\n  {}", signature(method)));
        for line in method.docs.lines() {
            page.push_str(&format!("\n      {line}"));
        }
    }
    page
}

fn signature(method: &MethodDescription) -> String {
    let arguments: Vec<String> = method
        .arguments
        .iter()
        .map(|argument| format!("{}: {}", argument.name, kind(&argument.schema)))
        .collect();
    let idempotent = if method.idempotent { ", idempotent" } else { "" };
    format!("{}({}) -> {}{idempotent}", method.name, arguments.join(", "), kind(&method.returns))
}

/// A schema in a word: its title where it has one, else its type.
fn kind(schema: &serde_json::Value) -> String {
    let word = ["title", "type"].into_iter().find_map(|key| schema.get(key));
    match word {
        Some(serde_json::Value::String(word)) => word.clone(),
        Some(serde_json::Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(serde_json::Value::as_str).collect();
            words.join(" or ")
        }
        _ => "any".to_owned(),
    }
}

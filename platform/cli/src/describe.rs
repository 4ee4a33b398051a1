//! `folkmoot describe`: what an agent exposes, as one would write it down, or as JSON for tools.
//!
//! Neighbour: [`node`](crate::node), who asks.

use clap::Args;
use folkmoot::{AgentDescription, MailDescription, MethodDescription, Result};
use serde_json::Value;

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
    for mail in &description.mails {
        page.push_str(&format!("\n\n  {}", mail_line(mail)));
        for line in mail.docs.lines() {
            page.push_str(&format!("\n      {line}"));
        }
    }
    page
}

fn mail_line(mail: &MailDescription) -> String {
    let kind_of_mail =
        mail.kind.as_deref().map_or("of all other kinds".to_owned(), |kind| format!("{kind:?}"));
    format!("mail {kind_of_mail}: {} -> {}", kind(&mail.body), kind(&mail.returns))
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

/// A schema in a word or two: `URL` for an agent that is passed, else its title where it has one, else its type.
fn kind(schema: &Value) -> String {
    if schema["format"] == "uri" {
        return "URL".to_owned();
    }
    if let Some(items) = schema.get("items").filter(|_| schema["type"] == "array") {
        return format!("list of {}", kind(items));
    }
    if let Some(Value::Array(any)) = schema.get("anyOf") {
        let words: Vec<String> = any.iter().map(kind).collect();
        return words.join(" or ");
    }
    let of_number =
        schema.get("format").filter(|_| schema["type"] == "integer" || schema["type"] == "number");
    let definition = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    match schema.get("title").or(of_number).or(schema.get("type")) {
        Some(Value::String(word)) => match word.strip_prefix("Nullable_") {
            Some(word) => format!("{word} or null"),
            None => word.clone(),
        },
        Some(Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            words.join(" or ")
        }
        _ => definition.unwrap_or("any").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mail_is_told_by_its_kind_and_what_it_says() {
        let mail = |kind: Option<&str>, body, returns| MailDescription {
            kind: kind.map(str::to_owned),
            name: "method".to_owned(),
            docs: String::new(),
            shared: true,
            body,
            returns,
        };
        let level =
            mail(Some("level?"), json!({"type": "null"}), json!({"type": "integer", "format": "uint64"}));
        assert_eq!(mail_line(&level), "mail \"level?\": null -> uint64");
        let other = mail(None, json!(true), json!({"type": "null"}));
        assert_eq!(mail_line(&other), "mail of all other kinds: any -> null");
    }

    #[test]
    fn a_schema_is_told_in_words_that_say_what_to_write() {
        let url = json!({"title": "Proxy", "type": "string", "format": "uri"});
        for (schema, words) in [
            (url.clone(), "URL"),
            (json!({"title": "Array_of_Proxy", "type": "array", "items": url.clone()}), "list of URL"),
            (json!({"title": "Nullable_Proxy", "anyOf": [url, {"type": "null"}]}), "URL or null"),
            (json!({"title": "int64", "type": "integer", "format": "int64"}), "int64"),
            (
                json!({"title": "Nullable_int64", "type": ["integer", "null"], "format": "int64"}),
                "int64 or null",
            ),
            (json!({"type": "array", "items": {"type": "integer", "format": "int64"}}), "list of int64"),
            (json!({"type": "array", "items": {"$ref": "#/$defs/Card"}}), "list of Card"),
            (json!({"type": ["string", "null"]}), "string or null"),
            (json!({"title": "Card", "type": "object"}), "Card"),
            (json!(true), "any"),
        ] {
            assert_eq!(kind(&schema), words, "{schema}");
        }
    }
}

//! What `folkmoot certs ls` prints: a line for each node, or a list for tools.
//!
//! Neighbour: [`certs`](super) has the verb.

use folkmoot::{IssuedNode, Result};
use serde_json::{Value, json};

const HEAD: [&str; 8] = ["NAME", "PRINCIPAL", "HOSTS", "SERIAL", "FROM", "UNTIL", "DAYS", "STATE"];

/// The nodes for people.
pub(super) fn table(nodes: &[IssuedNode]) -> String {
    if nodes.is_empty() {
        return "There is no node yet.".to_owned();
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(nodes.iter().map(row));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; HEAD.len()]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(node: &IssuedNode) -> [String; HEAD.len()] {
    let Ok(leaf) = &node.certificate else {
        let none = || "-".to_owned();
        return [node.name.clone(), none(), none(), none(), none(), none(), none(), state(node)];
    };
    [
        node.name.clone(),
        leaf.node_name().unwrap_or_else(|_| "-".to_owned()),
        hosts(node).join(","),
        leaf.serial().to_owned(),
        leaf.valid_from(),
        leaf.valid_until(),
        leaf.days_left().to_string(),
        state(node),
    ]
}

/// The nodes for tools.
pub(super) fn json(nodes: &[IssuedNode]) -> Result<String> {
    let list: Vec<Value> = nodes
        .iter()
        .map(|node| {
            let leaf = node.certificate.as_ref().ok();
            json!({
                "name": node.name,
                "principal": leaf.and_then(|leaf| leaf.node_name().ok()),
                "hosts": hosts(node),
                "serial": leaf.map(|leaf| leaf.serial()),
                "valid_from": leaf.map(|leaf| leaf.valid_from()),
                "valid_until": leaf.map(|leaf| leaf.valid_until()),
                "days_left": leaf.map(|leaf| leaf.days_left()),
                "revoked": node.revoked,
                "state": state(node),
            })
        })
        .collect();
    serde_json::to_string_pretty(&list).map_err(|error| error.to_string().into())
}

fn hosts(node: &IssuedNode) -> Vec<String> {
    let Ok(leaf) = &node.certificate else { return Vec::new() };
    leaf.dns().iter().cloned().chain(leaf.ips().iter().map(ToString::to_string)).collect()
}

/// `valid`, `revoked`, or what is wrong.
fn state(node: &IssuedNode) -> String {
    match &node.certificate {
        Ok(_) if node.revoked => "revoked".to_owned(),
        Ok(leaf) => leaf.check().err().map_or_else(|| "valid".to_owned(), |fault| fault.to_string()),
        Err(error) => error.to_string(),
    }
}

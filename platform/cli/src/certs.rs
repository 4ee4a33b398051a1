//! `folkmoot certs`: a certificate authority for development, and the certificates of its nodes.
//!
//! What always holds: no file is overwritten but by `rotate` and `revoke`; what is printed says where the files are and
//! what to do with them. Neighbours: [`listing`] prints `ls`; `folkmoot::DevCerts` does the work, programs that want
//! certificates from code use it directly.

mod listing;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use folkmoot::{DevCerts, IssuedNode, Renewed, Result};

/// The verbs of `folkmoot certs`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes a certificate authority in a folder; does nothing where it is there already
    Init(Init),
    /// Issues the certificate of one node, in a folder of its own beside the authority
    Issue(Issue),
    /// Lists the nodes and their certificates
    Ls(Ls),
    /// Issues new keys and certificates for the same names; running nodes take them by themselves
    Rotate(Rotate),
    /// Revokes the certificate that a node has now: peers that read the list refuse it
    Revoke(Revoke),
}

/// The arguments of `folkmoot certs init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The authority's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The name of all its nodes together: they are called spiffe://TRUST_DOMAIN/node/NAME
    #[arg(long, value_name = "NAME")]
    trust_domain: String,
}

/// The arguments of `folkmoot certs issue`.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The node's name: a-z, 0-9, `.`, `_` and `-`
    name: String,
    /// The authority's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// A host name by which the node is reached, beside localhost; may be repeated
    #[arg(long, value_name = "HOST")]
    dns: Vec<String>,
    /// An IP address by which the node is reached, beside 127.0.0.1 and ::1; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
}

/// The arguments of `folkmoot certs ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// The authority's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Prints a list for tools
    #[arg(long)]
    json: bool,
}

/// The arguments of `folkmoot certs rotate`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The node's name
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Every node whose certificate is not revoked
    #[arg(long)]
    all: bool,
    /// The authority's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// The arguments of `folkmoot certs revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The node's name
    name: String,
    /// The authority's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Does what the verb says and tells about it.
///
/// # Errors
/// What is wrong with the names or the folder.
pub(crate) fn run(verb: Verb) -> Result<String> {
    match verb {
        Verb::Init(init) => run_init(&init),
        Verb::Issue(issue) => run_issue(&issue),
        Verb::Ls(Ls { dir, json }) => {
            let nodes = DevCerts::open(&dir)?.nodes()?;
            if json { listing::json(&nodes) } else { Ok(listing::table(&nodes)) }
        }
        Verb::Rotate(rotate) => run_rotate(&rotate),
        Verb::Revoke(revoke) => run_revoke(&revoke),
    }
}

fn run_init(Init { dir, trust_domain }: &Init) -> Result<String> {
    let new = DevCerts::open(dir).is_err();
    let authority = DevCerts::with_trust_domain(dir, trust_domain)?;
    let (trust_domain, dir) = (authority.trust_domain(), authority.dir().display());
    let made = if new { "Made" } else { "Found" };
    Ok(format!(
        "{made} the certificate authority of the trust domain {trust_domain}:
  {dir}/ca.pem      its certificate
  {dir}/ca-key.pem  its key; whoever has it can issue certificates

Next, for each node:
  folkmoot certs issue NAME --dir {dir}"
    ))
}

fn run_issue(Issue { name, dir, dns, ip }: &Issue) -> Result<String> {
    let authority = DevCerts::open(dir)?;
    let folder = authority.issue(name, dns, ip)?;
    let spiffe_id = authority.spiffe_id(name);
    Ok(format!(
        "Issued the certificate of {spiffe_id}, for {hosts}:
  {folder}/ca.pem    the authority that it trusts
  {folder}/cert.pem  its certificate, valid for a year
  {folder}/key.pem   its key; for this node alone

Next, in the node's program:
  Container::builder(\"tls://{listen}:0\").certs(SslCerts::from_dir({quoted})?)
and in the programs of the nodes that it may call:
  .allow(\"{spiffe_id}\", \"AGENT\", \"METHOD\")",
        hosts = hosts(dns, ip),
        folder = folder.display(),
        quoted = rust_text(&folder),
        listen = if dns.is_empty() && ip.is_empty() { "127.0.0.1" } else { "0.0.0.0" },
    ))
}

fn run_rotate(Rotate { name, all: _, dir }: &Rotate) -> Result<String> {
    let authority = DevCerts::open(dir)?;
    let lines = match name {
        Some(name) => vec![rotated(name, &authority.rotate(name)?)],
        None => rotate_all(&authority)?,
    };
    Ok(format!(
        "{}\nA running node takes what lies in its folder by itself; where that is on another machine, bring it there.",
        lines.join("\n")
    ))
}

/// Rotates every node that is not revoked. One that cannot be rotated keeps none of the others from it.
fn rotate_all(authority: &DevCerts) -> Result<Vec<String>> {
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for IssuedNode { name, revoked, .. } in authority.nodes()? {
        if revoked {
            lines.push(format!("Left out {name}: it is revoked; to let it in again, rotate it by name"));
            continue;
        }
        match authority.rotate(&name) {
            Ok(renewed) => lines.push(rotated(&name, &renewed)),
            Err(error) => failed.push(format!("{name} was not rotated: {error}")),
        }
    }
    match (failed.is_empty(), lines.is_empty()) {
        (true, true) => Ok(vec!["There is no node yet.".to_owned()]),
        (true, false) => Ok(lines),
        (false, _) => Err(format!("{}; the other {} are done", failed.join("; "), lines.len()).into()),
    }
}

fn rotated(name: &str, Renewed { dir, old, new, .. }: &Renewed) -> String {
    let (dir, old, new, until) = (dir.display(), old.serial(), new.serial(), new.valid_until());
    format!("Rotated {name} in {dir}: serial {old} gave way to {new}, valid until {until}")
}

fn run_revoke(Revoke { name, dir }: &Revoke) -> Result<String> {
    let authority = DevCerts::open(dir)?;
    let done = if authority.revoke(name)? { "Revoked" } else { "Already revoked:" };
    let (spiffe_id, dir) = (authority.spiffe_id(name), dir.display());
    Ok(format!(
        "{done} the certificate of {spiffe_id}; the list is {dir}/crl.pem, and a copy in every node's folder.
Running nodes take it by themselves and close its links; bring it to those on other machines.

To let the node in again, with a new key:
  folkmoot certs rotate {name} --dir {dir}"
    ))
}

/// The hosts in whose place the node can stand, as a list for people.
fn hosts(dns: &[String], ips: &[IpAddr]) -> String {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    hosts.extend(dns.iter().cloned());
    hosts.extend(ips.iter().map(IpAddr::to_string));
    hosts.join(", ")
}

/// A path as a text in Rust.
fn rust_text(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

//! `folkmoot certs`: a certificate authority for development, and the certificates of its nodes.
//!
//! What always holds: no file is overwritten; what is printed says where the files are and what to do with them.
//! Neighbour: `folkmoot::DevCerts` does the work, programs that want certificates from code use it directly.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use folkmoot::{DevCerts, Result};

/// The verbs of `folkmoot certs`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes a certificate authority in a folder; does nothing where it is there already
    Init(Init),
    /// Issues the certificate of one node, in a folder of its own beside the authority
    Issue(Issue),
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

/// Does what the verb says and tells about it.
///
/// # Errors
/// What is wrong with the names or the folder.
pub(crate) fn run(verb: Verb) -> Result<String> {
    match verb {
        Verb::Init(init) => run_init(&init),
        Verb::Issue(issue) => run_issue(&issue),
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

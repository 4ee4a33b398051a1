//! One life of the exchange: four send, two receive, until the process is killed.
//!
//! Always true: what is told over the pipe has happened; a line is one write, so it is there whole or not at all.
//! Neighbour: [`ledger`](super::ledger) reads the lines.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use folkmoot::exchange::{Asker, Mail, MailId, MailboxId, Posting, Recv, Registration};
use folkmoot::{Mailroom, Principal};
use futures_util::future::try_join_all;

use super::Result;

pub(crate) const SENDERS: usize = 4;
pub(crate) const MAILBOXES: u64 = 2;
const BODY_BYTES: usize = 1024;
/// Deliveries that a receiver takes at once.
const AT_ONCE: usize = 8;

/// Lives until it is killed; the last life until nothing is left.
pub(crate) fn live(dir: &Path, next: &[u64], is_last: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mailroom = Mailroom::open(&format!("sqlite://{}", dir.display())).await?;
        for mailbox in 0..MAILBOXES {
            let registration = Registration::new(id(mailbox));
            mailroom.exchange().register(&Asker::Container, registration).await?;
        }
        tell("READY")?;
        let mut tasks = tokio::task::JoinSet::new();
        for mailbox in 0..MAILBOXES {
            tasks.spawn(receive(mailroom.clone(), mailbox, is_last));
        }
        for (sender, first) in (0..).zip(next).filter(|_| !is_last) {
            tasks.spawn(send(mailroom.clone(), sender, *first));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        mailroom.exchange().close().await?;
        Ok(())
    })
}

fn id(mailbox: u64) -> MailboxId {
    MailboxId::agent(u128::from(mailbox) + 1)
}

fn tell(line: &str) -> Result<()> {
    Ok(std::io::stdout().lock().write_all(format!("{line}\n").as_bytes())?)
}

async fn send(mailroom: Mailroom, sender: u64, first: u64) -> Result<()> {
    for number in first.. {
        let mailbox = number % MAILBOXES;
        let mut body = format!("{sender} {number} ").into_bytes();
        body.resize(BODY_BYTES, b'.');
        let mail = Mail::new(MailId((u128::from(sender) << 64) | u128::from(number)), "parcel", body);
        let posting = Posting::new(id(mailbox), mail, Principal::node("crash"), Asker::Container);
        let position = mailroom.send(posting).await?.position;
        tell(&format!("accepted {sender} {number} {mailbox} {position}"))?;
    }
    Ok(())
}

async fn receive(mailroom: Mailroom, mailbox: u64, is_last: bool) -> Result<()> {
    let wait = if is_last { Duration::ZERO } else { Duration::from_secs(60) };
    let how = Recv::within(wait).at_most(AT_ONCE);
    loop {
        let deliveries = mailroom.exchange().recv(&Asker::Container, id(mailbox), how).await?;
        if deliveries.is_empty() && is_last {
            return Ok(());
        }
        let mut told = Vec::new();
        for delivery in &deliveries {
            let body = std::str::from_utf8(&delivery.mail.body)?;
            let mut words = body.split(' ');
            let (sender, number) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            told.push(format!("{sender} {number} {mailbox} {}", delivery.receipt.position));
        }
        told.iter().try_for_each(|told| tell(&format!("took {told}")))?;
        let exchange = mailroom.exchange();
        let acknowledged = deliveries.iter().zip(&told).map(|(delivery, told)| async move {
            tell(&format!("acknowledges {told}"))?;
            exchange.acknowledge(&Asker::Container, &delivery.receipt).await?;
            tell(&format!("acknowledged {told}"))
        });
        try_join_all(acknowledged).await?;
    }
}

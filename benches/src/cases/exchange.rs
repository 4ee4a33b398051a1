//! Mail that is kept: sent, received and acknowledged in a directory, beside a file that is only appended to.
//!
//! Always true: both sides answer after the disk has it, and put what waits into one write and one sync; both lie in the
//! same file system. Neighbour: [`append`] is the floor.

pub(super) mod append;

use std::path::Path;
use std::time::Duration;

use folkmoot::exchange::{Asker, ExchangeLimits, Mail, MailId, MailboxId, Posting, Recv, Registration};
use folkmoot::{Mailroom, Principal};
use futures_util::future::try_join_all;
use tempfile::TempDir;

use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::rounds::{Pair, Plan, interleaved, nanoseconds_a_call};
use crate::stopwatch::Stopwatch;

use append::Append;

const ABOUT: &str = "A mail of 1 KiB is sent, received and acknowledged, each sender to a mailbox of its own; nothing is \
    answered before the disk has it. Floor: a bare file that is appended to, 1 KiB and a record of its end, with the same \
    group commit: a thread writes all that waits at once and syncs once. The disk decides, so look at the ratio. In the row of \
    many mailboxes the floor is the same exchange with 1,000 of them, each mail to one of them at random. Opening: a \
    directory with a million mails of 1 KiB that wait.";

const BODY_BYTES: usize = 1024;
const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;
/// Operations that are under way at once while a directory is filled.
const AT_ONCE: u64 = 512;

pub(crate) fn group() -> Group {
    let pair = |senders: u64, target| {
        let name = format!("send, receive, acknowledge, {senders} senders");
        Bench::new(name, Unit::Time, Target::RatioAtMost(target), move |plan| beside_append(plan, senders))
    };
    let benches = vec![
        pair(1, 1.0),
        // 0.7 of the floor's rate.
        pair(64, 1.0 / 0.7),
        Bench::new(
            "send, receive, acknowledge, 1000000 mailboxes against 1000",
            Unit::Time,
            Target::RatioAtMost(1.5),
            many_beside_few,
        )
        .long(),
        Bench::new("open, 1000000 mails", Unit::Time, Target::OursAtMost(2e9), opening).long(),
    ];
    Group { title: "Mail that is kept", about: ABOUT, benches }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// An exchange in a directory of its own.
struct Kept {
    runtime: tokio::runtime::Runtime,
    mailroom: Mailroom,
    mailboxes: u64,
    last_mail: u128,
    random: fastrand::Rng,
    directory: TempDir,
}

impl Kept {
    fn open(mailboxes: u64) -> Result<Kept> {
        let (runtime, directory) = (runtime()?, tempfile::tempdir()?);
        let mailroom = runtime.block_on(open(directory.path()))?;
        let random = fastrand::Rng::with_seed(1);
        let kept = Kept { runtime, mailroom, mailboxes, last_mail: 0, random, directory };
        kept.runtime.block_on(async {
            for first in (0..mailboxes).step_by(AT_ONCE as usize) {
                let those = first..mailboxes.min(first + AT_ONCE);
                try_join_all(those.map(|mailbox| register(&kept.mailroom, mailbox))).await?;
            }
            Ok::<(), Box<dyn std::error::Error>>(())
        })?;
        Ok(kept)
    }

    /// So many mails, by so many senders at once.
    fn mails(&mut self, mails: u64, senders: u64) -> Result<Duration> {
        let each = mails.div_ceil(senders);
        let began = Stopwatch::start();
        let work = (0..senders).map(|sender| {
            let first = self.last_mail + u128::from(sender * each);
            let mut random = fastrand::Rng::with_seed(self.random.u64(..));
            let (mailroom, mailboxes) = (&self.mailroom, self.mailboxes);
            async move {
                for number in 0..each {
                    let mailbox = if mailboxes == senders { sender } else { random.u64(..mailboxes) };
                    one_mail(mailroom, id(mailbox), first + u128::from(number) + 1).await?;
                }
                Ok::<(), Box<dyn std::error::Error>>(())
            }
        });
        self.runtime.block_on(try_join_all(work))?;
        self.last_mail += u128::from(each * senders);
        Ok(began.elapsed())
    }
}

async fn open(directory: &Path) -> Result<Mailroom> {
    Ok(Mailroom::open(&format!("sqlite://{}", directory.display())).await?)
}

fn id(mailbox: u64) -> MailboxId {
    MailboxId::agent(u128::from(mailbox.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(mailbox))
}

async fn register(mailroom: &Mailroom, mailbox: u64) -> Result<()> {
    mailroom.exchange().register(&Asker::Container, Registration::new(id(mailbox))).await?;
    Ok(())
}

async fn send(mailroom: &Mailroom, to: MailboxId, mail: u128) -> Result<()> {
    // Ids as UUIDs are, without an order.
    let mail = MailId(mail.wrapping_mul(0x2545_f491_4f6c_dd1d_9e37_79b9_7f4a_7c15));
    let mail = Mail::new(mail, "parcel", vec![b'.'; BODY_BYTES]);
    mailroom.send(Posting::new(to, mail, Principal::node("bench"), Asker::Container)).await?;
    Ok(())
}

async fn one_mail(mailroom: &Mailroom, mailbox: MailboxId, mail: u128) -> Result<()> {
    send(mailroom, mailbox, mail).await?;
    let deliveries = mailroom.exchange().recv(&Asker::Container, mailbox, Recv::now()).await?;
    for delivery in deliveries {
        mailroom.exchange().acknowledge(&Asker::Container, &delivery.receipt).await?;
    }
    Ok(())
}

fn beside_append(plan: &Plan, senders: u64) -> Result<Vec<Pair>> {
    let (floor_runtime, directory) = (runtime()?, tempfile::tempdir()?);
    let append = Append::open(&directory.path().join("appended"))?;
    let mut kept = Kept::open(senders)?;
    let floor = |mails: u64| {
        let each = mails.div_ceil(senders);
        let began = Stopwatch::start();
        let append = &append;
        let work = (0..senders).map(|_| async move {
            for _ in 0..each {
                let place = append.append(vec![b'.'; BODY_BYTES]).await?;
                append.append(place.to_le_bytes().to_vec()).await?;
            }
            Ok::<(), Box<dyn std::error::Error>>(())
        });
        floor_runtime.block_on(try_join_all(work))?;
        Ok(began.elapsed())
    };
    // Rounds long enough for a disk that is shared.
    let plan = Plan { round_time: plan.round_time * 10, ..plan.clone() };
    nanoseconds_a_call(&plan, floor, |mails| kept.mails(mails, senders))
}

fn many_beside_few(plan: &Plan) -> Result<Vec<Pair>> {
    let (mut few, mut many) = (Kept::open(FEW)?, Kept::open(MANY)?);
    let plan = Plan { round_time: plan.round_time * 10, ..plan.clone() };
    nanoseconds_a_call(&plan, |mails| few.mails(mails, 2), |mails| many.mails(mails, 2))
}

fn opening(plan: &Plan) -> Result<Vec<Pair>> {
    let mailboxes = MANY / u64::from(ExchangeLimits::default().mailbox.messages);
    let kept = Kept::open(mailboxes)?;
    kept.runtime.block_on(async {
        for first in (0..MANY).step_by(AT_ONCE as usize) {
            let those = first..MANY.min(first + AT_ONCE);
            let sent = those.map(|mail| send(&kept.mailroom, id(mail % mailboxes), u128::from(mail) + 1));
            try_join_all(sent).await?;
        }
        kept.mailroom.exchange().close().await?;
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;
    let Kept { runtime, directory, .. } = kept;
    interleaved(
        plan,
        || Ok(f64::NAN),
        || {
            let began = Stopwatch::start();
            let mailroom = runtime.block_on(open(directory.path()))?;
            let took = began.elapsed();
            runtime.block_on(mailroom.exchange().close())?;
            Ok(took.as_nanos() as f64)
        },
    )
}

//! How what is in the log comes into the database, and pages get their sums.
//!
//! Always true: the sums of the pages that the log holds are on the disk before the log is begun anew, for until then their
//! version in the log counts. Where sums cannot be written there are none from then on. Neighbour:
//! [`pages`](crate::sqlite::pages) has the sums.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rusqlite::config::DbConfig;

use crate::error::ExchangeError;
use crate::sqlite::opening;
use crate::sqlite::trouble::{Ill, Outcome, Trouble};
use crate::sqlite::words::count;

use super::{CHECKPOINT_PAGES, Writer};

/// How many frames the log has, and how many of them are in the database.
struct Brought {
    in_log: u64,
    brought: u64,
}

impl Writer {
    /// Brings what is in the log into the database, where that is much.
    pub(super) fn checkpoint(&mut self) {
        if self.failed.get().is_some() || self.log_pages.load(Ordering::Relaxed) < CHECKPOINT_PAGES {
            return;
        }
        self.log_pages.store(0, Ordering::Relaxed);
        match self.bring_in() {
            Ok(_) => {}
            Err(trouble) => self.was_not_brought(trouble),
        }
    }

    fn was_not_brought(&mut self, trouble: Trouble) {
        match trouble.ill() {
            Some(Ill::Full) if self.full_since.is_none() => {
                let now = self.session.desk.ground.now();
                self.lighten(now);
            }
            Some(Ill::Failed) => {
                let error = trouble.tell(self.directory.path());
                self.fail_stop(error);
            }
            _ => {
                tracing::warn!(?trouble, "the log of the exchange could not be brought into its database")
            }
        }
    }

    /// Brings what is in the log into the database; whether that is all, for readers may hold some of it up.
    fn bring_in(&mut self) -> Outcome<bool> {
        let Some(Brought { in_log, brought }) = self.bring_what_can_be()? else { return Ok(false) };
        let is_all = in_log == brought;
        if is_all {
            self.sum(in_log)?;
        }
        Ok(is_all)
    }

    /// `None` where another connection is at it.
    fn bring_what_can_be(&self) -> Outcome<Option<Brought>> {
        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        let frames: (i64, i64) =
            self.session.desk.connection.query_row(passive, [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        Ok(match frames {
            (0.., 0..) => Some(Brought { in_log: count(frames.0), brought: count(frames.1) }),
            _ => None,
        })
    }

    /// Writes the sums of the pages in so many frames of the log.
    fn sum(&mut self, frames: u64) -> Outcome<()> {
        if let Err(error) = self.pages.sum_log(frames) {
            tracing::warn!(
                %error,
                "the sums of the exchange's pages could not be written: they are made anew when it is opened, and until then no byte \
                 that flips is put right"
            );
            // Old sums would have what is new taken for damaged.
            self.pages.give_up().map_err(Trouble::Unsynced)?;
        }
        Ok(())
    }

    /// Looks at all pages once something turned out to be damaged, where some were not looked at when the exchange was opened:
    /// what flipped is put right. Whether it has, and what failed is worth another try.
    pub(super) fn has_looked(&mut self) -> bool {
        if !self.pages.has_unseen() {
            return false;
        }
        // What is in the log alone has no sum yet.
        match self.bring_in() {
            Ok(true) => {}
            // A copy is being made, say; the next one to fail has it looked again.
            Ok(false) => return false,
            Err(trouble) => {
                self.was_not_brought(trouble);
                return false;
            }
        }
        if let Err(error) = self.pages.mend_rest(self.directory.path()) {
            tracing::warn!(%error, "the pages of the exchange's database could not be looked at");
            return false;
        }
        self.session.desk.has_unseen_pages = self.pages.has_unseen();
        // What SQLite holds of the pages is what they were.
        if let Err(error) = self.session.desk.connection.execute_batch("PRAGMA shrink_memory") {
            tracing::warn!(%error, "pages that were put right may be read as they were for a while");
        }
        true
    }

    /// Brings all into the database and lets go of it.
    pub(super) fn close(self) -> Result<(), ExchangeError> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        let mut writer = self;
        if let Err(trouble) = opening::end(&mut writer.session.desk) {
            // What is left is looked for when the store is opened.
            tracing::debug!(?trouble, "rows that are free could not be removed");
        }
        let brought = writer.bring_all();
        writer.hands.lock().unwrap_or_else(PoisonError::into_inner).end();
        let Writer { session, directory, pages, .. } = writer;
        let closed = session.desk.connection.close().map_err(|(_, error)| Trouble::from(error));
        drop(pages);
        brought.and(closed).map_err(|trouble| trouble.tell(directory.path()))
    }

    /// Brings all that is in the log into the database, and empties it; what another connection holds up stays in the log.
    fn bring_all(&mut self) -> Outcome<()> {
        let Some(Brought { in_log, .. }) = self.bring_what_can_be()? else { return Ok(()) };
        self.sum(in_log)?;
        let connection = &self.session.desk.connection;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        // The log is empty, and its file goes with the connection.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use folkmoot_codecs::Principal;
    use folkmoot_gateway::Gate;
    use futures_util::future::BoxFuture;

    use crate::ExchangeClock;
    use crate::asker::Asker;
    use crate::ground::Ground;
    use crate::mail::{Mail, MailId};
    use crate::mailbox::Registration;
    use crate::mailbox_id::MailboxId;
    use crate::moment::Moment;
    use crate::posting::Posting;
    use crate::sqlite::SqliteStore;
    use crate::sqlite::directory::DATABASE;
    use crate::store::{Claim, Store};

    const NOW: Moment = Moment::from_millis(1_800_000_000_000);
    const MAILS: u128 = 120;

    /// It stands still.
    struct Still;

    impl ExchangeClock for Still {
        fn now(&self) -> Moment {
            NOW
        }

        fn sleep_until(&self, _: Moment) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    fn opened(directory: &Path) -> SqliteStore {
        SqliteStore::open(directory, Arc::new(Ground::new(Still))).unwrap()
    }

    fn body(number: u128) -> String {
        format!("mail {number}, word by word; ").repeat(40)
    }

    #[tokio::test]
    async fn mail_on_a_page_that_was_not_looked_at_yet_is_put_right_once_it_is_to_be_delivered() {
        let directory = tempfile::tempdir().unwrap();
        let (pump, gate) = (MailboxId::agent(1), Gate::open());
        let store = opened(directory.path());
        store.register(NOW, &Asker::Container, Registration::new(pump)).await.unwrap();
        for number in 0..MAILS {
            let mail = Mail::new(MailId(number), "note", body(number));
            let posting = Posting::new(pump, mail, Principal::node("tester"), Asker::Container);
            store.send(NOW, gate.admit(posting).unwrap()).await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);
        // A byte of the last one's body, far behind what is looked at when it is opened.
        let path = directory.path().join(DATABASE);
        let whole = fs::read(&path).unwrap();
        let last = body(MAILS - 1);
        let at = whole.windows(last.len()).position(|window| window == last.as_bytes()).unwrap();
        let mut flipped = whole.clone();
        flipped[at + 100] ^= 0x40;
        fs::write(&path, &flipped).unwrap();

        let store = opened(directory.path());
        assert!(fs::read(&path).unwrap() == flipped, "it was not looked at");
        let lease = Duration::from_secs(30);
        let claim = Claim { mailbox: pump, max: 200, lease, epoch: None };
        let claimed = store.claim(NOW, &Asker::Container, claim).await.unwrap();
        let bodies: Vec<Vec<u8>> =
            claimed.deliveries.iter().map(|delivery| delivery.mail.body.to_vec()).collect();
        assert_eq!(bodies.len() as u128, MAILS);
        assert!(bodies.into_iter().zip(0..).all(|(told, number)| told == body(number).into_bytes()));
        store.close().await.unwrap();
        drop(store);
        assert_eq!(crate::sqlite::check(directory.path()).unwrap().findings, [""; 0]);
    }
}

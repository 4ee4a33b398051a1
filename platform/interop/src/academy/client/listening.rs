//! What comes into a client's mailbox: answers, which go to whoever waits for them, and requests, which a user refuses.
//!
//! Always true: mail is acknowledged once it has been handed on, so an answer is lost only with the process that waits for
//! it. Neighbours: [`asking`](super::asking) has the table of those who wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use folkmoot::exchange::mail::{DEAD_LETTER, MAILBOX_TERMINATED};
use folkmoot::exchange::{Delivery, ExchangeError, Mail, MailId, Recv, Step, Tracking};
use folkmoot::{Codec, Mailroom};

use super::super::body::{self, Answer, codes};
use super::super::envelope::Envelope;
use super::super::message::{Direction, Header};
use super::super::sending::KIND;
use super::Shared;
use super::error::HandleError;

/// How long the listener waits before it asks again.
const WAIT: Duration = Duration::from_secs(30);
/// Mails that it takes at once.
const AT_ONCE: usize = 64;
/// Pause after an error that may pass.
const PAUSE: Duration = Duration::from_secs(1);
/// Time between two signs of life, as of Academy's own clients.
const HEARTBEAT_TIME: Duration = Duration::from_secs(30);

/// Gives signs of life; it has no end.
pub(crate) async fn give_signs_of_life(shared: Arc<Shared>) {
    loop {
        if let Err(error) = shared.mailroom.exchange().heartbeat(&shared.asker, shared.mailbox).await {
            tracing::debug!(mailbox = %shared.mailbox, %error, "no sign of life was given");
        }
        shared.clock.sleep(HEARTBEAT_TIME).await;
    }
}

/// Takes what comes, until the mailbox or the exchange is over.
pub(crate) async fn listen(shared: Arc<Shared>) {
    loop {
        let how = Recv::within(WAIT).at_most(AT_ONCE);
        match shared.mailroom.exchange().recv(&shared.asker, shared.mailbox, how).await {
            Ok(deliveries) => shared.take(deliveries).await,
            Err(
                error @ (ExchangeError::MailboxTerminated { .. }
                | ExchangeError::NoSuchMailbox { .. }
                | ExchangeError::Closed),
            ) => {
                tracing::info!(mailbox = %shared.mailbox, %error, "a client of Academy's agents has ended");
                return shared.waiting.end();
            }
            Err(error) => {
                tracing::warn!(mailbox = %shared.mailbox, %error, "a client of Academy's agents cannot receive now");
                shared.clock.sleep(PAUSE).await;
            }
        }
    }
}

impl Shared {
    async fn take(&self, deliveries: Vec<Delivery>) {
        let mut acknowledge = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            acknowledge.push(delivery.receipt);
            self.take_one(&delivery.mail).await;
        }
        if acknowledge.is_empty() {
            return;
        }
        let step = Step { acknowledge, ..Step::default() };
        if let Err(error) = self.mailroom.exchange().commit(&self.asker, step).await {
            // It comes again, and nobody waits for it then.
            tracing::warn!(mailbox = %self.mailbox, %error, "answers were not acknowledged");
        }
    }

    async fn take_one(&self, mail: &Mail) {
        match (mail.tracking, mail.from) {
            (Tracking::Response { tag, .. }, Some(from)) => {
                let text = std::str::from_utf8(&mail.body).unwrap_or_default();
                let is_taken = match &*mail.kind {
                    MAILBOX_TERMINATED => {
                        self.waiting.answer(from, tag, |_| Err(HandleError::Terminated { agent: from }))
                    }
                    DEAD_LETTER => self.waiting.answer(from, tag, |asked| Err(asked.dead(&mail.body))),
                    _ => {
                        let dialect = Header::read(text).ok().map(|header| header.dialect);
                        if let Some(dialect) = dialect {
                            self.learn(from, dialect);
                        }
                        self.waiting.answer(from, tag, |asked| match body::read::<Answer>(text) {
                            Ok(answer) => Ok((answer, dialect.unwrap_or_default())),
                            Err(error) => Err(asked.unreadable(&error.to_string())),
                        })
                    }
                };
                if !is_taken {
                    self.late.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(%from, kind = %mail.kind, "nobody waits for an answer any more");
                }
            }
            (Tracking::Request { tag, label }, Some(from)) => self.refuse((tag, label), from, mail).await,
            _ => {
                tracing::info!(mailbox = %self.mailbox, kind = %mail.kind, "a mail to a user is neither a request nor an answer");
            }
        }
    }

    /// A user answers nobody, and says so.
    async fn refuse(
        &self,
        (tag, label): (u128, Option<u128>),
        from: folkmoot::exchange::MailboxId,
        mail: &Mail,
    ) {
        tracing::info!(%from, mailbox = %self.mailbox, kind = %mail.kind, "a user was asked for something, and refuses");
        let text = std::str::from_utf8(&mail.body).unwrap_or_default();
        let Ok(Header { src, dialect, .. }) = Header::read(text) else { return };
        let answer = Answer::refused(codes::INVALID_CLIENT, Some(self.mailbox.into()));
        let direction = Direction::Response;
        let envelope = Envelope { src: self.mailbox.into(), dest: src, tag, label, direction, dialect };
        let kind = format!("{KIND}{}", answer.kind());
        let mut mail = Mail::new(MailId(Mailroom::unused_number()), kind, envelope.write(&answer))
            .from(self.mailbox)
            .response(tag, label);
        mail.codec = Some(Codec::Json);
        if let Err(error) = self.post(from, mail).await {
            tracing::debug!(%from, %error, "the refusal was not taken");
        }
    }
}

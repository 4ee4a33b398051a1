//! How messages leave by mail: a mail for each, whose kind is the protocol's id and whose body is the envelope.
//!
//! Always true: what is said and the dialogue in which it is said are one step of the agent's mailbox, kept and sent or
//! neither, where the dialogues lie there too; the same message is the same mail, however often it is sent. Neighbours:
//! [`speech`](super::speech) says what, [`mailed`](super::mailed) is the other end, [`way`](super::way) the way.

use std::rc::Rc;

use bytes::Bytes;
use folkmoot_protocols::dialogue::{DialogueId, Refusal};
use folkmoot_protocols::typed::Conversed;
use folkmoot_protocols::{Envelope, Message};
use tokio::sync::oneshot;

use super::desk::Desk;
use super::speech::Unsent;
use super::way::{Post, Way};
use super::{Cause, DialogueError, StoreError};
use crate::host::BoxFuture;
use crate::mail::{Inbox, MailAddress, MailError, Outgoing, Step, Tracking};

/// What the numbers of mails begin with and grow by: FNV-1a of 128 bits. They need be no secret, for they name mails of one
/// sender alone.
const FNV_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// The number of the mail that bears an envelope: the same for the same one, as a UUID of version 8.
pub(super) fn number_of(envelope: &[u8]) -> u128 {
    let hash =
        envelope.iter().fold(FNV_BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(FNV_PRIME));
    // What RFC 9562 wants of the bits 48 to 51 and 64 to 65.
    hash & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62)
}

/// The mail that bears an envelope.
pub(super) fn mail(protocol: &str, post: &Post, envelope: Vec<u8>) -> Outgoing {
    Outgoing {
        to: post.mailbox.clone(),
        name: post.name.clone(),
        id: number_of(&envelope),
        kind: protocol.into(),
        tracking: Tracking::Plain,
        priority: None,
        expires_in: None,
        codec: None,
        body: Bytes::from(envelope),
    }
}

/// Why a dialogue was not kept, or what was to be done with that was not.
#[derive(Debug)]
pub(super) enum NotDone {
    /// It is kept elsewhere than the mail.
    Store(StoreError),
    /// Nothing of the step was done.
    Mail(MailError),
}

impl From<NotDone> for DialogueError {
    fn from(not_done: NotDone) -> DialogueError {
        match not_done {
            NotDone::Store(error) => DialogueError::NotKept(error),
            NotDone::Mail(error) => DialogueError::NotMailed(error),
        }
    }
}

impl<P: Conversed> Desk<P> {
    /// The agent's mailbox.
    ///
    /// # Errors
    /// `NotDurable`: it has none.
    pub(super) fn inbox(&self) -> Result<&Rc<Inbox>, MailError> {
        self.inbox.as_ref().ok_or_else(|| MailError::NotDurable { agent: self.name().to_string() })
    }

    /// The way to a mailbox.
    ///
    /// # Errors
    /// There is none, here or there.
    pub(super) async fn find(&self, to: MailAddress) -> Result<Way, DialogueError> {
        let inbox = self.inbox().map_err(DialogueError::NotMailed)?;
        let mailbox = inbox.mailbox().find(&to).await.map_err(DialogueError::NotMailed)?;
        if mailbox == *inbox.mailbox().address() {
            return Err(Refusal::WithOneself { address: mailbox.as_str().to_owned() }.into());
        }
        let name = (mailbox != to).then(|| to.as_str().into());
        Ok(Way::Mail(Post { mailbox, name }))
    }

    /// Where the other side of a dialogue is, if messages go there by mail.
    pub(super) fn post_of(&self, id: DialogueId) -> Option<Post> {
        self.beside.borrow().get(&id)?.way.post().cloned()
    }

    /// Keeps a dialogue as it stands, or forgets it where it has ended, and does a step of the agent's mailbox with that:
    /// all of it or nothing, where the dialogues lie there. What is kept is what stands now.
    pub(super) fn keep_with(&self, id: DialogueId, step: Step) -> BoxFuture<'static, Result<(), NotDone>> {
        let mailbox = match self.inbox() {
            Ok(inbox) => inbox.mailbox().clone(),
            Err(error) => return Box::pin(std::future::ready(Err(NotDone::Mail(error)))),
        };
        let at_mailbox = self.keeping.as_ref().and_then(|keeping| keeping.store.at_mailbox().cloned());
        if let Some(store) = at_mailbox {
            return match self.written(id) {
                Ok(written) => {
                    let done = store.keep_with(P::ID, written, step);
                    Box::pin(async move { done.await.map_err(NotDone::Mail) })
                }
                Err(error) => Box::pin(std::future::ready(Err(NotDone::Store(error)))),
            };
        }
        let kept = self.keep(id);
        Box::pin(async move {
            if let Some(kept) = kept {
                kept.await.map_err(NotDone::Store)?;
            }
            mailbox.commit(step).await.map(drop).map_err(NotDone::Mail)
        })
    }

    /// Whether what is said by mail is kept and sent in one step.
    pub(super) fn keeps_at_mailbox(&self) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.store.at_mailbox().is_some())
    }

    /// The mail that bears a message.
    fn posted(
        &self,
        id: DialogueId,
        post: &Post,
        mut message: Message<P>,
    ) -> Result<Outgoing, DialogueError> {
        let own = self.inbox().map_err(DialogueError::NotMailed)?.mailbox().address().as_str().to_owned();
        message.sender = Some(own);
        let envelope = Envelope::new(&message)
            .map_err(|error| DialogueError::Unsendable { reason: error.to_string() })?;
        let time_out = self.dialogues.borrow().get(id).and_then(|dialogue| dialogue.time_out());
        Ok(Outgoing { expires_in: time_out, ..mail(P::ID, post, envelope.encode()) })
    }

    /// Keeps and sends a message that the rules allowed, whether anybody waits for that or not.
    pub(super) async fn post(
        self: &Rc<Self>,
        id: DialogueId,
        post: Post,
        message: Message<P>,
    ) -> Result<(), Unsent> {
        let inbox = match self.inbox() {
            Ok(inbox) => inbox.clone(),
            // It was begun by mail, and is another program's now.
            Err(error) => return Err(self.not_posted(id, message.message_id, error.into()).await),
        };
        let (tell, told) = oneshot::channel();
        let desk = self.clone();
        inbox.begin(Box::pin(async move {
            let message_id = message.message_id;
            let sent = match desk.posted(id, &post, message) {
                Ok(mail) => {
                    let step = Step { send: vec![mail], ..Step::default() };
                    desk.keep_with(id, step).await.map_err(DialogueError::from)
                }
                Err(error) => Err(error),
            };
            let outcome = match sent {
                Ok(()) => {
                    desk.counters().messages_out.increment(1);
                    if desk.dialogues.borrow_mut().confirm(id) {
                        desk.note_end(id);
                    }
                    Ok(())
                }
                Err(cause) => Err(desk.not_posted(id, message_id, cause).await),
            };
            if let Err(Err(unsent)) = tell.send(outcome) {
                // Nobody is left to whom the dialogue could be given back.
                desk.abandon(id, &Cause::Unsent { reason: unsent.cause.to_string() });
            }
        }));
        let gone = || Unsent { cause: Cause::Forgotten.into(), is_taken_back: false };
        told.await.unwrap_or_else(|_| Err(gone()))
    }

    /// A message was not sent: it is taken back where it certainly was not, and the dialogue given up else.
    async fn not_posted(&self, id: DialogueId, message_id: i32, cause: DialogueError) -> Unsent {
        let mut is_taken_back = cause.was_not_taken() && self.unsay(id, message_id);
        // Where both are one step, what is kept is as it was.
        if is_taken_back
            && !self.keeps_at_mailbox()
            && let Some(keeping) = self.keep(id)
        {
            is_taken_back = keeping.await.is_ok();
        }
        if !is_taken_back {
            self.abandon(id, &Cause::Unsent { reason: cause.to_string() });
        }
        Unsent { cause, is_taken_back }
    }

    /// Forgets a dialogue that was given up, and tells the other side so, both or, where that cannot be told, the one.
    pub(super) fn forget_and_tell(&self, id: DialogueId, notice: Outgoing) {
        let Ok(inbox) = self.inbox() else { return };
        let peer = notice.to.clone();
        let both = self.keep_with(id, Step { send: vec![notice], ..Step::default() });
        let one = self.keep(id);
        let agent = self.full_name().clone();
        inbox.begin(Box::pin(async move {
            let Err(error) = both.await else { return };
            let error = DialogueError::from(error);
            tracing::debug!(%agent, protocol = P::ID, %peer, %error, "the other side is not told that a dialogue is given up");
            if let Some(one) = one
                && let Err(error) = one.await
            {
                tracing::warn!(%agent, protocol = P::ID, %error, "a dialogue that was given up is still kept");
            }
        }));
    }
}

impl From<MailError> for DialogueError {
    fn from(error: MailError) -> DialogueError {
        DialogueError::NotMailed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::number_of;

    #[test]
    fn a_mail_has_the_number_of_what_it_bears_for_ever() {
        // Of nothing it is the basis, but for what RFC 9562 wants.
        assert_eq!(format!("{:032x}", number_of(b"")), "6c62272e07bb8142a2b821756295c58d");
        let (one, other) = (number_of(b"an envelope"), number_of(b"an envelopf"));
        assert_ne!(one, other);
        assert_eq!(one, number_of(b"an envelope"));
        for number in [one, other] {
            assert_eq!(((number >> 76) & 0xf, (number >> 62) & 0x3), (8, 2), "{number:032x}");
        }
    }
}

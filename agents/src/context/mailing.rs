//! What a method does with mail: it sends some, and asks by it.
//!
//! Always true: what a handler of mail sends in its turn leaves with the acknowledgement, or not at all. Neighbours:
//! [`mail`](crate::mail) has the rest.

use std::future::Future;

use serde::de::DeserializeOwned;

use super::Context;
use crate::interface::Agent;
use crate::mail::{Mail, MailAddress, MailError, MailRequest, Step, Tracking};

impl<A: Agent> Context<A> {
    /// Sends a mail to the mailbox of an agent, by the agent's name, or to a mailbox by its id, which
    /// [`Delivery::from`](crate::mail::Delivery::from) tells of a sender.
    ///
    /// In a turn of `#[on]`, the mail leaves together with the acknowledgement of the mail in hand once the handler has
    /// ended well, and not at all if it does not. Elsewhere it is done when the exchange has taken the mail.
    ///
    /// # Errors
    /// `NoExchange`, `NoSuchMailbox`, `Terminated`, `Denied`, `Invalid`; `Full` and `Failed`, which pass. Where the mail
    /// leaves with an acknowledgement, what fails only then has the mail in hand tried again.
    pub fn send(
        &self,
        to: impl Into<MailAddress>,
        mail: Mail,
    ) -> impl Future<Output = Result<(), MailError>> + 'static {
        let to = to.into();
        let outbox = self.turn.as_ref().and_then(|turn| turn.outbox.clone());
        let (host, inbox) = (self.core.host().clone(), self.core.inbox());
        let agent = self.core.shared().name().clone();
        async move {
            let mail = mail.into_outgoing(to, Tracking::Plain)?;
            let mail = match outbox.filter(|outbox| !outbox.is_closed()) {
                None => mail,
                Some(outbox) => {
                    host.clone().check_mail(agent.clone(), mail.clone()).await?;
                    match outbox.put(mail)? {
                        None => return Ok(()),
                        Some(mail) => mail,
                    }
                }
            };
            match inbox {
                None => host.send_mail(Some(agent), mail).await,
                Some(inbox) => {
                    inbox.mailbox().commit(Step { send: vec![mail], ..Step::default() }).await.map(drop)
                }
            }
        }
    }

    /// Asks by mail, at once: `let litres: u64 = ctx.request("pump", Mail::new("level?", &())).await?`. Options, such as
    /// `.deadline(..)`, come before the await.
    ///
    /// # Errors
    /// `NotDurable` where the agent has no mailbox of its own; `NoAnswer`, `BadAnswer`; `Terminated` where the mailbox that
    /// was asked is over, also if it ends before it has answered; otherwise as [`send`](Context::send).
    pub fn request<T: DeserializeOwned>(&self, to: impl Into<MailAddress>, mail: Mail) -> MailRequest<T> {
        let inbox = self
            .core
            .inbox()
            .ok_or_else(|| MailError::NotDurable { agent: self.core.shared().name().to_string() });
        MailRequest::new(inbox, self.core.host().clone(), to.into(), mail)
    }
}

//! Deliveries as a stream.
//!
//! Always true: what a listener has not handed out when it is dropped goes back at once, untouched. Neighbour:
//! [`Mailbox::listen`](crate::Mailbox::listen) makes one.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::BoxFuture;

use crate::asker::Asker;
use crate::delivery::{Delivery, Recv};
use crate::error::ExchangeError;
use crate::exchange::Exchange;
use crate::mailbox_id::MailboxId;

/// The deliveries of a mailbox as they come.
///
/// It ends when nothing came for the wait of its [`Recv`], and after an error. It receives as many at once as its `Recv`
/// says; their leases run from then on, so whoever takes long with each receives few at once.
pub struct Listener {
    exchange: Arc<dyn Exchange>,
    asker: Asker,
    mailbox: MailboxId,
    how: Recv,
    current: Option<BoxFuture<'static, Result<Vec<Delivery>, ExchangeError>>>,
    received: VecDeque<Delivery>,
    is_over: bool,
}

impl Listener {
    pub(crate) fn new(exchange: Arc<dyn Exchange>, asker: Asker, mailbox: MailboxId, how: Recv) -> Listener {
        Listener { exchange, asker, mailbox, how, current: None, received: VecDeque::new(), is_over: false }
    }

    fn receive(&self) -> BoxFuture<'static, Result<Vec<Delivery>, ExchangeError>> {
        let (exchange, asker) = (self.exchange.clone(), self.asker.clone());
        let (mailbox, how) = (self.mailbox, self.how);
        Box::pin(async move { exchange.recv(&asker, mailbox, how).await })
    }
}

impl Stream for Listener {
    type Item = Result<Delivery, ExchangeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(delivery) = self.received.pop_front() {
            return Poll::Ready(Some(Ok(delivery)));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut current = self.current.take().unwrap_or_else(|| self.receive());
        let Poll::Ready(outcome) = current.as_mut().poll(context) else {
            self.current = Some(current);
            return Poll::Pending;
        };
        Poll::Ready(match outcome {
            Ok(deliveries) => {
                self.received = deliveries.into();
                self.is_over = self.received.is_empty();
                self.received.pop_front().map(Ok)
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.received.is_empty() {
            let receipts = self.received.drain(..).map(|delivery| delivery.receipt).collect();
            self.exchange.give_back(&self.asker, receipts);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("mailbox", &self.mailbox).finish_non_exhaustive()
    }
}

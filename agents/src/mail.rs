//! Mail: what an agent leaves in mailboxes, what it finds in its own, and what it keeps there of itself.
//!
//! An agent sees mail as it is here; where mailboxes live, and how, is behind [`OwnMailbox`] and the container's
//! [`Host`](crate::host::Host). Always true: what an agent has done with a mail, what it is afterwards and what it sends
//! because of it are one [`Step`]: kept all or not at all. Neighbours: the platform implements these over its exchange.

mod address;
mod delivery;
mod error;
mod outgoing;
mod own_mailbox;

pub use address::MailAddress;
pub use delivery::{Delivery, DeliveryId, Tracking};
pub use error::MailError;
pub use outgoing::Outgoing;
pub use own_mailbox::{Again, Kept, OwnMailbox, Put, Step};

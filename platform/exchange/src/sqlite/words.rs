//! How values stand in columns: ids, moments, numbers and lists.
//!
//! Always true: what is written is read as the same; what cannot have been written is `None` when it is read.

use std::sync::Arc;

use crate::mailbox_id::{MailboxId, Role};
use crate::moment::Moment;

/// An id of a mailbox: its role, then its number.
pub(super) const ID_BYTES: usize = 17;

pub(super) fn id_bytes(id: MailboxId) -> [u8; ID_BYTES] {
    let mut bytes = [0; ID_BYTES];
    bytes[0] = match id.role {
        Role::Agent => 0,
        Role::User => 1,
    };
    bytes[1..].copy_from_slice(&id.uuid.to_be_bytes());
    bytes
}

pub(super) fn id_of(bytes: &[u8]) -> Option<MailboxId> {
    let (role, uuid) = bytes.split_first()?;
    let uuid = number_of(uuid)?;
    match role {
        0 => Some(MailboxId::agent(uuid)),
        1 => Some(MailboxId::user(uuid)),
        _ => None,
    }
}

/// A number of 128 bits, as in an id.
pub(super) fn number_of(bytes: &[u8]) -> Option<u128> {
    bytes.try_into().ok().map(u128::from_be_bytes)
}

/// A number in a column; what is too large becomes the largest.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from a column.
pub(super) fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn put_number(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest > 0x7f {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}

/// Takes such a number from the front; `None` where there is none.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(super) fn moment_column(moment: Moment) -> i64 {
    column(moment.as_millis())
}

pub(super) fn moment_of(column: i64) -> Moment {
    match column {
        i64::MAX => Moment::NEVER,
        millis => Moment::from_millis(count(millis)),
    }
}

/// A list of texts, none of which holds a newline.
pub(super) fn list_column(texts: &[Arc<str>]) -> String {
    texts.join("\n")
}

pub(super) fn list_of(column: &str) -> Vec<Arc<str>> {
    match column {
        "" => Vec::new(),
        column => column.split('\n').map(Into::into).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for id in [MailboxId::agent(0), MailboxId::user(u128::MAX), MailboxId::agent(1 << 100)] {
            assert_eq!(id_of(&id_bytes(id)), Some(id));
        }
        for moment in [Moment::EPOCH, Moment::from_millis(1_800_000_000_000), Moment::NEVER] {
            assert_eq!(moment_of(moment_column(moment)), moment);
        }
        for list in [vec![], vec!["a".into()], vec!["a b".into(), "c".into()]] {
            assert_eq!(list_of(&list_column(&list)), list);
        }
        assert_eq!((id_of(&[]), id_of(&[2; ID_BYTES])), (None, None));
        for number in [0, 1, 127, 128, 1 << 35, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            let (mut rest, mut cut) = (&bytes[..], &bytes[..bytes.len() - 1]);
            assert_eq!((take_number(&mut rest), rest.len(), take_number(&mut cut)), (Some(number), 0, None));
        }
        assert_eq!(take_number(&mut &[0xff; 11][..]), None);
    }
}

//! The checksum that each row of a store bears, and each file of its own: CRC-32 over what it holds.
//!
//! Always true: the lengths of the parts are summed too, so that nothing can move from one part into the next.

use crc32fast::Hasher;

/// The checksum of `parts`, in this order.
pub(super) fn sum_of(parts: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}

/// What a record was that ends with the checksum of the rest, where one byte of it is another now; `None` where it is not one
/// byte, or could be more than one.
pub(super) fn with_a_byte_put_right(record: &[u8]) -> Option<Vec<u8>> {
    let mut tried = record.to_vec();
    let mut found = None;
    for at in 0..record.len() {
        let is = record.get(at).copied()?;
        for by in 1..=u8::MAX {
            *tried.get_mut(at)? = is ^ by;
            if is_whole(&tried) && found.replace(tried.clone()).is_some() {
                return None;
            }
        }
        *tried.get_mut(at)? = is;
    }
    found
}

/// Whether a record ends with the checksum of the rest.
pub(super) fn is_whole(record: &[u8]) -> bool {
    record.split_last_chunk::<4>().is_some_and(|(told, sum)| sum_of(&[told]).to_le_bytes() == *sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_of_a_record_is_put_right_and_two_are_not() {
        let told = *b"what was told, in forty bytes less four";
        let record = [&told[..], &sum_of(&[&told]).to_le_bytes()].concat();
        assert!(is_whole(&record));
        for at in 0..record.len() {
            let mut damaged = record.clone();
            damaged[at] ^= 0x41;
            assert_eq!(with_a_byte_put_right(&damaged), Some(record.clone()), "byte {at}");
            damaged[(at + 7) % record.len()] ^= 0x11;
            assert_eq!(with_a_byte_put_right(&damaged), None, "byte {at}");
        }
    }
}

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

//! Hash tables read in the order of their keys: what others see must not depend on where a hash put it.
//!
//! Neighbours: whatever tells many at once asks here, so that a simulation does the same each time.

use std::collections::HashMap;

/// The values, in the order of their keys.
pub(crate) fn in_order<K: Ord, V>(table: HashMap<K, V>) -> impl Iterator<Item = V> {
    let mut entries: Vec<(K, V)> = table.into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    entries.into_iter().map(|(_, value)| value)
}

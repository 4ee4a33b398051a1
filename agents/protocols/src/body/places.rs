//! The values of a body, in the order of its performative's contents.
//!
//! One alone lies in the body itself: most bodies that are kept are small, and then take no memory of their own. Several
//! are shared by all copies of a body, for each message that is taken is kept too. Neighbour: [`super`].

use std::sync::Arc;

use crate::value::Value;

/// A place for each content; what is optional may be unset.
#[derive(Clone)]
pub(super) enum Places {
    None,
    One(Option<Value>),
    Several(Arc<[Option<Value>]>),
}

impl Places {
    /// So many, all unset.
    pub(super) fn unset(count: usize) -> Places {
        match count {
            0 => Places::None,
            1 => Places::One(None),
            _ => Places::Several((0..count).map(|_| None).collect()),
        }
    }

    pub(super) fn all(&self) -> &[Option<Value>] {
        match self {
            Places::None => &[],
            Places::One(value) => std::slice::from_ref(value),
            Places::Several(values) => values,
        }
    }

    /// To be filled; none once there are copies.
    pub(super) fn all_mut(&mut self) -> &mut [Option<Value>] {
        match self {
            Places::None => &mut [],
            Places::One(value) => std::slice::from_mut(value),
            Places::Several(values) => Arc::get_mut(values).unwrap_or_default(),
        }
    }
}

//! Names that an exposed method cannot have.
//!
//! A proxy derefs to its calls, and method resolution tries the proxy's own traits first. Neighbour:
//! [`exposed`](super::exposed).

use proc_macro2::Ident;
use syn::ext::IdentExt;

use crate::mistakes::Mistakes;

/// Methods that every value has, or a proxy.
const OF_PROXIES: [&str; 12] = [
    "borrow",
    "borrow_mut",
    "clone",
    "clone_from",
    "clone_into",
    "deref",
    "fmt",
    "from",
    "into",
    "to_owned",
    "try_into",
    "type_id",
];

/// Functions of the generated calls.
const OF_CALLS: [&str; 2] = ["core", "new"];

/// Notes a name that would hide behind another.
pub(crate) fn check(name: &Ident, mistakes: &mut Mistakes) {
    let plain = name.unraw().to_string();
    let why = if OF_PROXIES.contains(&plain.as_str()) {
        "a proxy has a method of that name itself, so the call could not be reached"
    } else if OF_CALLS.contains(&plain.as_str()) {
        "the generated calls have a function of that name themselves"
    } else {
        return;
    };
    mistakes.note(
        name,
        format!("`{plain}` cannot be exposed: {why}; rename the method after what it does for its caller"),
    );
}

//! Names that an exposed method cannot have.
//!
//! A proxy derefs to its calls, and method resolution tries the proxy's own traits first. Neighbour:
//! [`exposed`](super::exposed).

use proc_macro2::Ident;
use syn::ext::IdentExt;

use crate::mistakes::Mistakes;

/// The methods that every value, or a proxy, has already; and two of the generated calls' own.
const TAKEN: [&str; 14] = [
    "borrow",
    "borrow_mut",
    "clone",
    "clone_from",
    "clone_into",
    "core",
    "deref",
    "fmt",
    "from",
    "into",
    "new",
    "to_owned",
    "try_into",
    "type_id",
];

/// Notes a name that would hide behind a method of `Proxy` itself.
pub(crate) fn check(name: &Ident, mistakes: &mut Mistakes) {
    let plain = name.unraw().to_string();
    if TAKEN.contains(&plain.as_str()) {
        mistakes.note(
            name,
            format!(
                "a proxy has a `{plain}` of its own, so a call of that name could not be reached: \
                 rename the method, for example to `{plain}_it` or to what it does for the caller"
            ),
        );
    }
}

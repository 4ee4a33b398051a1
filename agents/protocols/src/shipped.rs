//! The specifications that come with the crate: AEA's protocols for general use, in our own words.
//!
//! What always holds: names, types, numbers, rules, roles and end states are AEA's, so the bytes agree. What AEA leaves open
//! is said where it is plain: who says what, and to which end states terminal performatives lead. Neighbours: the files in
//! `shipped`, read like any other.

use crate::specification::Specification;

/// Each name with its text.
const SHIPPED: [(&str, &str); 11] = [
    ("aggregation", include_str!("shipped/aggregation.yaml")),
    ("contract_api", include_str!("shipped/contract_api.yaml")),
    ("default", include_str!("shipped/default.yaml")),
    ("fipa", include_str!("shipped/fipa.yaml")),
    ("http", include_str!("shipped/http.yaml")),
    ("ledger_api", include_str!("shipped/ledger_api.yaml")),
    ("ml_trade", include_str!("shipped/ml_trade.yaml")),
    ("oef_search", include_str!("shipped/oef_search.yaml")),
    ("register", include_str!("shipped/register.yaml")),
    ("signing", include_str!("shipped/signing.yaml")),
    ("state_update", include_str!("shipped/state_update.yaml")),
];

impl Specification {
    /// The specification that comes with Folkmoot under this name, as `fipa`; None where there is none.
    ///
    /// ```
    /// use folkmoot_protocols::Specification;
    ///
    /// let fipa = Specification::shipped("fipa").unwrap();
    /// assert_eq!(fipa.id.to_string(), "fetchai/fipa:1.0.0");
    /// ```
    pub fn shipped(name: &str) -> Option<Specification> {
        let (specification, _) = Specification::read(Specification::shipped_text(name)?).ok()?;
        Some(specification)
    }

    /// The same as its authors wrote it, in YAML.
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
    }

    /// The names of the specifications that come with Folkmoot, in their order.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }
}

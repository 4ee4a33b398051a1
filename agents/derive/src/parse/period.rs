//! The period of `#[every(seconds = 5)]`.
//!
//! Always true: a period is at least one nanosecond and fits 64 bits of them. Neighbour:
//! [`behaviour`](super::behaviour).

use syn::{Attribute, Expr, ExprLit, Lit, MetaNameValue};

/// The units and their length in nanoseconds.
const UNITS: [(&str, u64); 4] = [
    ("milliseconds", 1_000_000),
    ("seconds", 1_000_000_000),
    ("minutes", 60 * 1_000_000_000),
    ("hours", 3600 * 1_000_000_000),
];

const USAGE: &str =
    "say how often: `#[every(seconds = 5)]`; the units are milliseconds, seconds, minutes and hours";

/// The period in nanoseconds.
pub(crate) fn period_nanos(attribute: &Attribute) -> syn::Result<u64> {
    let usage = || syn::Error::new_spanned(attribute, USAGE);
    let setting: MetaNameValue = attribute.parse_args().map_err(|_| usage())?;
    let unit = UNITS.into_iter().find(|(unit, _)| setting.path.is_ident(unit));
    let Some((_, nanos)) = unit else {
        return Err(syn::Error::new_spanned(&setting.path, USAGE));
    };
    let wrong = |text: &str| syn::Error::new_spanned(&setting.value, text);
    let Expr::Lit(ExprLit { lit, .. }) = &setting.value else {
        return Err(wrong("the period is a number above zero, written out: `#[every(seconds = 5)]`"));
    };
    let too_long = || wrong("the period is longer than the clock can count (584 years)");
    let period = match lit {
        Lit::Int(count) => count.base10_parse::<u64>()?.checked_mul(nanos).ok_or_else(too_long)?,
        Lit::Float(count) => {
            let exact = count.base10_parse::<f64>()? * nanos as f64;
            if exact >= u64::MAX as f64 {
                return Err(too_long());
            }
            exact.round() as u64
        }
        _ => return Err(wrong("the period is a number above zero, written out: `#[every(seconds = 5)]`")),
    };
    if period == 0 { Err(wrong("the period must be above zero")) } else { Ok(period) }
}

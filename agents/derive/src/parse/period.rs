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
    let Some((_, unit_nanos)) = unit else {
        return Err(syn::Error::new_spanned(&setting.path, USAGE));
    };
    let wrong = |text: &str| syn::Error::new_spanned(&setting.value, text);
    let number = match &setting.value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => {
            number.base10_digits()
        }
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) if number.suffix().is_empty() => {
            number.base10_digits()
        }
        _ => return Err(wrong("the period is a number above zero, written out: `#[every(seconds = 5)]`")),
    };
    nanos_of(number, unit_nanos).map_err(wrong)
}

/// Whole numbers are exact; fractions are rounded to the nanosecond.
fn nanos_of(number: &str, unit_nanos: u64) -> Result<u64, &'static str> {
    const TOO_LONG: &str = "the period is longer than the clock can count (584 years)";
    let period = match number.parse::<u64>() {
        Ok(count) => count.checked_mul(unit_nanos).ok_or(TOO_LONG)?,
        Err(_) => {
            let fraction: f64 = number.parse().map_err(|_| "the period is a number above zero")?;
            let nanos = fraction * unit_nanos as f64;
            if nanos >= u64::MAX as f64 {
                return Err(TOO_LONG);
            }
            nanos.round() as u64
        }
    };
    if period == 0 { Err("the period must be above zero") } else { Ok(period) }
}

#[cfg(test)]
mod tests {
    use super::nanos_of;

    #[test]
    fn numbers_become_nanoseconds() {
        assert_eq!(nanos_of("5", 1_000_000_000), Ok(5_000_000_000));
        assert_eq!(nanos_of("1.5", 1_000_000), Ok(1_500_000));
        assert_eq!(nanos_of("0.000001", 1_000_000), Ok(1));
        assert_eq!(nanos_of("18446744073709", 1_000_000), Ok(18_446_744_073_709_000_000));
        for wrong in ["0", "0.0", "-1", "-0.5", "1e300", "18446744073710", "0.0000000001"] {
            assert!(nanos_of(wrong, 1_000_000).is_err(), "{wrong}");
        }
    }
}

//! Floats as texts.
//!
//! A text is a number of 64 bits that is rounded to 32, as AEA rounds a Python float, and it is written as Python
//! writes the number of 64 bits that the 32 are. Neighbours: [`super::reading`] and [`super::writing`].

/// The float that a text says; a sentence where it says none, or none of 32 bits.
pub(super) fn from_text(text: &str) -> Result<f32, String> {
    let wide: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is no float; write it as \"0.5\", \"1e-3\", \"inf\" or \"nan\""))?;
    let narrow = wide as f32;
    // A text with digits is a number, however large.
    if narrow.is_infinite() && (wide.is_finite() || text.contains(|next: char| next.is_ascii_digit())) {
        return Err(format!("the float {text} does not fit 32 bits; the largest is {}", to_text(f32::MAX)));
    }
    Ok(narrow)
}

/// The float as Python writes it: the fewest digits that say which number of 64 bits it is.
pub(super) fn to_text(float: f32) -> String {
    let wide = f64::from(float);
    if wide.is_nan() {
        return "nan".to_owned();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{wide:e}");
    let digits = scientific.split_once('e').map_or(scientific.as_str(), |(digits, _)| digits);
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    // Of two texts of as many digits Python takes the nearer, and of two as near the even one; if it says the number.
    let nearer = format!("{wide:.decimals$e}");
    let scientific = if nearer.parse() == Ok(wide) { &nearer } else { &scientific };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ (..-4 | 16..) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        exponent => {
            let fixed = format!("{wide:.*}", usize::try_from(decimals as i32 - exponent).unwrap_or(0).max(1));
            if fixed.parse() == Ok(wide) { fixed } else { format!("{wide:?}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_python() {
        for (float, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.10000000149011612"),
            (-2.5, "-2.5"),
            (-2.500_007_6, "-2.5000076293945312"),
            (1_234_567.0, "1234567.0"),
            (120.0, "120.0"),
            (1e-4, "9.999999747378752e-05"),
            (1.220_703_1e-4, "0.0001220703125"),
            (1e15, "999999986991104.0"),
            (1e16, "1.0000000272564224e+16"),
            (9_007_199_254_740_992.0, "9007199254740992.0"),
            (f32::MAX, "3.4028234663852886e+38"),
            (f32::from_bits(1), "1.401298464324817e-45"),
            (f32::from_bits(0x200), "7.174648137343064e-43"),
            (f32::INFINITY, "inf"),
            (f32::NEG_INFINITY, "-inf"),
            (f32::NAN, "nan"),
        ] {
            assert_eq!(to_text(float), text);
            assert_eq!(from_text(text).map(f32::to_bits), Ok(float.to_bits()), "{text}");
        }
    }

    #[test]
    fn floats_that_do_not_fit_are_refused() {
        assert_eq!(from_text("3.4028235677973362e38"), Ok(f32::MAX));
        assert!(from_text("3.40282357e38").unwrap_err().contains("does not fit 32 bits"));
        assert!(from_text("-1e39").is_err());
        assert_eq!(from_text("-1e-46").map(f32::to_bits), Ok(0x8000_0000));
        for wrong in ["", "x", "1,5", "0x1", "1e"] {
            assert!(from_text(wrong).unwrap_err().contains("is no float"), "{wrong}");
        }
    }
}

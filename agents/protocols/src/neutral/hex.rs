//! Bytes as hexadecimal digits.

use std::fmt::Write;

/// Text that is no row of pairs of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexError {
    /// A digit has no partner.
    #[error("{0} hexadecimal digits are no whole bytes; give two for each byte")]
    Odd(usize),
    /// A character is no digit.
    #[error("the character at {0} is no hexadecimal digit; 0-9, a-f and A-F are")]
    NoDigit(usize),
}

/// The bytes as digits, two for each.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Nothing that is written to a text fails.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// The bytes that the digits say, in upper or lower case.
///
/// # Errors
/// Their number is odd, or a character is none.
pub fn from_hex(text: &str) -> Result<Vec<u8>, HexError> {
    let digit = |position: usize, byte: u8| match (byte as char).to_digit(16) {
        Some(digit) => Ok(digit as u8),
        None => Err(HexError::NoDigit(position)),
    };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for (pair, digits) in text.as_bytes().chunks(2).enumerate() {
        match digits {
            [high, low] => bytes.push(digit(2 * pair, *high)? << 4 | digit(2 * pair + 1, *low)?),
            _ => return Err(HexError::Odd(text.len())),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_bytes() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&all)), Ok(all));
        assert_eq!(from_hex("aBCd"), Ok(vec![0xab, 0xcd]));
        assert_eq!(from_hex("abc"), Err(HexError::Odd(3)));
        assert_eq!(from_hex("ab0x"), Err(HexError::NoDigit(3)));
        assert_eq!(from_hex("+1"), Err(HexError::NoDigit(0)));
        assert!(from_hex("ä").is_err());
    }
}

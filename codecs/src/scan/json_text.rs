//! Escapes inside JSON texts.
//!
//! What always holds: a text that is read is valid Unicode. Half of a surrogate pair, which Python writes without its other
//! half where a text has one, is skipped as any other escape; whoever wants the text is told.
//! Neighbour: `json`.

use crate::codec_error::DecodeError;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Bytes that are looked at together in a long text.
const BLOCK_BYTES: usize = 64;

/// Whether none of the bytes is special.
#[inline]
fn is_plain(block: &[u8; BLOCK_BYTES]) -> bool {
    !block.iter().fold(false, |found, byte| found | (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20))
}

/// How many of the bytes stand for themselves: up to a quote, a backslash, a control character, or the end.
#[inline]
pub(super) fn plain_bytes(bytes: &[u8]) -> usize {
    // Long texts a block at a time, which compilers make a few instructions of; what is left by words.
    let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
    let mut count = BLOCK_BYTES * blocks.iter().take_while(|block| is_plain(block)).count();
    let (words, rest) = bytes.get(count..).unwrap_or_default().as_chunks::<8>();
    for word in words {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return count + special.trailing_zeros() as usize / 8;
        }
        count += 8;
    }
    count + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// Whether all of the text stands for itself.
pub(crate) fn is_plain_text(text: &str) -> bool {
    plain_bytes(text.as_bytes()) == text.len()
}

/// Sets the high bit of the bytes that are special; the lowest one set is exact, those above it may be not.
#[inline]
fn special_bytes(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(LOW_BITS) & !word;
    let quote = zero(word ^ (LOW_BITS * b'"' as u64));
    let backslash = zero(word ^ (LOW_BITS * b'\\' as u64));
    let control = word.wrapping_sub(LOW_BITS * 0x20) & !word;
    (quote | backslash | control) & HIGH_BITS
}

/// The character that an escape stands for, and the escape's length in bytes; `None` where it is half of a surrogate
/// pair. `text` begins with the backslash.
pub(super) fn escape(text: &str) -> Result<(Option<char>, usize), &'static str> {
    let character = match text.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(text),
        Some(_) => return Err("an escape in a text is unknown"),
        None => return Err("the bytes end inside an escape"),
    };
    Ok((Some(character), 2))
}

fn unicode_escape(text: &str) -> Result<(Option<char>, usize), &'static str> {
    let first = hexadecimal(text, 2)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((Some(character), 6));
    }
    if first >= 0xdc00 || text.as_bytes().get(6..8) != Some(b"\\u") {
        return Ok((None, 6));
    }
    let second = hexadecimal(text, 8)?;
    if !(0xdc00..0xe000).contains(&second) {
        return Ok((None, 6));
    }
    Ok((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)), 12))
}

/// The number that the four hexadecimal digits from `start` on stand for.
fn hexadecimal(text: &str, start: usize) -> Result<u32, &'static str> {
    match text.as_bytes().get(start..start + 4) {
        Some(digits) => digits.iter().try_fold(0, |number, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or("\\u stands before four hexadecimal digits")?;
            Ok(number * 16 + digit)
        }),
        None => Err("the bytes end inside an escape"),
    }
}

/// The text with its escapes undone.
#[cold]
pub(super) fn unescape(content: &str) -> Result<String, DecodeError> {
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(backslash) = rest.find('\\') {
        let (plain, from_escape) = rest.split_at(backslash);
        text.push_str(plain);
        let (character, length) = escape(from_escape).map_err(DecodeError::new)?;
        text.push(
            character.ok_or_else(|| DecodeError::new("an escape in a text is half of a surrogate pair"))?,
        );
        rest = from_escape.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_bytes_stop_at_the_first_special_one() {
        for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for at in 0..196 {
                let mut bytes = [b'a'; 200];
                bytes[at] = special;
                assert_eq!(plain_bytes(&bytes), at, "{special:#x}");
            }
        }
        let all: Vec<u8> = (0x20..=0xff).filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
        for start in 0..16 {
            assert_eq!(plain_bytes(&all[start..]), all.len() - start);
        }
    }

    #[test]
    fn escapes_are_undone() {
        let text = unescape(r#"a\"\\\/\b\f\n\r\té\ud83d\ude00\u0000z"#).unwrap();
        assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\té😀\0z");
    }

    #[test]
    fn wrong_escapes_are_refused() {
        for text in [r"\x41", r"\", r"\u12", r"\u12g4", r"\u+123"] {
            assert!(escape(text).is_err(), "{text}");
        }
    }

    #[test]
    fn half_of_a_surrogate_pair_is_skipped_and_never_read() {
        for text in [r"\ud800", r"\ud800x", r"\ud800\n", r"\udc00", r"\ud800\ud800", r"\ud83d\u0041"] {
            assert_eq!(escape(text), Ok((None, 6)), "{text}");
            let error = unescape(text).unwrap_err().to_string();
            assert!(error.contains("half of a surrogate pair"), "{text}: {error}");
        }
    }
}

//! Where a unix socket lies, as URLs tell it: `/run/market.sock`.
//!
//! Always: absolute, one spelling for one path (no `.`, `..` or doubled slashes), without NUL. In a URL all
//! characters but letters, digits and `/ - . _ ~ @ + , =` are percent-encoded, so a colon always ends the path.
//! Neighbour: [`crate::address`] puts it into `unix://` and `unix+tls://`.

use std::fmt::{self, Write};
use std::path::Path;
use std::str::FromStr;

/// The absolute path of a unix socket; its text is that of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketPath(String);

impl SocketPath {
    /// The path of a file, nothing in it encoded.
    ///
    /// # Errors
    /// [`SocketPathError`], where no socket has such a path.
    pub fn new(path: &str) -> Result<SocketPath, SocketPathError> {
        let Some(segments) = path.strip_prefix('/') else {
            return Err(SocketPathError::Relative);
        };
        if path.contains('\0') {
            return Err(SocketPathError::Nul);
        }
        if segments.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(SocketPathError::Segment);
        }
        Ok(SocketPath(path.to_owned()))
    }

    /// The path as the file system knows it.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for SocketPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if stands_for_itself(byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~' | b'@' | b'+' | b',' | b'=')
}

impl FromStr for SocketPath {
    type Err = SocketPathError;

    /// Reads what stands in a URL.
    fn from_str(text: &str) -> Result<SocketPath, SocketPathError> {
        let means_more = |c: &char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | ':');
        if let Some(character) = text.chars().find(means_more) {
            return Err(SocketPathError::Unencoded { character });
        }
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.ok_or(SocketPathError::Percent)?);
            bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
        }
        let path = String::from_utf8(bytes).map_err(|_| SocketPathError::NotUtf8)?;
        SocketPath::new(&path)
    }
}

/// Why a text is no path of a socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocketPathError {
    /// It does not begin at the root.
    #[error("the path of a socket is absolute; write three slashes, as in unix:///run/market.sock")]
    Relative,
    /// It names a folder, or has segments that can be left out.
    #[error("the path of a socket ends with a file's name and has no `.`, `..` or empty segment")]
    Segment,
    /// It has a NUL character, which no path has.
    #[error("the path of a socket has no NUL character")]
    Nul,
    /// A percent sign without two hexadecimal digits behind it.
    #[error("a % in it stands before two hexadecimal digits; the sign itself is written %25")]
    Percent,
    /// The decoded bytes are no UTF-8.
    #[error("the path of a socket is UTF-8")]
    NotUtf8,
    /// A character that means something else in a URL.
    #[error("{character:?} in the path of a socket is percent-encoded, as in %20 for a space")]
    Unencoded {
        /// The first such character.
        character: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_characters_are_encoded_and_come_back() {
        for (path, text) in [
            ("/run/market.sock", "/run/market.sock"),
            ("/run/a b:c%d?e#f", "/run/a%20b%3Ac%25d%3Fe%23f"),
            ("/run/größe", "/run/gr%C3%B6%C3%9Fe"),
            ("/a-._~@+,=/\n", "/a-._~@+,=/%0A"),
        ] {
            let socket = SocketPath::new(path).unwrap();
            assert_eq!(socket.to_string(), text);
            assert_eq!(text.parse::<SocketPath>().unwrap(), socket);
            assert_eq!(socket.as_path(), Path::new(path));
        }
        // What needs no encoding may be encoded, and letters beyond ASCII may stand as they are.
        for text in ["/run/größe", "%2frun/gr%c3%b6ße"] {
            assert_eq!(text.parse::<SocketPath>().unwrap().as_path(), Path::new("/run/größe"));
        }
    }

    #[test]
    fn what_is_no_path_says_why() {
        use SocketPathError::{NotUtf8, Nul, Percent, Relative, Segment, Unencoded};
        for (text, error) in [
            ("", Relative),
            ("run/market.sock", Relative),
            ("/", Segment),
            ("/run/", Segment),
            ("//run", Segment),
            ("/run/../etc", Segment),
            ("/run/%2e/x", Segment),
            ("/a%00b", Nul),
            ("/a%", Percent),
            ("/a%4", Percent),
            ("/a%+4b", Percent),
            ("/a%é", Percent),
            ("/a%ff", NotUtf8),
            ("/a b", Unencoded { character: ' ' }),
            ("/a?b", Unencoded { character: '?' }),
            ("/a:b", Unencoded { character: ':' }),
        ] {
            assert_eq!(text.parse::<SocketPath>(), Err(error), "{text}");
        }
    }
}

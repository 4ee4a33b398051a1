//! What the fuzz targets do with their input, of which the tests here run a changed corpus.
//!
//! Always true: it is compiled for tests and for the feature `fuzzing` alone. Each body holds a reader to what must always be
//! so: no panic, and what was read is written so that it reads the same. Neighbours: `fuzz/fuzz_targets` (with a fuzzer),
//! `fuzz/corpus` (what it has found).

use super::entity::EntityId;
use super::fields::Fields;
use super::message::{Header, place_for_a_break};
use super::stream::write_event;

/// Bytes that may be a message, and the event that it becomes.
///
/// # Panics
/// Where a reader or writer breaks its promise.
pub fn message(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = Header::read(text);
    if let Some(place) = place_for_a_break(text) {
        assert!(text.is_char_boundary(place), "a character is broken");
    }
    let Ok(header) = read else { return };
    let mut event = String::new();
    write_event(&mut event, 7, text);
    assert!(event.ends_with("\r\n\r\n"), "the event has no end");
    let lines: Vec<&str> = event.trim_end_matches("\r\n").split("\r\n").collect();
    let (first, data) = lines.split_first().expect("an event has lines");
    assert_eq!(*first, "id: 7");
    let data: Vec<&str> =
        data.iter().map(|line| line.strip_prefix("data: ").expect("a line of data")).collect();
    assert!(data.iter().all(|line| !line.contains(['\r', '\n'])), "a line is two");
    // As a client puts it together.
    let again = Header::read(&data.join("\n"));
    assert_eq!(again.ok(), Some(header), "a client reads something else");
}

/// Bytes that may be an id.
///
/// # Panics
/// Where a reader or writer breaks its promise.
pub fn id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = EntityId::read(text) {
        let written = serde_json::to_string(&id).expect("an id has a JSON");
        assert_eq!(EntityId::read(&written).ok(), Some(id), "{written}");
    }
}

/// Bytes that may be the body of a request.
///
/// # Panics
/// Where a reader breaks its promise.
pub fn request(bytes: &[u8]) {
    let Ok(fields) = serde_json::from_slice::<Fields>(bytes) else { return };
    // A mistake in a field can be told.
    if let Err(mistake) = fields.mailbox() {
        assert!(!mistake.to_string().is_empty());
    }
    if let Ok(text) = fields.into_message() {
        message(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Changed inputs per target.
    const ROUNDS: usize = 5_000;

    /// Bytes at which readers of JSON turn corners.
    const CORNERS: &[u8] = b"\"\\,:[]{}-+.019eEnul \r\n\t\x00\x7f\x80\xc3\xff";

    /// A small generator (xorshift64*): the same numbers on every machine.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        fn below(&mut self, end: usize) -> usize {
            (self.next() % end.max(1) as u64) as usize
        }
    }

    fn changed(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len() + 1);
            match numbers.below(6) {
                0 => bytes.insert(at, CORNERS[numbers.below(CORNERS.len())]),
                1 if at < bytes.len() => bytes[at] = CORNERS[numbers.below(CORNERS.len())],
                2 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
                3 => bytes.truncate(at),
                4 => drop(bytes.drain(at..(at + numbers.below(8)).min(bytes.len()))),
                _ => {
                    let from = numbers.below(other.len() + 1);
                    let piece = other[from..].iter().take(numbers.below(24)).copied();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }

    fn smoke(target: &str, body: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(corpus.len() >= 3, "the corpus in {} is too small", folder.display());
        corpus.iter().for_each(|seed| body(seed));
        let mut numbers = Numbers(0x466f_6c6b_6d6f_6f74);
        for _ in 0..ROUNDS {
            let seed = &corpus[numbers.below(corpus.len())];
            let other = &corpus[numbers.below(corpus.len())];
            body(&changed(seed, other, &mut numbers));
        }
    }

    #[test]
    fn message() {
        smoke("message", super::message);
    }

    #[test]
    fn id() {
        smoke("id", super::id);
    }

    #[test]
    fn request() {
        smoke("request", super::request);
    }
}

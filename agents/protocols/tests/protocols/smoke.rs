//! The fuzz targets, without a fuzzer: a corpus, changed at random from a fixed seed, for a bounded number of rounds.
//!
//! The corpus is the fuzz targets' own (`fuzz/corpus/<target>/*`), so what a fuzzer finds is kept there and runs
//! here for ever.

use std::fs;
use std::path::Path;

#[expect(unreachable_pub, reason = "the fuzz targets use it from another crate")]
#[path = "../../fuzz/src/bodies.rs"]
mod bodies;

/// Changed inputs per target.
const ROUNDS: usize = 5_000;

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

/// Bytes at which readers turn corners: keys, lengths, the ends of varints, and what JSON is made of.
const CORNERS: [u8; 22] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x0a, 0x10, 0x12, 0x2a, 0x7f, 0x80, 0xff, b'"', b',', b'[',
    b']', b'{', b'}', b'-', b'9',
];

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
    smoke("message", bodies::message);
}

#[test]
fn envelope() {
    smoke("envelope", bodies::envelope);
}

#[test]
fn neutral() {
    smoke("neutral", bodies::neutral);
}

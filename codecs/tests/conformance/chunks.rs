//! Chunks of Python's blosc: each that aiomas may send is opened, each of another compressor is refused by its name.
//!
//! The contents are made here again as `platform/tests/aiomas/chunks.py` makes them. Neighbour: `hostile/chunks.rs` has
//! those that nobody should send.

use bytes::Bytes;
use folkmoot_codecs::{Codec, Limits};

/// A chunk and what it holds.
struct Case {
    line: String,
    content: Vec<u8>,
    type_bytes: usize,
    compressor: String,
    shuffle: String,
    block_bytes: usize,
    chunk: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let recorded = include_str!("../fixtures/blosc/chunks-3.8.txt");
    let lines = recorded.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (line, hex) = line.rsplit_once(' ').unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            Case {
                line: line.to_owned(),
                content: content(words[0], words[1].parse().unwrap()),
                type_bytes: words[2].parse().unwrap(),
                shuffle: words[3].to_owned(),
                compressor: words[4].to_owned(),
                block_bytes: words[6].parse().unwrap(),
                chunk: (0..hex.len()).step_by(2).map(byte).collect(),
            }
        })
        .collect()
}

/// Numbers as `chunks.py` has them.
fn numbers(first: u64) -> impl Iterator<Item = usize> {
    let next = |number: &u64| Some((number * 1_103_515_245 + 12_345) % (1 << 31));
    std::iter::successors(Some(first), next).skip(1).map(|number| (number >> 16) as usize)
}

fn content(name: &str, count: usize) -> Vec<u8> {
    match name {
        "ones" => vec![1; count],
        "ramp" => (0..count).map(|at| (at / 3 % 256) as u8).collect(),
        "words" => {
            let words = ["a", "parish", "moot", "of ", "folk", "hall,", " the ", "thegn"];
            numbers(1).flat_map(|number| words[number & 7].bytes()).take(count).collect()
        }
        "noise" => numbers(7).map(|number| (number & 0xff) as u8).take(count).collect(),
        "islands" => {
            [content("noise", 9000), vec![0; 500]].concat().into_iter().cycle().take(count).collect()
        }
        other => panic!("no content {other:?}"),
    }
}

#[test]
fn what_pythons_blosc_compresses_is_read() {
    let (mut stored, mut split, mut blocks) = (0, 0, 0);
    for case in cases().iter().filter(|case| case.compressor == "blosclz" && case.shuffle != "bits") {
        let opened = Codec::MsgPackBlosc.open(Bytes::copy_from_slice(&case.chunk), &Limits::DEFAULT);
        let opened = opened.unwrap_or_else(|error| panic!("{}: {error}", case.line));
        assert!(opened == case.content, "{}: not what was compressed", case.line);
        let flags = case.chunk[2];
        stored += usize::from(flags & 2 != 0);
        split += usize::from(flags & 0x12 == 0 && case.type_bytes > 1);
        let block_bytes = u32::from_le_bytes(*case.chunk[8..].first_chunk().unwrap()) as usize;
        blocks += usize::from(flags & 2 == 0 && block_bytes < case.content.len());
        assert!(case.block_bytes == 0 || case.block_bytes < case.content.len(), "{}", case.line);
    }
    assert!(stored > 5 && split > 5 && blocks > 5, "{stored} stored, {split} in streams, {blocks} in blocks");
}

#[test]
fn other_compressors_are_refused_by_their_names() {
    let mut refused = Vec::new();
    let cases = cases();
    for case in cases.iter().filter(|case| case.compressor != "blosclz" || case.shuffle == "bits") {
        let opened = Codec::MsgPackBlosc.open(case.chunk.clone().into(), &Limits::DEFAULT);
        let error = opened.expect_err(&case.line);
        let name = if case.shuffle == "bits" { "shuffled bits" } else { &case.compressor };
        assert!(error.reason().contains(name) && error.reason().contains("aiomas"), "{}: {error}", case.line);
        refused.push(case.compressor.as_str());
    }
    for name in ["lz4", "lz4hc", "zlib", "zstd"] {
        assert!(refused.contains(&name), "{name} is not recorded");
    }
}

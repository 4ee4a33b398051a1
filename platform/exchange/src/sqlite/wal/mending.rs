//! A byte that flipped in a log: where it is, and what it was.
//!
//! Each frame bears the sum of the log up to its end, in two words of 32 bits, and what a word of the log adds to them follows
//! from where it stands. So the byte is looked for whose change explains by what the sums are off; the frame behind must go on
//! from there. What the highest byte of a word adds repeats after 1536 bytes, so there up to four bytes would explain it: which of
//! them it was counts for nothing where a later frame holds the same page. Always true: what a crash left of a commit that
//! nobody was told of is more than a byte off, and is left as it is; where it counts which of two bytes it was none is named.
//! Neighbour: [`opening`](crate::sqlite::opening) has it put right.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::{
    FRAME_HEADER_BYTES, HEADER_BYTES, Sum, header_page_bytes, open, place_of_frame, read_whole, word,
};

/// A byte of a log that is another than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct FlippedInLog {
    /// Where in the file.
    pub(in crate::sqlite) at: u64,
    was: u8,
}

/// The format's version, in the second word of a header.
const VERSION: u32 = 3_007_000;

/// Where a header keeps its salts.
const SALTS_OF_HEADER: usize = 16;

/// Where a frame keeps its salts and its sums.
const SALTS: std::ops::Range<usize> = 8..16;
const SUMS: std::ops::Range<usize> = 16..24;

/// The byte that flipped in the log at `path`, if one did.
pub(in crate::sqlite) fn find(path: &Path) -> io::Result<Option<FlippedInLog>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let mut header = [0; HEADER_BYTES];
    if !read_whole(&mut file, &mut header)? {
        return Ok(None);
    }
    match header_page_bytes(&header) {
        Some(page_bytes) => find_in_frames(Frames::of(file, &header, page_bytes), sum_of_header(&header)),
        None => find_in_header(&file, &header),
    }
}

/// Puts it right, on the disk.
pub(in crate::sqlite) fn put_right(path: &Path, flipped: FlippedInLog) -> io::Result<()> {
    let mut log = OpenOptions::new().write(true).open(path)?;
    log.seek(SeekFrom::Start(flipped.at))?;
    log.write_all(&[flipped.was])?;
    log.sync_all()
}

/// The byte of a header by which it would be one that the first frame goes on from.
fn find_in_header(file: &File, header: &[u8; HEADER_BYTES]) -> io::Result<Option<FlippedInLog>> {
    let mut found = Vec::new();
    for (at, is) in header.iter().enumerate() {
        for was in (0..=u8::MAX).filter(|was| was != is) {
            let mut tried = *header;
            tried.iter_mut().skip(at).take(1).for_each(|byte| *byte = was);
            let Some(page_bytes) = header_page_bytes(&tried).filter(|bytes| bytes.is_power_of_two()) else {
                continue;
            };
            let mut frames = Frames::of(file.try_clone()?, &tried, page_bytes);
            let follows = frames.read(0)?.is_some_and(|first| frames.follows(&first, sum_of_header(&tried)));
            if follows && word(&tried, 4) == VERSION {
                found.push(FlippedInLog { at: at as u64, was });
            }
        }
    }
    Ok(found.pop().filter(|_| found.is_empty()))
}

fn sum_of_header(header: &[u8; HEADER_BYTES]) -> [u32; 2] {
    [word(header, 24), word(header, 28)]
}

/// A log that is read frame by frame.
struct Frames {
    file: File,
    salts: [u8; 8],
    page_bytes: usize,
    big_endian: bool,
}

impl Frames {
    fn of(file: File, header: &[u8; HEADER_BYTES], page_bytes: u32) -> Frames {
        let mut salts = [0; 8];
        salts.iter_mut().zip(header.iter().skip(SALTS_OF_HEADER)).for_each(|(to, from)| *to = *from);
        Frames { file, salts, page_bytes: page_bytes as usize, big_endian: word(header, 0) & 1 == 1 }
    }

    /// The frame of that number; `None` where the file ends before.
    fn read(&mut self, number: u64) -> io::Result<Option<Vec<u8>>> {
        let mut frame = vec![0; FRAME_HEADER_BYTES + self.page_bytes];
        self.file.seek(SeekFrom::Start(place_of_frame(number, self.page_bytes)))?;
        Ok(read_whole(&mut self.file, &mut frame)?.then_some(frame))
    }

    /// The sum of the log up to the end of a frame, from that up to its beginning.
    fn sum(&self, frame: &[u8], before: [u32; 2]) -> [u32; 2] {
        let mut sum = Sum { big_endian: self.big_endian, of: before };
        sum.add(frame.get(..8).unwrap_or_default());
        sum.add(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
        sum.of
    }

    /// Whether a commit behind the frame of that number holds the same page, and all goes on from what the frame tells up to it.
    fn is_written_over(&mut self, number: u64, frame: &[u8]) -> io::Result<bool> {
        let (page, mut before, mut is_over) = (word(frame, 0), told(frame), false);
        for later in number + 1.. {
            let Some(frame) = self.read(later)?.filter(|frame| self.follows(frame, before)) else { break };
            before = told(&frame);
            is_over |= word(&frame, 0) == page;
            if is_over && word(&frame, 4) != 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_of_this_log(&self, frame: &[u8]) -> bool {
        frame.get(SALTS) == Some(&self.salts[..])
    }

    /// Whether a frame goes on from that sum.
    fn follows(&self, frame: &[u8], before: [u32; 2]) -> bool {
        self.is_of_this_log(frame) && self.sum(frame, before) == told(frame)
    }
}

/// The sum that a frame bears.
fn told(frame: &[u8]) -> [u32; 2] {
    [word(frame, SUMS.start), word(frame, SUMS.start + 4)]
}

fn find_in_frames(mut frames: Frames, mut before: [u32; 2]) -> io::Result<Option<FlippedInLog>> {
    let mut number = 0;
    while let Some(frame) = frames.read(number)? {
        if !frames.follows(&frame, before) {
            let next = frames.read(number + 1)?.filter(|next| frames.is_of_this_log(next));
            let begins = place_of_frame(number, frames.page_bytes);
            let mut candidates = find_in_frame(&frames, &frame, next.as_deref(), before);
            // Of which page it is counts always.
            let is_of_page = candidates.iter().all(|(at, _)| *at >= SUMS.start);
            let counts = candidates.len() > 1 && !(is_of_page && frames.is_written_over(number, &frame)?);
            let flipped = if counts { None } else { candidates.pop() };
            return Ok(flipped.map(|(at, was)| FlippedInLog { at: begins + at as u64, was }));
        }
        before = told(&frame);
        number += 1;
    }
    Ok(None)
}

/// The bytes of a frame by which it would go on from `before`, and what each was then.
fn find_in_frame(frames: &Frames, frame: &[u8], next: Option<&[u8]>, before: [u32; 2]) -> Vec<(usize, u8)> {
    let (is, told) = (frames.sum(frame, before), told(frame));
    let bytes = |range| frame.get(range).unwrap_or_default();
    if !frames.is_of_this_log(frame) {
        let in_salts = only_difference(bytes(SALTS), &frames.salts).filter(|_| is == told);
        return in_salts.map(|(at, was)| (SALTS.start + at, was)).into_iter().collect();
    }
    // The frame behind goes on from what the sum was, whichever of the two is damaged.
    let goes_on_from = |sum| next.is_none_or(|next| frames.follows(next, sum));
    let sum_bytes = [is[0].to_be_bytes(), is[1].to_be_bytes()].concat();
    let in_sum = only_difference(bytes(SUMS), &sum_bytes).filter(|_| goes_on_from(is));
    let mut found = if goes_on_from(told) { explanations(frames, frame, is, told) } else { Vec::new() };
    found.extend(in_sum.map(|(at, was)| (SUMS.start + at, was)));
    found
}

/// The one place where `is` is not what it was, and what it was there.
fn only_difference(is: &[u8], was: &[u8]) -> Option<(usize, u8)> {
    let mut different = is.iter().zip(was).enumerate().filter(|(_, (is, was))| is != was);
    let (at, (_, was)) = different.next()?;
    different.next().is_none().then_some((at, *was))
}

/// The bytes of a frame's summed part that would make its sum what is told.
fn explanations(frames: &Frames, frame: &[u8], is: [u32; 2], told: [u32; 2]) -> Vec<(usize, u8)> {
    let off = [told[0].wrapping_sub(is[0]), told[1].wrapping_sub(is[1])];
    // The places of the summed words, the last first: two of the header, then the page.
    let pairs = (FRAME_HEADER_BYTES..frame.len()).step_by(8).rev().chain([0]);
    // What one more in the first and in the second word of a pair adds to the two sums.
    let (mut first, mut second) = ([1_u32, 1], [0_u32, 1]);
    let mut found = Vec::new();
    for pair in pairs {
        for (at, adds) in [(pair, first), (pair + 4, second)] {
            found.extend(explains(frames, frame, at, adds, off));
        }
        for adds in [&mut first, &mut second] {
            adds[0] = adds[0].wrapping_add(adds[1]);
            adds[1] = adds[1].wrapping_add(adds[0]);
        }
    }
    found
}

/// Which byte of the word at that place must have been what, for the sums to be off by so much; `None` where none explains it.
fn explains(frames: &Frames, frame: &[u8], at: usize, adds: [u32; 2], off: [u32; 2]) -> Option<(usize, u8)> {
    let is: [u8; 4] = frame.get(at..at + 4)?.try_into().ok()?;
    // Two that follow each other in Fibonacci's row: one of them is odd, and by that one can divide.
    let (odd, its_off) = adds.into_iter().zip(off).find(|(adds, _)| adds % 2 == 1)?;
    let more = its_off.wrapping_mul(inverse(odd));
    if adds.map(|adds| adds.wrapping_mul(more)) != off {
        return None;
    }
    let was = match frames.big_endian {
        true => u32::from_be_bytes(is).wrapping_add(more).to_be_bytes(),
        false => u32::from_le_bytes(is).wrapping_add(more).to_le_bytes(),
    };
    only_difference(&is, &was).map(|(byte, was)| (at + byte, was))
}

/// By what an odd number is one, of 32 bits: each step of Newton's doubles the bits that are right, of which there are three.
fn inverse(odd: u32) -> u32 {
    (0..4).fold(odd, |inverse, _| inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::sqlite::wal::tests::three_commits;

    /// The newest version of each page in a log.
    fn pages(log: &[u8], frame_bytes: usize) -> BTreeMap<u32, &[u8]> {
        log[HEADER_BYTES..].chunks_exact(frame_bytes).map(|frame| (word(frame, 0), &frame[24..])).collect()
    }

    #[test]
    fn a_byte_that_flipped_in_a_log_is_put_right_where_it_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (whole, walked) = three_commits(directory.path());
        let path = directory.path().join("copy");
        let frame = FRAME_HEADER_BYTES + walked.page_bytes as usize;
        let heads = (0..HEADER_BYTES + 32).chain(HEADER_BYTES + frame..HEADER_BYTES + frame + 32);
        let (mut mended, mut left) = (0, 0);
        for at in heads.chain((HEADER_BYTES..whole.len()).step_by(211)) {
            for by in [1, 0x80, 0xff] {
                let mut flipped = whole.clone();
                flipped[at] ^= by;
                fs::write(&path, &flipped).unwrap();
                let Some(found) = find(&path).unwrap() else {
                    left += 1;
                    continue;
                };
                put_right(&path, found).unwrap();
                mended += 1;
                assert_eq!(crate::sqlite::wal::walk(&path).unwrap(), Some(walked), "byte {at}");
                assert!(pages(&fs::read(&path).unwrap(), frame) == pages(&whole, frame), "byte {at}");
            }
        }
        assert!(mended > 5 * left, "{mended} {left}");
    }

    #[test]
    fn a_log_that_is_whole_or_torn_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (whole, walked) = three_commits(directory.path());
        let path = directory.path().join("copy");
        let frame = FRAME_HEADER_BYTES + walked.page_bytes as usize;
        let find_in = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            find(&path).unwrap()
        };
        assert_eq!(find(&directory.path().join("none")).unwrap(), None);
        assert_eq!(find_in(&[]), None);
        assert_eq!(find_in(&whole), None);
        assert_eq!(find_in(&whole[..whole.len() - 100]), None);
        // Sectors that did not reach the disk, and two bytes.
        let mut torn = whole.clone();
        let last = whole.len() - frame;
        torn[last + 512..last + 1024].fill(0xab);
        assert_eq!(find_in(&torn), None);
        let mut two = whole.clone();
        two[HEADER_BYTES + 100] ^= 1;
        two[HEADER_BYTES + 200] ^= 1;
        assert_eq!(find_in(&two), None);
        let mut header = whole;
        header[3] ^= 1;
        header[30] ^= 1;
        assert_eq!(find_in(&header), None);
    }
}

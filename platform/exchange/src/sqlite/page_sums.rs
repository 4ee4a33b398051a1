//! What is known of one page of the database: sums by which a page that is not what was written is known, and by which a
//! single byte that flipped in it is put right.
//!
//! A CRC-32 over the page, and all its words of 8 bytes folded into one by exclusive or. Where one byte is another than it was
//! the fold tells by what, and in which eighth of the places; the CRC then fits at one place alone, for its polynomial divides
//! no sum of two such flips that are less than 2^32 bits apart. Always true: a page that differs in more than one byte is not
//! taken for one with a flipped byte, but by chance, once in some millions of millions. Neighbour: [`pages`](super::pages) has
//! the file of these sums.

use crc32fast::Hasher;

/// CRC, fold, kind, and a sum over these and the number of the page.
pub(super) const RECORD_BYTES: usize = 4 + 8 + 4 + 4;

/// Bytes that are folded into one word.
const WORD: usize = 8;

/// What a page was when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageSum {
    crc: u32,
    fold: u64,
    /// The first byte of the page, which says what it holds; of the first page, that behind the header.
    pub(super) kind: u8,
}

/// A byte that is another than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flipped {
    /// Where in the page.
    pub(super) at: usize,
    pub(super) was: u8,
}

/// What a page is, beside what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Flipped(Flipped),
    Other,
}

fn crc_of(page: &[u8]) -> u32 {
    crc32fast::hash(page)
}

fn fold(page: &[u8]) -> u64 {
    let words = page.chunks_exact(WORD).filter_map(|word| word.try_into().ok());
    words.map(u64::from_le_bytes).fold(0, |fold, word| fold ^ word)
}

impl PageSum {
    /// That of a page, whose length is a multiple of 8.
    pub(super) fn of(number: u32, page: &[u8]) -> PageSum {
        let kind_at = if number == 1 { super::pages::HEADER_BYTES } else { 0 };
        PageSum { crc: crc_of(page), fold: fold(page), kind: page.get(kind_at).copied().unwrap_or(0) }
    }

    /// Whether `page` is what was written.
    pub(super) fn judge(&self, page: &[u8]) -> Verdict {
        let (crc, fold) = (crc_of(page), fold(page));
        match (crc == self.crc, fold == self.fold) {
            (true, true) => Verdict::Same,
            (false, false) => self.find(page, fold ^ self.fold).map_or(Verdict::Other, Verdict::Flipped),
            _ => Verdict::Other,
        }
    }

    /// The byte that flipped by what the folds differ in; `None` where it was not one byte alone.
    fn find(&self, page: &[u8], difference: u64) -> Option<Flipped> {
        let bytes = difference.to_le_bytes();
        let lane = bytes.iter().position(|byte| *byte != 0)?;
        let by = bytes.get(lane).copied()?;
        if difference != u64::from(by) << (8 * lane) {
            return None;
        }
        let mut page = page.to_vec();
        for at in (lane..page.len()).step_by(WORD) {
            let was = page.get(at).copied()? ^ by;
            let is = std::mem::replace(page.get_mut(at)?, was);
            if crc_of(&page) == self.crc {
                return Some(Flipped { at, was });
            }
            *page.get_mut(at)? = is;
        }
        None
    }

    pub(super) fn record(&self, number: u32) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        let told =
            [&self.crc.to_le_bytes()[..], &self.fold.to_le_bytes(), &u32::from(self.kind).to_le_bytes()]
                .concat();
        let sum = sum_of_record(number, &told).to_le_bytes();
        record.iter_mut().zip(told.iter().chain(&sum)).for_each(|(to, from)| *to = *from);
        record
    }

    /// What a record tells of the page of that number; `None` where it is damaged.
    pub(super) fn of_record(number: u32, record: &[u8]) -> Option<PageSum> {
        let record: &[u8; RECORD_BYTES] = record.try_into().ok()?;
        let (told, sum) = record.split_last_chunk::<4>()?;
        if sum_of_record(number, told).to_le_bytes() != *sum {
            return None;
        }
        let (crc, rest) = told.split_first_chunk()?;
        let (fold, kind) = rest.split_first_chunk()?;
        Some(PageSum {
            crc: u32::from_le_bytes(*crc),
            fold: u64::from_le_bytes(*fold),
            kind: kind.first().copied()?,
        })
    }
}

fn sum_of_record(number: u32, told: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(told);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page without a pattern.
    fn page() -> Vec<u8> {
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()
        };
        (0..4096 / 8).flat_map(|_| next()).collect()
    }

    #[test]
    fn any_one_byte_that_flipped_is_found_with_what_it_was() {
        for whole in [page(), vec![0; 4096]] {
            let sum = PageSum::of(2, &whole);
            assert_eq!(sum.judge(&whole), Verdict::Same);
            for at in (0..4096).step_by(37).chain([4095]) {
                for by in [1, 0x80, 0xff] {
                    let mut flipped = whole.clone();
                    flipped[at] ^= by;
                    let was = whole[at];
                    assert_eq!(sum.judge(&flipped), Verdict::Flipped(Flipped { at, was }));
                }
            }
        }
    }

    #[test]
    fn a_page_with_more_than_one_other_byte_is_another() {
        let whole = page();
        let sum = PageSum::of(2, &whole);
        // Two in one lane by the same, which the fold does not see; by others, which it takes for one; and in two lanes.
        for (first, second, by, and_by) in [(8, 16, 1, 1), (8, 4088, 1, 3), (8, 17, 1, 1), (100, 101, 9, 9)] {
            let mut other = whole.clone();
            other[first] ^= by;
            other[second] ^= and_by;
            assert_eq!(sum.judge(&other), Verdict::Other, "{first} {second}");
        }
        assert_eq!(sum.judge(&vec![0; 4096]), Verdict::Other);
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_one_that_is_damaged_tells_nothing() {
        let sum = PageSum::of(7, &page());
        let record = sum.record(7);
        assert_eq!(PageSum::of_record(7, &record), Some(sum));
        assert_eq!(PageSum::of_record(8, &record), None, "it is another page's");
        for at in 0..RECORD_BYTES {
            let mut damaged = record;
            damaged[at] ^= 4;
            assert_eq!(PageSum::of_record(7, &damaged), None, "byte {at}");
        }
        assert_eq!(PageSum::of_record(1, &[0; RECORD_BYTES]), None);
    }
}

//! Blosc chunks: what stands around a message of the codec MsgPackBlosc.
//!
//! A chunk is a header of 16 bytes and the message, stored as it is or compressed. We write stored chunks, which every
//! Blosc reads, and read stored ones and those of BloscLZ with a byte shuffle, which is what aiomas writes. What always
//! holds: what a header promises is held to the limit, and to what so many bytes can hold at all, before memory is
//! spent on it; no chunk panics its reader. The format is that of C-Blosc 1, version 2. Neighbours: `codec` opens a
//! frame's payload here, `envelope` writes the header.

use bytes::Bytes;

use crate::codec_error::DecodeError;
use crate::limits::Limits;

/// Bytes of a chunk's header: version, version of the compressor's format, flags, bytes of a type, then three integers
/// of 32 bits, the least byte first: bytes of the content, of a block, of the whole chunk.
pub(crate) const HEADER_BYTES: usize = 16;
/// The version of the format, and the first byte of each chunk.
pub(crate) const VERSION: u8 = 2;
/// The longest chunk, in bytes: its lengths are signed integers of 32 bits.
pub(crate) const MAX_CHUNK_BYTES: u32 = i32::MAX as u32;

/// The version of BloscLZ's format.
const BLOSCLZ_VERSION: u8 = 1;
/// The bytes of an element of what is stored: of no meaning there, and what Python's blosc says by default.
const STORED_TYPE_BYTES: u8 = 8;
/// The largest block that C-Blosc takes, in bytes.
const MAX_BLOCK_BYTES: u32 = (i32::MAX as u32 - 255 * 4) / 3;

/// Of the flags: the bytes of the elements are shuffled.
const SHUFFLED: u8 = 0x01;
/// Of the flags: the content is stored as it is.
const STORED: u8 = 0x02;
/// Of the flags: the bits of the elements are shuffled.
const BIT_SHUFFLED: u8 = 0x04;
/// Of the flags: a block is one stream.
const WHOLE_BLOCKS: u8 = 0x10;

/// Elements of more bytes than this have whole blocks.
const MOST_STREAMS: usize = 16;
/// Blocks of fewer elements than this are whole.
const LEAST_SPLIT_ELEMENTS: usize = 128;
/// More bytes than this no byte of BloscLZ becomes.
const MOST_EXPANSION: usize = 255;
/// The distance that a match reaches back without two more bytes.
const NEAR: usize = 8191;

/// The header of a chunk that stores so many bytes, at most [`MAX_CHUNK_BYTES`] with the header.
pub(crate) fn stored_header(content_bytes: usize) -> [u8; HEADER_BYTES] {
    let content = u32::try_from(content_bytes).unwrap_or(u32::MAX);
    let mut header = [0; HEADER_BYTES];
    let [first, lengths @ ..]: [[u8; 4]; 4] = [
        [VERSION, BLOSCLZ_VERSION, SHUFFLED | STORED | WHOLE_BLOCKS, STORED_TYPE_BYTES],
        content.to_le_bytes(),
        content.min(MAX_BLOCK_BYTES).to_le_bytes(),
        content.saturating_add(HEADER_BYTES as u32).to_le_bytes(),
    ];
    for (place, bytes) in header.chunks_exact_mut(4).zip(std::iter::once(first).chain(lengths)) {
        place.copy_from_slice(&bytes);
    }
    header
}

/// How many bytes are made where a chunk is opened that is not stored, as its header says.
pub(crate) fn made_bytes(chunk: &[u8]) -> Option<usize> {
    Header::read(chunk).ok().filter(|header| header.flags & STORED == 0).map(|header| header.content_bytes)
}

/// The content of a chunk; without a copy where it is stored.
///
/// # Errors
/// Where it is no chunk, one of another compressor, or longer than a frame may be.
pub(crate) fn open(chunk: Bytes, limits: &Limits) -> Result<Bytes, DecodeError> {
    let header = Header::read(&chunk)?;
    let most = limits.max_frame_bytes;
    if header.content_bytes as u64 > u64::from(most) {
        return Err(DecodeError::new(format!(
            "a Blosc chunk promises {} bytes, the limit is {most}; raise max_frame_bytes or send less",
            header.content_bytes
        )));
    }
    if header.flags & STORED != 0 {
        if header.content_bytes != chunk.len() - HEADER_BYTES {
            return Err(DecodeError::new(format!(
                "a Blosc chunk promises {} bytes and stores {}",
                header.content_bytes,
                chunk.len() - HEADER_BYTES
            )));
        }
        return Ok(chunk.slice(HEADER_BYTES..));
    }
    header.check_compressed()?;
    header
        .decompress(&chunk)
        .map(Bytes::from)
        .map_err(|reason| DecodeError::new(format!("the Blosc chunk is damaged: {reason}")))
}

/// What the first bytes of a chunk say.
#[derive(Clone, Copy, Debug)]
struct Header {
    format_version: u8,
    flags: u8,
    type_bytes: usize,
    content_bytes: usize,
    block_bytes: usize,
    chunk_bytes: usize,
}

impl Header {
    fn read(chunk: &[u8]) -> Result<Header, DecodeError> {
        let Some(&[version, format_version, flags, type_bytes, ref lengths @ ..]) =
            chunk.first_chunk::<HEADER_BYTES>()
        else {
            return Err(DecodeError::new(format!("{} bytes are no Blosc chunk", chunk.len())));
        };
        if version != VERSION {
            return Err(DecodeError::new(format!(
                "a Blosc chunk of format {version}, where {VERSION} is understood"
            )));
        }
        let mut lengths = lengths.chunks_exact(4).map(length);
        let mut next = || lengths.next().unwrap_or_default();
        let header = Header {
            format_version,
            flags,
            type_bytes: type_bytes.into(),
            content_bytes: next(),
            block_bytes: next(),
            chunk_bytes: next(),
        };
        if header.content_bytes == 0 {
            return Err(DecodeError::new("an empty Blosc chunk came; a frame holds one message"));
        }
        if header.chunk_bytes != chunk.len() {
            return Err(DecodeError::new(format!(
                "a Blosc chunk of {} bytes says that it has {}",
                chunk.len(),
                header.chunk_bytes
            )));
        }
        Ok(header)
    }

    /// Whether the content can be as the header says, before anything is done for it.
    fn check_compressed(&self) -> Result<(), DecodeError> {
        let compressor = match self.flags >> 5 {
            0 => None,
            1 => Some("lz4 or lz4hc"),
            2 => Some("snappy"),
            3 => Some("zlib"),
            4 => Some("zstd"),
            _ => Some("an unknown compressor"),
        };
        if let Some(compressor) = compressor {
            return Err(DecodeError::new(format!(
                "a Blosc chunk of {compressor} came; only blosclz, as aiomas sends it, and stored chunks are read"
            )));
        }
        if self.format_version != BLOSCLZ_VERSION {
            return Err(DecodeError::new(format!(
                "a chunk of version {} of blosclz, where {BLOSCLZ_VERSION} is understood",
                self.format_version
            )));
        }
        if self.flags & BIT_SHUFFLED != 0 {
            return Err(DecodeError::new(
                "a Blosc chunk of shuffled bits came; only a shuffle of bytes, as aiomas sends it, is read",
            ));
        }
        if self.block_bytes == 0 || self.block_bytes > self.content_bytes || self.type_bytes == 0 {
            return Err(DecodeError::new(format!(
                "a Blosc chunk of {} bytes says that its blocks have {}, and its elements {}",
                self.content_bytes, self.block_bytes, self.type_bytes
            )));
        }
        if self.content_bytes / MOST_EXPANSION > self.chunk_bytes {
            return Err(DecodeError::new(format!(
                "a Blosc chunk of {} bytes promises {}, more than it can hold",
                self.chunk_bytes, self.content_bytes
            )));
        }
        Ok(())
    }

    fn decompress(&self, chunk: &[u8]) -> Result<Vec<u8>, &'static str> {
        let blocks = self.content_bytes.div_ceil(self.block_bytes);
        let table = blocks
            .checked_mul(4)
            .and_then(|bytes| chunk.get(HEADER_BYTES..)?.get(..bytes))
            .ok_or("it ends within the table of its blocks")?;
        let mut content = Vec::with_capacity(self.content_bytes);
        let mut shuffled = Vec::new();
        for start in table.chunks_exact(4).map(length) {
            let bytes = self.block_bytes.min(self.content_bytes - content.len());
            let behind_table = start >= HEADER_BYTES + table.len();
            let block = chunk.get(start..).filter(|_| behind_table).ok_or("a block begins outside of it")?;
            if self.flags & SHUFFLED != 0 && self.type_bytes > 1 {
                shuffled.clear();
                self.decompress_block(block, bytes, &mut shuffled)?;
                unshuffle(&shuffled, self.type_bytes, &mut content);
            } else {
                self.decompress_block(block, bytes, &mut content)?;
            }
        }
        Ok(content)
    }

    /// Appends the `bytes` of a block, which is one stream or as many as its elements have bytes.
    fn decompress_block(
        &self,
        mut block: &[u8],
        bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let is_split = self.flags & WHOLE_BLOCKS == 0
            && bytes == self.block_bytes
            && self.type_bytes <= MOST_STREAMS
            && bytes / self.type_bytes >= LEAST_SPLIT_ELEMENTS;
        let streams = if is_split { self.type_bytes } else { 1 };
        if !bytes.is_multiple_of(streams) {
            return Err("its blocks hold no whole elements");
        }
        let each = bytes / streams;
        for _ in 0..streams {
            let (size, rest) = block.split_first_chunk::<4>().ok_or("it ends before a stream")?;
            let size = length(size);
            let (stream, rest) = rest.split_at_checked(size).ok_or("it ends within a stream")?;
            block = rest;
            match size == each {
                // What did not become shorter is as it was.
                true => out.extend_from_slice(stream),
                false => decompress_stream(stream, each, out)?,
            }
        }
        Ok(())
    }
}

/// A length as it is written. A negative one is more than any that is taken.
fn length(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

/// Puts the first bytes of the elements back beside their second ones, and so on. What is no whole element at the end
/// was left alone.
fn unshuffle(shuffled: &[u8], type_bytes: usize, out: &mut Vec<u8>) {
    let elements = shuffled.len() / type_bytes;
    let whole = elements * type_bytes;
    let start = out.len();
    out.extend_from_slice(shuffled);
    let Some(places) = out.get_mut(start..start + whole).filter(|places| !places.is_empty()) else { return };
    for (nth, plane) in shuffled.chunks_exact(elements).take(type_bytes).enumerate() {
        let places = places.iter_mut().skip(nth).step_by(type_bytes);
        for (place, byte) in places.zip(plane) {
            *place = *byte;
        }
    }
}

/// Appends the `bytes` that a stream of BloscLZ stands for.
///
/// Each instruction begins with a byte of three and five bits. Where the three are zero, the five and one are a number
/// of bytes that follow as they are; so it is with the first instruction whatever the three are. Else it is a match,
/// bytes that came before: the three and two are their number, where the three are not all set; where they are, bytes
/// are added to it until one is not 255. The five are the high bits of how far back, less one, and the next byte the
/// low ones; where all of these are set, two bytes follow, which are added to the farthest that could be said.
fn decompress_stream(stream: &[u8], bytes: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    const ENDED: &str = "a stream ends too early";
    let start = out.len();
    let end = start + bytes;
    let mut input = stream.iter();
    let mut is_first = true;
    while let Some(&control) = input.next() {
        let control = if std::mem::take(&mut is_first) { control & 0x1f } else { control };
        if control < 0x20 {
            let count = usize::from(control) + 1;
            let (literals, rest) = input.as_slice().split_at_checked(count).ok_or(ENDED)?;
            if count > end - out.len() {
                return Err("a stream is longer than its block");
            }
            out.extend_from_slice(literals);
            input = rest.iter();
            continue;
        }
        let mut count = usize::from(control >> 5) + 2;
        if control >> 5 == 7 {
            loop {
                let more = *input.next().ok_or(ENDED)?;
                count += usize::from(more);
                if more != u8::MAX {
                    break;
                }
            }
        }
        let mut back = usize::from(control & 0x1f) << 8 | usize::from(*input.next().ok_or(ENDED)?);
        if back == NEAR {
            let (far, rest) = input.as_slice().split_first_chunk::<2>().ok_or(ENDED)?;
            back += usize::from(u16::from_be_bytes(*far));
            input = rest.iter();
        }
        if count > end - out.len() {
            return Err("a stream is longer than its block");
        }
        let from = out.len().checked_sub(back + 1).filter(|from| *from >= start);
        repeat(out, from.ok_or("a match reaches back behind its stream")?, count);
    }
    if out.len() == end { Ok(()) } else { Err(ENDED) }
}

/// Appends `count` of the bytes from `from` on, those that it appends among them.
fn repeat(out: &mut Vec<u8>, from: usize, mut count: usize) {
    while count > 0 {
        // Twice as many each time.
        let at_once = count.min(out.len() - from);
        out.extend_from_within(from..from + at_once);
        count -= at_once;
    }
}

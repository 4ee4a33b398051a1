//! Lines in, one line out for each.
//!
//! What always holds: the output has a line for each of the input; a bad one gives `error: REASON` in its place, or
//! another word than `error`, and the exit code is 1 at the end. What was read is answered before more is waited for.
//! Where nobody reads the output any more, the rest of the input is left.
//! Neighbours: [`super::encode`], [`super::decode`] and [`super::trace`] say what becomes of a line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use folkmoot::Result;
use folkmoot::protocols::neutral::NeutralError;

use crate::is_read;

/// What some programs put before the first line of a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Longest line that is taken, in bytes: enough for the largest message in JSON.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// Longest reason that is told, in characters.
const MAX_REASON_CHARS: usize = 1000;

/// Answers the lines of a file, or of the standard input, each with its number from 1; `bad` stands before the reason where one has no answer.
///
/// # Errors
/// The file cannot be opened or read, or the output not be written.
pub(super) fn answer(
    file: Option<&Path>,
    bad: &str,
    mut answer: impl FnMut(usize, &str) -> std::result::Result<String, String>,
) -> Result<ExitCode> {
    let unreadable = |error: std::io::Error| {
        let name = file.map_or_else(|| "the standard input".to_owned(), |file| file.display().to_string());
        format!("{name} cannot be read: {error}")
    };
    let input: Box<dyn Read> = match file {
        None => Box::new(std::io::stdin().lock()),
        Some(file) => Box::new(File::open(file).map_err(unreadable)?),
    };
    let mut input = BufReader::new(input);
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    let (mut line, mut number) = (Vec::new(), 0);
    while let Some(read) = next_line(&mut input, &mut line).map_err(unreadable)? {
        number += 1;
        if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        let written = match read.and_then(|()| text(&line)).and_then(|text| answer(number, text)) {
            Ok(answer) => writeln!(output, "{answer}"),
            Err(reason) => {
                code = ExitCode::FAILURE;
                writeln!(output, "{bad}: {}", on_one_line(&reason))
            }
        };
        let flushed = if input.buffer().is_empty() { output.flush() } else { Ok(()) };
        if !is_read(written.and(flushed))? {
            return Ok(code);
        }
    }
    is_read(output.flush())?;
    Ok(code)
}

/// Reads a line without its end into the buffer; none at the end of the input.
fn next_line(
    input: &mut BufReader<Box<dyn Read>>,
    line: &mut Vec<u8>,
) -> std::io::Result<Option<std::result::Result<(), String>>> {
    line.clear();
    let most = MAX_LINE_BYTES as u64 + 1;
    if input.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() || (line.len() as u64) < most {
        line.pop_if(|last| *last == b'\r');
        return Ok(Some(Ok(())));
    }
    line.clear();
    input.skip_until(b'\n')?;
    Ok(Some(Err(format!("the line is longer than {MAX_LINE_BYTES} bytes; send less"))))
}

/// What is wrong with the JSON of a line, with its place where it is the JSON itself.
pub(super) fn unread(number: usize, error: &NeutralError) -> String {
    match error.column() {
        Some(_) => format!("line {number}, {error}"),
        None => error.to_string(),
    }
}

fn text(line: &[u8]) -> std::result::Result<&str, String> {
    match std::str::from_utf8(line).map(str::trim) {
        Ok("") => Err("the line is empty; there must be a message on it".to_owned()),
        Ok(text) => Ok(text),
        Err(_) => Err("the line is not UTF-8; save the file as UTF-8".to_owned()),
    }
}

/// What was quoted may hold anything.
fn on_one_line(reason: &str) -> String {
    let shown = reason.chars().take(MAX_REASON_CHARS);
    shown.map(|character| if character.is_control() { ' ' } else { character }).collect()
}

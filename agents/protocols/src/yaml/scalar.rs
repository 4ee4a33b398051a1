//! What a plain scalar means: the rules of YAML 1.1 as PyYAML's resolver has them.
//!
//! Neighbour: [`super::composing`] calls [`Scalar::plain`] and [`Scalar::tagged`].

use std::iter::Peekable;
use std::str::Chars;

/// What is written in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) kind: Kind,
    /// As written, without quotes.
    pub(crate) text: String,
    /// Whether it is a `|` block, each line of which is one line of the text.
    pub(crate) is_block: bool,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int,
    Float,
    Date,
    Bytes,
    Text,
    /// `<<`.
    Merge,
}

const TRUE: [&str; 9] = ["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: [&str; 9] = ["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];

impl Scalar {
    /// Written without quotes and without a tag. None where PyYAML has no value for it.
    pub(super) fn plain(text: &str) -> Option<Scalar> {
        let kind = match text {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "<<" => Kind::Merge,
            "=" => return None,
            _ if TRUE.contains(&text) => Kind::Bool(true),
            _ if FALSE.contains(&text) => Kind::Bool(false),
            _ if is_float(text) => Kind::Float,
            _ if is_int(text) => Kind::Int,
            _ if is_date(text) => Kind::Date,
            _ => Kind::Text,
        };
        Scalar::checked(kind, text)
    }

    /// With a tag of YAML's own, without its prefix: `str`.
    pub(super) fn tagged(tag: &str, text: &str) -> Option<Scalar> {
        let lower = text.to_lowercase();
        let kind = match tag {
            "str" => Kind::Text,
            "null" => Kind::Null,
            "bool" if TRUE.contains(&lower.as_str()) => Kind::Bool(true),
            "bool" if FALSE.contains(&lower.as_str()) => Kind::Bool(false),
            "int" if is_int(text) => Kind::Int,
            "float" if is_float(text) || is_int(text) => Kind::Float,
            "binary" if text.is_ascii() => Kind::Bytes,
            "timestamp" if is_date(text) => Kind::Date,
            "merge" => Kind::Merge,
            "value" => Kind::Text,
            _ => return None,
        };
        Scalar::checked(kind, text)
    }

    pub(super) fn of_text(text: &str) -> Scalar {
        Scalar { kind: Kind::Text, text: text.to_owned(), is_block: false }
    }

    fn checked(kind: Kind, text: &str) -> Option<Scalar> {
        let sound = match kind {
            Kind::Int => int_has_digits(text),
            Kind::Float => text.bytes().any(|byte| byte.is_ascii_digit()) || text.contains(['n', 'N']),
            Kind::Date => date_exists(text),
            _ => true,
        };
        sound.then(|| Scalar { kind, text: text.to_owned(), is_block: false })
    }

    /// For people.
    pub(crate) fn told(&self) -> String {
        let shown: String = self.text.chars().take(60).collect();
        match self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(_) => format!("the truth value `{shown}`"),
            Kind::Int | Kind::Float => format!("the number `{shown}`"),
            Kind::Date => format!("the date `{shown}`"),
            Kind::Bytes => "bytes".to_owned(),
            Kind::Text | Kind::Merge => format!("the text `{shown}`"),
        }
    }

    /// Whether quotes would make a text of it.
    pub(crate) fn wants_quotes(&self) -> bool {
        !matches!(self.kind, Kind::Text | Kind::Bytes | Kind::Null)
    }
}

/// A text that is taken apart from its front.
struct Rest<'a>(Peekable<Chars<'a>>);

impl<'a> Rest<'a> {
    fn of(text: &'a str) -> Rest<'a> {
        Rest(text.chars().peekable())
    }

    fn sign(&mut self) -> bool {
        self.0.next_if(|next| matches!(next, '-' | '+')).is_some()
    }

    fn one(&mut self, character: char) -> bool {
        self.0.next_if_eq(&character).is_some()
    }

    /// How many of them stand here.
    fn many(&mut self, which: impl Fn(char) -> bool) -> usize {
        let mut count = 0;
        while self.0.next_if(|next| which(*next)).is_some() {
            count += 1;
        }
        count
    }

    fn digits(&mut self) -> usize {
        self.many(|next| next.is_ascii_digit())
    }

    fn done(&mut self) -> bool {
        self.0.peek().is_none()
    }
}

fn digit_or_line(character: char) -> bool {
    character.is_ascii_digit() || character == '_'
}

/// `:[0-5]?[0-9]`, once or more: the parts in base sixty.
fn sixties(rest: &mut Rest<'_>) -> bool {
    let mut parts = 0;
    while rest.one(':') {
        let first = rest.0.next_if(char::is_ascii_digit);
        let second = rest.0.next_if(char::is_ascii_digit);
        match (first, second) {
            (Some(_), None) => parts += 1,
            (Some('0'..='5'), Some(_)) => parts += 1,
            _ => return false,
        }
    }
    parts > 0
}

fn is_int(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = |digits: &str, which: fn(char) -> bool| !digits.is_empty() && digits.chars().all(which);
    if let Some(digits) = unsigned.strip_prefix("0b") {
        return all(digits, |next| matches!(next, '0' | '1' | '_'));
    }
    if let Some(digits) = unsigned.strip_prefix("0x") {
        return all(digits, |next| next.is_ascii_hexdigit() || next == '_');
    }
    if let Some(digits) = unsigned.strip_prefix('0') {
        return digits.is_empty() || all(digits, |next| matches!(next, '0'..='7' | '_'));
    }
    let mut rest = Rest::of(unsigned);
    rest.many(digit_or_line) > 0 && unsigned.starts_with(|first: char| first.is_ascii_digit()) && {
        rest.done() || (sixties(&mut rest) && rest.done())
    }
}

/// `0x_` is written as a number and is none.
fn int_has_digits(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.strip_prefix("0b").or(unsigned.strip_prefix("0x")).unwrap_or(unsigned);
    digits.chars().any(|digit| digit != '_')
}

fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(fraction) = text.strip_prefix('.') {
        let mut rest = Rest::of(fraction);
        return rest.many(digit_or_line) > 0 && exponent(&mut rest);
    }
    let mut rest = Rest::of(text);
    rest.sign();
    if rest.digits() == 0 {
        return false;
    }
    rest.many(digit_or_line);
    if rest.one('.') {
        rest.many(digit_or_line);
        return exponent(&mut rest);
    }
    sixties(&mut rest) && rest.one('.') && {
        rest.many(digit_or_line);
        rest.done()
    }
}

/// `[eE][-+][0-9]+` or nothing, and then the end.
fn exponent(rest: &mut Rest<'_>) -> bool {
    if rest.done() {
        return true;
    }
    (rest.one('e') || rest.one('E')) && rest.sign() && rest.digits() > 0 && rest.done()
}

/// `2001-12-14`, or with a time and perhaps a zone, as `2001-12-14t21:59:43.10-05:00`.
fn is_date(text: &str) -> bool {
    let mut rest = Rest::of(text);
    let parts = (rest.digits(), rest.one('-'), rest.digits(), rest.one('-'), rest.digits());
    let (4, true, month, true, day) = parts else {
        return false;
    };
    if rest.done() {
        return month == 2 && day == 2;
    }
    let short = |digits: usize| matches!(digits, 1 | 2);
    let parted = rest.one('T') || rest.one('t') || rest.many(|next| matches!(next, ' ' | '\t')) > 0;
    if !(short(month) && short(day) && parted) {
        return false;
    }
    let time = (rest.digits(), rest.one(':'), rest.digits(), rest.one(':'), rest.digits());
    let (hour, true, 2, true, 2) = time else {
        return false;
    };
    if rest.one('.') {
        rest.digits();
    }
    rest.many(|next| matches!(next, ' ' | '\t'));
    let zone =
        rest.one('Z') || !rest.sign() || (short(rest.digits()) && (!rest.one(':') || rest.digits() == 2));
    short(hour) && zone && rest.done()
}

/// Whether the calendar has it, as far as Python's has.
fn date_exists(text: &str) -> bool {
    let mut numbers = text.split(|next: char| !next.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut next = || numbers.next().and_then(|part| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (next(), next(), next()) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    let (hour, minute, second) = (next().unwrap_or(0), next().unwrap_or(0), next().unwrap_or(0));
    year > 0 && (1..=last).contains(&day) && hour < 24 && minute < 60 && second < 60
}

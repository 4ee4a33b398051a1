//! Dates and times of day as texts of ISO 8601, by the library `time`: the one place that knows the calendar.
//!
//! What always holds: what is written is also read; the year is 1 to 9999 and the offset less than a day in what is
//! written. Neighbours: [`date`](crate::date) is what travels to plain peers, the agents' crate's `Timestamp` what
//! clocks tell; each keeps its own precision and says what is wrong in its own words.

use std::fmt;
use std::num::NonZeroU8;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::parsing::Parsed;
use time::{OffsetDateTime, UtcOffset};

type Description = &'static [BorrowedFormatItem<'static>];

/// What is read. `time` has a reader of its own for ISO 8601, but that one takes less (no space for the `T`) and more
/// (weeks, fractions of minutes) than those who write to us mean.
const READ: Description = format_description!(
    version = 2,
    "[year]-[month][optional [-[day]]][optional [\
        [first [T] [ ]][hour]:[minute][optional [:[second][optional [.[subsecond]]]]]\
        [optional [[first [Z] [z] [[offset_hour sign:mandatory]\
            [optional [[optional [:]][offset_minute][optional [[optional [:]][offset_second]]]]]]]]]\
    ]]"
);
const CLOCKS: Description = format_description!(version = 2, "[year]-[month]-[day]T[hour]:[minute]:[second]");
const OFFSET: Description = format_description!(version = 2, "[offset_hour sign:mandatory]:[offset_minute]");

const SECONDS_PER_DAY: u32 = 86_400;

/// What clocks show somewhere, and how far they are ahead of UTC there.
///
/// Displayed it is `2020-01-01T10:11:12.5+01:00`, with no more digits behind the point than it takes; `{:.6}` writes
/// six of them unless there are none but zeros.
#[derive(Clone, Copy, Debug)]
pub struct DateTime(OffsetDateTime);

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoDateTime {
    /// It begins with something else than a digit.
    #[error("it begins with no year of four digits")]
    Year,
    /// The clocks there would be a day or more ahead of UTC, or behind it.
    #[error("its offset from UTC is a day or more")]
    Offset,
    /// A part of it is missing, or out of its range, or too much.
    #[error(transparent)]
    Part(#[from] time::error::Parse),
}

impl DateTime {
    /// The moment so many seconds and nanoseconds after the UNIX epoch, told so many seconds ahead of UTC; none where
    /// the year is not within 1 to 9999 there, or the offset a day or more.
    pub fn new(unix_seconds: i64, nanos: u32, offset_seconds: i32) -> Option<DateTime> {
        let offset = UtcOffset::from_whole_seconds(offset_seconds).ok()?;
        // Shown in UTC, since the clocks there may show a year that UTC's do not.
        let clocks =
            OffsetDateTime::from_unix_timestamp(unix_seconds.checked_add(offset_seconds.into())?).ok()?;
        let told = clocks.replace_nanosecond(nanos).ok()?.replace_offset(offset);
        let is_told = (1..=9999).contains(&told.year()) && offset_seconds.unsigned_abs() < SECONDS_PER_DAY;
        is_told.then_some(DateTime(told))
    }

    /// Reads `2020-01-01T10:11:12.5+01:00`; the time may end behind its minutes or be left out, and so may the day of
    /// the month; a space does for the `T`, `+01` and `+0100` for the offset; `Z` or none is UTC. Digits beyond the
    /// nanosecond are dropped.
    ///
    /// # Errors
    /// Where the text is something else, or there is no such day, time or offset.
    pub fn read(text: &str) -> Result<DateTime, NoDateTime> {
        // A sign would be taken too.
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(NoDateTime::Year);
        }
        let mut left_out = Parsed::new();
        left_out.set_day(NonZeroU8::MIN);
        left_out.set_hour_24(0);
        left_out.set_offset_hour(0);
        let read = OffsetDateTime::parse_with_defaults(text.as_bytes(), READ, left_out)?;
        match read.offset().whole_seconds().unsigned_abs() < SECONDS_PER_DAY {
            true => Ok(DateTime(read)),
            false => Err(NoDateTime::Offset),
        }
    }

    /// Whole seconds since the UNIX epoch; negative before it.
    pub fn unix_seconds(&self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Nanoseconds after that second.
    pub fn nanos(&self) -> u32 {
        self.0.nanosecond()
    }

    /// How far the clocks are ahead of UTC, in seconds.
    pub fn offset_seconds(&self) -> i32 {
        self.0.offset().whole_seconds()
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |part| self.0.format(part).map_err(|_| fmt::Error);
        f.write_str(&text(CLOCKS)?)?;
        if self.nanos() > 0 {
            let digits = format!("{:09}", self.nanos());
            match f.precision() {
                Some(places) => write!(f, ".{digits:.places$}")?,
                None => write!(f, ".{}", digits.trim_end_matches('0'))?,
            }
        }
        f.write_str(&text(OFFSET)?)?;
        match self.offset_seconds() % 60 {
            0 => Ok(()),
            seconds => write!(f, ":{:02}", seconds.abs()),
        }
    }
}

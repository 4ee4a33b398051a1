//! A date: a moment, to the microsecond, with the offset from UTC in which it is told.
//!
//! What always holds: the year is 1 to 9999 in its own offset; as a text it is ISO 8601 as Python's `isoformat` writes
//! it, so the fraction stands there only if it is not zero. Read is what aiomas's peers read: that, a shorter form of
//! it, or the seconds since the epoch. Neighbours: `iso8601` reads and writes the text, `plain_types` says how a date
//! travels to plain peers.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::iso8601::DateTime;
use crate::plain_types::{self, Serializable};

const MICROS_PER_SECOND: i64 = 1_000_000;
const NANOS_PER_MICRO: u32 = 1_000;
/// An offset is less than a day, in seconds.
const MAX_OFFSET_SECONDS: i32 = 86_399;
/// Longest text that is read as a date, in bytes.
const MAX_TEXT_BYTES: usize = 64;

/// A moment with its offset from UTC.
///
/// Two dates are equal where they are the same moment told in the same offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    /// Since the UNIX epoch.
    micros: i64,
    /// East of UTC.
    offset_seconds: i32,
}

/// Why something is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DateError {
    reason: String,
}

impl DateError {
    fn new(reason: impl Into<String>) -> DateError {
        DateError { reason: reason.into() }
    }
}

impl Date {
    /// The moment so many microseconds after the UNIX epoch (before it, where negative), told in UTC.
    ///
    /// # Errors
    /// Where it is not within the years 1 to 9999.
    pub fn from_unix_micros(micros: i64) -> Result<Date, DateError> {
        Date { micros, offset_seconds: 0 }.checked()
    }

    /// Microseconds since the UNIX epoch; negative before it.
    pub fn unix_micros(&self) -> i64 {
        self.micros
    }

    /// Seconds since the UNIX epoch; negative before it.
    pub fn unix_seconds(&self) -> f64 {
        self.micros as f64 / MICROS_PER_SECOND as f64
    }

    /// How far its clocks are ahead of UTC, in seconds.
    pub fn offset_seconds(&self) -> i32 {
        self.offset_seconds
    }

    /// The same moment told in another offset from UTC, in seconds.
    ///
    /// # Errors
    /// Where the offset is a day or more, or the year is not within 1 to 9999 there.
    pub fn in_offset(self, offset_seconds: i32) -> Result<Date, DateError> {
        if offset_seconds.abs() > MAX_OFFSET_SECONDS {
            return Err(DateError::new("the offset from UTC is a day or more"));
        }
        Date { offset_seconds, ..self }.checked()
    }

    /// The date so many seconds later (earlier, where negative), to the nearest microsecond.
    ///
    /// # Errors
    /// Where `seconds` is no finite number, or the year is not within 1 to 9999 then.
    pub fn plus_seconds(self, seconds: f64) -> Result<Date, DateError> {
        // In two parts, as Python does: a float of that many microseconds would lose the last ones.
        let (whole, part) = (seconds.trunc(), seconds.fract());
        if !seconds.is_finite() || whole.abs() >= 1e12 {
            return Err(DateError::new(format!("{seconds} seconds lead out of the years 1 to 9999")));
        }
        let micros =
            whole as i64 * MICROS_PER_SECOND + (part * MICROS_PER_SECOND as f64).round_ties_even() as i64;
        Date { micros: self.micros.saturating_add(micros), ..self }.checked()
    }

    fn checked(self) -> Result<Date, DateError> {
        match self.told() {
            Some(_) => Ok(self),
            None => Err(DateError::new("a date's year is 1 to 9999")),
        }
    }

    fn told(&self) -> Option<DateTime> {
        let nanos = self.micros.rem_euclid(MICROS_PER_SECOND) as u32 * NANOS_PER_MICRO;
        DateTime::new(self.micros.div_euclid(MICROS_PER_SECOND), nanos, self.offset_seconds)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.told().ok_or(fmt::Error)?)
    }
}

impl FromStr for Date {
    type Err = DateError;

    /// Reads `2020-01-01T10:11:12.5+01:00`; the time may end behind its minutes or be left out, and so may the day of
    /// the month; a space does for the `T`; `Z` or no offset is UTC. A number is seconds since the epoch.
    fn from_str(text: &str) -> Result<Date, DateError> {
        let wrong = || {
            let shown: String = text.chars().take(MAX_TEXT_BYTES).collect();
            DateError::new(format!("{shown:?} is no date: write it as 2020-12-31T23:59:59.5+01:00"))
        };
        if text.len() > MAX_TEXT_BYTES || !text.is_ascii() {
            return Err(wrong());
        }
        if let Ok(seconds) = text.parse::<f64>() {
            return Date { micros: 0, offset_seconds: 0 }.plus_seconds(seconds);
        }
        let read = DateTime::read(text).map_err(|_| wrong())?;
        // To the nearest microsecond; a fraction that would be a whole second stays below it.
        let part = (read.nanos() + NANOS_PER_MICRO / 2) / NANOS_PER_MICRO;
        let part = i64::from(part).min(MICROS_PER_SECOND - 1);
        let micros = read.unix_seconds() * MICROS_PER_SECOND + part;
        Date { micros, offset_seconds: read.offset_seconds() }.checked()
    }
}

impl TryFrom<SystemTime> for Date {
    type Error = DateError;

    /// In UTC.
    fn try_from(time: SystemTime) -> Result<Date, DateError> {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Date::from_unix_micros(micros(after)),
            Err(before) => Date::from_unix_micros(-micros(before.duration())),
        }
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        plain_types::write_own::<Date, S>(&Text(*self), serializer)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text: String = match plain_types::current() {
            Some(types) => {
                let id = types.registered::<Date>().map_err(serde::de::Error::custom)?;
                plain_types::read(id, "a date", deserializer)?
            }
            None => String::deserialize(deserializer)?,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Containers have it registered before all others.
impl Serializable for Date {
    const NAME: &'static str = "Date";
}

/// The data of a date on the wire.
struct Text(Date);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<Date>().ok().map(|date| date.to_string())
    }

    /// What `arrow.get(..).isoformat()` of arrow 0.12.0 gives.
    #[test]
    fn dates_are_read_and_written_as_arrow_does() {
        for (text, shown) in [
            ("2020-01-01", "2020-01-01T00:00:00+00:00"),
            ("2020-01", "2020-01-01T00:00:00+00:00"),
            ("2020", "1970-01-01T00:33:40+00:00"),
            ("1367900664.152", "2013-05-07T04:24:24.152000+00:00"),
            ("-5", "1969-12-31T23:59:55+00:00"),
            ("2020-01-01 10:11", "2020-01-01T10:11:00+00:00"),
            ("2020-01-01T10:11Z", "2020-01-01T10:11:00+00:00"),
            ("2020-01-01T10:11:12z", "2020-01-01T10:11:12+00:00"),
            ("2020-01-01T10:11:12.5", "2020-01-01T10:11:12.500000+00:00"),
            ("2020-01-01T10:11:12.1234567+01:00", "2020-01-01T10:11:12.123457+01:00"),
            ("2020-01-01T10:11:12+0130", "2020-01-01T10:11:12+01:30"),
            ("2020-01-01T10:11:12+01", "2020-01-01T10:11:12+01:00"),
            ("2020-01-01T10:11:12-05:30", "2020-01-01T10:11:12-05:30"),
            ("2020-01-01T10:11:12-00:00", "2020-01-01T10:11:12+00:00"),
            ("2020-01-01T10:11:12+01:01:01", "2020-01-01T10:11:12+01:01:01"),
            ("0001-01-01", "0001-01-01T00:00:00+00:00"),
            ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999+00:00"),
            ("2000-02-29T00:00:00-12:00", "2000-02-29T00:00:00-12:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(shown), "{text}");
            assert_eq!(read(shown).as_deref(), Some(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_what_to_write() {
        for text in [
            "",
            "hello",
            "2020-13-01",
            "2020-02-30",
            "1900-02-29",
            "0000-01-01",
            "10000-01-01",
            "nan",
            "inf",
            "2020-01-01T25:00",
            "2020-01-01T24:00:00",
            "2020-01-01T10:11:60",
            "2020-01-01T",
            "2020-01-01T10",
            "2020-01-01T10:11:12+99:00",
            "2020-01-01T10:11:12.",
            "2020-01-01T10:11:12+1",
            "1e300",
            "2020-1-1",
            "2020-01-01T10:11:12+01:00x",
            "2020-01-01T١٠:١١",
            "2020-01-01-01",
            "+2020-01-01",
            "-2020-01-01",
            "2020-01-01T10:11:12+24:00",
            "2020-01-01T10:11:12+01:01:60",
            "2020-01-01+01:00",
        ] {
            let error = text.parse::<Date>().unwrap_err().to_string();
            assert!(error.contains("2020-12-31") || error.contains("1 to 9999"), "{text}: {error}");
        }
        assert!("9".repeat(1000).parse::<Date>().is_err());
    }

    #[test]
    fn seconds_are_added_as_python_adds_them() {
        let date: Date = "2013-05-05T12:30:45.123456+05:30".parse().unwrap();
        assert_eq!(date.plus_seconds(1.5).unwrap().to_string(), "2013-05-05T12:30:46.623456+05:30");
        assert_eq!(date.plus_seconds(-1.25).unwrap().to_string(), "2013-05-05T12:30:43.873456+05:30");
        assert_eq!(date.plus_seconds(0.1 + 0.2).unwrap().to_string(), "2013-05-05T12:30:45.423456+05:30");
        for seconds in [f64::NAN, f64::INFINITY, 1e30, -1e30, 3e11, -7e10] {
            assert!(date.plus_seconds(seconds).is_err(), "{seconds}");
        }
        let last: Date = "9999-12-31T23:59:59+00:00".parse().unwrap();
        assert!(last.plus_seconds(1.0).is_err());
        assert!(
            last.in_offset(1).is_err() && last.in_offset(-3600).is_ok() && last.in_offset(86_400).is_err()
        );
    }
}

//! A moment as clocks tell it, and its text.
//!
//! Always true: what [`Timestamp`] prints it also reads, to the nanosecond. Neighbour: [`clock`](crate::clock).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const DAY_SECONDS: i64 = 86_400;

/// A moment of a clock: the time since the UNIX epoch, in UTC.
///
/// As text it is a date of ISO 8601: `2026-11-20`, `2026-11-20T12:30:00`, `2026-11-20T12:30:00.5+01:00`. A text without an
/// offset is taken as UTC; what is printed bears `+00:00`.
///
/// ```
/// use folkmoot_agents::Timestamp;
///
/// let noon: Timestamp = "2026-11-20T13:00:00+01:00".parse().unwrap();
/// assert_eq!(noon.to_string(), "2026-11-20T12:00:00+00:00");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Duration);

impl Timestamp {
    /// Seconds since the UNIX epoch.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// The time from `earlier` to this moment; none if it lies before.
    pub fn since(self, earlier: Timestamp) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(duration))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond that no year has a number that anyone would read.
        let seconds = i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX / 2);
        let (year, month, day) = date_of(seconds / DAY_SECONDS);
        let of_day = seconds % DAY_SECONDS;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        let nanos = self.0.subsec_nanos();
        if nanos > 0 {
            let digits = format!("{nanos:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("+00:00")
    }
}

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no date: {reason}; write it as 2026-11-20T12:30:00+00:00")]
pub struct BadDate {
    text: String,
    reason: &'static str,
}

impl FromStr for Timestamp {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Timestamp, BadDate> {
        read(text.trim()).map_err(|reason| {
            let text = text.chars().take(64).collect();
            BadDate { text, reason }
        })
    }
}

fn read(text: &str) -> Result<Timestamp, &'static str> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the day is not YYYY-MM-DD");
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return Err("there is no such day");
    }
    let (of_day, nanos) = time.map_or(Ok((0, 0)), read_time)?;
    let seconds = days_since_epoch(year, month, day) * DAY_SECONDS + of_day;
    let seconds = u64::try_from(seconds).map_err(|_| "clocks begin with 1970")?;
    Ok(Timestamp(Duration::new(seconds, nanos)))
}

/// Seconds of the day in UTC, which an offset may make less than none, and nanoseconds.
fn read_time(text: &str) -> Result<(i64, u32), &'static str> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, 0),
        Some(at) => {
            let (clock, zone) = text.split_at(at);
            (clock, read_offset(zone)?)
        }
    };
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = whole.split(':');
    let hour = number(parts.next().unwrap_or_default(), 2)?;
    let minute = number(parts.next().ok_or("the time is not HH:MM:SS")?, 2)?;
    let second = parts.next().map_or(Ok(0), |second| number(second, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return Err("the time is not HH:MM:SS");
    }
    let nanos = match fraction {
        None => 0,
        Some(digits) if (1..=9).contains(&digits.len()) => {
            u32::try_from(number(digits, digits.len())?).unwrap_or(0)
                * 10_u32.pow(9 - u32::try_from(digits.len()).unwrap_or(9))
        }
        Some(_) => return Err("a second has at most nine digits behind the point"),
    };
    Ok((hour * 3_600 + minute * 60 + second - offset, nanos))
}

/// Seconds east of UTC.
fn read_offset(zone: &str) -> Result<i64, &'static str> {
    const WRONG: &str = "the offset is not Z or +HH:MM";
    if zone.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let (sign, rest) = match zone.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(WRONG),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(both) => both,
        None => rest.split_at_checked(2).ok_or(WRONG)?,
    };
    let hours = number(hours, 2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 2)? };
    if hours > 23 || minutes > 59 {
        return Err(WRONG);
    }
    Ok(sign * (hours * 3_600 + minutes * 60))
}

/// That many decimal digits.
fn number(text: &str, digits: usize) -> Result<i64, &'static str> {
    if text.len() != digits || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a number is missing, or has too many or too few digits");
    }
    text.parse().map_err(|_| "a number is too large")
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Both ways by Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": years begin in March, eras have 400.

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> f64 {
        text.parse::<Timestamp>().unwrap().as_secs_f64()
    }

    #[test]
    fn dates_are_read_as_they_are_written_elsewhere() {
        assert_eq!(seconds("1970-01-01"), 0.0);
        assert_eq!(seconds("2014-01-01T00:00:00"), 1_388_534_400.0);
        assert_eq!(seconds("2014-01-01T01:00:00+01:00"), 1_388_534_400.0);
        assert_eq!(seconds("2013-12-31T18:30:00-05:30"), 1_388_534_400.0);
        assert_eq!(seconds("2000-02-29 12:00:00.25Z"), 951_825_600.25);
        assert_eq!(seconds("2026-11-20T12:30"), 1_795_177_800.0);
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for day in (0..80_000).step_by(13) {
            let moment =
                Timestamp(Duration::new(day * 86_400 + day % 86_400, (day as u32 * 1_001) % 999_999_999));
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
        assert_eq!("2014-01-01".parse::<Timestamp>().unwrap().to_string(), "2014-01-01T00:00:00+00:00");
    }

    #[test]
    fn what_is_no_date_is_told_with_one_that_is() {
        for text in [
            "",
            "2014",
            "2014-13-01",
            "2015-02-29",
            "1969-12-31",
            "2014-01-01T24:00:00",
            "2014-01-01T1:00",
            "2014-01-01T00:00:00+1",
            "2014-01-01T00:00:00.0123456789",
            "x-y-z",
            "2014-01-01T00:00:00+é",
            "2014-01-0é",
        ] {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.contains("write it as 2026-11-20T12:30:00+00:00"), "{text}: {error}");
        }
    }
}

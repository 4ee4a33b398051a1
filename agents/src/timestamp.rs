//! A moment as clocks tell it, and its text.
//!
//! Always true: what [`Timestamp`] prints it also reads, to the nanosecond, up to the year 9999. Neighbours:
//! [`clock`](crate::clock); `folkmoot_codecs::iso8601` reads and writes the text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use folkmoot_codecs::iso8601::{DateTime, NoDateTime};

/// A moment of a clock: the time since the UNIX epoch, in UTC.
///
/// As text it is a date of ISO 8601: `2026-11-20`, `2026-11-20T12:30:00`, `2026-11-20T12:30:00.5+01:00`. A text without
/// an offset is taken as UTC; what is printed bears `+00:00`. Beyond the year 9999 it is printed as seconds after 1970.
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
        let seconds = i64::try_from(self.0.as_secs()).ok();
        match seconds.and_then(|seconds| DateTime::new(seconds, self.0.subsec_nanos(), 0)) {
            Some(told) => told.fmt(f),
            None => write!(f, "{} s after 1970", self.0.as_secs()),
        }
    }
}

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no date: {reason}; write it as 2026-11-20T12:30:00+00:00")]
pub struct BadDate {
    text: String,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    NoDateTime(#[from] NoDateTime),
    #[error("a second has at most nine digits behind the point")]
    Digits,
    #[error("clocks begin with 1970")]
    BeforeTheEpoch,
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

fn read(text: &str) -> Result<Timestamp, Reason> {
    let read = DateTime::read(text)?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.bytes().take_while(u8::is_ascii_digit).count() > 9 {
        return Err(Reason::Digits);
    }
    let seconds = u64::try_from(read.unix_seconds()).map_err(|_| Reason::BeforeTheEpoch)?;
    Ok(Timestamp(Duration::new(seconds, read.nanos())))
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
        let last = Timestamp(Duration::new(253_402_300_799, 999_999_999));
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999999999+00:00");
        assert_eq!((last + Duration::from_nanos(1)).to_string(), "253402300800 s after 1970");
        assert_eq!(Timestamp(Duration::MAX).to_string(), "18446744073709551615 s after 1970");
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

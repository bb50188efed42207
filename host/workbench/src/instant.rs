//! Points in time as files and people write them. Milliseconds since the Unix epoch inside.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Below this a plain number is seconds (until the year 5138), from here on milliseconds (from March 1973).
const FIRST_MILLIS: f64 = 1e11;
/// From here on it would be neither: microseconds or nanoseconds.
const LAST_MILLIS: f64 = 1e14;

/// The rule by which [`parse`] reads a time, for help texts and errors.
pub const RULE: &str = "Unix seconds with or without a fraction, Unix milliseconds (numbers from 100000000000 on), or \
                        RFC 3339 (without an offset it is read as UTC)";

/// Reads a point in time by [`RULE`].
///
/// # Errors
///
/// What is wrong with the text, and what to write instead.
pub fn parse(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return of_number(number).ok_or_else(|| {
            if number.abs() >= LAST_MILLIS {
                format!("{text:?} is too large for milliseconds; divide micro- or nanoseconds first")
            } else {
                format!("{text:?} is not a time: write {RULE}")
            }
        });
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let civil = text.parse::<DateTime>().ok().and_then(|civil| civil.to_zoned(TimeZone::UTC).ok());
    civil
        .map(|at| at.timestamp().as_millisecond())
        .ok_or_else(|| format!("{:?} is not a time: write {RULE}", crate::text::printable(text, 40)))
}

fn of_number(number: f64) -> Option<i64> {
    let millis = if number.abs() < FIRST_MILLIS { number * 1000.0 } else { number };
    (millis.is_finite() && number.abs() < LAST_MILLIS).then(|| millis.round() as i64)
}

/// RFC 3339 in UTC; milliseconds only where there are some.
#[must_use]
pub fn show(at: i64) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(time) if at.rem_euclid(1000) == 0 => format!("{time:.0}"),
        Ok(time) => format!("{time:.3}"),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time_is_read() {
        for (text, millis) in [
            ("1700000000", 1_700_000_000_000),
            ("1700000000.25", 1_700_000_000_250),
            ("1.7e9", 1_700_000_000_000),
            ("1700000000250", 1_700_000_000_250),
            (" 0 ", 0),
            ("-60", -60_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T23:13:20.25+01:00", 1_700_000_000_250),
            ("2023-11-14 22:13:20", 1_700_000_000_000),
            ("2023-11-14", 1_699_920_000_000),
        ] {
            assert_eq!(parse(text), Ok(millis), "{text}");
        }
        for text in
            ["", "noon", "NaN", "inf", "2023-13-01", "1e300", "1700000000000000", "1700000000000000000", "14.11.2023"]
        {
            assert!(parse(text).is_err(), "{text:?} must be refused");
        }
        assert!(parse("1700000000000000").is_err_and(|why| why.contains("divide")));
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(show(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(show(1_700_000_000_250), "2023-11-14T22:13:20.250Z");
        assert_eq!(show(-500), "1969-12-31T23:59:59.500Z");
        assert_eq!(show(i64::MAX), i64::MAX.to_string());
    }
}

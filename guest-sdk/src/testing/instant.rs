//! Timestamps as people and files write them: RFC 3339 in UTC, and Unix seconds.
//!
//! A date library would be the larger part of this crate's dependencies for the sake of two conversions.

use crate::Timestamp;

const SECOND: i64 = 1000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

/// A timestamp as `2026-01-05T00:01:00Z`, with milliseconds where there are any.
pub(super) fn written(at: Timestamp) -> String {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let in_day = at.rem_euclid(DAY);
    let (hour, minute) = (in_day / (3600 * SECOND), in_day / (60 * SECOND) % 60);
    let (second, millis) = (in_day / SECOND % 60, in_day % SECOND);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// From here on a plain number is milliseconds (from March 1973), below it seconds (until the year 5138).
const FIRST_MILLIS: f64 = 1e11;

/// Larger numbers are neither: microseconds or nanoseconds.
const LAST_MILLIS: f64 = 1e14;

/// Reads what [`written`] writes, Unix seconds with an optional fraction, and Unix milliseconds.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    if !text.contains('T') {
        let number = text.parse::<f64>().ok()?;
        let millis = if number.abs() < FIRST_MILLIS { number * SECOND as f64 } else { number };
        return (millis.abs() < LAST_MILLIS).then_some(millis.round() as i64);
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers::<3>(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers::<3>(time, ':')?;
    let millis =
        (fraction.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("0.{fraction}").parse::<f64>().ok())??;
    let days = days(year, month, day);
    let real = year <= 9999 && civil(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    real.then(|| days * DAY + ((hour * 60 + minute) * 60 + second) * SECOND + (millis * 1000.0) as i64)
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for number in &mut numbers {
        let part = parts.next()?;
        if part.len() > 4 || part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Year, month and day of a day counted from 1970-01-01 in the proleptic Gregorian calendar, after H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms" (2013): years begin in March, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day that [`civil`] takes apart. What is no date gives a day whose parts are others.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_700_000_040_000, "2023-11-14T22:14:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (1_767_571_260_500, "2026-01-05T00:01:00.500Z"),
        ] {
            assert_eq!(written(at), text);
            assert_eq!(read(text), Some(at), "{text}");
        }
        // Whatever a guest was told, it can be shown.
        for at in [i64::MIN, i64::MAX] {
            assert!(written(at).ends_with('Z'));
        }
    }

    #[test]
    fn seconds_are_read_as_prometheus_writes_them() {
        for (text, at) in [
            ("1700000040", 1_700_000_040_000),
            ("1700000040.123", 1_700_000_040_123),
            ("-1.5", -1500),
            ("1.7e9", 1_700_000_000_000),
            ("1700000040123", 1_700_000_040_123),
        ] {
            assert_eq!(read(text), Some(at), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "now",
            "NaN",
            "inf",
            "1e300",
            "1700000040123456",
            "2026-01-05",
            "2026-01-05T00:01:00",
            "2026-01-05T00:01:00+01:00",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-05T24:00:00Z",
            "2026-01-05T00:60:00Z",
            "2026-01-05T00:00Z",
            "26-1-5TT00:00:00Z",
            "2026-01-05T00:00:00.1e9Z",
            "-026-01-05T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

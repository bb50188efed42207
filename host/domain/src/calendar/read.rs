//! Reading what the config says of a calendar, in Alertmanager's words.

use std::ops::RangeInclusive;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::time::Timestamp;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Why a text is no part of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The time zone database has no such name.
    #[error("{0:?} is not a time zone: write its IANA name, for example \"Europe/Berlin\", or \"UTC\"")]
    Zone(String),
    /// Not a time of day.
    #[error(
        "{0:?} is not a time of day: write two digits each, for example \"09:30\"; the end of the day is \"24:00\""
    )]
    Time(String),
    /// A stretch of a day that ends before it begins, or at once.
    #[error(
        "from {start} to {end} is no stretch of a day: over midnight, write two, one up to \"24:00\" and one from \"00:00\""
    )]
    Times {
        /// Its beginning.
        start: String,
        /// Its end.
        end: String,
    },
    /// Not a name, a number, or two of them.
    #[error("{text:?} is not {what}")]
    Range {
        /// What was read.
        text: String,
        /// What it should be, with an example.
        what: &'static str,
    },
    /// A range that ends before it begins.
    #[error("{0:?} ends before it begins: write it as two")]
    Order(String),
    /// Not five fields.
    #[error(
        "{text:?} has {found} of the five fields of cron: write minute, hour, day of the month, month and day of the week, for example \"0 2 * * *\""
    )]
    CronFields {
        /// What was read.
        text: String,
        /// How many it has.
        found: usize,
    },
    /// A field of cron that is none.
    #[error(
        "{text:?} is no {what}: write *, numbers from {least} to {most}, ranges such as {least}-{most}, with a step such as */5, or several with commas"
    )]
    CronField {
        /// What was read.
        text: String,
        /// Which field.
        what: &'static str,
        /// The least number.
        least: u8,
        /// The largest.
        most: u8,
    },
    /// A day that no calendar has.
    #[error("{0:?} never comes: choose a day that the month has")]
    CronNever(String),
    /// Not a date with a time of day.
    #[error("{0:?} is not a time by the clock: write it as \"2026-11-24T22:00\"; the time zone is `location`'s")]
    Civil(String),
    /// A stretch that ends before it begins, or at once.
    #[error("from {from} until {until} is no stretch of time: it ends before it begins")]
    Span {
        /// Its beginning.
        from: String,
        /// Its end.
        until: String,
    },
}

/// A time zone by its IANA name, from the system's database or, where there is none, from the one built in.
pub fn parse_zone(name: &str) -> Result<TimeZone, CalendarError> {
    TimeZone::get(name).map_err(|_| CalendarError::Zone(name.to_owned()))
}

/// A time of day, `00:00` to `24:00`, in minutes.
pub fn parse_time(text: &str) -> Result<u16, CalendarError> {
    let refuse = || CalendarError::Time(text.to_owned());
    let (hours, minutes) = text.split_once(':').ok_or_else(refuse)?;
    let two = |digits: &str| (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse());
    match (two(hours), two(minutes)) {
        (Some(Ok(24)), Some(Ok(0))) => Ok(super::DAY),
        (Some(Ok(hours @ 0..24)), Some(Ok(minutes @ 0..60))) => Ok(hours * 60 + minutes),
        _ => Err(refuse()),
    }
}

/// A stretch of a day, in minutes, from the first to before the second.
pub fn parse_times(start: &str, end: &str) -> Result<(u16, u16), CalendarError> {
    let times = (parse_time(start)?, parse_time(end)?);
    if times.0 < times.1 {
        Ok(times)
    } else {
        Err(CalendarError::Times { start: start.to_owned(), end: end.to_owned() })
    }
}

/// One day of the week or several: `saturday`, `monday:wednesday`. A week begins on Sunday.
pub fn parse_weekdays(text: &str) -> Result<RangeInclusive<u8>, CalendarError> {
    let what = "a day of the week or several: write \"saturday\" or \"monday:wednesday\"; a week begins on sunday";
    range(text, what, |name| position(&WEEKDAYS, name))
}

/// One day of the month or several: `1`, `1:5`, `-3:-1`. The last one is -1.
pub fn parse_days_of_month(text: &str) -> Result<RangeInclusive<i8>, CalendarError> {
    let what = "a day of the month or several: write \"1\", \"1:5\" or, counted from the end, \"-3:-1\"";
    let day = |text: &str| number(text).filter(|day: &i8| *day != 0 && (-31..=31).contains(day));
    let (start, end) = ends(text, what, day)?;
    // In a month of 31 days. From the end to the beginning would be another month's.
    let in_long_month = |day: i8| if day < 0 { day + 32 } else { day };
    if (start < 0 && end > 0) || in_long_month(start) > in_long_month(end) {
        return Err(CalendarError::Order(text.to_owned()));
    }
    Ok(start..=end)
}

/// One month or several: `december`, `12`, `1:3`.
pub fn parse_months(text: &str) -> Result<RangeInclusive<u8>, CalendarError> {
    let what = "a month or several: write \"december\", \"12\" or \"january:march\"";
    let month = |text: &str| {
        let by_name = position(&MONTHS, text).map(|month| month + 1);
        by_name.or_else(|| number(text).filter(|month| (1..=12).contains(month)))
    };
    range(text, what, month)
}

/// One year or several: `2026`, `2026:2028`.
pub fn parse_years(text: &str) -> Result<RangeInclusive<i16>, CalendarError> {
    let what = "a year or several: write \"2026\" or \"2026:2028\"";
    range(text, what, |text| number(text).filter(|year| (1970..=9999).contains(year)))
}

/// A stretch of time by the clock of a time zone. Of a time that the clock shows twice the wider stretch is meant, and
/// one that it skips is moved on as the clock is.
pub fn parse_span(from: &str, until: &str, zone: &TimeZone) -> Result<(Timestamp, Timestamp), CalendarError> {
    let span = (at(from, zone, Twice::First)?, at(until, zone, Twice::Second)?);
    if span.0 < span.1 { Ok(span) } else { Err(CalendarError::Span { from: from.to_owned(), until: until.to_owned() }) }
}

/// A time by the clock of a time zone, the first of two where the clock shows it twice.
pub fn parse_civil(text: &str, zone: &TimeZone) -> Result<Timestamp, CalendarError> {
    at(text, zone, Twice::First)
}

/// Which of two, where the clock shows a time twice.
#[derive(Clone, Copy)]
enum Twice {
    First,
    Second,
}

fn at(text: &str, zone: &TimeZone, twice: Twice) -> Result<Timestamp, CalendarError> {
    let refuse = || CalendarError::Civil(text.to_owned());
    // By hand, because whoever writes an offset or a `Z` means another time than the clock's.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'T')) && text.contains('T');
    let local: DateTime = text.parse().ok().filter(|_| plain && matches!(text.len(), 16 | 19)).ok_or_else(refuse)?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let at = match twice {
        // Of a skipped time both of these are the one that the clock would have come to by then.
        Twice::First => ambiguous.compatible(),
        Twice::Second => ambiguous.later(),
    };
    at.map(|at| Timestamp(at.as_millisecond())).map_err(|_| refuse())
}

fn position(names: &[&str], name: &str) -> Option<u8> {
    names.iter().zip(0..).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, at)| at)
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

fn range<T: PartialOrd + Copy>(
    text: &str,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<RangeInclusive<T>, CalendarError> {
    let (start, end) = ends(text, what, read)?;
    if start <= end { Ok(start..=end) } else { Err(CalendarError::Order(text.to_owned())) }
}

/// Both ends; of a single one, twice the same.
fn ends<T: Copy>(text: &str, what: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<(T, T), CalendarError> {
    let refuse = || CalendarError::Range { text: text.to_owned(), what };
    let (start, end) = text.split_once(':').unwrap_or((text, text));
    Ok((read(start.trim()).ok_or_else(refuse)?, read(end.trim()).ok_or_else(refuse)?))
}

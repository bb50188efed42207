//! When something begins, again and again: the five fields of cron, by the clock of a time zone.
//!
//! Own code, because what is wanted of it is that every beginning is found once, and looked for backwards. A beginning that
//! the clock skips comes as much later as the clock is moved; one that the clock shows twice is the first of the two. (The
//! crates for this leave out the one and give the other twice.)

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{CalendarError, MINUTE};
use crate::time::Timestamp;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * MINUTE;

/// Within 28 years the 29th of February has been every day of the week.
const LONGEST_PAUSE_DAYS: i64 = 28 * 366;

/// When something begins.
#[derive(Clone, Debug)]
pub struct Cron {
    /// A bit for each minute, hour, day of the month, month and day of the week; Sunday is 0.
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// One of day of the month and day of the week is enough: so it is where neither of the fields begins with a `*`.
    either_day: bool,
    zone: TimeZone,
}

impl Cron {
    /// Reads the fields: minute, hour, day of the month, month, day of the week.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Cron, CalendarError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(CalendarError::CronFields { text: text.to_owned(), found: fields.len() });
        };
        let starred = |field: &str| field.starts_with('*');
        let weekday_bits = bits(weekdays, "day of the week", (0, 7), &WEEKDAYS, 0)?;
        let cron = Cron {
            minutes: bits(minutes, "minute", (0, 59), &[], 0)?,
            hours: bits(hours, "hour", (0, 23), &[], 0)?,
            days: bits(days, "day of the month", (1, 31), &[], 0)?,
            months: bits(months, "month", (1, 12), &MONTHS, 1)?,
            // Sunday has two numbers.
            weekdays: (weekday_bits | weekday_bits >> 7) & 0x7f,
            either_day: !starred(days) && !starred(weekdays),
            zone,
        };
        if cron.comes() { Ok(cron) } else { Err(CalendarError::CronNever(text.to_owned())) }
    }

    /// The beginnings from the first time to before the second, in order.
    #[must_use]
    pub fn beginnings(&self, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let mut found = Vec::new();
        // A day by the clock is found whole a day before and after, wherever the clock is.
        let (Some(first), Some(last)) = (self.date(from, -DAY), self.date(until, DAY)) else { return found };
        let mut date = first;
        while date <= last {
            if self.has(date) {
                let times = (0..24).filter(|hour| self.hours >> hour & 1 == 1).flat_map(|hour| {
                    (0..60).filter(|minute| self.minutes >> minute & 1 == 1).map(move |minute| (hour, minute))
                });
                found.extend(times.filter_map(|(hour, minute)| {
                    let local = date.at(hour, minute, 0, 0);
                    let at = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
                    Some(Timestamp(at.as_millisecond()))
                }));
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        found.retain(|at| (from..until).contains(at));
        // What was skipped may come after what follows it, or together with it.
        found.sort();
        found.dedup();
        found
    }

    fn date(&self, at: Timestamp, shift: i64) -> Option<Date> {
        let instant = jiff::Timestamp::from_millisecond(at.0.saturating_add(shift)).ok()?;
        Some(self.zone.to_datetime(instant).date())
    }

    fn has(&self, date: Date) -> bool {
        let set = |bits: u64, place: i8| bits >> place.unsigned_abs() & 1 == 1;
        let day = set(self.days, date.day());
        let weekday = set(self.weekdays, date.weekday().to_sunday_zero_offset());
        set(self.months, date.month()) && if self.either_day { day || weekday } else { day && weekday }
    }

    /// True where there is a day for it at all: there is no 30th of February.
    fn comes(&self) -> bool {
        let Ok(mut date) = Date::new(2024, 1, 1) else { return false };
        for _ in 0..LONGEST_PAUSE_DAYS {
            if self.has(date) {
                return true;
            }
            let Ok(next) = date.tomorrow() else { return false };
            date = next;
        }
        false
    }

    /// What it means, apart from how it is written.
    pub(super) fn definition(&self) -> String {
        let Cron { minutes, hours, days, months, weekdays, either_day, zone } = self;
        let zone = zone.iana_name().unwrap_or("UTC");
        format!("{minutes:x} {hours:x} {days:x} {months:x} {weekdays:x} {either_day} {zone}")
    }
}

/// One field: a list of `*`, single values and ranges, each with or without a step.
fn bits(
    field: &str,
    what: &'static str,
    (least, most): (u8, u8),
    names: &[&str],
    first_name: u8,
) -> Result<u64, CalendarError> {
    let refuse = || CalendarError::CronField { text: field.to_owned(), what, least, most };
    let value = |text: &str| {
        let named = names.iter().zip(first_name..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        named.map(|(_, value)| value).or_else(|| number(text)).filter(|value| (least..=most).contains(value))
    };
    let mut bits = 0;
    for item in field.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (start, end) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((start, end)) => (value(start).ok_or_else(refuse)?, value(end).ok_or_else(refuse)?),
            // With a step, from there on.
            None => {
                let start = value(range).ok_or_else(refuse)?;
                (start, if step.is_some() { most } else { start })
            }
        };
        let step = match step {
            None => 1,
            Some(step) => number(step).filter(|step| (1..=most).contains(step)).ok_or_else(refuse)?,
        };
        if start > end {
            return Err(refuse());
        }
        for place in (start..=end).step_by(usize::from(step)) {
            bits |= 1 << place;
        }
    }
    Ok(bits)
}

fn number(text: &str) -> Option<u8> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

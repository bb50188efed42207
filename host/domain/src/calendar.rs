//! Stretches of time by the calendar, in a time zone: maintenance windows and the like. The shape is Alertmanager's
//! `time_intervals`, which people know.

use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::labels::{Labels, Matcher};
use crate::time::Timestamp;

mod cron;
mod known;
mod read;

pub use cron::Cron;
pub use known::{KnownEvent, Occurrence, Timetable, When};
pub use read::{
    CalendarError, parse_civil, parse_days_of_month, parse_months, parse_span, parse_time, parse_times, parse_weekdays,
    parse_years, parse_zone,
};

/// Milliseconds of a minute.
const MINUTE: i64 = 60_000;
/// Minutes of a day by the clock.
const DAY: u16 = 24 * 60;
/// How many stretches are joined when looking for the end of what is open. Each is at most a day, so what lasts longer
/// than some years counts as ending then: soon enough to look again.
const MOST_STRETCHES: usize = 2000;

/// While it lasts, nothing is repaired where it applies.
#[derive(Clone, Debug)]
pub struct Maintenance {
    /// Unique name.
    pub name: String,
    /// The incidents that it is about; never empty.
    pub matchers: Vec<Matcher>,
    /// When.
    pub when: Calendar,
}

/// A set of times; never empty as a whole.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    /// Single stretches, from the first to before the second.
    pub spans: Vec<(Timestamp, Timestamp)>,
    /// What comes again.
    pub intervals: Vec<TimeInterval>,
}

/// What comes again: all fields must hold, an empty one always does.
#[derive(Clone, Debug)]
pub struct TimeInterval {
    /// Minutes of the day, from the first to before the second; 1440 is the end of the day.
    pub times: Vec<(u16, u16)>,
    /// Days of the week, Sunday is 0.
    pub weekdays: Vec<RangeInclusive<u8>>,
    /// Days of the month, from 1; negative ones count from the end, -1 is the last.
    pub days_of_month: Vec<RangeInclusive<i8>>,
    /// Months, from 1.
    pub months: Vec<RangeInclusive<u8>>,
    /// Years.
    pub years: Vec<RangeInclusive<i16>>,
    /// Where clocks show these.
    pub zone: TimeZone,
}

impl Maintenance {
    /// True where the window is about incidents with these labels.
    #[must_use]
    pub fn covers(&self, labels: &Labels) -> bool {
        // Empty means nothing.
        !self.matchers.is_empty() && self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

impl Calendar {
    /// True when `at` is in one of the stretches.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.stretch(at).is_some()
    }

    /// When what is open at `now` closes; None when nothing is. Stretches that touch or overlap count as one.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut end = self.stretch(now)?;
        for _ in 0..MOST_STRETCHES {
            match self.stretch(end) {
                Some(later) => end = later,
                None => break,
            }
        }
        Some(end)
    }

    /// When something opens next, from `now`, at which nothing is open, on, and before `limit`.
    #[must_use]
    pub fn opens(&self, now: Timestamp, limit: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        while at < limit {
            if self.contains(at) {
                return Some(at);
            }
            let spans = self.spans.iter().map(|(from, _)| *from).filter(|from| *from > at);
            let intervals = self.intervals.iter().filter_map(|interval| interval.gap(at));
            at = spans.chain(intervals).min()?;
        }
        None
    }

    /// Up to where a stretch that `at` is in is known to go on: later than `at`, and not always as far as it does.
    fn stretch(&self, at: Timestamp) -> Option<Timestamp> {
        let spans = self.spans.iter().filter(|(from, until)| (*from..*until).contains(&at)).map(|(_, until)| *until);
        let intervals = self.intervals.iter().filter_map(|interval| interval.stretch(at));
        spans.chain(intervals).max()
    }
}

impl TimeInterval {
    /// As [`Calendar::stretch`]; at most to the end of the day, or to the next change of the clock.
    fn stretch(&self, at: Timestamp) -> Option<Timestamp> {
        let (local, minute) = self.clock(at)?;
        if !self.has_day(local.date()) {
            return None;
        }
        let end = if self.times.is_empty() {
            DAY
        } else {
            self.times.iter().filter(|(start, end)| (*start..*end).contains(&minute)).map(|(_, end)| *end).max()?
        };
        self.when(at, local, end)
    }

    /// Up to when nothing opens from `at` on, at which nothing is open.
    fn gap(&self, at: Timestamp) -> Option<Timestamp> {
        let (local, minute) = self.clock(at)?;
        let later = self.times.iter().map(|(start, _)| *start).filter(|start| *start > minute).min();
        self.when(at, local, later.filter(|_| self.has_day(local.date())).unwrap_or(DAY))
    }

    /// What the clock shows, and the minute of the day.
    fn clock(&self, at: Timestamp) -> Option<(DateTime, u16)> {
        let local = self.zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        Some((local, minute))
    }

    /// When the clock, which shows `local` now, comes to a later minute of the day, or is moved before.
    fn when(&self, at: Timestamp, local: DateTime, minute: u16) -> Option<Timestamp> {
        let now = i64::from(local.hour()) * 60 + i64::from(local.minute());
        let passed = i64::from(local.second()) * 1000 + i64::from(local.millisecond());
        let by_the_clock = at.0.saturating_add((i64::from(minute) - now) * MINUTE - passed);
        // Where clocks are moved, another time of the day, or the same once more, comes next.
        let instant = jiff::Timestamp::from_millisecond(at.0).ok()?;
        let moved = self.zone.following(instant).next().map(|change| change.timestamp().as_millisecond());
        Some(Timestamp(moved.map_or(by_the_clock, |moved| by_the_clock.min(moved))))
    }

    /// What it means, in a few words.
    fn definition(&self) -> String {
        let TimeInterval { times, weekdays, days_of_month, months, years, zone } = self;
        let zone = zone.iana_name().unwrap_or("UTC");
        format!("{times:?} {weekdays:?} {days_of_month:?} {months:?} {years:?} {zone}")
    }

    fn has_day(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset().unsigned_abs();
        let in_month = date.days_in_month();
        // The first day is 1, and so is the one that is as many days before the end as the month has, less one.
        let day = |day: i8| if day < 0 { in_month + day + 1 } else { day };
        let has_day = |range: &RangeInclusive<i8>| (day(*range.start())..=day(*range.end())).contains(&date.day());
        any(&self.weekdays, |range| range.contains(&weekday))
            && any(&self.days_of_month, has_day)
            && any(&self.months, |range| range.contains(&date.month().unsigned_abs()))
            && any(&self.years, |range| range.contains(&date.year()))
    }
}

/// An empty field always holds.
fn any<T>(ranges: &[T], holds: impl Fn(&T) -> bool) -> bool {
    ranges.is_empty() || ranges.iter().any(holds)
}

//! Stretches of time by the calendar, in a time zone: maintenance windows and the like. The shape is Alertmanager's
//! `time_intervals`, which people know.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;

use crate::labels::Matcher;
use crate::time::Timestamp;

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

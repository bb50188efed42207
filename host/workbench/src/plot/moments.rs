//! What happened while the series was as it is: lines across a chart, numbered above it and told below it. A number, not
//! a colour, says which is which.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::scale::Scale;

/// Something that happened at a point in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment<'a> {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// What, in a few words.
    pub text: &'a str,
}

/// More of them than this are only counted: the list below a chart is for a glance.
pub(super) const MOST: usize = 16;

/// The number above the line of one moment, or of several that are too close together for one each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flag {
    /// Its middle, in pixels from the left end of the time axis.
    pub(super) x: f64,
    pub(super) width: f64,
    /// Places of the first and the last one in the list.
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Flag {
    /// What stands in it.
    pub(super) fn label(&self) -> String {
        match self {
            Flag { first, last, .. } if first == last => format!("{}", first + 1),
            Flag { first, last, .. } => format!("{}\u{2013}{}", first + 1, last + 1),
        }
    }

    fn of(from: f64, until: f64, first: usize, last: usize, length: f64) -> Flag {
        let characters = Flag { x: 0.0, width: 0.0, first, last }.label().chars().count();
        let width = 9.0 + 7.0 * characters as f64;
        // Whole, even at the ends of the axis.
        let x = f64::midpoint(from, until).clamp(width / 2.0, (length - width / 2.0).max(width / 2.0));
        Flag { x, width, first, last }
    }
}

/// The flags of moments that are ordered by time, none upon another.
pub(super) fn flags(moments: &[Moment<'_>], times: &Scale) -> Vec<Flag> {
    let mut flags: Vec<(f64, f64, Flag)> = Vec::new();
    for (place, moment) in moments.iter().enumerate() {
        let x = times.of(moment.at as f64);
        let mut next = (x, x, Flag::of(x, x, place, place, times.length));
        // One that grew may reach the one before it.
        while let Some((from, _, before)) = flags.last().copied() {
            if before.x + before.width / 2.0 + 2.0 <= next.2.x - next.2.width / 2.0 {
                break;
            }
            flags.pop();
            next = (from, next.1, Flag::of(from, next.1, before.first, next.2.last, times.length));
        }
        flags.push(next);
    }
    flags.into_iter().map(|(_, _, flag)| flag).collect()
}

/// `21:14:03 approved by alice`, in UTC as the axis.
pub(super) fn told(moment: &Moment<'_>) -> String {
    match Timestamp::from_millisecond(moment.at) {
        Ok(at) => format!("{} {}", at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S"), moment.text),
        Err(_) => moment.text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(at: &[i64]) -> Vec<String> {
        let moments: Vec<Moment<'_>> = at.iter().map(|&at| Moment { at, text: "" }).collect();
        let flags = flags(&moments, &Scale { low: 0.0, high: 300.0, length: 300.0 });
        for pair in flags.windows(2) {
            assert!(pair[0].x + pair[0].width / 2.0 < pair[1].x - pair[1].width / 2.0, "{pair:?}");
        }
        for Flag { x, width, .. } in &flags {
            assert!(x - width / 2.0 >= 0.0 && x + width / 2.0 <= 300.0, "{flags:?}");
        }
        flags.iter().map(Flag::label).collect()
    }

    #[test]
    fn those_close_together_share_a_flag() {
        for (at, expected) in [
            ([].as_slice(), [].as_slice()),
            (&[150], &["1"]),
            (&[0, 300], &["1", "2"]),
            (&[100, 150, 200], &["1", "2", "3"]),
            (&[100, 105, 200], &["1–2", "3"]),
            (&[100, 110, 120, 130], &["1–4"]),
            (&[100, 117, 134, 151], &["1–2", "3–4"]),
            (&[-900, 0, 299, 9_000], &["1–2", "3–4"]),
        ] {
            assert_eq!(labels(at), expected, "{at:?}");
        }
    }
}

//! Where the labels of an axis stand, and what they say.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::scale::Scale;

/// One label of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick<T> {
    pub(super) at: T,
    /// Of times two lines, where the second one says something new.
    pub(super) label: String,
}

/// At most about so many round numbers on a scale: 1, 2 or 5 times a power of ten apart.
pub(super) fn values(scale: &Scale, most: usize) -> Vec<Tick<f64>> {
    let rough = (scale.high - scale.low) / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
    let Some(step) = step.filter(|step| step.is_normal()) else { return Vec::new() };
    // A number that is round but for its last bit is round.
    let first = (scale.low / step - 1e-9).ceil();
    let last = (scale.high / step + 1e-9).floor();
    // Far from zero and close together, the numbers can be too few to tell apart.
    if !(first.abs() < 1e15 && last - first <= 2.0 * most as f64) {
        return Vec::new();
    }
    (0..=(last - first) as u32)
        .map(|n| {
            let at = (first + f64::from(n)) * step;
            Tick { at, label: label(at, step) }
        })
        .collect()
}

/// As many digits as tell one tick from the next, thousands by letter from ten thousand on.
fn label(number: f64, step: f64) -> String {
    let size = number.abs().max(step);
    if number == 0.0 {
        return "0".to_owned();
    }
    if size >= 1e15 || step < 1e-6 {
        let digits = (number.abs().log10().floor() - step.log10().floor()).clamp(0.0, 12.0) as usize;
        return format!("{number:.digits$e}");
    }
    let (scale, letter) = match size {
        size if size >= 1e12 => (1e12, "T"),
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let decimals = (-(step / scale).log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{:.decimals$}{letter}", number / scale)
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Distances that people count time in. Below a second there are only powers of ten.
const STEPS: [i64; 24] = [
    1,
    10,
    100,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
];
const MONTHS: [i64; 13] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 6_000, 12_000];
/// The epoch was a Thursday; weeks begin on Mondays.
const MONDAY: i64 = 4 * DAY;

/// At most so many round times from `low` to `high`, in UTC; the axis says so once.
pub(super) fn times(low: i64, high: i64, most: usize) -> Vec<Tick<i64>> {
    let span = high.saturating_sub(low);
    let most = i64::try_from(most).unwrap_or(i64::MAX).max(1);
    let places = match STEPS.into_iter().find(|step| span / step < most) {
        Some(step) => regular(low, high, step).into_iter().map(|at| (at, step)).collect(),
        None => by_month(low, high, most),
    };
    let mut before = String::new();
    places
        .into_iter()
        .filter_map(|(at, step)| {
            let (fine, coarse) = formats(step);
            let time = Timestamp::from_millisecond(at).ok()?.to_zoned(TimeZone::UTC);
            let label = time.strftime(fine).to_string();
            let day = time.strftime(coarse).to_string();
            if day == before {
                return Some(Tick { at, label });
            }
            // The first one says where the clock stands.
            let zone = if before.is_empty() { " UTC" } else { "" };
            let label = format!("{label}\n{day}{zone}");
            before = day;
            Some(Tick { at, label })
        })
        .collect()
}

fn formats(step: i64) -> (&'static str, &'static str) {
    match step {
        step if step < SECOND => ("%H:%M:%S%.3f", "%b %-d"),
        step if step < MINUTE => ("%H:%M:%S", "%b %-d"),
        step if step < DAY => ("%H:%M", "%b %-d"),
        _ => ("%b %-d", "%Y"),
    }
}

fn regular(low: i64, high: i64, step: i64) -> Vec<i64> {
    let origin = if step % (7 * DAY) == 0 { MONDAY } else { 0 };
    let first = low.saturating_sub(origin).saturating_add(step - 1).div_euclid(step).saturating_mul(step);
    let first = first.saturating_add(origin);
    std::iter::successors(Some(first), |at| at.checked_add(step)).take_while(|&at| at <= high).collect()
}

/// Firsts of months, so many months apart. Nothing where the calendar ends.
fn by_month(low: i64, high: i64, most: i64) -> Vec<(i64, i64)> {
    let months = |at: i64| {
        let date = Timestamp::from_millisecond(at).ok()?.to_zoned(TimeZone::UTC).date();
        Some(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
    };
    let (Some(first), Some(last)) = (months(low), months(high)) else { return Vec::new() };
    let apart = MONTHS.into_iter().find(|apart| (last - first) / apart < most).unwrap_or(last - first);
    let first = (first + apart - 1).div_euclid(apart) * apart;
    std::iter::successors(Some(first), |month| Some(month + apart))
        .take_while(|&month| month <= last)
        .filter_map(|month| {
            let year = i16::try_from(month.div_euclid(12)).ok()?;
            let date = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
            let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
            (low..=high).contains(&at).then_some((at, 30 * DAY))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        values(&Scale { low, high, length: 100.0 }, 6).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn values_are_round() {
        for (low, high, expected) in [
            (0.0, 1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"].as_slice()),
            (-3.0, 11.0, &["0", "5", "10"]),
            (95.0, 105.0, &["96", "98", "100", "102", "104"]),
            (0.0, 2_500_000.0, &["0", "500k", "1.0M", "1.5M", "2.0M", "2.5M"]),
            (0.000_01, 0.000_05, &["0.00001", "0.00002", "0.00003", "0.00004", "0.00005"]),
            (0.0, 3e-9, &["0", "5e-10", "1.0e-9", "1.5e-9", "2.0e-9", "2.5e-9", "3.0e-9"]),
            (1e20, 1e20 + 1.0, &[]),
            (5.0, 5.0, &[]),
            (0.0, f64::INFINITY, &[]),
        ] {
            assert_eq!(labels(low, high), expected, "{low} to {high}");
        }
    }

    #[test]
    fn times_are_round_and_say_the_day_once() {
        let day = 1_767_225_600_000; // 2026-01-01, a Thursday
        let at = |low, high, most| {
            times(low, high, most).into_iter().map(|tick| tick.label.replace('\n', " / ")).collect::<Vec<_>>()
        };
        assert_eq!(at(day - HOUR, day + HOUR, 5), ["23:00 / Dec 31 UTC", "23:30", "00:00 / Jan 1", "00:30", "01:00"]);
        assert_eq!(at(day, day + 20 * SECOND, 3), ["00:00:00 / Jan 1 UTC", "00:00:10", "00:00:20"]);
        assert_eq!(at(day, day + 2, 9), ["00:00:00.000 / Jan 1 UTC", "00:00:00.001", "00:00:00.002"]);
        assert_eq!(at(day, day + 30 * DAY, 5), ["Jan 5 / 2026 UTC", "Jan 12", "Jan 19", "Jan 26"]);
        assert_eq!(
            at(day - 100 * DAY, day + 200 * DAY, 6),
            ["Nov 1 / 2025 UTC", "Jan 1 / 2026", "Mar 1", "May 1", "Jul 1"]
        );
        assert_eq!(at(0, 1_000 * 365 * DAY, 4), ["Jan 1 / 2000 UTC", "Jan 1 / 2500"]);
        assert!(at(i64::MIN, i64::MAX, 6).is_empty());
    }
}

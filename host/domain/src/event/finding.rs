//! What was found wrong with a sample, in words: the same on every surface.

use std::time::Duration;

use super::{Evidence, Learning};
use crate::number::short;
use crate::time::Timestamp;

/// From here on lengths are told in days: nobody counts the hours of a week.
const DAYS_FROM: Duration = Duration::from_secs(4 * 24 * 3600);
/// And from here on in hours, and times without their seconds.
const HOURS_FROM: Duration = Duration::from_secs(2 * 3600);
/// And from here on in minutes.
const MINUTES_FROM: Duration = Duration::from_secs(2 * 60);

/// A static bound, and that a value is beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BeyondBound {
    /// The value is above this.
    Above(f64),
    /// The value is below this.
    Below(f64),
}

impl Evidence {
    /// The static bound by which the sample counted. None where detectors judged it.
    #[must_use]
    pub fn beyond(&self) -> Option<BeyondBound> {
        let (value, lower, upper) = (self.value.0, self.lower.0, self.upper.0);
        match self.cold_start {
            true if value > upper => Some(BeyondBound::Above(upper)),
            true if value < lower => Some(BeyondBound::Below(lower)),
            _ => None,
        }
    }

    /// `value 2.4, expected 0.41 (0.3 to 0.52), score 3.1`, or, by a static bound, `value 2.4, above 2 (static bound until
    /// 2026-11-25 08:00 UTC; 31 h of 48 h of history)`.
    #[must_use]
    pub fn finding(&self) -> String {
        let beyond = match self.beyond() {
            Some(BeyondBound::Above(bound)) => format!("above {}", short(bound)),
            Some(BeyondBound::Below(bound)) => format!("below {}", short(bound)),
            None => {
                let band = format!("({} to {})", short(self.lower.0), short(self.upper.0));
                let (value, expected, score) = (short(self.value.0), short(self.expected.0), short(self.score.0));
                let during = self.during.as_ref().map(|event| format!(", during {event}")).unwrap_or_default();
                return format!("value {value}, expected {expected} {band}, score {score}{during}");
            }
        };
        let why = match (self.learning, &self.during) {
            (Some(learning), _) => format!("static bound until {}; {}", learning.ends(), learning.so_far(self.at)),
            (None, Some(event)) => format!("static bound; what {event} looks like is still being learnt"),
            (None, None) => "static bound; the detectors do not judge it yet".to_owned(),
        };
        format!("value {}, {beyond} ({why})", short(self.value.0))
    }
}

impl Learning {
    /// How much history it takes.
    #[must_use]
    pub fn wanted(&self) -> Duration {
        self.until.since(self.since)
    }

    /// When it ends, as people read it: `2026-11-25 08:00 UTC`, with seconds where all of it is short.
    #[must_use]
    pub fn ends(&self) -> String {
        let form = if self.wanted() < HOURS_FROM { "%Y-%m-%d %H:%M:%S UTC" } else { "%Y-%m-%d %H:%M UTC" };
        day_and_time(self.until, form)
    }

    /// How far it has come: `31 h of 48 h of history`.
    #[must_use]
    pub fn so_far(&self, now: Timestamp) -> String {
        let wanted = self.wanted();
        format!("{} of {} of history", spoken(now.since(self.since).min(wanted)), spoken(wanted))
    }
}

/// A length in one unit, of which there are enough to tell much from little. What is not whole is not there yet.
fn spoken(length: Duration) -> String {
    let seconds = length.as_secs();
    match length {
        length if length >= DAYS_FROM => format!("{} d", seconds / (24 * 3600)),
        length if length >= HOURS_FROM => format!("{} h", seconds / 3600),
        length if length >= MINUTES_FROM => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

fn day_and_time(at: Timestamp, form: &str) -> String {
    let utc = jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    utc.map_or_else(|_| at.0.to_string(), |utc| utc.strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::number::Number;

    /// 2026-11-23T08:00:00Z.
    const BEGAN: Timestamp = Timestamp(1_795_420_800_000);

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    fn learning(wanted: Duration) -> Learning {
        Learning { since: BEGAN, until: BEGAN.plus(wanted) }
    }

    fn seen(value: f64, (lower, upper): (f64, f64), learning: Option<Learning>) -> Evidence {
        Evidence {
            series: Labels::empty(),
            since: BEGAN,
            at: BEGAN.plus(hours(31)),
            value: Number(value),
            expected: Number::NAN,
            lower: Number(lower),
            upper: Number(upper),
            score: Number::NAN,
            cold_start: true,
            learning,
            during: None,
            opinions: Vec::new(),
            window: Vec::new(),
        }
    }

    #[test]
    fn a_static_bound_is_told_with_its_end() {
        let (above, below) = ((f64::NEG_INFINITY, 2.0), (0.5, f64::INFINITY));
        for (value, bounds, learning, text) in [
            (
                2.4,
                above,
                Some(learning(hours(48))),
                "value 2.4, above 2 (static bound until 2026-11-25 08:00 UTC; 31 h of 48 h of history)",
            ),
            (
                0.25,
                below,
                Some(learning(hours(24 * 14))),
                "value 0.25, below 0.5 (static bound until 2026-12-07 08:00 UTC; 31 h of 14 d of history)",
            ),
            (2.4, above, None, "value 2.4, above 2 (static bound; the detectors do not judge it yet)"),
            (1.5, above, None, "value 1.5, expected unknown (-Inf to 2), score unknown"),
        ] {
            assert_eq!(seen(value, bounds, learning).finding(), text);
        }
    }

    #[test]
    fn what_detectors_found_is_told_with_their_band() {
        let seen =
            Evidence { cold_start: false, expected: Number(0.4123), score: Number(3.0), ..seen(2.4, (0.3, 0.5), None) };
        assert_eq!(seen.beyond(), None);
        assert_eq!(seen.finding(), "value 2.4, expected 0.4123 (0.3 to 0.5), score 3");
        let seen = Evidence { during: Some("nightly-batch".to_owned()), ..seen };
        assert_eq!(seen.finding(), "value 2.4, expected 0.4123 (0.3 to 0.5), score 3, during nightly-batch");
        let seen = Evidence { cold_start: true, lower: Number(f64::NEG_INFINITY), upper: Number(2.0), ..seen };
        let text = "value 2.4, above 2 (static bound; what nightly-batch looks like is still being learnt)";
        assert_eq!(seen.finding(), text);
    }

    #[test]
    fn lengths_have_the_unit_that_tells_most() {
        let seconds = Duration::from_secs;
        for (wanted, had, text) in [
            (seconds(20), seconds(7), "7 s of 20 s of history"),
            (seconds(1800), seconds(1799), "29 min of 30 min of history"),
            (hours(48), seconds(59), "59 s of 48 h of history"),
            (hours(48), seconds(7199), "119 min of 48 h of history"),
            (hours(24 * 14), hours(95), "95 h of 14 d of history"),
            (hours(24 * 14), hours(96), "4 d of 14 d of history"),
            (hours(48), hours(99), "48 h of 48 h of history"),
            (Duration::ZERO, hours(1), "0 s of 0 s of history"),
        ] {
            assert_eq!(learning(wanted).so_far(BEGAN.plus(had)), text);
        }
        assert_eq!(learning(seconds(20)).ends(), "2026-11-23 08:00:20 UTC");
        assert_eq!(Learning { since: BEGAN, until: Timestamp(i64::MAX) }.ends(), i64::MAX.to_string(), "no such day");
    }
}

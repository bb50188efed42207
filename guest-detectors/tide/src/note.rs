//! The sentence for people: which view spoke, and what it had expected.

use tidegate_guest::{Duration, Verdict, text};

use crate::season::Period;
use crate::views::View;

tidegate_guest::state! {
    /// What the last anomalous sample was compared with, kept from before it was learnt.
    #[derive(Clone, Copy, Debug)]
    pub struct Said("said", 1) {
        /// The place of the view that spoke.
        view: u8,
        /// What it expected, and how far from there the sample would have been ordinary.
        centre: f64,
        reach: f64,
        /// What it compares: of the level and of the spread, before and of late.
        before: f64,
        of_late: f64,
        /// The smallest and the largest before the sample, and for how many milliseconds.
        low: f64,
        high: f64,
        known_ms: u64,
    }
}

impl Said {
    pub(crate) fn nothing() -> Self {
        Said { view: 0, centre: 0.0, reach: 0.0, before: 0.0, of_late: 0.0, low: 0.0, high: 0.0, known_ms: 0 }
    }

    /// `before` and `of_late` of level or spread, `low` and `high` of all that was seen in `known_ms` milliseconds.
    pub(crate) fn by(
        view: View,
        centre: f64,
        reach: f64,
        (before, of_late): (f64, f64),
        (low, high): (f64, f64),
        known_ms: u64,
    ) -> Self {
        Said { view: view as u8, centre, reach, before, of_late, low, high, known_ms }
    }

    /// The sentence, for example `0.930; at this time of the day 0.412 +/- 0.061; never above 0.710 in 14 days`.
    pub(crate) fn sentence(&self, value: f64, verdict: &Verdict, period: Period, window_ms: f64) -> String {
        // Two digits of whichever says most about how far off the value is.
        let off = (value - verdict.expected).abs();
        let size = if self.reach.is_finite() && self.reach > off * 1e-3 { self.reach } else { off };
        let number = |number: f64| text::number(number, size);
        let known = span(self.known_ms as f64);

        let mut said = number(value);
        if self.low == self.high && self.known_ms > 0 {
            return format!("{said}; it had been {} without a change for {known}", number(self.low));
        }
        let band = format!("{} +/- {}", number(self.centre), number(self.reach));
        said += &match View::nth(self.view) {
            Some(View::Season) => {
                let of = if period == Period::Week { "week" } else { "day" };
                format!("; at this time of the {of} {band}")
            }
            Some(View::Change) => {
                format!(
                    "; {} away from the sample before, where {} is usual",
                    number((value - self.before).abs()),
                    number(self.reach)
                )
            }
            Some(View::Level) => format!("; its level moved from {} to {}", number(self.before), number(self.of_late)),
            Some(View::Spread) => {
                format!("; of late it varies by {}, before that by {}", number(self.of_late), number(self.before))
            }
            Some(View::Range) => format!("; expected {}", number(verdict.expected)),
            Some(View::Recent) | None => format!("; in the last {} {band}", span(window_ms)),
        };
        if value > self.high {
            said += &format!("; never above {} in {known}", number(self.high));
        } else if value < self.low {
            said += &format!("; never below {} in {known}", number(self.low));
        }
        said
    }

    pub(crate) fn is_sound(&self) -> bool {
        View::nth(self.view).is_some()
    }
}

/// A span of time in the words that people use for it, to the unit that matters.
fn span(millis: f64) -> String {
    const UNITS: [(&str, f64); 5] = [
        ("week", 7.0 * 86_400_000.0),
        ("day", 86_400_000.0),
        ("hour", 3_600_000.0),
        ("minute", 60_000.0),
        ("second", 1_000.0),
    ];
    // Weeks only from eight on: a fortnight is better known as 14 days.
    for (unit, size) in UNITS {
        let count = (millis / size).round();
        let least = if unit == "week" { 8.0 } else { 2.0 };
        if count >= least {
            return format!("{count} {unit}s");
        }
    }
    Duration::from_millis(millis.max(0.0) as u64).to_string()
}

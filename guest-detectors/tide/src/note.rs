//! The sentence for people: which view spoke, and what it had expected.

use tidegate_guest::{Duration, Verdict, text};

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
        /// What it compares: of a change the samples before, of level and spread what they were and what they are.
        before: f64,
        of_late: f64,
        /// The smallest and the largest before the sample, and for how many milliseconds.
        low: f64,
        high: f64,
        known_ms: u64,
    }
}

/// What the sentence says beside what was kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// How far back the samples of late go, and those of weeks, in milliseconds.
    pub(crate) recent_ms: f64,
    pub(crate) long_ms: f64,
    /// Whether the metric holds whole numbers, is mostly zero, or never falls.
    pub(crate) whole: bool,
    pub(crate) sparse: bool,
    pub(crate) counter: bool,
}

impl Said {
    /// That `view` spoke, which expected `centre` give or take `reach` and compares `before` with `of_late`; `low` and `high`
    /// are of all that was seen in `known_ms` milliseconds.
    pub(crate) fn by(
        view: View,
        (centre, reach): (f64, f64),
        (before, of_late): (f64, f64),
        (low, high): (f64, f64),
        known_ms: u64,
    ) -> Self {
        Said { view: view as u8, centre, reach, before, of_late, low, high, known_ms }
    }

    /// The sentence, for example `0.930; at this time of the day 0.412 +/- 0.061; never above 0.710 in 14 days`.
    pub(crate) fn sentence(&self, value: f64, verdict: &Verdict, setting: &Setting) -> String {
        // Two digits of whichever says most about how far off the value is; of whole numbers all, and no more.
        let off = (value - verdict.expected).abs();
        let flat = self.low == self.high && self.known_ms > 0;
        let size = if !flat && self.reach.is_finite() && self.reach > off * 1e-3 { self.reach } else { off };
        let size = if setting.whole { size.max(10.0) } else { size };
        let number = |number: f64| text::number(number, size);
        let known = span(self.known_ms as f64);

        if flat {
            return format!("{}; it had been {} without a change for {known}", number(value), number(self.low));
        }
        let compared = self.compared(value, verdict, setting, &number);
        let record = if value > self.high {
            format!("; never above {} in {known}", number(self.high))
        } else if value < self.low {
            format!("; never below {} in {known}", number(self.low))
        } else {
            String::new()
        };
        let advice =
            if setting.counter { "; it looks like a counter, which is better watched through rate()" } else { "" };
        format!("{}; {compared}{record}{advice}", number(value))
    }

    /// What the view that spoke compares the value with.
    fn compared(&self, value: f64, verdict: &Verdict, setting: &Setting, number: &impl Fn(f64) -> String) -> String {
        let band = || format!("{} +/- {}", number(self.centre), number(self.reach.max(0.0)));
        match View::nth(self.view) {
            Some(View::Day) => format!("at this time of the day {}", band()),
            Some(View::Week) => format!("at this time of the week {}", band()),
            Some(View::Change) => {
                let change = number((value - self.before).abs());
                format!(
                    "{change} away from the samples before, where up to {} is ordinary",
                    number(self.reach.max(0.0))
                )
            }
            Some(View::Level) => {
                format!("the level has moved from {} to {}", number(self.before), number(self.of_late))
            }
            Some(View::Spread) => {
                format!(
                    "of late it is off by {} on average, before that by {}",
                    number(self.of_late),
                    number(self.before)
                )
            }
            Some(View::Recent | View::Long | View::Range) | None if setting.sparse => "usually 0".to_owned(),
            Some(View::Range) if self.reach.is_nan() => format!("expected {}", number(verdict.expected)),
            Some(View::Long) => format!("in the last {} {}", span(setting.long_ms), band()),
            Some(View::Recent | View::Range) | None => format!("in the last {} {}", span(setting.recent_ms), band()),
        }
    }
}

/// A span of time in the words that people use for it, to the unit that matters.
fn span(millis: f64) -> String {
    // A unit is used from two on, weeks from eight on: a fortnight is better known as 14 days.
    const UNITS: [(&str, f64, f64); 5] = [
        ("weeks", 7.0 * 86_400_000.0, 8.0),
        ("days", 86_400_000.0, 2.0),
        ("hours", 3_600_000.0, 2.0),
        ("minutes", 60_000.0, 2.0),
        ("seconds", 1_000.0, 2.0),
    ];
    for (unit, size, least) in UNITS {
        let count = (millis / size).round();
        if count >= least {
            return format!("{count} {unit}");
        }
    }
    Duration::from_millis(millis.max(0.0) as u64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: Setting =
        Setting { recent_ms: 86_400_000.0, long_ms: 28.0 * 86_400_000.0, whole: false, sparse: false, counter: false };
    const FORTNIGHT: u64 = 14 * 86_400_000;

    #[test]
    fn the_view_that_spoke_says_what_it_had_expected() {
        let verdict = Verdict::between(0.93, 0.41, 0.35, 0.47);
        for (view, sentence) in [
            (View::Recent, "0.930; in the last 24 hours 0.412 +/- 0.061; never above 0.710 in 14 days"),
            (View::Long, "0.930; in the last 28 days 0.412 +/- 0.061; never above 0.710 in 14 days"),
            (View::Week, "0.930; at this time of the week 0.412 +/- 0.061; never above 0.710 in 14 days"),
            (View::Day, "0.930; at this time of the day 0.412 +/- 0.061; never above 0.710 in 14 days"),
            (
                View::Change,
                "0.930; 0.430 away from the samples before, where up to 0.061 is ordinary; never above 0.710 in 14 days",
            ),
            (View::Level, "0.930; the level has moved from 0.500 to 0.800; never above 0.710 in 14 days"),
            (View::Range, "0.930; in the last 24 hours 0.412 +/- 0.061; never above 0.710 in 14 days"),
            (
                View::Spread,
                "0.930; of late it is off by 0.800 on average, before that by 0.500; never above 0.710 in 14 days",
            ),
        ] {
            let said = Said::by(view, (0.412, 0.061), (0.5, 0.8), (0.1, 0.71), FORTNIGHT);
            assert_eq!(said.sentence(0.93, &verdict, &SETTING), sentence);
        }
    }

    #[test]
    fn a_record_before_there_is_anything_else_says_what_was_expected() {
        let verdict = Verdict::between(0.93, 0.41, 0.35, 0.47);
        let said = Said::by(View::Range, (0.412, f64::NAN), (0.0, 0.0), (0.1, 0.71), FORTNIGHT);
        assert_eq!(said.sentence(0.93, &verdict, &SETTING), "0.93; expected 0.41; never above 0.71 in 14 days");
    }

    #[test]
    fn kinds_of_metrics_have_words_of_their_own() {
        let verdict = Verdict::of_band(9.0, 5.0, 0.0);
        let flat = Said::by(View::Range, (5.0, 0.05), (0.0, 0.0), (5.0, 5.0), FORTNIGHT);
        assert_eq!(flat.sentence(9.0, &verdict, &SETTING), "9.0; it had been 5.0 without a change for 14 days");
        let whole = Setting { whole: true, ..SETTING };
        assert_eq!(flat.sentence(9.0, &verdict, &whole), "9; it had been 5 without a change for 14 days");

        let counts = Said::by(View::Recent, (0.0, 2.5), (0.0, 0.0), (0.0, 4.0), 50 * 3_600_000);
        let sparse = Setting { whole: true, sparse: true, ..SETTING };
        assert_eq!(counts.sentence(9.0, &verdict, &sparse), "9; usually 0; never above 4 in 2 days");
        assert_eq!(counts.sentence(3.0, &verdict, &sparse), "3; usually 0");
        let counter = Setting { counter: true, ..whole };
        assert_eq!(
            counts.sentence(9.0, &verdict, &counter),
            "9; in the last 24 hours 0 +/- 2; never above 4 in 2 days; it looks like a counter, which is better watched through \
             rate()"
        );
        let season = Said::by(View::Week, (40.0, 10.0), (0.0, 0.0), (20.0, 90.0), 20 * 7 * 86_400_000);
        assert_eq!(
            season.sentence(9.0, &verdict, &whole),
            "9; at this time of the week 40 +/- 10; never below 20 in 20 weeks"
        );
    }

    #[test]
    fn numbers_of_any_size_make_a_short_sentence() {
        let wild = [0.0, -1e150, 1e150, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
        for view in View::ALL {
            for number in wild {
                for other in wild {
                    let said = Said::by(view, (number, other), (other, number), (number, other), u64::MAX);
                    let verdict = Verdict { score: 2.0, expected: other, lower: other, upper: other };
                    let sentence = said.sentence(f64::MAX, &verdict, &SETTING);
                    assert!((1..300).contains(&sentence.len()), "{sentence}");
                }
            }
        }
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (millis, said) in [
            (14.0 * 86_400_000.0, "14 days"),
            (86_400_000.0, "24 hours"),
            (8.0 * 7.0 * 86_400_000.0, "8 weeks"),
            (90.0 * 60_000.0, "2 hours"),
            (80.0 * 60_000.0, "80 minutes"),
            (30_000.0, "30 seconds"),
            (7.0, "7ms"),
            (0.0, "0s"),
        ] {
            assert_eq!(span(millis), said);
        }
    }
}

//! Judges a sample by the range of the samples before it.
//!
//! The smallest and the largest value of the recent past, with a margin on both sides, are what is
//! normal. Replace the settings, the state and the judgement by your own; how they become a
//! component is the SDK's business.

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{Detector, Duration, Error, Needs, Step, Timestamp, Verdict, text};

/// What a user can set. These comments are what `tidegate guest inspect` shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How much of the past the range is taken from; 10 to 500 steps.
    window: Duration,
    /// How far outside of the range is still normal, as a share of its width.
    margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let window = Duration::from_millis(2 * 3_600_000);
        Settings {
            window,
            margin: 0.5,
        }
    }
}

tidegate_guest::state! {
    /// What is remembered of a series. The host keeps it as bytes. Raise the version when the same
    /// fields get another meaning; then the host learns its series again from history.
    #[derive(Debug)]
    pub struct Recent("my-guest", 1) {
        /// The newest samples, oldest first.
        values: Vec<f64>,
    }
}

/// Fewer samples than this say little about the range.
const LEAST: u64 = 10;
/// Eight bytes each: the state of one series stays below 4 KiB.
const MOST: u64 = 500;

/// The configured detector: what follows from the settings, and never what was learnt.
#[derive(Debug)]
pub struct Range {
    window: Duration,
    samples: u64,
    margin: f64,
}

impl Detector for Range {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Distance from the range of the recent past.";
    type Settings = Settings;
    type State = Recent;

    fn open(settings: Settings, step: Step) -> Result<Self, Error> {
        let Settings { window, margin } = settings;
        let samples = step.samples_in(window);
        if !(LEAST..=MOST).contains(&samples) {
            return invalid(format!(
                "window: {window} holds {samples} samples at this step; make it {LEAST} to {MOST}"
            ));
        }
        if !(margin >= 0.0 && margin.is_finite()) {
            return invalid(format!(
                "margin: is {margin}; it must be 0 or more, usually 0.5"
            ));
        }
        Ok(Range {
            window,
            samples,
            margin,
        })
    }

    fn needs(&self) -> Needs {
        Needs {
            history_ms: self.window.millis(),
            min_samples: LEAST,
        }
    }

    fn start(&self) -> Recent {
        Recent { values: vec![] }
    }

    fn fits(&self, recent: &Recent) -> Result<(), String> {
        // A shorter window cannot go on with what a longer one has learnt.
        let (held, most) = (recent.values.len() as u64, self.samples);
        if held > most {
            return Err(format!("state: holds {held} samples, the window {most}"));
        }
        Ok(())
    }

    fn score(&self, recent: &mut Recent, _at: Timestamp, value: f64) -> Verdict {
        let verdict = self.judge(&recent.values, value);
        if recent.values.len() as u64 == self.samples {
            recent.values.remove(0);
        }
        recent.values.push(value);
        verdict
    }

    fn note(
        &self,
        _: &Recent,
        _: Timestamp,
        value: f64,
        verdict: &Verdict,
    ) -> Option<String> {
        let deviation = text::deviation(value, verdict);
        Some(format!(
            "{deviation}, by the range of the last {}",
            self.window
        ))
    }
}

impl Range {
    /// At the edges of the band the score is 1, in its middle 0.
    fn judge(&self, before: &[f64], value: f64) -> Verdict {
        if (before.len() as u64) < LEAST {
            return Verdict::not_judged();
        }
        let lowest = before.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let margin = self.margin * (highest - lowest);
        let middle = lowest.midpoint(highest);
        Verdict::between(value, middle, lowest - margin, highest + margin)
    }
}

fn invalid<T>(why: String) -> Result<T, Error> {
    Err(Error::InvalidSettings(why))
}

tidegate_guest::export_detector!(Range);

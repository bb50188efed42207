//! The z-score detector: how many standard deviations a sample lies from the mean of the samples before it.
//!
//! This module holds the settings and the judgement; what is remembered lives in `window`.

mod moments;
mod window;

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{Detector, Duration, Error, Needs, Step, Timestamp, Verdict, text};
use window::{Shape, Window};

/// What a user can set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How much of the past a sample is compared with; at least 5 steps.
    #[serde(default = "default_window")]
    window: Duration,
    /// How many standard deviations from the mean are still normal.
    #[serde(default = "default_threshold")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    threshold: f64,
    /// How many samples must be in the window before it judges. By default 30, or the whole window where it is shorter.
    #[schemars(range(min = 2))]
    min_samples: Option<u64>,
}

fn default_window() -> Duration {
    Duration::from_millis(2 * 3_600_000)
}

fn default_threshold() -> f64 {
    3.0
}

/// With 30 samples the standard deviation is known to about 13 %; with fewer, a threshold of three means little.
const MIN_SAMPLES: u64 = 30;

/// Below this the standard deviation says nothing.
const MIN_WINDOW: u64 = 5;

/// The configured detector.
#[derive(Debug)]
pub struct ZScore {
    threshold: f64,
    shape: Shape,
    needs: Needs,
}

impl Detector for ZScore {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str =
        "Distance from the mean of a sliding window, in standard deviations; for series without a daily pattern.";
    type Settings = Settings;
    type State = Window;

    fn open(settings: Settings, step: Step) -> Result<Self, Error> {
        let Settings { window, threshold, min_samples } = settings;
        let samples = step.samples_in(window);
        let refuse = |why: String| Err(Error::InvalidSettings(why));
        if !(threshold > 0.0 && threshold.is_finite()) {
            return refuse(format!("threshold: is {threshold}; it must be a number above 0, usually 3"));
        }
        if samples < MIN_WINDOW {
            let least = Duration::from_millis(step.millis().saturating_mul(MIN_WINDOW));
            return refuse(format!(
                "window: {window} holds {samples} samples at this step; make it at least {least}, which is {MIN_WINDOW}"
            ));
        }
        let min_samples = min_samples.unwrap_or(MIN_SAMPLES.min(samples));
        if !(2..=samples).contains(&min_samples) {
            return refuse(format!(
                "min_samples: is {min_samples}; it must be between 2 and {samples}, the samples in a window of {window}"
            ));
        }
        let Some(shape) = Shape::of(samples) else {
            return refuse(format!("window: {window} holds {samples} samples at this step, too many; make it shorter"));
        };
        Ok(ZScore { threshold, shape, needs: Needs { history_ms: window.millis(), min_samples } })
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn start(&self) -> Window {
        Window::empty(self.shape)
    }

    fn fits(&self, state: &Window) -> Result<(), String> {
        state.fits(self.shape)
    }

    fn score(&self, window: &mut Window, _at: Timestamp, value: f64) -> Verdict {
        let before = window.moments();
        window.push(value);
        if before.count < self.needs.min_samples as f64 {
            return Verdict::not_judged();
        }
        Verdict::of_band(value, before.mean, self.threshold * before.deviation())
    }

    fn note(&self, _: &Window, _: Timestamp, value: f64, verdict: &Verdict) -> Option<String> {
        Some(format!("{} from the samples before", text::deviation(value, verdict)))
    }
}

tidegate_guest::export_detector!(ZScore);

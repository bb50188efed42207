//! The seasonal detector: compares a sample with the samples at the same time of earlier periods, of a day or a week.
//!
//! This module holds the settings and the judgement; what is remembered lives in `season`.

mod season;

use schemars::JsonSchema;
use season::{Clock, Season};
use serde::Deserialize;
use tidegate_guest::{Detector, Duration, Error, Needs, Step, Timestamp, Verdict, text};

/// What a user can set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// After how long the pattern repeats; counted from 1970-01-01T00:00Z, so `24h` is a day in UTC. At least 4 steps.
    #[serde(default = "default_period")]
    period: Duration,
    /// How many standard deviations from what was seen at this time of earlier periods are still normal.
    #[serde(default = "default_threshold")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    threshold: f64,
    /// How many earlier periods must have been seen at this time before it judges.
    #[serde(default = "default_min_periods")]
    #[schemars(range(min = 2, max = 14))]
    min_periods: u8,
}

fn default_period() -> Duration {
    DAY
}

fn default_threshold() -> f64 {
    3.0
}

fn default_min_periods() -> u8 {
    2
}

const DAY: Duration = Duration::from_millis(86_400_000);

/// The longest period: nothing that people plan by repeats less often than every year.
const LONGEST: Duration = Duration::from_millis(366 * DAY.millis());

/// Fewer samples than this make no pattern.
const MIN_SAMPLES: u64 = 4;

/// History to ask for, where that much is affordable: as many periods as a slot remembers, but at most three weeks,
/// and of long periods three, one more than it takes to judge.
const HISTORY_PERIODS: u64 = season::MEMORY as u64;
const HISTORY_MOST: Duration = Duration::from_millis(21 * DAY.millis());
const HISTORY_LEAST_PERIODS: u64 = 3;

/// The configured detector.
#[derive(Debug)]
pub struct Seasonal {
    clock: Clock,
    threshold: f64,
    min_periods: u8,
    needs: Needs,
}

impl Detector for Seasonal {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str =
        "Distance from the values at the same time of earlier days or weeks, in standard deviations.";
    type Settings = Settings;
    type State = Season;

    fn open(settings: Settings, step: Step) -> Result<Self, Error> {
        let Settings { period, threshold, min_periods } = settings;
        let refuse = |why: String| Err(Error::InvalidSettings(why));
        if !(threshold > 0.0 && threshold.is_finite()) {
            return refuse(format!("threshold: is {threshold}; it must be a number above 0, usually 3"));
        }
        if !(2..=season::MEMORY).contains(&min_periods) {
            return refuse(format!("min_periods: is {min_periods}; it must be between 2 and {}", season::MEMORY));
        }
        if period > LONGEST {
            return refuse(format!("period: is {period}; it must be at most {LONGEST}, usually 24h or 1w"));
        }
        let samples = period.millis() / step.millis();
        if samples < MIN_SAMPLES {
            let least = Duration::from_millis(step.millis().saturating_mul(MIN_SAMPLES));
            return refuse(format!(
                "period: {period} holds {samples} samples at this step; make it at least {least}, which is {MIN_SAMPLES}"
            ));
        }
        let periods = |count: u64| period.millis() * count;
        let needs = Needs {
            history_ms: periods(HISTORY_PERIODS).min(HISTORY_MOST.millis()).max(periods(HISTORY_LEAST_PERIODS)),
            // A series that begins with the last sample of a slot has that slot a slot's length early.
            min_samples: u64::from(min_periods) * samples - (samples.div_ceil(season::MAX_SLOTS) - 1),
        };
        Ok(Seasonal { clock: Clock::new(period, samples), threshold, min_periods, needs })
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn start(&self) -> Season {
        Season::empty(self.clock)
    }

    fn fits(&self, state: &Season) -> Result<(), String> {
        state.fits(self.clock)
    }

    fn score(&self, season: &mut Season, at: Timestamp, value: f64) -> Verdict {
        let place = self.clock.place(at);
        season.enter(place);
        let verdict = match season.at(place.slot) {
            Some(slot) if slot.periods >= self.min_periods => {
                // What is tested is one new value against a mean that is itself uncertain.
                let uncertain = (1.0 + 1.0 / f64::from(slot.periods)).sqrt();
                let half_band = self.threshold * slot.deviation * uncertain;
                let (low, high) = slot.means_nearby;
                Verdict::between(value, slot.mean, low - half_band, high + half_band)
            }
            _ => Verdict::not_judged(),
        };
        season.learn(place, value);
        verdict
    }

    fn note(&self, _: &Season, _: Timestamp, value: f64, verdict: &Verdict) -> Option<String> {
        Some(format!("{} at this time of the period", text::deviation(value, verdict)))
    }
}

tidegate_guest::export_detector!(Seasonal);

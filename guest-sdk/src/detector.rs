//! Detectors: the trait that an author implements, and the adapter between it and the contract.
//!
//! The adapter is the same code in a component and in a native test. It owns columns, missing values, the state's bytes;
//! it knows nothing of any algorithm.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::bindings::detector::exports::tidegate::plugin::detector as contract;
use crate::state::{self, State};
use crate::{Error, Manifest, Needs, Samples, Scored, Timestamp, Verdicts, log, settings};

/// The distance between two samples of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    millis: u64,
}

impl Step {
    /// The step in milliseconds, never zero.
    pub fn millis(self) -> u64 {
        self.millis
    }

    /// How many samples fit into a span, rounded to the nearest whole number.
    pub fn samples_in(self, span: crate::Duration) -> u64 {
        let half_up = span.millis() % self.millis >= self.millis.div_ceil(2);
        span.millis() / self.millis + u64::from(half_up)
    }
}

/// The judgement of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// How unusual the sample is: 0 or above, and above 1 means anomalous. NaN means not judged.
    pub score: f64,
    /// The value that was expected, in the unit of the series.
    pub expected: f64,
    /// Lower edge of the band outside of which the score is above 1.
    pub lower: f64,
    /// Upper edge of that band.
    pub upper: f64,
}

impl Verdict {
    /// The largest score that [`Verdict::of_band`] gives: a band without width would make it infinite, and infinity does
    /// not survive every format a score is written in.
    pub const MAX_SCORE: f64 = 1e6;

    /// No judgement, for example because too little was seen. Not the same as a judgement of "normal".
    pub const fn not_judged() -> Self {
        Verdict { score: f64::NAN, expected: f64::NAN, lower: f64::NAN, upper: f64::NAN }
    }

    /// Judges by a band of `half_width` around what was expected: at its edge the score is 1, in the middle 0.
    pub fn of_band(value: f64, expected: f64, half_width: f64) -> Self {
        Self::between(value, expected, expected - half_width, expected + half_width)
    }

    /// Judges by a band around what was expected, of which it need not be the middle: at its edges the score is 1, at the
    /// expected value 0, in proportion between and beyond.
    ///
    /// The band is never narrower than the rounding of numbers of this size, so that rounding alone is no anomaly. Around
    /// an expected 0 that can be no width at all: then 0 scores 0 and anything else [`Verdict::MAX_SCORE`].
    pub fn between(value: f64, expected: f64, lower: f64, upper: f64) -> Self {
        let rounding = 8.0 * f64::EPSILON * expected.abs();
        let lower = lower.min(expected - rounding);
        let upper = upper.max(expected + rounding);
        let width = if value > expected { upper - expected } else { expected - lower };
        let distance = (value - expected).abs();
        let score = if distance == 0.0 { 0.0 } else { (distance / width).min(Self::MAX_SCORE) };
        Verdict { score, expected, lower, upper }
    }

    /// Whether the sample was judged and found anomalous.
    pub fn is_anomalous(&self) -> bool {
        self.score > 1.0
    }
}

/// A detector: settings that hold still, and a fold over the samples of one series.
///
/// Everything learned lives in [`Detector::State`]; the same state and sample must give the same result on any
/// instance. `self` holds what follows from the settings alone.
pub trait Detector: Sized + 'static {
    /// Short name in kebab case; usually `env!("CARGO_PKG_NAME")`.
    const NAME: &'static str;
    /// The guest's version, by semantic versioning; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One sentence for people.
    const SUMMARY: &'static str;

    /// The settings object. Its JSON Schema is made from this type; doc comments on its fields end up in there.
    type Settings: DeserializeOwned + JsonSchema;
    /// What is carried from sample to sample; see [`state!`](crate::state!).
    type State: State;

    /// Checks what the type of the settings cannot: ranges, and whether they make sense with this step.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`] with the key, what is wrong with it and what it should be.
    fn open(settings: Self::Settings, step: Step) -> Result<Self, Error>;

    /// How much data this configuration wants.
    fn needs(&self) -> Needs;

    /// The state of a series never seen.
    fn start(&self) -> Self::State;

    /// Whether a state that could be read belongs to these settings: a window of another length does not.
    ///
    /// # Errors
    /// What does not fit, in words; the adapter makes [`Error::UnreadableState`] of it and the host learns the series anew.
    fn fits(&self, state: &Self::State) -> Result<(), String> {
        let _ = state;
        Ok(())
    }

    /// Judges one sample against what came before it, then learns from it. `value` is finite.
    fn score(&self, state: &mut Self::State, at: Timestamp, value: f64) -> Verdict;

    /// A remark for people on the last sample of a call, with the state that has already learnt from it. Asked only when
    /// that sample is anomalous, because writing a sentence costs more than judging a sample.
    ///
    /// What the sample was compared with is gone where learning has replaced it: a detector that wants to tell keeps it in
    /// its state. One line reads best: the contract asks for a few hundred characters, and a host cuts after 4 KiB.
    fn note(&self, state: &Self::State, at: Timestamp, value: f64, verdict: &Verdict) -> Option<String> {
        let _ = (state, at, value, verdict);
        None
    }
}

/// A configured detector behind the calls of the contract.
pub struct Model<D> {
    detector: D,
}

impl<D: Detector> Model<D> {
    /// Reads the settings, a JSON object, for series with a sample every `step_ms` milliseconds.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`] where the settings or the step are not usable.
    pub fn open(settings: &str, step_ms: u64) -> Result<Self, Error> {
        if step_ms == 0 {
            return Err(Error::InvalidSettings("step: is 0 ms; it must be at least 1 ms".to_owned()));
        }
        let detector = D::open(settings::parse(settings)?, Step { millis: step_ms })?;
        Ok(Model { detector })
    }

    /// How much data this configuration wants.
    pub fn needs(&self) -> Needs {
        self.detector.needs()
    }

    /// Folds fresh samples into a state and judges each of them. Empty bytes are a series never seen.
    ///
    /// # Errors
    /// [`Error::UnreadableState`] for bytes that are not of this detector's layout or not of these settings,
    /// [`Error::Internal`] for columns of different lengths.
    pub fn score(&self, bytes: Vec<u8>, fresh: &Samples) -> Result<Scored, Error> {
        let Samples { timestamps, values } = fresh;
        if timestamps.len() != values.len() {
            return Err(Error::Internal(format!(
                "samples: {} timestamps but {} values; the columns must have equal lengths",
                timestamps.len(),
                values.len()
            )));
        }
        let mut state = self.read(&bytes)?;

        let mut verdicts = columns(values.len());
        let mut last = Verdict::not_judged();
        for (&at, &value) in timestamps.iter().zip(values) {
            last = if value.is_finite() { self.detector.score(&mut state, at, value) } else { Verdict::not_judged() };
            verdicts.scores.push(last.score);
            verdicts.expected.push(last.expected);
            verdicts.lower.push(last.lower);
            verdicts.upper.push(last.upper);
        }
        let note = match (timestamps.last(), values.last()) {
            (Some(&at), Some(&value)) if last.is_anomalous() => self.detector.note(&state, at, value, &last),
            _ => None,
        };
        Ok(Scored { state: state::to_bytes(&state, bytes), verdicts, note })
    }

    fn read(&self, bytes: &[u8]) -> Result<D::State, Error> {
        if bytes.is_empty() {
            return Ok(self.detector.start());
        }
        let state = state::from_bytes(bytes).map_err(Error::UnreadableState)?;
        self.detector.fits(&state).map_err(Error::UnreadableState)?;
        Ok(state)
    }
}

/// Verdicts with room for exactly as many samples: lists cross the boundary without being copied once more.
fn columns(len: usize) -> Verdicts {
    Verdicts {
        scores: Vec::with_capacity(len),
        expected: Vec::with_capacity(len),
        lower: Vec::with_capacity(len),
        upper: Vec::with_capacity(len),
    }
}

/// What a detector says of itself.
pub fn describe<D: Detector>() -> Manifest {
    Manifest {
        name: D::NAME.to_owned(),
        version: D::VERSION.to_owned(),
        summary: D::SUMMARY.to_owned(),
        settings_schema: settings::schema::<D::Settings>(),
    }
}

/// The component that [`export_detector!`](crate::export_detector!) exports.
pub struct Component<D>(PhantomData<D>);

impl<D: Detector> contract::Guest for Component<D> {
    type Model = Model<D>;

    fn describe() -> Manifest {
        log::report_panics();
        describe::<D>()
    }
}

impl<D: Detector> contract::GuestModel for Model<D> {
    fn open(settings: String, step_ms: u64) -> Result<contract::Model, Error> {
        log::report_panics();
        Model::<D>::open(&settings, step_ms).map(contract::Model::new)
    }

    fn needs(&self) -> Needs {
        Model::needs(self)
    }

    fn score(&self, state: Vec<u8>, fresh: Samples) -> Result<Scored, Error> {
        Model::score(self, state, &fresh)
    }
}

/// Makes a type that implements [`Detector`] the detector that a component exports. Once per crate; expands to nothing on
/// native targets, where the exported symbols would not link.
#[macro_export]
macro_rules! export_detector {
    ($detector:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::detector::Component<$detector>;
    $crate::bindings::detector::export!(Component with_types_in $crate::bindings::detector);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;

    #[test]
    fn steps_are_counted_to_the_nearest() {
        for (span, step, samples) in [
            (120, 60, 2),
            (119, 60, 2),
            (90, 60, 2),
            (89, 60, 1),
            (0, 60, 0),
            (29, 60, 0),
            (7, 1, 7),
            (u64::MAX, 1, u64::MAX),
        ] {
            let step = Step { millis: step };
            assert_eq!(step.samples_in(Duration::from_millis(span)), samples, "{span} ms at {step:?}");
        }
    }

    #[test]
    fn a_band_scores_by_its_edge() {
        for (value, expected, half, score) in [
            (10.0, 10.0, 2.0, 0.0),
            (12.0, 10.0, 2.0, 1.0),
            (6.0, 10.0, 2.0, 2.0),
            (10.0, 10.0, 0.0, 0.0),
            (0.0, 0.0, 0.0, 0.0),
            (1e-300, 0.0, 0.0, Verdict::MAX_SCORE),
            (f64::MAX, 0.0, 1e-3, Verdict::MAX_SCORE),
            (f64::MAX, f64::MIN, 1.0, Verdict::MAX_SCORE),
            (1e300, 0.0, f64::INFINITY, 0.0),
        ] {
            assert_eq!(Verdict::of_band(value, expected, half).score, score, "{value} of {expected} +/- {half}");
        }
        for (value, score) in [(10.0, 0.0), (11.0, 0.25), (14.0, 1.0), (18.0, 2.0), (9.0, 1.0), (8.0, 2.0)] {
            assert_eq!(Verdict::between(value, 10.0, 9.0, 14.0).score, score, "{value} of 10, between 9 and 14");
        }
        // 0.1 + 0.2 is not 0.3, and no anomaly either.
        assert!(!Verdict::of_band(0.1 + 0.2, 0.3, 0.0).is_anomalous());
        assert!(!Verdict::not_judged().is_anomalous());
    }
}

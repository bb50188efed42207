//! What every detector owes its host, whatever its algorithm, as a list of checks with names. Run them natively with
//! [`check`]; `tidegate guest test` runs them against the built component.

mod folds;
mod input;
mod states;

use super::{Ending, Fault, Series, Subject, bits, part, samples};
use crate::{Samples, Scored, Timestamp, Verdicts};

pub use folds::{FoldedIn, fold_every_way};

/// The most bytes of state that a first-party detector may keep for one series: a quarter of what a host takes by default.
pub const MAX_STATE: usize = 16_384;

/// One promise of the contract, and how it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Short, in kebab case.
    pub name: &'static str,
    /// The promise, in one sentence.
    pub what: &'static str,
    run: fn(&mut Trial<'_>) -> Kept,
}

/// The checks of purity: the same bits whenever, wherever and in whatever order a call is made.
pub const PURITY: [&str; 2] = ["deterministic", "pure"];

/// The check that says whether the others saw a verdict at all. A guest that wants a year of history before it judges
/// cannot pass it and keeps every promise all the same.
const JUDGES: &str = "judges";

const fn check_of(name: &'static str, what: &'static str, run: fn(&mut Trial<'_>) -> Kept) -> Check {
    Check { name, what, run }
}

/// All checks, in the order in which a reader wants to see them fail.
pub const CHECKS: [Check; 20] = [
    check_of("deterministic", "the same call gives the same bits", folds::deterministic),
    check_of("pure", "series shuffled over one instance and fresh instances give the same bits", folds::pure),
    check_of("columns", "one entry a sample in every column; a row is judged or all NaN", folds::columns),
    check_of("bands", "a value outside of the band scores above 1, one inside does not", folds::bands),
    check_of(JUDGES, "ordinary samples are judged once there are enough of them", folds::judges),
    check_of("min-samples", "no sample is judged before as many as `needs` says were seen", folds::min_samples),
    check_of("one-by-one", "samples one by one give the same bits as all at once", folds::one_by_one),
    check_of("in-chunks", "samples in chunks give the same bits as all at once", folds::in_chunks),
    check_of("resumes", "another instance goes on from saved state with the same bits", folds::resumes),
    check_of("state-size", "state stays small", states::size),
    check_of("empty-frame", "no samples give no verdicts and change nothing", input::empty_frame),
    check_of("one-sample", "a single sample is answered, on a series new or known", input::one_sample),
    check_of("missing-values", "NaN and infinities are neither judged nor learnt", input::missing_values),
    check_of("extreme-values", "the largest and smallest numbers there are do no harm", input::extreme_values),
    check_of("ten-thousand-samples", "ten thousand samples at once are answered", input::ten_thousand_samples),
    check_of("huge-gaps", "gaps of years and ages do no harm", input::huge_gaps),
    check_of("time-backwards", "time going backwards, or standing still, does no harm", input::time_backwards),
    check_of("truncated-state", "state that was cut short is refused as unreadable", states::truncated),
    check_of("damaged-state", "state with a flipped bit is refused as unreadable", states::damaged),
    check_of("foreign-state", "bytes that were never state are refused as unreadable", states::foreign),
];

/// How a promise was not kept.
enum Broken {
    /// Not against the letter of the contract.
    Doubtful(String),
    /// Against it.
    Fault(String),
}

type Kept = Result<(), Broken>;

fn fault<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Fault(what.into()))
}

fn doubt<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Doubtful(what.into()))
}

/// Opens the detector on trial once more: another instance with the same settings.
pub type Another<'a> = dyn FnMut() -> Result<Box<dyn Subject>, Fault> + 'a;

/// A detector on trial, and what it is tried with.
pub struct Trial<'a> {
    subject: &'a mut dyn Subject,
    another: Option<&'a mut Another<'a>>,
    ordinary: Samples,
    step_ms: u64,
    /// Most places of a state that are damaged, one after the other.
    places: usize,
    learnt: Option<Vec<u8>>,
}

impl Check {
    /// Tries the detector.
    pub fn run(&self, trial: &mut Trial<'_>) -> Ending {
        match (self.run)(trial) {
            Ok(()) => Ending::Pass,
            Err(Broken::Doubtful(why)) => Ending::Warn(why),
            Err(Broken::Fault(why)) => Ending::Fail(why),
        }
    }
}

impl<'a> Trial<'a> {
    /// Most places of a state that are damaged where each try is a call into a component.
    const PLACES: usize = 128;

    /// A trial of a component. `ordinary` is data that it can judge, as [`ordinary`] makes it.
    pub fn new(subject: &'a mut dyn Subject, another: &'a mut Another<'a>, ordinary: Samples, step_ms: u64) -> Self {
        Trial { subject, another: Some(another), ordinary, step_ms, places: Self::PLACES, learnt: None }
    }

    fn start(&self) -> Timestamp {
        self.ordinary.timestamps.first().copied().unwrap_or(0)
    }

    fn end(&self) -> Timestamp {
        self.ordinary.timestamps.last().copied().unwrap_or(0)
    }

    /// Values as samples, one each step from `start` on.
    fn samples(&self, start: Timestamp, values: impl IntoIterator<Item = f64>) -> Samples {
        samples(start, self.step_ms, values)
    }

    /// One call that has to be answered, within the contract.
    fn score(&mut self, state: &[u8], fresh: &Samples, what: &str) -> Result<Scored, Broken> {
        score(self.subject, state, fresh, what)
    }

    /// The state after the ordinary samples.
    fn learnt(&mut self) -> Result<Vec<u8>, Broken> {
        if let Some(learnt) = &self.learnt {
            return Ok(learnt.clone());
        }
        let learnt = score(self.subject, &[], &self.ordinary, "ordinary samples")?.state;
        Ok(self.learnt.insert(learnt).clone())
    }

    /// Another instance, where there can be one.
    fn another(&mut self) -> Result<Option<Box<dyn Subject>>, Broken> {
        let Some(open) = &mut self.another else { return Ok(None) };
        open().map(Some).or_else(|fault| self::fault(format!("open, a second time: {fault}")))
    }
}

fn score(subject: &mut dyn Subject, state: &[u8], fresh: &Samples, what: &str) -> Result<Scored, Broken> {
    let scored = subject.score(state, fresh).or_else(|fault| self::fault(format!("{what}: {fault}")))?;
    sane(&scored.verdicts, fresh.values.len()).or_else(|why| fault(format!("{what}: {why}")))?;
    Ok(scored)
}

/// Samples of an ordinary series, always the same: a wave with noise that stays within bounds, and now and then a spike.
pub fn ordinary(start: Timestamp, step_ms: u64, count: usize) -> Samples {
    let value = |at: usize| {
        let wave = (at as f64 * std::f64::consts::TAU / 60.0).sin();
        let noise = (at * 7919 % 101) as f64 / 50.0;
        let spike = if at % 997 == 996 { 80.0 } else { 0.0 };
        100.0 + 5.0 * wave + noise + spike
    };
    samples(start, step_ms, (0..count).map(value))
}

/// Checks a detector against every promise of the contract, natively and strictly: what would be a warning for a guest of
/// another make is an error here. `ordinary` is data that it can judge, enough of it that it does; `start` and `step_ms` say
/// when it was sampled.
///
/// # Errors
/// The first promise that was broken.
pub fn check(subject: &mut impl Subject, start: i64, step_ms: u64, ordinary: &[f64]) -> Result<(), String> {
    let ordinary = samples(start, step_ms, ordinary.iter().copied());
    let mut trial = Trial { subject, another: None, ordinary, step_ms, places: usize::MAX, learnt: None };
    for check in CHECKS.iter().filter(|check| check.name != JUDGES) {
        match check.run(&mut trial) {
            Ending::Pass => {}
            Ending::Warn(why) | Ending::Fail(why) | Ending::Error(why) => return Err(format!("{}: {why}", check.name)),
        }
    }
    uneven_columns(subject)
}

/// A host never sends such samples; the adapter of this crate refuses them all the same.
fn uneven_columns(subject: &mut impl Subject) -> Result<(), String> {
    for (times, values) in [(1, 0), (0, 1), (3, 2)] {
        let uneven = Samples { timestamps: (0..times).collect(), values: vec![1.0; values] };
        if subject.score(&[], &uneven).is_ok() {
            return Err(format!("{times} timestamps with {values} values: accepted"));
        }
    }
    Ok(())
}

/// Whether verdicts are what the contract says: as many as samples, each row judged or NaN throughout, scores not
/// negative, bands the right way up.
///
/// # Errors
/// The first row that is not.
pub fn sane(verdicts: &Verdicts, samples: usize) -> Result<(), String> {
    let Verdicts { scores, expected, lower, upper } = verdicts;
    let lengths = [scores.len(), expected.len(), lower.len(), upper.len()];
    if lengths != [samples; 4] {
        return Err(format!("columns of {lengths:?} entries for {samples} samples"));
    }
    for row in 0..samples {
        let judged = scores[row] >= 0.0 && !expected[row].is_nan() && lower[row] <= upper[row];
        let not_judged = [scores[row], expected[row], lower[row], upper[row]].iter().all(|x| x.is_nan());
        if !judged && !not_judged {
            return Err(format!(
                "sample {row}: score {}, expected {} in {} to {}: a score is 0 or above, with an expected value and a band, \
                 or all four are NaN",
                scores[row], expected[row], lower[row], upper[row]
            ));
        }
    }
    Ok(())
}

//! Guests without a host: native tests and benchmarks call a detector or a policy here, through the very code that a
//! component exports. What is missing is the boundary itself, its limits, and the host.
//!
//! [`Dice`] makes up series, and [`Vigil`] watches one as a host would, without learning its incidents.
//!
//! [`cases`] and [`policy_cases`] read test cases from files; [`contract`] and [`policy_contract`] hold what every guest
//! owes its host. All work on anything that answers the calls, so that `tidegate guest test` runs them against the built
//! component as well.

pub mod answers;
mod bound;
pub mod cases;
pub mod contract;
mod dice;
mod file;
mod instant;
pub mod policy_cases;
pub mod policy_contract;
mod series_file;
mod vigil;

use std::fmt;

pub use crate::detector::{Model, describe as describe_detector};
pub use crate::policy::{Configured, describe as describe_policy};
pub use dice::Dice;
pub use file::CaseError;
pub use vigil::{Vigil, Watched};

use crate::{Detector, Error, Needs, Samples, Scored, Timestamp, Verdict, Verdicts};

/// A configured detector, native or behind a host.
pub trait Subject {
    /// How much data it wants.
    fn needs(&mut self) -> Needs;

    /// One call, as in the contract.
    ///
    /// # Errors
    /// The detector's own error, or why there is no answer.
    fn score(&mut self, state: &[u8], fresh: &Samples) -> Result<Scored, Fault>;
}

impl<D: Detector> Subject for Model<D> {
    fn needs(&mut self) -> Needs {
        Model::needs(self)
    }

    fn score(&mut self, state: &[u8], fresh: &Samples) -> Result<Scored, Fault> {
        Ok(Model::score(self, state.to_vec(), fresh)?)
    }
}

/// Why a call brought nothing to compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The guest's own error, as in the contract: an answer, if not a result.
    Guest(Error),
    /// An answer that breaks the contract, in the words of whoever refused it.
    BadAnswer(String),
    /// No answer: a trap, or a limit that bit.
    Broken(String),
    /// No answer in time.
    TimedOut(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Guest(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Guest(Error::InvalidSettings(text)) => write!(f, "invalid settings: {text}"),
            Fault::Guest(Error::UnreadableState(text)) => write!(f, "unreadable state: {text}"),
            Fault::Guest(Error::InsufficientData(text)) => write!(f, "insufficient data: {text}"),
            Fault::Guest(Error::Internal(text)) => write!(f, "internal error: {text}"),
            Fault::BadAnswer(text) => write!(f, "an answer that breaks the contract: {text}"),
            Fault::Broken(text) => write!(f, "no answer: {text}"),
            Fault::TimedOut(text) => write!(f, "no answer in time: {text}"),
        }
    }
}

/// How a case or a check ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// As it should.
    Pass,
    /// Nothing is broken, and something is worth a look.
    Warn(String),
    /// Otherwise than it should: what was expected, and what came.
    Fail(String),
    /// It could not be told: the guest gave no answer where nothing out of the ordinary was asked.
    Error(String),
}

impl Ending {
    /// What is left of an ending that was held against a fault: the guest's own errors and bad answers are failures, no
    /// answer at all is an error.
    fn of_fault(what: &str, fault: &Fault) -> Ending {
        let text = format!("{what}: {fault}");
        match fault {
            Fault::Guest(_) | Fault::BadAnswer(_) => Ending::Fail(text),
            Fault::Broken(_) | Fault::TimedOut(_) => Ending::Error(text),
        }
    }
}

/// One series under a detector, fed call by call as a host would: the state goes out as bytes and comes back as bytes.
pub struct Series<'a, S: ?Sized> {
    subject: &'a mut S,
    /// The state after the last call. Empty before the first.
    pub state: Vec<u8>,
    /// The remark on the last sample of the last call.
    pub note: Option<String>,
}

impl<'a, S: Subject + ?Sized> Series<'a, S> {
    /// A series never seen.
    pub fn new(subject: &'a mut S) -> Self {
        Self::resumed(subject, Vec::new())
    }

    /// A series whose state was saved.
    pub fn resumed(subject: &'a mut S, state: Vec<u8>) -> Self {
        Series { subject, state, note: None }
    }

    /// One call with fresh samples.
    ///
    /// # Errors
    /// As [`Subject::score`]; the state stays as it was.
    pub fn feed(&mut self, fresh: &Samples) -> Result<Verdicts, Fault> {
        let scored = self.subject.score(&self.state, fresh)?;
        self.state = scored.state;
        self.note = scored.note;
        Ok(scored.verdicts)
    }

    /// One call for each run of at most `chunk` samples; the verdicts of all of them.
    ///
    /// # Errors
    /// As [`Subject::score`], for the first call that fails.
    pub fn feed_in_chunks(&mut self, fresh: &Samples, chunk: usize) -> Result<Verdicts, Fault> {
        let mut all = Verdicts { scores: vec![], expected: vec![], lower: vec![], upper: vec![] };
        let chunk = chunk.max(1);
        for (timestamps, values) in fresh.timestamps.chunks(chunk).zip(fresh.values.chunks(chunk)) {
            let verdicts = self.feed(&Samples { timestamps: timestamps.to_vec(), values: values.to_vec() })?;
            append(&mut all, verdicts);
        }
        Ok(all)
    }

    /// One call with one sample.
    ///
    /// # Errors
    /// As [`Subject::score`].
    pub fn feed_one(&mut self, at: Timestamp, value: f64) -> Result<Verdict, Fault> {
        let verdicts = self.feed(&Samples { timestamps: vec![at], values: vec![value] })?;
        Ok(verdict(&verdicts, 0))
    }
}

fn append(all: &mut Verdicts, more: Verdicts) {
    all.scores.extend(more.scores);
    all.expected.extend(more.expected);
    all.lower.extend(more.lower);
    all.upper.extend(more.upper);
}

/// One row of the verdict columns; not judged where there is none.
pub fn verdict(verdicts: &Verdicts, index: usize) -> Verdict {
    let at = |column: &[f64]| column.get(index).copied().unwrap_or(f64::NAN);
    Verdict {
        score: at(&verdicts.scores),
        expected: at(&verdicts.expected),
        lower: at(&verdicts.lower),
        upper: at(&verdicts.upper),
    }
}

/// Values as samples, one each step from `start` on.
pub fn samples(start: Timestamp, step_ms: u64, values: impl IntoIterator<Item = f64>) -> Samples {
    let values: Vec<f64> = values.into_iter().collect();
    let step = i64::try_from(step_ms).unwrap_or(i64::MAX);
    let timestamps = std::iter::successors(Some(start), |t| Some(t.saturating_add(step))).take(values.len()).collect();
    Samples { timestamps, values }
}

/// A part of a run of samples.
fn part(run: &Samples, range: std::ops::Range<usize>) -> Samples {
    Samples { timestamps: run.timestamps[range.clone()].to_vec(), values: run.values[range].to_vec() }
}

/// The bits of the verdict columns, for comparing them exactly: NaN is unequal to itself, and its bits are not.
pub fn bits(verdicts: &Verdicts) -> Vec<u64> {
    [&verdicts.scores, &verdicts.expected, &verdicts.lower, &verdicts.upper]
        .into_iter()
        .flatten()
        .map(|number| number.to_bits())
        .collect()
}

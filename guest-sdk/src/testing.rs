//! Guests without a host: native tests and benchmarks call a detector or a policy here, through the very code that a
//! component exports. What is missing is the boundary itself, its limits, and the host.
//!
//! [`cases`] and [`policy_cases`] read test cases from files and [`contract`] holds what every detector owes its host. All work on
//! anything that answers the calls, so a test of the host runs them against the built component as well.

pub mod cases;
pub mod contract;
pub mod policy_cases;

pub use crate::detector::{Model, describe as describe_detector};
pub use crate::policy::{Configured, describe as describe_policy};

use crate::{Detector, Error, Needs, Samples, Scored, Timestamp, Verdict, Verdicts};

/// A configured detector, native or behind a host.
pub trait Subject {
    /// How much data it wants.
    fn needs(&mut self) -> Needs;

    /// One call, as in the contract.
    ///
    /// # Errors
    /// As in the contract; a trap or a limit that bit is [`Error::Internal`].
    fn score(&mut self, state: &[u8], fresh: &Samples) -> Result<Scored, Error>;
}

impl<D: Detector> Subject for Model<D> {
    fn needs(&mut self) -> Needs {
        Model::needs(self)
    }

    fn score(&mut self, state: &[u8], fresh: &Samples) -> Result<Scored, Error> {
        Model::score(self, state.to_vec(), fresh)
    }
}

/// One series under a detector, fed call by call as a host would: the state goes out as bytes and comes back as bytes.
pub struct Series<'a, S> {
    subject: &'a mut S,
    /// The state after the last call. Empty before the first.
    pub state: Vec<u8>,
    /// The remark on the last sample of the last call.
    pub note: Option<String>,
}

impl<'a, S: Subject> Series<'a, S> {
    /// A series never seen.
    pub fn new(subject: &'a mut S) -> Self {
        Series { subject, state: Vec::new(), note: None }
    }

    /// One call with fresh samples.
    ///
    /// # Errors
    /// As [`Subject::score`]; the state stays as it was.
    pub fn feed(&mut self, fresh: &Samples) -> Result<Verdicts, Error> {
        let scored = self.subject.score(&self.state, fresh)?;
        self.state = scored.state;
        self.note = scored.note;
        Ok(scored.verdicts)
    }

    /// One call for each run of at most `chunk` samples; the verdicts of all of them.
    ///
    /// # Errors
    /// As [`Subject::score`], for the first call that fails.
    pub fn feed_in_chunks(&mut self, fresh: &Samples, chunk: usize) -> Result<Verdicts, Error> {
        let mut all = Verdicts { scores: vec![], expected: vec![], lower: vec![], upper: vec![] };
        let chunk = chunk.max(1);
        for (timestamps, values) in fresh.timestamps.chunks(chunk).zip(fresh.values.chunks(chunk)) {
            let verdicts = self.feed(&Samples { timestamps: timestamps.to_vec(), values: values.to_vec() })?;
            all.scores.extend(verdicts.scores);
            all.expected.extend(verdicts.expected);
            all.lower.extend(verdicts.lower);
            all.upper.extend(verdicts.upper);
        }
        Ok(all)
    }

    /// One call with one sample.
    ///
    /// # Errors
    /// As [`Subject::score`].
    pub fn feed_one(&mut self, at: Timestamp, value: f64) -> Result<Verdict, Error> {
        let verdicts = self.feed(&Samples { timestamps: vec![at], values: vec![value] })?;
        Ok(verdict(&verdicts, 0))
    }
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

/// The bits of the verdict columns, for comparing them exactly: NaN is unequal to itself, and its bits are not.
pub fn bits(verdicts: &Verdicts) -> Vec<u64> {
    [&verdicts.scores, &verdicts.expected, &verdicts.lower, &verdicts.upper]
        .into_iter()
        .flatten()
        .map(|number| number.to_bits())
        .collect()
}

//! Guests without a host: native tests and benchmarks call a detector or a policy here, through the very code that a
//! component exports. What is missing is the boundary itself, its limits, and the host.

pub use crate::detector::{Model, describe as describe_detector};
pub use crate::policy::{Configured, describe as describe_policy};

use crate::{Detector, Error, Samples, Timestamp, Verdict, Verdicts};

/// One series under a detector, fed call by call as a host would: the state goes out as bytes and comes back as bytes.
pub struct Series<'a, D> {
    model: &'a Model<D>,
    /// The state after the last call. Empty before the first.
    pub state: Vec<u8>,
    /// The remark on the last sample of the last call.
    pub note: Option<String>,
}

impl<'a, D: Detector> Series<'a, D> {
    /// A series never seen.
    pub fn new(model: &'a Model<D>) -> Self {
        Series {
            model,
            state: Vec::new(),
            note: None,
        }
    }

    /// One call with fresh samples.
    ///
    /// # Errors
    /// As [`Model::score`]; the state stays as it was.
    pub fn feed(&mut self, fresh: &Samples) -> Result<Verdicts, Error> {
        let scored = self.model.score(self.state.clone(), fresh)?;
        self.state = scored.state;
        self.note = scored.note;
        Ok(scored.verdicts)
    }

    /// One call with one sample.
    ///
    /// # Errors
    /// As [`Model::score`].
    pub fn feed_one(&mut self, at: Timestamp, value: f64) -> Result<Verdict, Error> {
        let verdicts = self.feed(&Samples {
            timestamps: vec![at],
            values: vec![value],
        })?;
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
    let timestamps = std::iter::successors(Some(start), |t| Some(t.saturating_add(step)))
        .take(values.len())
        .collect();
    Samples { timestamps, values }
}

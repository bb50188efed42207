//! A configured detector as the pipeline sees it. The sandbox is one way to have it; a test may bring another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tidegate_sandbox::{CallError, Detector, GuestError, Scored};

/// Scores series by one configured detector.
pub trait Scorer: Send + Sync {
    /// Its name in the config.
    fn name(&self) -> &str;

    /// SHA-256 of the component.
    fn digest(&self) -> &str;

    /// What the meaning of its states follows from, apart from the component's version: the guest, its settings and the
    /// step. A state goes on under another version, and under no other model.
    fn model(&self) -> &str;

    /// How much history it wants when a series is seen for the first time.
    fn history(&self) -> Duration;

    /// Folds samples into a state; see `detector.model.score` in the contract.
    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError>;
}

/// Why a detector could not be asked. Never a score of zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ScoreError {
    /// Stable snake-case name, for counting.
    pub kind: &'static str,
    /// What happened, for people.
    pub text: String,
    /// The state is of another layout: the series must be learnt again.
    pub unreadable_state: bool,
}

/// Asks a detector. Whatever goes wrong with it is an error of this series, and of no other.
pub(crate) fn ask(
    detector: &dyn Scorer,
    state: &[u8],
    timestamps: &[i64],
    values: &[f64],
) -> Result<Scored, ScoreError> {
    let failed = |kind, text| Err(ScoreError { kind, text, unreadable_state: false });
    // A state is only replaced by an answer: a call that breaks half-way leaves nothing behind.
    let answer = catch_unwind(AssertUnwindSafe(|| detector.score(state, timestamps, values)));
    let Ok(answer) = answer else {
        return failed(
            "panicked",
            format!("the host broke while it called detector {}; please report it", detector.name()),
        );
    };
    let mut scored = answer?;
    let columns = &scored.verdicts;
    let lengths = [&columns.scores, &columns.expected, &columns.lower, &columns.upper].map(Vec::len);
    if lengths != [values.len(); 4] {
        return failed("bad_answer", format!("verdicts in columns of {lengths:?} for {} samples", values.len()));
    }
    // States are what fills the memory.
    scored.state.shrink_to_fit();
    Ok(scored)
}

/// A detector in the sandbox under its name in the config.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The name.
    pub name: String,
    /// The detector.
    pub detector: Detector,
    /// See [`Scorer::model`].
    pub model: String,
}

impl Scorer for Configured {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        self.detector.digest()
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn history(&self) -> Duration {
        self.detector.needs().history
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        self.detector.score(state, timestamps, values).map_err(|error| ScoreError {
            kind: error.kind(),
            unreadable_state: matches!(error, CallError::Guest(GuestError::UnreadableState(_))),
            text: error.to_string(),
        })
    }
}

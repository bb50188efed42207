//! What the configured detectors say of the series behind an alert that somebody else's rule raised.

use serde::{Deserialize, Serialize};

use super::Evidence;

/// Whether the value that an alert is about is unusual for its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondOpinion {
    /// Fingerprint of the alert.
    pub fingerprint: String,
    /// What was found.
    #[serde(flatten)]
    pub verdict: OpinionVerdict,
    /// PromQL of the series that was judged: the rule's without its comparison. Empty where none was found.
    pub expr: String,
    /// What was seen, where there was something to see. Its detectors' states are left out: nothing is judged by them later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
}

/// Usual or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum OpinionVerdict {
    /// The detectors would have expected about this at this time.
    Usual,
    /// They would not.
    Unusual,
    /// They could not say. Never to be taken for usual.
    Unknown {
        /// Why.
        why: String,
    },
}

impl OpinionVerdict {
    /// What tells most comes first: unusual, unknown, usual.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            OpinionVerdict::Unusual => 0,
            OpinionVerdict::Unknown { .. } => 1,
            OpinionVerdict::Usual => 2,
        }
    }
}

//! What a policy asked Prometheus before it answered, and what it was told: evidence, whole enough to ask it again.

use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::number::Number;
use crate::time::Timestamp;

/// What a policy asked for one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// In the order in which they were asked.
    pub questions: Vec<Question>,
    /// How many more were refused than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
}

impl Asked {
    /// True for a policy that asked nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.unlisted == 0
    }
}

/// One question, and what the policy was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The PromQL expression.
    pub expr: String,
    /// How many bytes it had, where `expr` is only its beginning. Such a question was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_from: Option<u64>,
    /// What the policy was told: all of it.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What a policy was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Prometheus' answer.
    Answered {
        /// One sample a series, in Prometheus' order.
        samples: Vec<Sample>,
    },
    /// Prometheus was asked, and no answer was handed on.
    Failed {
        /// The error as the policy got it.
        error: String,
    },
    /// The host did not ask Prometheus.
    Refused {
        /// The reason as the policy got it.
        reason: String,
    },
}

/// One element of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// When it was evaluated.
    pub at: Timestamp,
    /// Its value.
    pub value: Number,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

//! Why something was not asked, or not run: each reason with its name.

use serde::{Deserialize, Serialize};

use super::RequestId;
use crate::time::Timestamp;

/// A reason not to run what was approved, found just before running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Guard {
    /// The incident is over.
    NotActive,
    /// Alertmanager silences or inhibits it.
    Silenced {
        /// Which silence or alert.
        by: String,
    },
    /// The detectors find the values behind its alerts usual for this time, and its route leaves such alone.
    Usual,
    /// Alertmanager could not be asked; not knowing is not a yes.
    SilencesUnknown {
        /// What went wrong.
        error: String,
    },
    /// The action's config, or the policy that proposed it, is no longer what was shown.
    DigestChanged,
    /// The approval was not started in time.
    Stale,
    /// There are no samples fresh enough to act on.
    Late,
    /// Another repair holds the target.
    TargetBusy {
        /// The request that holds it.
        request: RequestId,
    },
    /// The last run on this target is too recent.
    Cooldown {
        /// Until when.
        until: Timestamp,
    },
    /// Too many runs on this target in the last hour.
    Rate {
        /// When the next one is free.
        until: Timestamp,
    },
    /// Too many targets are under repair.
    BlastRadius {
        /// How many are.
        targets: usize,
        /// Values of which label were counted; None for targets as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// How many values a label has is not known, so neither is a share of them.
    BlastRadiusUnknown {
        /// What went wrong.
        error: String,
    },
    /// A maintenance window of the config is open.
    Maintenance {
        /// Its name.
        window: String,
        /// When it closes.
        until: Timestamp,
    },
    /// Runs of this action did not help, too many in a row.
    CircuitOpen {
        /// How many.
        runs: u32,
        /// When the next one is let through.
        until: Timestamp,
    },
    /// Somebody has paused all repairs.
    Paused {
        /// Who.
        by: String,
    },
    /// Many things are breaking at once.
    Storm,
}

impl Guard {
    /// Snake-case name, as in the journal and in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Guard::NotActive => "not_active",
            Guard::Silenced { .. } => "silenced",
            Guard::Usual => "usual",
            Guard::SilencesUnknown { .. } => "silences_unknown",
            Guard::DigestChanged => "digest_changed",
            Guard::Stale => "stale",
            Guard::Late => "late",
            Guard::TargetBusy { .. } => "target_busy",
            Guard::Cooldown { .. } => "cooldown",
            Guard::Rate { .. } => "rate",
            Guard::BlastRadius { .. } => "blast_radius",
            Guard::BlastRadiusUnknown { .. } => "blast_radius_unknown",
            Guard::Maintenance { .. } => "maintenance",
            Guard::CircuitOpen { .. } => "circuit_open",
            Guard::Paused { .. } => "paused",
            Guard::Storm => "storm",
        }
    }
}

/// Why a plan did not become a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Refusal {
    /// The watch does not offer this action.
    UnknownAction {
        /// What the plan named.
        action: String,
    },
    /// The arguments are outside the action's bounds.
    BadArguments {
        /// Which, and why.
        error: String,
    },
    /// The incident has no label that the action's target needs.
    NoTarget {
        /// The missing label.
        label: String,
    },
    /// A guard already stands in the way.
    Guarded {
        /// Which one.
        guard: Guard,
    },
}

impl Refusal {
    /// The guard that stands in the way, where it is one.
    #[must_use]
    pub fn guard(&self) -> Option<&Guard> {
        match self {
            Refusal::Guarded { guard } => Some(guard),
            _ => None,
        }
    }

    /// Snake-case name, as in the journal and in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::UnknownAction { .. } => "unknown_action",
            Refusal::BadArguments { .. } => "bad_arguments",
            Refusal::NoTarget { .. } => "no_target",
            Refusal::Guarded { guard } => guard.name(),
        }
    }
}

//! The blast radius: how much may be under repair at once. A cure that is wrong must not be given to everybody.

use std::collections::BTreeSet;

use super::{Candidate, Populations};
use crate::book::Request;
use crate::decide::Context;
use crate::event::Guard;
use crate::labels::Labels;
use crate::rules::{BlastRadius, Most};

/// Is it too much, with one more?
pub(super) fn exceeded(context: &Context<'_>, candidate: &Candidate<'_>, under_repair: &[&Request]) -> Option<Guard> {
    let busy: BTreeSet<&Labels> = under_repair.iter().map(|request| &request.proposal.action.target).collect();
    if busy.len() >= context.rules.gate.max_targets {
        return Some(Guard::BlastRadius { targets: busy.len(), label: None });
    }
    candidate.action.blast_radius.iter().find_map(|radius| of_label(candidate, radius, &busy))
}

/// Values are counted whatever action repairs them: to whoever uses it, one instance less is one less.
fn of_label(candidate: &Candidate<'_>, radius: &BlastRadius, busy: &BTreeSet<&Labels>) -> Option<Guard> {
    let label = &radius.label;
    let unknown = |error: String| Some(Guard::BlastRadiusUnknown { error });
    let Some(this) = candidate.target.get(label) else {
        return unknown(format!("the target {} has no label {label}", candidate.target));
    };
    let most = match (&radius.most, candidate.populations) {
        (Most::Count(most), _) => *most as usize,
        // Looked at just before the run.
        (Most::Share { .. }, None) => return None,
        (Most::Share { share, .. }, Some(populations)) => match population(populations, label) {
            Ok(all) => part(*share, all),
            Err(error) => return unknown(error),
        },
    };
    let values: BTreeSet<&str> = busy.iter().filter_map(|target| target.get(label)).collect();
    let with_this = values.len() + usize::from(!values.contains(this));
    (with_this > most).then(|| Guard::BlastRadius { targets: values.len(), label: Some(label.clone()) })
}

fn population(populations: &Populations, label: &str) -> Result<u64, String> {
    match populations.get(label) {
        // The selector misses even the target: it counts something else, or nothing.
        Some(Ok(0)) => Err(format!("nothing has a label {label}")),
        Some(counted) => counted.clone(),
        None => Err(format!("nobody counted the values of {label}")),
    }
}

/// A share of so many, rounded down, but one is always allowed.
fn part(share: f64, all: u64) -> usize {
    // 29 % of 100 are 29, though the nearest number to 0.29 times 100 is a little less.
    ((share * all as f64 + 1e-9).floor() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn shares_are_rounded_down_to_no_less_than_one() {
        for (share, all, expected) in [
            (0.1, 30, 3),
            (0.1, 39, 3),
            (0.1, 9, 1),
            (0.29, 100, 29),
            (0.07, 100, 7),
            (1.0, 7, 7),
            (0.5, 1, 1),
            (1.0, u64::MAX, usize::MAX),
        ] {
            assert_eq!(part(share, all), expected, "{share} of {all}");
        }
    }
}

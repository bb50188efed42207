//! Promises about input out of the ordinary: little of it, much of it, and numbers and times that nobody expects.

use super::{Kept, Trial, bits, doubt, fault};
use crate::testing::Fault;
use crate::{Samples, Timestamp};

pub(super) fn empty_frame(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?;
    let nothing = Samples { timestamps: vec![], values: vec![] };
    trial.score(&[], &nothing, "no samples, on a new series")?;
    let after = trial.score(&learnt, &nothing, "no samples")?.state;
    nothing_learnt(trial, &learnt, &after, "no samples")
}

/// The state after something that must not be learnt: best the same bytes, else one that judges the same.
fn nothing_learnt(trial: &mut Trial<'_>, before: &[u8], after: &[u8], what: &str) -> Kept {
    if before == after {
        return Ok(());
    }
    let start = trial.end().saturating_add(1_000 * i64::try_from(trial.step_ms).unwrap_or(i64::MAX / 1_000));
    let next = trial.samples(start, (0..50).map(|at| f64::from(at * 37 % 11)));
    let one = trial.score(before, &next, "samples after ordinary ones")?;
    let other = trial.score(after, &next, &format!("samples after {what}"))?;
    if bits(&one.verdicts) != bits(&other.verdicts) {
        return fault(format!("{what}: learnt, later verdicts are others than without"));
    }
    doubt(format!("{what}: the state changed, though later verdicts did not"))
}

pub(super) fn one_sample(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?;
    for value in [0.0, 1.0, -1.0, 100.0] {
        let one = trial.samples(trial.end(), [value]);
        trial.score(&[], &one, "one sample, on a new series")?;
        trial.score(&learnt, &one, "one sample, on a known series")?;
    }
    Ok(())
}

pub(super) fn missing_values(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?;
    let next = trial.end().saturating_add(1);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let what = format!("a value that is {value}");
        for state in [&[], learnt.as_slice()] {
            let scored = trial.score(state, &trial.samples(next, [value; 3]), &what)?;
            if let Some(score) = scored.verdicts.scores.iter().find(|score| !score.is_nan()) {
                return fault(format!("{what}: judged with a score of {score}; expected NaN"));
            }
            if !state.is_empty() {
                nothing_learnt(trial, state, &scored.state, &what)?;
            }
        }
    }
    Ok(())
}

pub(super) fn extreme_values(trial: &mut Trial<'_>) -> Kept {
    let wild = [f64::MAX, f64::MIN, 0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 1e300, -1e300, 1e150, 1.0];
    let learnt = trial.learnt()?;
    let start = trial.start();
    let many = trial.samples(start, (0..2_000).map(|at| wild[at % wild.len()]));
    let state = trial.score(&[], &many, "wild values")?.state;
    let calm = trial.samples(start, (0..2_000_u32).map(|at| f64::from(at % 10)));
    trial.score(&state, &calm, "calm values after wild ones")?;
    trial.score(&learnt, &many, "wild values after calm ones")?;
    for value in wild {
        trial.score(&[], &trial.samples(start, [value]), &format!("the value {value:e}"))?;
        trial.score(&[], &trial.samples(start, [value; 2000]), &format!("the value {value:e}, 2000 times"))?;
    }
    Ok(())
}

pub(super) fn ten_thousand_samples(trial: &mut Trial<'_>) -> Kept {
    let many = super::ordinary(trial.start(), trial.step_ms, 10_000);
    let learnt = trial.learnt()?;
    trial.score(&[], &many, "10,000 samples at once, on a new series")?;
    trial.score(&learnt, &many, "10,000 samples at once, on a known series")?;
    Ok(())
}

/// Ages apart, and as far apart as numbers allow.
const TIMES: [Timestamp; 9] =
    [i64::MIN, i64::MIN + 1, -1_700_000_000_000, -1, 0, 1, 1_700_000_000_000, i64::MAX - 1, i64::MAX];

pub(super) fn huge_gaps(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?;
    for (at, first) in TIMES.into_iter().enumerate() {
        for &second in &TIMES[at + 1..] {
            let pair = Samples { timestamps: vec![first, second], values: vec![1.0, 2.0] };
            let what = format!("a gap from {first} to {second}");
            trial.score(&[], &pair, &what)?;
            if first > trial.end() {
                trial.score(&learnt, &pair, &what)?;
            }
        }
    }
    let year = 366 * 24 * 60 * 60 * 1000;
    let later = trial.samples(trial.end().saturating_add(10 * year), [1.0, 2.0, 3.0]);
    trial.score(&learnt, &later, "samples after a gap of ten years")?;
    Ok(())
}

/// A host never sends such samples: they may be answered or refused, and must not break anything.
pub(super) fn time_backwards(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?;
    for first in TIMES {
        for second in TIMES {
            if first < second {
                continue;
            }
            let back = Samples { timestamps: vec![first, second, second], values: vec![1.0, 2.0, 3.0] };
            for state in [&[], learnt.as_slice()] {
                refused_or_answered(trial, state, &back, &format!("time going from {first} to {second}"))?;
            }
        }
    }
    let start = trial.start();
    let again = trial.samples(start, [1.0, 2.0, 3.0]);
    refused_or_answered(trial, &learnt, &again, "the first times over again")?;
    let still = Samples { timestamps: vec![start; 100], values: vec![1.0; 100] };
    refused_or_answered(trial, &[], &still, "a hundred samples at one time")
}

fn refused_or_answered(trial: &mut Trial<'_>, state: &[u8], fresh: &Samples, what: &str) -> Kept {
    match trial.subject.score(state, fresh) {
        Err(Fault::Guest(_)) => Ok(()),
        Err(e) => fault(format!("{what}: {e}")),
        Ok(scored) => super::sane(&scored.verdicts, fresh.values.len()).or_else(|why| fault(format!("{what}: {why}"))),
    }
}

//! Promises about the fold: pure, and the same whichever way the samples come.

use super::{Kept, Series, Trial, bits, doubt, fault, part, sane, score};
use crate::testing::{Ending, Subject};
use crate::{Samples, Scored, Verdicts};

/// How many samples are handed over one by one. What came before them is handed over at once: a guest may want thousands.
const SINGLES: usize = 200;

/// What came out of a whole series.
#[derive(Clone, Debug)]
pub struct FoldedIn {
    /// The state after the last sample.
    pub state: Vec<u8>,
    /// One verdict a sample.
    pub verdicts: Verdicts,
    /// The remark on the last sample.
    pub note: Option<String>,
}

impl FoldedIn {
    /// Whether this is what comes out if the last samples alone gave `rest` and `state`, bit by bit.
    pub(in crate::testing) fn ends_with(&self, rest: &Verdicts, state: &[u8]) -> bool {
        let all = &self.verdicts;
        let tail = |column: &[f64]| column[column.len().saturating_sub(rest.scores.len())..].to_vec();
        let tail = Verdicts {
            scores: tail(&all.scores),
            expected: tail(&all.expected),
            lower: tail(&all.lower),
            upper: tail(&all.upper),
        };
        bits(&tail) == bits(rest) && self.state == state
    }
}

/// Folds a series all at once, in chunks and one by one.
///
/// # Errors
/// The way that made a difference, or why there is no answer.
pub fn fold_every_way<S: Subject>(subject: &mut S, run: &Samples) -> Result<FoldedIn, Ending> {
    let mut whole = Series::new(subject);
    let verdicts = whole.feed(run).map_err(|fault| Ending::of_fault("all samples at once", &fault))?;
    sane(&verdicts, run.values.len()).map_err(Ending::Fail)?;
    let folded = FoldedIn { state: whole.state, note: whole.note, verdicts };
    for chunk in [1000, 7, 1] {
        let what = if chunk == 1 { "one by one".to_owned() } else { format!("in chunks of {chunk}") };
        let mut series = Series::new(subject);
        let verdicts = series.feed_in_chunks(run, chunk).map_err(|fault| Ending::of_fault(&what, &fault))?;
        if bits(&verdicts) != bits(&folded.verdicts) {
            let row = first_difference(&verdicts, &folded.verdicts);
            return Err(Ending::Fail(format!("{what}: from sample {row} on, other verdicts than all at once")));
        }
        if !run.values.is_empty() && series.state != folded.state {
            return Err(Ending::Fail(format!("{what}: the same verdicts, and another state than all at once")));
        }
    }
    Ok(folded)
}

/// The first sample on which two sets of verdicts differ, of those that are there.
fn first_difference(one: &Verdicts, other: &Verdicts) -> usize {
    let row = |verdicts: &Verdicts, row: usize| {
        [&verdicts.scores, &verdicts.expected, &verdicts.lower, &verdicts.upper]
            .map(|column| column.get(row).map(|number| number.to_bits()))
    };
    (0..one.scores.len()).find(|&at| row(one, at) != row(other, at)).unwrap_or(one.scores.len())
}

fn same(one: &Scored, other: &Scored) -> Result<(), &'static str> {
    if bits(&one.verdicts) != bits(&other.verdicts) {
        Err("other verdicts")
    } else if one.state != other.state {
        Err("another state")
    } else if one.note != other.note {
        Err("another note")
    } else {
        Ok(())
    }
}

pub(super) fn deterministic(trial: &mut Trial<'_>) -> Kept {
    let run = trial.ordinary.clone();
    let learnt = trial.learnt()?;
    let next = trial.samples(trial.end(), [1e9, 1.0]);
    for (state, run, what) in [(&[][..], &run, "ordinary samples"), (&learnt, &next, "two samples after ordinary ones")]
    {
        let first = trial.score(state, run, what)?;
        for _ in 0..2 {
            let again = trial.score(state, run, what)?;
            same(&first, &again)
                .or_else(|other| fault(format!("{what}: the same call gave {other} when it was repeated")))?;
        }
    }
    Ok(())
}

/// What a series is made of where several are told apart: all but the last samples, and those one by one.
struct Calls {
    calls: Vec<Samples>,
}

impl Calls {
    fn of(run: &Samples) -> Calls {
        let singles = run.values.len().min(12);
        let head = run.values.len() - singles;
        let mut calls = vec![part(run, 0..head)];
        calls.extend((head..run.values.len()).map(|at| part(run, at..at + 1)));
        Calls { calls }
    }
}

pub(super) fn pure(trial: &mut Trial<'_>) -> Kept {
    let ordinary = trial.ordinary.clone();
    let with = |change: fn(f64) -> f64| Samples {
        timestamps: ordinary.timestamps.clone(),
        values: ordinary.values.iter().copied().map(change).collect(),
    };
    let series = [with(|v| v), with(|v| v * 0.5 - 3.0), with(|v| -v * v)].map(|run| Calls::of(&run));
    let mut alone: Vec<Vec<Scored>> = Vec::new();
    for calls in &series {
        let mut own = trial.another()?;
        let subject: &mut dyn Subject = match &mut own {
            Some(own) => own.as_mut(),
            None => &mut *trial.subject,
        };
        alone.push(one_after_the_other(subject, calls)?);
    }

    // Every series in its own order, and between the series a shuffle that is always the same.
    let mut next = [0; 3];
    let mut dice: u64 = 1;
    while next.iter().zip(&series).any(|(next, series)| *next < series.calls.len()) {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let which = (dice >> 33) as usize % 3;
        let call = next[which];
        let Some(fresh) = series[which].calls.get(call) else { continue };
        next[which] += 1;
        let state = if call == 0 { vec![] } else { alone[which][call - 1].state.clone() };
        let scored = trial.score(&state, fresh, "shuffled among other series")?;
        same(&alone[which][call], &scored).or_else(|other| {
            fault(format!(
                "a series shuffled among others over one instance got {other} than alone, in its call {call}"
            ))
        })?;
    }

    for (call, fresh) in series[0].calls.iter().enumerate().step_by(3) {
        let Some(mut own) = trial.another()? else { break };
        let state = if call == 0 { vec![] } else { alone[0][call - 1].state.clone() };
        let scored = score(own.as_mut(), &state, fresh, "a fresh instance")?;
        same(&alone[0][call], &scored).or_else(|other| {
            fault(format!("a fresh instance gave {other} than one that had been called before, in call {call}"))
        })?;
    }
    Ok(())
}

fn one_after_the_other(subject: &mut dyn Subject, calls: &Calls) -> Result<Vec<Scored>, super::Broken> {
    let mut all: Vec<Scored> = Vec::new();
    for fresh in &calls.calls {
        let state = all.last().map(|scored| scored.state.clone()).unwrap_or_default();
        all.push(score(subject, &state, fresh, "a series alone")?);
    }
    Ok(all)
}

pub(super) fn columns(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?;
    for count in [0, 1, 2, 3, 100] {
        let fresh = trial.samples(trial.end(), (0..count).map(f64::from));
        for state in [&[], learnt.as_slice()] {
            trial.score(state, &fresh, &format!("{count} samples"))?;
        }
    }
    Ok(())
}

pub(super) fn bands(trial: &mut Trial<'_>) -> Kept {
    let run = trial.ordinary.clone();
    let learnt = trial.learnt()?;
    let wide = trial.samples(trial.end(), (-40..40_i32).map(|at| f64::from(at.pow(3))));
    for (state, run) in [(&[][..], &run), (&learnt, &wide)] {
        let Verdicts { scores, expected, lower, upper } = trial.score(state, run, "ordinary samples")?.verdicts;
        for (row, &value) in run.values.iter().enumerate() {
            if scores[row].is_nan() {
                continue;
            }
            // At the edge either is right: a band is rounded when it is written down.
            let edge = |edge: f64| (value - edge).abs() <= 1e-9 * edge.abs().max(value.abs());
            if edge(lower[row]) || edge(upper[row]) {
                continue;
            }
            let outside = value < lower[row] || value > upper[row];
            if outside != (scores[row] > 1.0) {
                let place = if outside { "outside" } else { "inside" };
                return fault(format!(
                    "sample {row}: {value} lies {place} of the band from {} to {}, and scores {}",
                    lower[row], upper[row], scores[row]
                ));
            }
            if !expected[row].is_finite() || expected[row] < lower[row] || expected[row] > upper[row] {
                return doubt(format!(
                    "sample {row}: expected is {}, and the band goes from {} to {}",
                    expected[row], lower[row], upper[row]
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn judges(trial: &mut Trial<'_>) -> Kept {
    let run = trial.ordinary.clone();
    let scores = trial.score(&[], &run, "ordinary samples")?.verdicts.scores;
    if scores.iter().any(|score| !score.is_nan()) {
        return Ok(());
    }
    let needs = trial.subject.needs().min_samples;
    doubt(format!(
        "not one of {} ordinary samples was judged (needs.min-samples is {needs}), so the other checks saw no verdict; \
         give the first case settings that need less",
        run.values.len()
    ))
}

pub(super) fn min_samples(trial: &mut Trial<'_>) -> Kept {
    let run = trial.ordinary.clone();
    let needs = trial.subject.needs().min_samples;
    let scores = trial.score(&[], &run, "ordinary samples")?.verdicts.scores;
    let early = usize::try_from(needs).unwrap_or(usize::MAX);
    match scores.iter().take(early).position(|score| !score.is_nan()) {
        Some(row) => fault(format!("needs.min-samples is {needs}, and sample {row} of a new series was judged")),
        None => Ok(()),
    }
}

pub(super) fn one_by_one(trial: &mut Trial<'_>) -> Kept {
    in_runs_of(trial, 1, SINGLES)
}

pub(super) fn in_chunks(trial: &mut Trial<'_>) -> Kept {
    for chunk in [7, 64, 1000] {
        in_runs_of(trial, chunk, chunk * SINGLES)?;
    }
    Ok(())
}

/// The last samples in chunks, after what came before them at once; and the first ones in chunks from the beginning.
fn in_runs_of(trial: &mut Trial<'_>, chunk: usize, last: usize) -> Kept {
    let run = trial.ordinary.clone();
    let what = if chunk == 1 { "one by one".to_owned() } else { format!("in chunks of {chunk}") };
    let len = run.values.len();
    let head = len.saturating_sub(last);
    for (from, to) in [(head, len), (0, last.min(len))] {
        let all = part(&run, from..to);
        let before = match from {
            0 => vec![],
            _ => trial.score(&[], &part(&run, 0..from), "ordinary samples")?.state,
        };
        let whole = trial.score(&before, &all, "all at once")?;
        let mut series = Series::resumed(&mut *trial.subject, before);
        let verdicts = series.feed_in_chunks(&all, chunk).or_else(|e| fault(format!("{what}: {e}")))?;
        if bits(&verdicts) != bits(&whole.verdicts) {
            let row = from + first_difference(&verdicts, &whole.verdicts);
            return fault(format!("{what}: from sample {row} on, other verdicts than all at once"));
        }
        if to > from && series.state != whole.state {
            return fault(format!("{what}: the same verdicts, and another state than all at once"));
        }
    }
    Ok(())
}

pub(super) fn resumes(trial: &mut Trial<'_>) -> Kept {
    let run = trial.ordinary.clone();
    let len = run.values.len();
    let whole = trial.score(&[], &run, "ordinary samples")?;
    let whole = FoldedIn { state: whole.state, verdicts: whole.verdicts, note: whole.note };
    for at in [len / 4, len / 2, len - len / 4] {
        let saved = trial.score(&[], &part(&run, 0..at), "the first samples")?.state;
        let rest = part(&run, at..len);
        let resumed = match trial.another()? {
            Some(mut own) => score(own.as_mut(), &saved, &rest, "another instance")?,
            None => trial.score(&saved, &rest, "the rest of the samples")?,
        };
        if len > at && !whole.ends_with(&resumed.verdicts, &resumed.state) {
            return fault(format!(
                "an instance that went on from the state after {at} samples differs from one that saw all"
            ));
        }
    }
    Ok(())
}

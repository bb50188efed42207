//! What every detector owes its host, whatever its algorithm. Run it natively, and against the built component.

use super::{Series, Subject, bits, samples};
use crate::{Error, Samples, Verdicts};

/// The most bytes of state that a first-party detector may keep for one series.
pub const MAX_STATE: usize = 4096;

/// Checks a detector against the promises of the contract and against hostile input. `ordinary` is data that it can
/// judge, enough of it that it does; `start` and `step_ms` say when it was sampled.
///
/// # Errors
/// The first promise that was broken.
pub fn check(subject: &mut impl Subject, start: i64, step_ms: u64, ordinary: &[f64]) -> Result<(), String> {
    let run = samples(start, step_ms, ordinary.iter().copied());
    let state = folds_alike(subject, &run)?;
    nothing_is_learnt_from_nothing(subject, &run, &state)?;
    wild_values(subject, start, step_ms, &state)?;
    wild_times(subject, &state)?;
    uneven_columns(subject, &state)?;
    damaged_state(subject, &state, &run)
}

/// One by one, in chunks, at once: the same verdicts and the same state, bit by bit.
///
/// # Errors
/// The chunk size that made a difference, or a state that was too large.
pub fn folds_alike(subject: &mut impl Subject, run: &Samples) -> Result<Vec<u8>, String> {
    let mut whole = Series::new(subject);
    let at_once = whole.feed(run).map_err(|e| format!("all at once: {e:?}"))?;
    let state = whole.state;
    sane(&at_once, run.values.len())?;
    small(&state)?;
    for chunk in [1, 7, 1000] {
        let mut series = Series::new(subject);
        let verdicts = series.feed_in_chunks(run, chunk).map_err(|e| format!("in chunks of {chunk}: {e:?}"))?;
        if bits(&verdicts) != bits(&at_once) {
            return Err(format!("in chunks of {chunk}: other verdicts than all at once"));
        }
        if !run.values.is_empty() && series.state != state {
            return Err(format!("in chunks of {chunk}: another state than all at once"));
        }
    }
    Ok(state)
}

/// Whether verdicts are what the contract says: as many as samples, scores not negative, bands around the expectation.
///
/// # Errors
/// The first row that is not.
pub fn sane(verdicts: &Verdicts, samples: usize) -> Result<(), String> {
    let Verdicts { scores, expected, lower, upper } = verdicts;
    let lengths = [scores.len(), expected.len(), lower.len(), upper.len()];
    if lengths != [samples; 4] {
        return Err(format!("columns of {lengths:?} entries for {samples} samples"));
    }
    for row in 0..samples {
        let judged = scores[row] >= 0.0
            && expected[row].is_finite()
            && lower[row] <= expected[row]
            && expected[row] <= upper[row];
        let not_judged = [scores[row], expected[row], lower[row], upper[row]].iter().all(|x| x.is_nan());
        if !judged && !not_judged {
            return Err(format!(
                "row {row}: score {}, expected {} in {} to {}",
                scores[row], expected[row], lower[row], upper[row]
            ));
        }
    }
    Ok(())
}

fn small(state: &[u8]) -> Result<(), String> {
    if state.len() > MAX_STATE {
        return Err(format!("a state of {} bytes, more than {MAX_STATE}", state.len()));
    }
    Ok(())
}

fn fold(subject: &mut impl Subject, state: &[u8], run: &Samples, what: &str) -> Result<Vec<u8>, String> {
    let scored = subject.score(state, run).map_err(|e| format!("{what}: {e:?}"))?;
    sane(&scored.verdicts, run.values.len()).map_err(|e| format!("{what}: {e}"))?;
    small(&scored.state).map_err(|e| format!("{what}: {e}"))?;
    Ok(scored.state)
}

fn nothing_is_learnt_from_nothing(subject: &mut impl Subject, run: &Samples, state: &[u8]) -> Result<(), String> {
    let last = run.timestamps.last().copied().unwrap_or(0);
    let nothing = samples(last + 1, 1, []);
    if fold(subject, state, &nothing, "no samples")? != state {
        return Err("no samples: the state changed".to_owned());
    }
    let missing = samples(last + 1, 1, [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    let scored = subject.score(state, &missing).map_err(|e| format!("NaN and infinities: {e:?}"))?;
    if scored.state != state {
        return Err("NaN and infinities: learnt".to_owned());
    }
    if !scored.verdicts.scores.iter().all(|score| score.is_nan()) {
        return Err(format!("NaN and infinities: judged, {:?}", scored.verdicts.scores));
    }
    Ok(())
}

fn wild_values(subject: &mut impl Subject, start: i64, step_ms: u64, state: &[u8]) -> Result<(), String> {
    let wild = [f64::MAX, f64::MIN, 0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 1e300, -1e300, 1e150, 1.0];
    let many = samples(start, step_ms, (0..10_000).map(|i| wild[i % wild.len()]));
    let from_nothing = fold(subject, &[], &many, "10,000 wild values")?;
    let calm = samples(start, step_ms, (0..10_000).map(|i| f64::from(i as u32 % 10)));
    fold(subject, &from_nothing, &calm, "10,000 calm values after wild ones")?;
    fold(subject, state, &many, "wild values after calm ones")?;
    for value in wild {
        fold(subject, &[], &samples(start, step_ms, [value]), "one wild value")?;
        fold(subject, &[], &samples(start, step_ms, [value; 2000]), "the same wild value for long")?;
    }
    Ok(())
}

fn wild_times(subject: &mut impl Subject, state: &[u8]) -> Result<(), String> {
    let times = [i64::MAX, i64::MIN, 0, -1, 1, 1_700_000_000_000, -1_700_000_000_000, i64::MAX - 1, i64::MIN + 1];
    for first in times {
        for second in times {
            let pair = Samples { timestamps: vec![first, second, second], values: vec![1.0, 2.0, 3.0] };
            for state in [&[], state] {
                fold(subject, state, &pair, &format!("time going from {first} to {second}"))?;
            }
        }
    }
    Ok(())
}

fn uneven_columns(subject: &mut impl Subject, state: &[u8]) -> Result<(), String> {
    for (times, values) in [(1, 0), (0, 1), (3, 2)] {
        let uneven = Samples { timestamps: (0..times).collect(), values: vec![1.0; values] };
        if subject.score(state, &uneven).is_ok() {
            return Err(format!("{times} timestamps with {values} values: accepted"));
        }
    }
    Ok(())
}

/// Bytes that this detector did not write, or not so, are refused as unreadable.
fn damaged_state(subject: &mut impl Subject, state: &[u8], run: &Samples) -> Result<(), String> {
    let mut refused = |bytes: &[u8], what: String| match subject.score(bytes, &samples(0, 1, [1.0])) {
        Err(Error::UnreadableState(_)) => Ok(()),
        other => Err(format!("{what}: not refused as unreadable but {other:?}")),
    };
    for len in 1..state.len() {
        refused(&state[..len], format!("a state cut to {len} of {} bytes", state.len()))?;
    }
    for place in 0..state.len() {
        let mut flipped = state.to_vec();
        flipped[place] ^= 1 << (place % 8);
        refused(&flipped, format!("a bit flipped in byte {place} of {}", state.len()))?;
    }
    let mut longer = state.to_vec();
    longer.push(0);
    refused(&longer, "a state with one byte too many".to_owned())?;
    refused(&[0xff; 5000], "5000 bytes of 0xff".to_owned())?;
    refused(&[0; 64], "64 bytes of zero".to_owned())?;
    let text: Vec<u8> = run.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    refused(&text, "the samples themselves".to_owned())
}

//! Promises about state: small, and never mistaken for something else.
//!
//! The contract asks for one answer to bytes that are not of the guest's layout, `unreadable-state`: with that the host
//! learns the series again. Any other error leaves the series without verdicts for good. Bytes that happen to fit the
//! layout cannot be told from state without a checksum, and a guest need not have one; so taking those is worth a warning.

use super::{Broken, Kept, MAX_STATE, Trial, doubt, fault, sane};
use crate::Error;
use crate::testing::Fault;

pub(super) fn size(trial: &mut Trial<'_>) -> Kept {
    let learnt = trial.learnt()?.len();
    let many = super::ordinary(trial.start(), trial.step_ms, 10_000);
    let later = trial.score(&[], &many, "10,000 samples")?.state.len();
    let most = learnt.max(later);
    if most > MAX_STATE {
        return doubt(format!(
            "{most} bytes for one series; a host keeps that for every one, so stay below {MAX_STATE}"
        ));
    }
    Ok(())
}

/// How a guest takes bytes that are no state of its own.
fn refuses(trial: &mut Trial<'_>, bytes: &[u8], what: &str) -> Result<bool, Broken> {
    let one = trial.samples(trial.end(), [1.0]);
    match trial.subject.score(bytes, &one) {
        Err(Fault::Guest(Error::UnreadableState(_))) => Ok(true),
        Ok(scored) => {
            sane(&scored.verdicts, 1).or_else(|why| fault(format!("{what}: {why}")))?;
            Ok(false)
        }
        Err(e) => {
            fault(format!("{what}: expected unreadable-state, upon which the host learns the series again; got\n{e}"))
        }
    }
}

/// Up to so many places of `len`, spread evenly, the first and the last among them.
fn spread(len: usize, most: usize) -> Vec<usize> {
    let count = len.min(most);
    match count {
        0 => vec![],
        1 => vec![0],
        _ => (0..count).map(|nth| nth * (len - 1) / (count - 1)).collect(),
    }
}

fn none_taken(taken: usize, tried: usize, what: &str) -> Kept {
    if taken == 0 {
        return Ok(());
    }
    doubt(format!("{taken} of {tried} states {what} were taken for sound ones; a checksum would tell them"))
}

pub(super) fn truncated(trial: &mut Trial<'_>) -> Kept {
    let state = trial.learnt()?;
    // Empty state is a series never seen, so it is not cut to that.
    let lengths: Vec<usize> = spread(state.len().saturating_sub(1), trial.places).iter().map(|at| at + 1).collect();
    let mut taken = 0;
    for &len in &lengths {
        let what = format!("state cut to {len} of {} bytes", state.len());
        taken += usize::from(!refuses(trial, &state[..len], &what)?);
    }
    if !state.is_empty() {
        let longer = [state.as_slice(), &[0]].concat();
        taken += usize::from(!refuses(trial, &longer, "state with a byte too many")?);
    }
    none_taken(taken, lengths.len() + 1, "that were cut short or too long")
}

pub(super) fn damaged(trial: &mut Trial<'_>) -> Kept {
    let state = trial.learnt()?;
    let places = spread(state.len(), trial.places);
    let mut taken = 0;
    for &place in &places {
        let mut flipped = state.clone();
        flipped[place] ^= 1 << (place % 8);
        let what = format!("state with a bit flipped in byte {place} of {}", state.len());
        taken += usize::from(!refuses(trial, &flipped, &what)?);
    }
    none_taken(taken, places.len(), "with a flipped bit")
}

pub(super) fn foreign(trial: &mut Trial<'_>) -> Kept {
    // Who keeps no state has none to tell from other bytes.
    if trial.learnt()?.is_empty() {
        return Ok(());
    }
    // Odd lengths: nothing that is made of numbers alone has them.
    for (bytes, what) in
        [(&[0xff; 5001][..], "5001 bytes of 0xff"), (b"this was never a state.", "23 bytes of English")]
    {
        if !refuses(trial, bytes, what)? {
            return fault(format!("{what} were taken for state; expected unreadable-state"));
        }
    }
    let samples: Vec<u8> = trial.ordinary.values.iter().take(500).flat_map(|value| value.to_le_bytes()).collect();
    let mut taken = 0;
    for (bytes, what) in
        [(&[0; 64][..], "64 bytes of zero"), (&samples, "the samples themselves"), (&[0; 5000], "5000 bytes of zero")]
    {
        taken += usize::from(!refuses(trial, bytes, what)?);
    }
    none_taken(taken, 3, "made of zeros or of samples")
}

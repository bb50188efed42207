//! What a detector costs: time on the processor a sample, and bytes of state a series.
//!
//! The guest alone, without the host's fold: one call a sample, as when a series is watched, and in chunks, as when its
//! history is learnt. By the contract both end in the same bits; a detector for which they do not could look ahead in a
//! chunk, so that is an error.

use std::fs;
use std::hint::black_box;
use std::thread;

use anyhow::{Context as _, bail};
use tidegate_sandbox::{Detector, Scored, Verdicts};

use crate::data::Series;

/// As many samples as the host hands over at once while it learns history.
const CHUNK: usize = 500;

/// What a detector cost over some series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Samples that were handed over.
    pub samples: usize,
    /// Nanoseconds of processor, one call a sample.
    pub one_by_one: f64,
    /// Nanoseconds of processor, many samples a call.
    pub in_chunks: f64,
    /// Series.
    pub series: usize,
    /// Sum over all series of the largest state of each, in bytes.
    pub state_sum: usize,
    /// The largest state of all, in bytes.
    pub state_largest: usize,
}

impl Cost {
    /// Adds what another series cost.
    pub fn add(&mut self, other: Cost) {
        self.samples += other.samples;
        self.one_by_one += other.one_by_one;
        self.in_chunks += other.in_chunks;
        self.series += other.series;
        self.state_sum += other.state_sum;
        self.state_largest = self.state_largest.max(other.state_largest);
    }

    /// Nanoseconds a sample, one call a sample.
    #[must_use]
    pub fn ns_one_by_one(&self) -> f64 {
        self.one_by_one / self.samples.max(1) as f64
    }

    /// Nanoseconds a sample, many samples a call.
    #[must_use]
    pub fn ns_in_chunks(&self) -> f64 {
        self.in_chunks / self.samples.max(1) as f64
    }

    /// Mean over all series of the largest state of each, in bytes.
    #[must_use]
    pub fn state_mean(&self) -> f64 {
        self.state_sum as f64 / self.series.max(1) as f64
    }
}

/// Measures one series.
///
/// # Errors
///
/// When the detector fails, or chunks and single samples do not end in the same bits.
pub fn measure(detector: &Detector, series: &Series) -> anyhow::Result<Cost> {
    measure_calls(series, |state, timestamps, values| Ok(detector.score(state, timestamps, values)?))
}

fn measure_calls(
    series: &Series,
    score: impl Fn(&[u8], &[i64], &[f64]) -> anyhow::Result<Scored>,
) -> anyhow::Result<Cost> {
    let (timestamps, values) = in_order(series);
    let began = on_processor()?;
    let (mut state, mut largest) = (Vec::new(), 0);
    let mut single = Vec::with_capacity(values.len());
    for (at, value) in timestamps.iter().zip(&values) {
        let scored = score(&state, &[*at], &[*value])?;
        single.extend(rows(black_box(&scored)));
        state = scored.state;
        largest = largest.max(state.len());
    }
    let one_by_one = on_processor()? - began;

    let began = on_processor()?;
    let (mut learnt, mut chunked) = (Vec::new(), Vec::with_capacity(values.len()));
    for (timestamps, values) in timestamps.chunks(CHUNK).zip(values.chunks(CHUNK)) {
        let scored = score(&learnt, timestamps, values)?;
        chunked.extend(rows(black_box(&scored)));
        learnt = scored.state;
    }
    let in_chunks = on_processor()? - began;

    if let Some(sample) =
        single.iter().zip(&chunked).position(|(one, other)| one.map(f64::to_bits) != other.map(f64::to_bits))
    {
        bail!(
            "sample {sample} of those with a value is judged {:?} on its own and {:?} among later ones (score, expected, \
             lower, upper); a detector must go by the samples before",
            single[sample],
            chunked[sample],
        );
    }
    if state != learnt {
        bail!("its state after single samples is another one than after chunks of {CHUNK}");
    }
    Ok(Cost { samples: values.len(), one_by_one, in_chunks, series: 1, state_sum: largest, state_largest: largest })
}

/// The verdicts, sample by sample.
fn rows(scored: &Scored) -> impl Iterator<Item = [f64; 4]> {
    let Verdicts { scores, expected, lower, upper } = &scored.verdicts;
    let columns = scores.iter().zip(expected).zip(lower).zip(upper);
    columns.map(|(((score, expected), lower), upper)| [*score, *expected, *lower, *upper])
}

/// The samples that a host hands to a detector: those with a value, and later than all before.
fn in_order(series: &Series) -> (Vec<i64>, Vec<f64>) {
    let mut newest = i64::MIN;
    let pairs = series.timestamps.iter().zip(&series.values);
    let taken = pairs.filter(|(at, value)| {
        let later = **at > newest;
        newest = newest.max(**at);
        later && value.is_finite()
    });
    taken.unzip()
}

/// How long this thread has run so far, in nanoseconds: time in which others had the processor does not count.
fn on_processor() -> anyhow::Result<f64> {
    // The kernel counts when it switches or ticks; without this it would be right to some milliseconds only.
    thread::yield_now();
    let path = "/proc/thread-self/schedstat";
    let times = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let running = times.split_whitespace().next().unwrap_or_default();
    running.parse().with_context(|| format!("{path} begins with {running:?} instead of nanoseconds"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_sandbox::{Scored, Verdicts};

    use super::{Cost, measure_calls};
    use crate::data::Series;

    fn series() -> Series {
        Series {
            name: "s".to_owned(),
            timestamps: vec![1, 2, 2, 3, 1, 4],
            values: vec![1.0, 2.0, 9.0, f64::NAN, 9.0, 4.0],
            spans: Vec::new(),
            step: Duration::from_secs(1),
        }
    }

    /// Scores by the value; the state is as long as the samples were many.
    fn honest(state: &[u8], timestamps: &[i64], values: &[f64]) -> anyhow::Result<Scored> {
        assert!(timestamps.is_sorted_by(|a, b| a < b) && values.iter().all(|value| value.is_finite()));
        let column = || values.to_vec();
        let verdicts = Verdicts { scores: column(), expected: column(), lower: column(), upper: column() };
        Ok(Scored { state: [state, &vec![0; values.len()]].concat(), verdicts, note: None })
    }

    #[test]
    fn what_a_host_hands_over_is_counted() {
        let cost = measure_calls(&series(), honest).expect("pure");
        assert_eq!((cost.samples, cost.series, cost.state_sum, cost.state_largest), (3, 1, 3, 3));
        let mut all = Cost::default();
        all.add(Cost { state_sum: 7, state_largest: 7, one_by_one: 30.0, ..cost });
        all.add(Cost { one_by_one: 60.0, in_chunks: 6.0, ..cost });
        assert_eq!((all.state_mean(), all.state_largest), (5.0, 7));
        assert_eq!((all.ns_one_by_one(), all.ns_in_chunks().floor()), (15.0, (all.in_chunks / 6.0).floor()));
        assert_eq!((Cost::default().ns_one_by_one(), Cost::default().state_mean()), (0.0, 0.0));
    }

    #[test]
    fn looking_ahead_in_a_chunk_is_an_error() {
        let ahead = |state: &[u8], timestamps: &[i64], values: &[f64]| {
            let mut scored = honest(state, timestamps, values)?;
            scored.verdicts.upper.fill(values.last().copied().unwrap_or_default());
            Ok(scored)
        };
        let error = measure_calls(&series(), ahead).expect_err("it looks ahead").to_string();
        assert!(error.contains("sample 0 of those with a value is judged [1.0, 1.0, 1.0, 1.0]"), "{error}");
    }

    #[test]
    fn another_state_after_a_chunk_is_an_error() {
        let by_calls = |state: &[u8], timestamps: &[i64], values: &[f64]| {
            let state = [state, &[1]].concat();
            Ok(Scored { state, ..honest(&[], timestamps, values)? })
        };
        let error = measure_calls(&series(), by_calls).expect_err("it counts calls").to_string();
        assert!(error.contains("its state after single samples"), "{error}");
        let trapped = |_: &[u8], _: &[i64], _: &[f64]| anyhow::bail!("trapped");
        assert!(measure_calls(&series(), trapped).is_err());
    }
}

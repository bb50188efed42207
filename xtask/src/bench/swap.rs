//! Another version of a guest, dropped in while the host runs: how long the watch is held, and that no cycle is missed.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::canned::Canned;
use super::cycle::{PATIENCE, cycles_of, next, quiet};
use super::detectors::Detectors;
use super::host::Host;

/// An empty custom section named `x`: the same guest, and another digest.
const MARK: &[u8] = &[0, 2, 1, b'x'];

/// What a swap costs.
#[derive(Clone, Copy)]
pub(super) struct Swap {
    /// From the moment when the file is there: two looks at the folder, loading and opening, and the end of a cycle.
    pub(super) taken: Duration,
    /// How long the watch is held: the states of all series are tried on the new version.
    pub(super) held: Duration,
}

/// Swaps the first detector's guest.
pub(super) fn measure(
    host: &mut Host,
    folder: &Path,
    prometheus: &Canned,
    detectors: &Detectors,
    series: usize,
) -> anyhow::Result<Swap> {
    let guest = detectors.names().next().context("there is no detector to swap")?;
    let file = folder.join("guests").join(format!("{guest}.wasm"));
    let mut wasm = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    wasm.extend_from_slice(MARK);
    let part = file.with_extension("part");
    let (before, _) = quiet(host)?;

    let began = Instant::now();
    fs::write(&part, &wasm).and_then(|()| fs::rename(&part, &file)).context("cannot drop the guest in")?;
    let swaps = |metrics: &super::host::Metrics| metrics.sum("tidegate_swap_duration_seconds_count", "");
    let taken = loop {
        if host.metrics()?.is_some_and(|metrics| swaps(&metrics) > swaps(&before)) {
            break began.elapsed();
        }
        if began.elapsed() > PATIENCE {
            bail!("tidegate did not take the new {guest} within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    };
    // Whole again: one sample of each series, by every detector.
    next(host, prometheus, detectors, series)?
        .context("the cycle after the swap is not whole; is the machine busy?")?;
    let (after, _) = quiet(host)?;
    let grown = |name: &str, label: &str| after.sum(name, label) - before.sum(name, label);
    let judged = grown("tidegate_samples_total", r#"standing="normal""#)
        + grown("tidegate_samples_total", r#"standing="anomalous""#);
    // A cycle that was missed would show as one with two samples of each series, or none.
    let cycles = cycles_of(&after) - cycles_of(&before);
    if judged as usize != series * cycles as usize || grown("tidegate_samples_unjudged_total", "") > 0.0 {
        bail!("{judged} samples were judged in {cycles} cycles over {series} series: the swap cost some");
    }
    Ok(Swap { taken, held: Duration::from_secs_f64(grown("tidegate_swap_duration_seconds_sum", "")) })
}

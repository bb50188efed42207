//! What the host keeps beside one instance: its memory cap, its voice, its empty machine, its line to
//! Prometheus, and its running time.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, Store};

use crate::engine::ticks;
use crate::host_log::GuestLog;
use crate::host_metrics::Line;
use crate::ledger::{Alive, Counters};
use crate::wasi::Machine;

/// The host's side of one instance.
pub(crate) struct HostState {
    pub(crate) cap: Cap,
    pub(crate) log: Arc<GuestLog>,
    /// The last error that the guest logged in the present call: if it traps next, this is why.
    pub(crate) last_words: Option<String>,
    /// What WASI works on, for guests that import it.
    pub(crate) machine: Machine,
    /// Present while a policy may ask for metrics.
    pub(crate) line: Option<Line>,
    /// What is left of the call's time, as of `resumed`; only kept up to date where a host call may wait.
    left: Duration,
    resumed: Option<Instant>,
    _alive: Alive,
}

impl HostState {
    pub(crate) fn new(cap: Cap, log: Arc<GuestLog>, alive: Alive) -> Self {
        Self {
            cap,
            log,
            last_words: None,
            machine: Machine::new(),
            line: None,
            left: Duration::ZERO,
            resumed: None,
            _alive: alive,
        }
    }

    /// Stops the guest's clock: the host is about to wait on its behalf. Returns the time that is left.
    pub(crate) fn pause(&mut self) -> Duration {
        if let Some(resumed) = self.resumed.take() {
            self.left = self.left.saturating_sub(resumed.elapsed());
        }
        self.left
    }

    /// Starts it again. Returns the ticks that are left.
    pub(crate) fn resume(&mut self) -> u64 {
        self.resumed = Some(Instant::now());
        ticks(self.left)
    }
}

impl Drop for HostState {
    fn drop(&mut self) {
        self.finish_lines();
    }
}

/// Readies a store for one call: time, memory, and how many bytes may come back in one go. The guest's own clocks, where
/// it has any, stand at the Unix epoch.
pub(crate) fn arm(store: &mut Store<HostState>, ticks: u64, answer_bytes: usize) {
    store.set_epoch_deadline(ticks);
    store.set_hostcall_fuel(answer_bytes);
    let state = store.data_mut();
    state.cap.refused = false;
    state.last_words = None;
    state.finish_lines();
    state.machine.begin_call();
}

/// As [`arm`], for calls in which the guest may ask the host something that takes time.
pub(crate) fn arm_with_questions(store: &mut Store<HostState>, time: Duration, answer_bytes: usize) {
    arm(store, ticks(time), answer_bytes);
    let state = store.data_mut();
    state.left = time;
    state.resumed = Some(Instant::now());
}

/// The cap on one instance's memory, over all memories and tables of its core modules.
#[derive(Debug)]
pub(crate) struct Cap {
    counters: Arc<Counters>,
    memory_limit: usize,
    table_limit: usize,
    memory: usize,
    table: usize,
    /// The growth allowed last, to be taken back if it fails after all.
    growth: usize,
    /// Whether the guest was refused memory in the present call.
    pub(crate) refused: bool,
}

impl Cap {
    pub(crate) fn new(counters: &Arc<Counters>, memory_limit: usize, table_limit: usize) -> Self {
        Self {
            counters: Arc::clone(counters),
            memory_limit,
            table_limit,
            memory: 0,
            table: 0,
            growth: 0,
            refused: false,
        }
    }

    /// How much memory is in use, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Whether three quarters of the memory are in use. Linear memory never shrinks, so an instance like this is on its
    /// way to a trap, and replacing it between two calls costs a fraction of one.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.memory >= self.memory_limit / 4 * 3
    }
}

impl ResourceLimiter for Cap {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let grown = self.memory.saturating_add(growth);
        if grown > self.memory_limit {
            self.refused = true;
            return Ok(false);
        }
        self.memory = grown;
        self.growth = growth;
        self.counters.memory_peak.fetch_max(u64::try_from(grown).unwrap_or(u64::MAX), Relaxed);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory -= std::mem::take(&mut self.growth);
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.table.saturating_add(desired.saturating_sub(current));
        if grown > self.table_limit {
            self.refused = true;
            return Ok(false);
        }
        self.table = grown;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Cap;
    use wasmtime::ResourceLimiter as _;

    #[test]
    fn memories_count_together() {
        let mut cap = Cap::new(&Arc::default(), 100, 10);
        assert!(cap.memory_growing(0, 60, None).expect("an answer"));
        assert!(!cap.refused && !cap.is_nearly_full());
        assert!(!cap.memory_growing(0, 41, None).expect("an answer"));
        assert!(cap.refused);
        assert!(cap.memory_growing(60, 75, None).expect("an answer"));
        assert!(cap.is_nearly_full());
        assert!(!cap.memory_growing(0, usize::MAX, None).expect("an answer"));
    }

    #[test]
    fn a_failed_growth_is_taken_back() {
        let mut cap = Cap::new(&Arc::default(), 100, 10);
        assert!(cap.memory_growing(0, 80, None).expect("an answer"));
        cap.memory_grow_failed(wasmtime::Error::msg("no more pages")).expect("not a trap");
        assert!(cap.refused && !cap.is_nearly_full());
        assert!(cap.memory_growing(0, 100, None).expect("an answer"));
    }

    #[test]
    fn tables_count_together() {
        let mut cap = Cap::new(&Arc::default(), 100, 10);
        assert!(cap.table_growing(0, 6, None).expect("an answer"));
        assert!(!cap.table_growing(0, 5, None).expect("an answer"));
        assert!(cap.table_growing(6, 10, None).expect("an answer"));
    }
}

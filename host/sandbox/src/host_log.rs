//! The guest's voice: its messages in the host's log, bounded, one line each, at a bounded rate.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

use crate::bindings::detector::tidegate::plugin::host_log::Level;
use crate::contract::HOST_LOG;
use crate::ledger::Counters;
use crate::limits::Limits;
use crate::store::HostState;
use crate::text::one_line;

/// Where the messages of one guest go, from all its instances.
pub(crate) struct GuestLog {
    guest: String,
    pub(crate) max_text_bytes: usize,
    counters: Arc<Counters>,
    budget: Mutex<Budget>,
}

impl GuestLog {
    pub(crate) fn new(guest: &str, limits: &Limits, counters: &Arc<Counters>) -> Self {
        Self {
            guest: guest.to_owned(),
            max_text_bytes: limits.max_text_bytes,
            counters: Arc::clone(counters),
            budget: Mutex::new(Budget::new(limits.log_burst, limits.log_per_second)),
        }
    }

    /// Logs one line, which has been made safe to print, if the guest may still log any.
    pub(crate) fn write(&self, level: Level, line: &str) {
        let admitted = self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        let Some(dropped) = admitted else {
            self.counters.log_lines_dropped.fetch_add(1, Relaxed);
            return;
        };
        let guest = &self.guest;
        if dropped > 0 {
            tracing::warn!(%guest, dropped, "guest logs too much, lines were dropped");
        }
        match level {
            Level::Debug => tracing::debug!(%guest, "{line}"),
            Level::Info => tracing::info!(%guest, "{line}"),
            Level::Warn => tracing::warn!(%guest, "{line}"),
            Level::Error => tracing::error!(%guest, "{line}"),
        }
    }
}

/// Offers `host-log` to the guests that this linker makes.
pub(crate) fn offer(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.instance(HOST_LOG)?.func_wrap(
        "log",
        // The message is looked at where it lies: a guest that logs megabytes in a loop costs no copy of them.
        |mut store: StoreContextMut<'_, HostState>, (level, message): (Level, WasmStr)| {
            let max = store.data().log.max_text_bytes;
            let line = one_line(&message.to_str(&store)?, max);
            let state = store.data_mut();
            state.log.write(level, &line);
            if matches!(level, Level::Error) {
                state.last_words = Some(line);
            }
            Ok(())
        },
    )
}

/// A token bucket.
#[derive(Debug)]
struct Budget {
    burst: f64,
    per_second: f64,
    tokens: f64,
    filled_at: Option<Instant>,
    dropped: u64,
}

impl Budget {
    fn new(burst: u32, per_second: u32) -> Self {
        Self { burst: burst.into(), per_second: per_second.into(), tokens: burst.into(), filled_at: None, dropped: 0 }
    }

    /// Takes one line's worth. Returns how many lines were dropped before it, or `None` when it is dropped itself.
    fn take(&mut self, now: Instant) -> Option<u64> {
        if let Some(filled_at) = self.filled_at.replace(now) {
            let earned = now.saturating_duration_since(filled_at).as_secs_f64() * self.per_second;
            self.tokens = (self.tokens + earned).min(self.burst);
        }
        if self.tokens < 1.0 {
            self.dropped += 1;
            return None;
        }
        self.tokens -= 1.0;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::time::{Duration, Instant};

    #[test]
    fn a_burst_then_a_trickle() {
        let start = Instant::now();
        let mut budget = Budget::new(3, 2);
        let at = |millis| start + Duration::from_millis(millis);
        for _ in 0..3 {
            assert_eq!(budget.take(at(0)), Some(0));
        }
        assert_eq!(budget.take(at(0)), None);
        assert_eq!(budget.take(at(100)), None);
        assert_eq!(budget.take(at(600)), Some(2));
        assert_eq!(budget.take(at(700)), None);
        // However long it was silent, no more than the burst is saved up.
        for _ in 0..3 {
            assert!(budget.take(at(1_000_000)).is_some());
        }
        assert_eq!(budget.take(at(1_000_000)), None);
    }

    #[test]
    fn zero_is_silence() {
        let mut budget = Budget::new(0, 0);
        assert_eq!(budget.take(Instant::now()), None);
    }
}

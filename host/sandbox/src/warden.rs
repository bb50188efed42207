//! Watches over one guest: makes its stores, lets calls in, and judges how they ended.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::bindings::detector::tidegate::plugin::types as wit;
use crate::error::{CallError, GuestError};
use crate::host_log::GuestLog;
use crate::ledger::{Alive, Counters};
use crate::limits::Limits;
use crate::quarantine::Quarantine;
use crate::sandbox::Compiled;
use crate::store::{Cap, HostState};
use crate::text::{for_people, one_line};

/// How many bytes more than a guest should send are still taken in, so that long texts can be cut and a state that is
/// too large can be told its size. What goes beyond ends the call before anything is copied.
pub(crate) const SLACK: usize = 1 << 20;

/// What the engine says when a guest sends more than it may. Its error has no public type; a test holds this text.
const TOO_MUCH_DATA: &str = "fuel allocated for hostcalls has been exhausted";

/// One guest's bounds and record, shared by everything that is opened from it.
pub(crate) struct Warden {
    pub(crate) guest: String,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    quarantine: Arc<Quarantine>,
    log: Arc<GuestLog>,
}

impl Warden {
    pub(crate) fn new(
        guest: &str,
        compiled: Arc<Compiled>,
        limits: &Limits,
        counters: Arc<Counters>,
        quarantine: Arc<Quarantine>,
    ) -> Self {
        Self {
            guest: guest.to_owned(),
            compiled,
            log: Arc::new(GuestLog::new(guest, limits, &counters)),
            limits: limits.clone(),
            counters,
            quarantine,
        }
    }

    /// Whether the guest may be called at all now.
    pub(crate) fn admit(&self) -> Result<(), CallError> {
        match self.quarantine.remaining() {
            None => Ok(()),
            Some(remaining) => Err(CallError::Quarantined { remaining }),
        }
    }

    /// An empty store within the guest's limits.
    pub(crate) fn store(&self) -> Store<HostState> {
        let cap = Cap::new(&self.counters, self.limits.memory_bytes, self.limits.table_elements);
        let alive = Alive::new(&self.counters);
        let state = HostState::new(cap, Arc::clone(&self.log), alive);
        let mut store = Store::new(self.compiled.component.engine(), state);
        store.limiter(|state| &mut state.cap);
        store
    }

    /// Instantiates within an armed store.
    pub(crate) fn instantiate(
        &self,
        store: &mut Store<HostState>,
        pre: &InstancePre<HostState>,
    ) -> Result<Instance, CallError> {
        pre.instantiate(&mut *store).map_err(|error| {
            if error.is::<Trap>() || store.data().cap.refused {
                self.judge(store, &error, self.limits.open_timeout)
            } else {
                CallError::NoRoom { why: format!("{error:#}") }
            }
        })
    }

    /// What it means that a call ended without an answer. The store is unusable after it.
    pub(crate) fn judge(&self, store: &Store<HostState>, error: &wasmtime::Error, given: Duration) -> CallError {
        let state = store.data();
        let said = state.last_words.clone();
        let verdict = match error.downcast_ref::<Trap>() {
            _ if error.is::<PoolConcurrencyLimitError>() => {
                return CallError::NoRoom { why: format!("{error:#}") };
            }
            Some(Trap::Interrupt) => CallError::TimedOut { after: given },
            _ if state.cap.refused => CallError::OutOfMemory { limit: self.limits.memory_bytes, said },
            Some(trap) => CallError::Trapped { what: trap.to_string(), said },
            None => {
                let what = format!("{error:#}");
                if what.contains(TOO_MUCH_DATA) {
                    CallError::BadAnswer { what: "more data than the host takes in at once".to_owned() }
                } else {
                    CallError::Trapped { what: one_line(&what, self.limits.max_text_bytes), said }
                }
            }
        };
        if let Some(pause) = self.quarantine.trapped() {
            tracing::warn!(
                guest = %self.guest,
                digest = %self.compiled.digest,
                error = %verdict,
                ?pause,
                "guest trapped too often and is quarantined; what it serves is unjudged meanwhile"
            );
        }
        verdict
    }

    /// A guest's own error, with its text cut to size. It ends up within sentences and lines of the log: so it is one
    /// line.
    pub(crate) fn own_error(&self, error: wit::Error) -> CallError {
        let cut = |text: String| one_line(&text, self.limits.max_text_bytes);
        CallError::Guest(match error {
            wit::Error::InvalidSettings(text) => GuestError::InvalidSettings(cut(text)),
            wit::Error::UnreadableState(text) => GuestError::UnreadableState(cut(text)),
            wit::Error::InsufficientData(text) => GuestError::InsufficientData(cut(text)),
            wit::Error::Internal(text) => GuestError::Internal(cut(text)),
        })
    }

    /// A guest's text for people, cut to size and without anything that deceives.
    pub(crate) fn text(&self, text: String) -> String {
        for_people(text, self.limits.max_text_bytes)
    }
}

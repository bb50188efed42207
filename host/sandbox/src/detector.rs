//! An opened detector: a handful of live instances, and the fold call that a cycle makes once a series.
//!
//! The call is the hottest path of the host. Between checkout and return it allocates nothing but the answer.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{InstancePre, ResourceAny};

use crate::bindings::detector::exports::tidegate::plugin::detector as wit;
use crate::bindings::detector::tidegate::plugin::types::Samples;
use crate::bindings::detector::{DetectorGuest, DetectorGuestIndices};
use crate::engine::ticks;
use crate::error::CallError;
use crate::scored::{Needs, Scored, Verdicts, check_verdicts};
use crate::store::{HostState, arm};
use crate::warden::{SLACK, Warden};

/// A configured detector. Cheap to clone; may be called from any number of threads at once.
#[derive(Clone)]
pub struct Detector(Arc<Opened>);

struct Opened {
    warden: Arc<Warden>,
    pre: InstancePre<HostState>,
    indices: DetectorGuestIndices,
    settings: String,
    step_ms: u64,
    needs: Needs,
    call_ticks: u64,
    /// Instances that nobody uses just now. The last one returned goes out first: its memory is warm.
    idle: Mutex<Vec<Live>>,
}

/// An instance with its opened model.
struct Live {
    store: Store<HostState>,
    guest: DetectorGuest,
    model: ResourceAny,
    /// Kept between calls, so that a call copies the samples and does not allocate.
    fresh: Samples,
}

/// Most samples that a live instance's buffer keeps room for. A backfill brings thousands once, a cycle one or two.
const KEPT_SAMPLES: usize = 1024;

impl Detector {
    pub(crate) fn open(
        warden: Arc<Warden>,
        pre: &InstancePre<HostState>,
        indices: &DetectorGuestIndices,
        settings: &Value,
        step: Duration,
    ) -> Result<Self, CallError> {
        warden.admit()?;
        let mut opened = Opened {
            call_ticks: ticks(warden.limits.call_timeout),
            warden,
            pre: pre.clone(),
            indices: indices.clone(),
            settings: settings.to_string(),
            step_ms: u64::try_from(step.as_millis()).unwrap_or(u64::MAX),
            needs: Needs { history: Duration::ZERO, min_samples: 0 },
            idle: Mutex::default(),
        };
        let mut live = opened.instance()?;
        opened.needs = opened.ask_needs(&mut live)?;
        opened.put_back(live);
        Ok(Self(Arc::new(opened)))
    }

    /// How much data this configuration wants. Asked once, when it was opened.
    pub fn needs(&self) -> Needs {
        self.0.needs
    }

    /// SHA-256 of the guest's bytes, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.warden.compiled.digest
    }

    /// The name that the guest was loaded under.
    pub fn guest_name(&self) -> &str {
        &self.0.warden.guest
    }

    /// How much linear memory the largest of the instances holds that are ready just now, in bytes; 0 where none is.
    pub fn memory_bytes(&self) -> usize {
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.iter().map(|live| live.store.data().cap.memory()).max().unwrap_or(0)
    }

    /// Folds fresh samples into the state of one series and judges each against what came before it.
    ///
    /// `timestamps` are milliseconds since the Unix epoch, strictly ascending, one per value. An empty `state` is a
    /// series never seen. Blocks for as long as the guest computes: not for threads of an async runtime.
    ///
    /// # Errors
    ///
    /// Every way in which a guest can fail to answer. After none of them is the series' state any different.
    pub fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, CallError> {
        let opened = &*self.0;
        let began = Instant::now();
        let answer = opened.score(state, timestamps, values);
        opened.warden.counters.called(began, &answer);
        if answer.is_ok() {
            opened.warden.counters.scores.fetch_add(values.len() as u64, Relaxed);
        }
        answer
    }
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector")
            .field("guest", &self.guest_name())
            .field("settings", &self.0.settings)
            .field("step_ms", &self.0.step_ms)
            .finish_non_exhaustive()
    }
}

impl Opened {
    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, CallError> {
        if timestamps.len() != values.len() {
            return Err(CallError::BadCall {
                what: format!("{} timestamps for {} values", timestamps.len(), values.len()),
            });
        }
        self.warden.admit()?;
        let mut live = match self.take_idle() {
            Some(live) => live,
            None => self.instance()?,
        };
        let Live { store, guest, model, fresh } = &mut live;
        fresh.timestamps.clear();
        fresh.timestamps.extend_from_slice(timestamps);
        fresh.values.clear();
        fresh.values.extend_from_slice(values);

        let limits = &self.warden.limits;
        let columns = 4 * size_of_val(values);
        arm(store, self.call_ticks, limits.max_state_bytes + columns + SLACK);
        store.data_mut().machine.call_begins_at(timestamps.last().copied().unwrap_or(0));
        let answer = guest.tidegate_plugin_detector().model().call_score(&mut *store, *model, state, fresh);
        match answer {
            Ok(answer) => {
                self.put_back(live);
                let scored = answer.map_err(|error| self.warden.own_error(error))?;
                self.checked(scored, values.len())
            }
            Err(error) => Err(self.warden.judge(store, &error, limits.call_timeout)),
        }
    }

    fn take_idle(&self) -> Option<Live> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps an instance for the next call, unless it has grown too large or there are enough.
    fn put_back(&self, mut live: Live) {
        if live.store.data().cap.is_nearly_full() {
            self.warden.counters.instances_retired.fetch_add(1, Relaxed);
            return;
        }
        if live.fresh.values.capacity() > KEPT_SAMPLES {
            live.fresh.timestamps = Vec::new();
            live.fresh.values = Vec::new();
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.warden.limits.idle_instances {
            idle.push(live);
        }
    }

    /// A new instance with the model opened.
    fn instance(&self) -> Result<Live, CallError> {
        let timeout = self.warden.limits.open_timeout;
        let mut store = self.warden.store();
        arm(&mut store, ticks(timeout), SLACK);
        let instance = self.warden.instantiate(&mut store, &self.pre)?;
        let opened = self.indices.load(&mut store, &instance).and_then(|guest| {
            let model = guest.tidegate_plugin_detector().model().call_open(&mut store, &self.settings, self.step_ms)?;
            Ok((guest, model))
        });
        let (guest, model) = opened.map_err(|error| self.warden.judge(&store, &error, timeout))?;
        let model = model.map_err(|error| self.warden.own_error(error))?;
        Ok(Live { store, guest, model, fresh: Samples { timestamps: Vec::new(), values: Vec::new() } })
    }

    fn ask_needs(&self, live: &mut Live) -> Result<Needs, CallError> {
        arm(&mut live.store, self.call_ticks, SLACK);
        let needs =
            live.guest.tidegate_plugin_detector().model().call_needs(&mut live.store, live.model).map_err(|error| {
                let given = self.warden.limits.call_timeout;
                self.warden.judge(&live.store, &error, given)
            })?;
        let history = Duration::from_millis(needs.history_ms);
        let max_history = self.warden.limits.max_history;
        if history > max_history {
            return Err(CallError::BadAnswer {
                what: format!("it needs {history:?} of history, more than the {max_history:?} allowed"),
            });
        }
        Ok(Needs { history, min_samples: needs.min_samples })
    }

    /// Takes over an answer that keeps to the contract, and no other.
    fn checked(&self, scored: wit::Scored, samples: usize) -> Result<Scored, CallError> {
        let wit::Scored { state, verdicts, note } = scored;
        let max = self.warden.limits.max_state_bytes;
        if state.len() > max {
            return Err(CallError::BadAnswer {
                what: format!("a state of {} bytes, more than the {max} allowed", state.len()),
            });
        }
        let verdicts = Verdicts {
            scores: verdicts.scores,
            expected: verdicts.expected,
            lower: verdicts.lower,
            upper: verdicts.upper,
        };
        check_verdicts(&verdicts, samples).map_err(|what| CallError::BadAnswer { what })?;
        Ok(Scored { state, verdicts, note: note.map(|note| self.warden.text(note)) })
    }
}

//! An opened detector: a handful of live instances, and the fold call that a cycle makes once a series.
//!
//! The call is the hottest path of the host. Between checkout and return it allocates nothing but the answer.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{InstancePre, ResourceAny};

use crate::bindings::detector::exports::tidegate::plugin::detector as wit;
use crate::bindings::detector::tidegate::plugin::types::Samples;
use crate::bindings::detector::{DetectorGuest, DetectorGuestIndices};
use crate::engine::ticks;
use crate::error::CallError;
use crate::store::{HostState, arm};
use crate::warden::{SLACK, Warden};

/// How much data a detector wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// How much history to hand over when a series is seen for the first time. Zero for none.
    pub history: Duration,
    /// How many samples of a series it must have seen before its scores can be other than NaN.
    pub min_samples: u64,
}

/// What comes out of folding in fresh samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The state after the last sample.
    pub state: Vec<u8>,
    /// One verdict per fresh sample.
    pub verdicts: Verdicts,
    /// A remark for people on the last sample, cut to `max_text_bytes`.
    pub note: Option<String>,
}

/// The judgement of each fresh sample, as columns of equal length.
///
/// A score is 0 or above, and above 1 means anomalous; NaN means not judged. Where a score is a number, so are
/// `expected`, `lower` and `upper`, and `lower` is at most `upper`.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// How unusual each sample is.
    pub scores: Vec<f64>,
    /// The value that was expected, in the unit of the series.
    pub expected: Vec<f64>,
    /// Lower edge of the band. May be minus infinity.
    pub lower: Vec<f64>,
    /// Upper edge of the band. May be plus infinity.
    pub upper: Vec<f64>,
}

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
    idle: Mutex<Vec<Box<Live>>>,
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
            needs: Needs {
                history: Duration::ZERO,
                min_samples: 0,
            },
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

    /// Folds fresh samples into the state of one series and judges each against what came before it.
    ///
    /// `timestamps` are milliseconds since the Unix epoch, strictly ascending, one per value. An empty `state` is a
    /// series never seen. Blocks for as long as the guest computes: not for threads of an async runtime.
    ///
    /// # Errors
    ///
    /// Every way in which a guest can fail to answer. After none of them is the series' state any different.
    pub fn score(
        &self,
        state: &[u8],
        timestamps: &[i64],
        values: &[f64],
    ) -> Result<Scored, CallError> {
        let opened = &*self.0;
        opened.warden.counters.calls.fetch_add(1, Relaxed);
        let answer = opened.score(state, timestamps, values);
        if let Err(error) = &answer {
            opened.warden.counters.failed(error);
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
        check_samples(timestamps, values)?;
        self.warden.admit()?;
        let mut live = match self.take_idle() {
            Some(live) => live,
            None => self.instance()?,
        };
        let Live {
            store,
            guest,
            model,
            fresh,
        } = &mut *live;
        fresh.timestamps.clear();
        fresh.timestamps.extend_from_slice(timestamps);
        fresh.values.clear();
        fresh.values.extend_from_slice(values);

        let limits = &self.warden.limits;
        let columns = 4 * size_of_val(values);
        arm(
            store,
            self.call_ticks,
            limits.max_state_bytes + columns + SLACK,
        );
        let answer =
            guest
                .tidegate_plugin_detector()
                .model()
                .call_score(&mut *store, *model, state, fresh);
        match answer {
            Ok(answer) => {
                self.put_back(live);
                let scored = answer.map_err(|error| self.warden.own_error(error))?;
                self.checked(scored, values.len())
            }
            Err(error) => Err(self.warden.judge(store, &error, limits.call_timeout)),
        }
    }

    fn take_idle(&self) -> Option<Box<Live>> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    /// Keeps an instance for the next call, unless it has grown too large or there are enough.
    fn put_back(&self, mut live: Box<Live>) {
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
    fn instance(&self) -> Result<Box<Live>, CallError> {
        let timeout = self.warden.limits.open_timeout;
        let mut store = self.warden.store(None);
        arm(&mut store, ticks(timeout), SLACK);
        let instance = self.warden.instantiate(&mut store, &self.pre)?;
        let opened = self.indices.load(&mut store, &instance).and_then(|guest| {
            let model = guest.tidegate_plugin_detector().model().call_open(
                &mut store,
                &self.settings,
                self.step_ms,
            )?;
            Ok((guest, model))
        });
        let (guest, model) = opened.map_err(|error| self.warden.judge(&store, &error, timeout))?;
        let model = model.map_err(|error| self.warden.own_error(error))?;
        Ok(Box::new(Live {
            store,
            guest,
            model,
            fresh: Samples {
                timestamps: Vec::new(),
                values: Vec::new(),
            },
        }))
    }

    fn ask_needs(&self, live: &mut Live) -> Result<Needs, CallError> {
        arm(&mut live.store, self.call_ticks, SLACK);
        let needs = live
            .guest
            .tidegate_plugin_detector()
            .model()
            .call_needs(&mut live.store, live.model)
            .map_err(|error| {
                let given = self.warden.limits.call_timeout;
                self.warden.judge(&live.store, &error, given)
            })?;
        let history = Duration::from_millis(needs.history_ms);
        let max_history = self.warden.limits.max_history;
        if history > max_history {
            return Err(CallError::BadAnswer {
                what: format!(
                    "it needs {history:?} of history, more than the {max_history:?} allowed"
                ),
            });
        }
        Ok(Needs {
            history,
            min_samples: needs.min_samples,
        })
    }

    /// Takes over an answer that keeps to the contract, and no other.
    fn checked(&self, scored: wit::Scored, samples: usize) -> Result<Scored, CallError> {
        let wit::Scored {
            state,
            verdicts,
            note,
        } = scored;
        let max = self.warden.limits.max_state_bytes;
        if state.len() > max {
            return Err(CallError::BadAnswer {
                what: format!(
                    "a state of {} bytes, more than the {max} allowed",
                    state.len()
                ),
            });
        }
        let verdicts = Verdicts {
            scores: verdicts.scores,
            expected: verdicts.expected,
            lower: verdicts.lower,
            upper: verdicts.upper,
        };
        check_verdicts(&verdicts, samples).map_err(|what| CallError::BadAnswer { what })?;
        Ok(Scored {
            state,
            verdicts,
            note: note.map(|note| self.warden.text(note)),
        })
    }
}

fn check_samples(timestamps: &[i64], values: &[f64]) -> Result<(), CallError> {
    let what = if timestamps.len() != values.len() {
        format!(
            "{} timestamps for {} values",
            timestamps.len(),
            values.len()
        )
    } else if let Some(at) = timestamps.windows(2).position(|pair| pair[0] >= pair[1]) {
        format!(
            "timestamp {} follows {}; they have to ascend",
            timestamps[at + 1],
            timestamps[at]
        )
    } else {
        return Ok(());
    };
    Err(CallError::BadCall { what })
}

fn check_verdicts(verdicts: &Verdicts, samples: usize) -> Result<(), String> {
    let Verdicts {
        scores,
        expected,
        lower,
        upper,
    } = verdicts;
    for (name, column) in [
        ("scores", scores),
        ("expected", expected),
        ("lower", lower),
        ("upper", upper),
    ] {
        if column.len() != samples {
            return Err(format!("{} {name} for {samples} samples", column.len()));
        }
    }
    for at in 0..samples {
        let (score, expected, lower, upper) = (scores[at], expected[at], lower[at], upper[at]);
        if score.is_nan() {
            continue;
        }
        if score < 0.0 {
            return Err(format!("score {score} of sample {at} is below 0"));
        }
        if expected.is_nan() {
            return Err(format!("sample {at} has a score and no expected value"));
        }
        // False for NaN as well.
        if !matches!(
            lower.partial_cmp(&upper),
            Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)
        ) {
            return Err(format!(
                "the band of sample {at} goes from {lower} to {upper}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Verdicts, check_samples, check_verdicts};

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    #[test]
    fn verdicts_keep_to_the_contract() {
        let cases: &[(&str, [f64; 4], Option<&str>)] = &[
            ("normal", [0.5, 10.0, 8.0, 12.0], None),
            ("exactly normal", [0.0, 10.0, 10.0, 10.0], None),
            ("endless score", [INF, 10.0, 10.0, 10.0], None),
            ("half-open band", [0.5, 10.0, -INF, 12.0], None),
            ("not judged", [NAN, NAN, NAN, NAN], None),
            ("not judged, band left over", [NAN, 1.0, 3.0, 2.0], None),
            ("negative", [-0.1, 10.0, 8.0, 12.0], Some("below 0")),
            ("minus infinity", [-INF, 10.0, 8.0, 12.0], Some("below 0")),
            (
                "nothing expected",
                [0.5, NAN, 8.0, 12.0],
                Some("no expected"),
            ),
            ("inverted", [0.5, 10.0, 12.0, 8.0], Some("from 12 to 8")),
            ("no lower edge", [0.5, 10.0, NAN, 12.0], Some("from NaN")),
            ("no upper edge", [0.5, 10.0, 8.0, NAN], Some("to NaN")),
        ];
        for (case, [score, expected, lower, upper], refused) in cases {
            let verdicts = Verdicts {
                scores: vec![0.1, *score],
                expected: vec![1.0, *expected],
                lower: vec![0.0, *lower],
                upper: vec![2.0, *upper],
            };
            let verdict = check_verdicts(&verdicts, 2);
            match refused {
                None => assert_eq!(verdict, Ok(()), "{case}"),
                Some(why) => {
                    let error = verdict.expect_err(case);
                    assert!(error.contains(why), "{case}: {error}");
                }
            }
        }
    }

    #[test]
    fn every_column_has_one_entry_a_sample() {
        for short in 0..4 {
            let mut columns = [const { [0.5] }; 4].map(Vec::from);
            columns[short].clear();
            let [scores, expected, lower, upper] = columns;
            let verdicts = Verdicts {
                scores,
                expected,
                lower,
                upper,
            };
            assert!(check_verdicts(&verdicts, 1).is_err(), "column {short}");
            assert!(check_verdicts(&verdicts, 0).is_err(), "column {short}");
        }
    }

    #[test]
    fn samples_ascend() {
        assert!(check_samples(&[], &[]).is_ok());
        assert!(check_samples(&[1, 2, 5], &[NAN, INF, 0.0]).is_ok());
        for (timestamps, values) in [
            (&[1, 2][..], &[0.0][..]),
            (&[1, 1], &[0.0, 0.0]),
            (&[2, 1], &[0.0, 0.0]),
        ] {
            let error = check_samples(timestamps, values).expect_err("a bad call");
            assert_eq!(error.kind(), "bad_call");
        }
    }
}

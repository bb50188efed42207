//! What a guest costs: calls a second, time a sample, state, memory, and how long it takes to load.
//!
//! Measured as the host works: one thread, one sample a call, the states of many series in turn, so that no cache holds
//! just the one that is asked for. Figures are of the machine that they were taken on.

mod data;
mod render;

use std::time::{Duration, Instant};

use tidegate_sandbox::{
    ActionOffer, CallError, Detector, Guest, GuestKind, Incident, InstantSample, Label, MetricsSource, OpenError,
    Policy, Severity, Source,
};

pub use render::{document, table};

/// How to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What each guest is opened with.
    pub settings: serde_json::Value,
    /// What a policy may choose from.
    pub actions: Vec<ActionOffer>,
    /// How long to measure single calls, and at most as long again for the backfill before.
    pub time: Duration,
    /// How many series take turns.
    pub series: usize,
    /// The distance between two samples.
    pub step: Duration,
}

/// What one guest costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The name that it was loaded under.
    pub guest: String,
    /// What it is.
    pub kind: GuestKind,
    /// Size of the file, in bytes.
    pub wasm_bytes: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// How long loading took with nothing compiled before.
    pub cold_load: Duration,
    /// How long it took with the code that was kept from before.
    pub warm_load: Duration,
    /// The calls.
    pub calls: Calls,
}

/// What calls cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Calls {
    /// How many were measured.
    pub measured: u64,
    /// Nanoseconds a call: the median over rounds, which the odd hiccup of the machine does not move.
    pub nanos: f64,
    /// What only detectors have.
    pub detector: Option<Folding>,
}

/// What folding costs a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Folding {
    /// Nanoseconds a sample where a thousand come at once, as in a backfill.
    pub bulk_nanos: f64,
    /// The largest state of any series, in bytes.
    pub state_bytes: usize,
    /// Linear memory of an instance after all that, in bytes.
    pub memory_bytes: usize,
    /// The share of the measured samples that got a score.
    pub judged: f64,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A call brought no answer.
    #[error("guest {guest:?} failed while it was measured: {error}")]
    Call {
        /// The guest's name.
        guest: String,
        /// What happened.
        error: CallError,
    },
}

/// Samples of one call of a backfill.
const CHUNK: usize = 1_000;
/// Least samples that a series has before single calls are measured, whatever the guest asks for.
const LEAST_HISTORY: usize = 500;
/// Most samples that one does: three weeks of minutes, and some.
const MOST_HISTORY: usize = 50_000;

/// Measures the calls of a loaded guest. `progress` is told the share of the work that is done.
///
/// # Errors
///
/// When it does not open with the plan's settings, or a call fails: there is no average of answers and failures.
pub fn measure(guest: &Guest, plan: &Plan, progress: &mut dyn FnMut(f64)) -> Result<Calls, BenchError> {
    let failed = |error| BenchError::Call { guest: guest.name().to_owned(), error };
    match guest.kind() {
        GuestKind::Detector => {
            let detector = guest.open_detector(&plan.settings, plan.step)?;
            fold(&detector, plan, progress).map_err(failed)
        }
        GuestKind::Remediation => {
            let policy = guest.open_policy(&plan.settings, &plan.actions)?;
            ask(&policy, plan, progress).map_err(failed)
        }
    }
}

fn fold(detector: &Detector, plan: &Plan, progress: &mut dyn FnMut(f64)) -> Result<Calls, CallError> {
    let series = plan.series.max(1);
    let step = i64::try_from(plan.step.as_millis()).unwrap_or(i64::MAX).max(1);
    let Backfill { mut states, samples, bulk_nanos } = backfill(detector, plan, series, step, progress)?;
    let mut rounds = Rounds::new(plan.time);
    let mut judged = 0_u64;
    let mut place = samples;
    while !rounds.over() {
        let at = step.saturating_mul(place as i64);
        // Made before the clock runs: what the samples cost is no business of the guest.
        let values: Vec<f64> = (0..series).map(|of| data::value(of, place)).collect();
        let began = Instant::now();
        let mut calls = 0;
        for (state, value) in states.iter_mut().zip(&values) {
            let scored = detector.score(state, &[at], &[*value])?;
            judged += u64::from(scored.verdicts.scores.first().is_some_and(|score| !score.is_nan()));
            *state = scored.state;
            calls += 1;
            if rounds.over() {
                break;
            }
        }
        rounds.add(calls, began.elapsed());
        progress(0.5 + rounds.share() / 2.0);
        place += 1;
    }
    let (measured, nanos) = rounds.result();
    Ok(Calls {
        measured,
        nanos,
        detector: Some(Folding {
            bulk_nanos,
            state_bytes: states.iter().map(Vec::len).max().unwrap_or(0),
            memory_bytes: detector.memory_bytes(),
            judged: judged as f64 / measured.max(1) as f64,
        }),
    })
}

struct Backfill {
    states: Vec<Vec<u8>>,
    /// How many samples each series has seen.
    samples: usize,
    bulk_nanos: f64,
}

/// Gives every series as much history as the guest asks for. Once the time is over, further series begin with a copy of
/// an earlier one's state: the same bytes at another place in memory.
fn backfill(
    detector: &Detector,
    plan: &Plan,
    series: usize,
    step: i64,
    progress: &mut dyn FnMut(f64),
) -> Result<Backfill, CallError> {
    let needs = detector.needs();
    let history = usize::try_from(needs.history.as_millis() / plan.step.as_millis().max(1)).unwrap_or(usize::MAX);
    let needed = usize::try_from(needs.min_samples).unwrap_or(usize::MAX);
    let samples = history.max(needed).clamp(LEAST_HISTORY, MOST_HISTORY);
    let times: Vec<i64> = (0..samples).map(|place| step.saturating_mul(place as i64)).collect();
    let began = Instant::now();
    let mut rounds = Rounds::new(plan.time);
    let mut states: Vec<Vec<u8>> = Vec::new();
    for of in 0..series {
        if rounds.over()
            && let Some(state) = states.get(of % states.len().max(1)).cloned()
        {
            states.push(state);
            continue;
        }
        let values: Vec<f64> = (0..samples).map(|place| data::value(of, place)).collect();
        let mut state = Vec::new();
        let started = Instant::now();
        for (times, values) in times.chunks(CHUNK).zip(values.chunks(CHUNK)) {
            state = detector.score(&state, times, values)?.state;
        }
        rounds.add(samples as u64, started.elapsed());
        states.push(state);
        let share = (of as f64 / series as f64).max(began.elapsed().as_secs_f64() / plan.time.as_secs_f64().max(1e-3));
        progress(share.min(1.0) / 2.0);
    }
    let (_, bulk_nanos) = rounds.result();
    Ok(Backfill { states, samples, bulk_nanos })
}

fn ask(policy: &Policy, plan: &Plan, progress: &mut dyn FnMut(f64)) -> Result<Calls, CallError> {
    let incident = incident();
    let mut rounds = Rounds::new(plan.time);
    while !rounds.over() {
        let began = Instant::now();
        policy.consult(&incident, &NoMetrics).decision?;
        rounds.add(1, began.elapsed());
        progress(rounds.share());
    }
    let (measured, nanos) = rounds.result();
    Ok(Calls { measured, nanos, detector: None })
}

/// Asking Prometheus would be measured with the policy.
struct NoMetrics;

impl MetricsSource for NoMetrics {
    fn query(&self, _expr: &str, _within: Duration) -> Result<Vec<InstantSample>, String> {
        Err("a benchmark answers no queries".to_owned())
    }
}

/// An ordinary anomaly.
fn incident() -> Incident {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    Incident {
        id: "bench-1".to_owned(),
        source: Source::Anomaly,
        watch: "bench".to_owned(),
        labels: vec![label("env", "prod"), label("service", "checkout")],
        severity: Severity::High,
        since: 1_700_000_000_000,
        value: 250.0,
        expected: 100.0,
        lower: 80.0,
        upper: 120.0,
        window: (0..60).map(|place| (1_700_000_000_000 + 60_000 * place as i64, data::value(0, place))).collect(),
        alerts: vec![],
        attempts: vec![],
    }
}

/// Measured rounds, for as long as they are to go on.
struct Rounds {
    began: Instant,
    time: Duration,
    calls: u64,
    nanos_each: Vec<f64>,
}

impl Rounds {
    fn new(time: Duration) -> Self {
        Self { began: Instant::now(), time, calls: 0, nanos_each: Vec::new() }
    }

    fn over(&self) -> bool {
        !self.nanos_each.is_empty() && self.began.elapsed() >= self.time
    }

    fn share(&self) -> f64 {
        (self.began.elapsed().as_secs_f64() / self.time.as_secs_f64().max(1e-3)).min(1.0)
    }

    fn add(&mut self, calls: u64, took: Duration) {
        self.calls += calls;
        self.nanos_each.push(took.as_nanos() as f64 / calls.max(1) as f64);
    }

    /// How many calls there were, and the median of what one took in each round.
    fn result(mut self) -> (u64, f64) {
        let middle = self.nanos_each.len() / 2;
        let median = if self.nanos_each.is_empty() {
            0.0
        } else {
            *self.nanos_each.select_nth_unstable_by(middle, f64::total_cmp).1
        };
        (self.calls, median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_round_counts() {
        let mut rounds = Rounds::new(Duration::ZERO);
        assert!(!rounds.over(), "at least one round is measured");
        for (calls, nanos) in [(10, 100), (10, 1_000_000), (10, 120)] {
            rounds.add(calls, Duration::from_nanos(nanos));
        }
        assert!(rounds.over());
        assert_eq!(rounds.result(), (30, 12.0));
    }
}

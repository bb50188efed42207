//! Counts what guests did, for whoever shows metrics. Outlives reloads, so that counters never run backwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::CallError;
use crate::guest::GuestKind;
use crate::limits::QuarantineRules;
use crate::quarantine::Quarantine;

/// One guest's counters at one moment. Counters run since the sandbox was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestStats {
    /// The name that the guest was loaded under.
    pub guest: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// What it is.
    pub kind: GuestKind,
    /// Calls of `score` and `propose`, refused ones included.
    pub calls: u64,
    /// Samples that it gave a verdict on, history included.
    pub scores: u64,
    /// How long these calls took, added up over all threads; new instances and a policy's queries included.
    pub busy: Duration,
    /// Calls without an answer, by [`CallError::kind`]; every kind is present.
    pub errors: Vec<(&'static str, u64)>,
    /// Instances made.
    pub instances_made: u64,
    /// Instances alive.
    pub instances: u64,
    /// Instances replaced because they held three quarters of their memory cap.
    pub instances_retired: u64,
    /// Most linear memory that any one instance was given, in bytes.
    pub memory_peak: u64,
    /// Log lines dropped because there were too many.
    pub log_lines_dropped: u64,
    /// Whether the guest is quarantined.
    pub quarantined: bool,
    /// For how much longer it is.
    pub quarantined_for: Option<Duration>,
}

/// One guest's live counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    pub(crate) scores: AtomicU64,
    busy_nanos: AtomicU64,
    errors: [AtomicU64; CallError::KINDS.len()],
    pub(crate) instances_made: AtomicU64,
    instances: AtomicU64,
    pub(crate) instances_retired: AtomicU64,
    pub(crate) memory_peak: AtomicU64,
    pub(crate) log_lines_dropped: AtomicU64,
}

impl Counters {
    /// Counts one call of `score` or `propose` that has ended.
    pub(crate) fn called<T>(&self, began: Instant, answer: &Result<T, CallError>) {
        self.calls.fetch_add(1, Relaxed);
        self.busy_nanos.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
        if let Err(error) = answer {
            self.errors[error.index()].fetch_add(1, Relaxed);
        }
    }
}

/// Counts one instance for as long as it lives.
#[derive(Debug)]
pub(crate) struct Alive(Arc<Counters>);

impl Alive {
    pub(crate) fn new(counters: &Arc<Counters>) -> Self {
        counters.instances_made.fetch_add(1, Relaxed);
        counters.instances.fetch_add(1, Relaxed);
        Self(Arc::clone(counters))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.instances.fetch_sub(1, Relaxed);
    }
}

/// Everything that outlives a loaded guest.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    /// By name and digest.
    guests: BTreeMap<(String, String), (GuestKind, Arc<Counters>)>,
    /// By digest alone: loading the same bytes under another name is no way out.
    quarantines: BTreeMap<String, Arc<Quarantine>>,
}

impl Ledger {
    pub(crate) fn counters(&self, guest: &str, digest: &str, kind: GuestKind) -> Arc<Counters> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, counters) =
            pages.guests.entry((guest.to_owned(), digest.to_owned())).or_insert_with(|| (kind, Arc::default()));
        Arc::clone(counters)
    }

    pub(crate) fn quarantine(&self, digest: &str, rules: &QuarantineRules) -> Arc<Quarantine> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let quarantine =
            pages.quarantines.entry(digest.to_owned()).or_insert_with(|| Arc::new(Quarantine::new(rules.clone())));
        Arc::clone(quarantine)
    }

    pub(crate) fn stats(&self) -> Vec<GuestStats> {
        let pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = pages.guests.iter().map(|((guest, digest), (kind, counters))| {
            let quarantined_for = pages.quarantines.get(digest).and_then(|quarantine| quarantine.remaining());
            GuestStats {
                guest: guest.clone(),
                digest: digest.clone(),
                kind: *kind,
                calls: counters.calls.load(Relaxed),
                scores: counters.scores.load(Relaxed),
                busy: Duration::from_nanos(counters.busy_nanos.load(Relaxed)),
                errors: CallError::KINDS
                    .into_iter()
                    .zip(counters.errors.iter().map(|count| count.load(Relaxed)))
                    .collect(),
                instances_made: counters.instances_made.load(Relaxed),
                instances: counters.instances.load(Relaxed),
                instances_retired: counters.instances_retired.load(Relaxed),
                memory_peak: counters.memory_peak.load(Relaxed),
                log_lines_dropped: counters.log_lines_dropped.load(Relaxed),
                quarantined: quarantined_for.is_some(),
                quarantined_for,
            }
        });
        stats.collect()
    }
}

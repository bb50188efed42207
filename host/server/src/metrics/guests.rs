//! What is shown of guests: which versions run, how their files fared, and what the sandbox counted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::{Guest, GuestStats};

use super::{lock, now};

labels! {
    ByGuest { guest }
    GuestVersion { guest, digest, kind, version }
    GuestKind { guest, kind }
}

/// Every metric of guests, by their names in the config.
#[derive(Default)]
pub(crate) struct GuestMetrics {
    /// The guests that run.
    running: Mutex<BTreeMap<String, Load>>,
    info: Family<GuestVersion, Gauge>,
    ok: Family<ByGuest, Gauge>,
    at: Family<ByGuest, Gauge<f64, AtomicU64>>,
    calls: Family<ByGuest, Counter>,
    seconds: Family<ByGuest, Counter<f64, AtomicU64>>,
    quarantined: Family<ByGuest, Gauge>,
    errors: Family<GuestKind, Counter>,
    retired: Family<ByGuest, Counter>,
    lines_dropped: Family<ByGuest, Counter>,
}

/// How a guest that runs came to run.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    digest: String,
    /// Since when this version runs.
    pub(crate) since: Timestamp,
    /// When its file was last refused, and why; none where the file is what runs.
    pub(crate) refused: Option<(Timestamp, String)>,
}

impl GuestMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("guest_info", "The version of each guest that runs", self.info.clone());
        r.register("guest_last_load_successful", "1 when the guest's file is what runs", self.ok.clone());
        r.register("guest_last_load_timestamp_seconds", "When the guest that runs was loaded", self.at.clone());
        r.register("guest_calls", "Calls into a guest since start", self.calls.clone());
        r.register("guest_call_seconds", "Time spent in calls into a guest, all threads", self.seconds.clone());
        r.register("guest_quarantined", "1 while a guest that traps is not called", self.quarantined.clone());
        r.register("guest_errors", "Failed calls into a guest since start, by kind", self.errors.clone());
        r.register("guest_instances_retired", "Instances replaced before they were full", self.retired.clone());
        r.register("guest_log_lines_dropped", "A guest's log lines beyond its rate", self.lines_dropped.clone());
    }

    /// Takes over what the sandbox counted.
    pub(super) fn show(&self, all: &[GuestStats]) {
        let mut by_name: BTreeMap<&str, Vec<&GuestStats>> = BTreeMap::new();
        for stats in all {
            by_name.entry(&stats.guest).or_default().push(stats);
        }
        for (name, versions) in by_name {
            self.show_one(name, &versions);
        }
    }

    /// All versions of a guest that were loaded since the start: a swap must not make counters run backwards.
    fn show_one(&self, guest: &str, versions: &[&GuestStats]) {
        let by_guest = ByGuest { guest: guest.to_owned() };
        // The sandbox counts; here the counts are only shown.
        let calls = versions.iter().map(|stats| stats.calls).sum();
        self.calls.get_or_create(&by_guest).inner().store(calls, Relaxed);
        let retired = versions.iter().map(|stats| stats.instances_retired).sum();
        self.retired.get_or_create(&by_guest).inner().store(retired, Relaxed);
        let dropped = versions.iter().map(|stats| stats.log_lines_dropped).sum();
        self.lines_dropped.get_or_create(&by_guest).inner().store(dropped, Relaxed);
        let busy: Duration = versions.iter().map(|stats| stats.busy).sum();
        self.seconds.get_or_create(&by_guest).inner().store(busy.as_secs_f64().to_bits(), Relaxed);
        let quarantined = versions.iter().any(|stats| stats.quarantined && self.runs(stats));
        self.quarantined.get_or_create(&by_guest).set(i64::from(quarantined));
        let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
        for (kind, count) in versions.iter().flat_map(|stats| &stats.errors) {
            *errors.entry(kind).or_default() += count;
        }
        for (kind, count) in errors {
            let labels = GuestKind { guest: guest.to_owned(), kind: kind.to_owned() };
            self.errors.get_or_create(&labels).inner().store(count, Relaxed);
        }
    }

    /// Whether this version of the guest is the one that runs.
    fn runs(&self, stats: &GuestStats) -> bool {
        lock(&self.running).get(&stats.guest).is_some_and(|load| load.digest == stats.digest)
    }

    /// How a guest that runs came to run.
    pub(crate) fn load(&self, guest: &str) -> Option<Load> {
        lock(&self.running).get(guest).cloned()
    }

    /// These guests run now, and no others.
    pub(crate) fn run<'a>(&self, guests: impl Iterator<Item = &'a Guest>) {
        self.info.clear();
        let mut before = std::mem::take(&mut *lock(&self.running));
        let mut running = BTreeMap::new();
        for guest in guests {
            let known = before.remove(guest.name()).filter(|load| load.digest == guest.digest());
            let load = known.unwrap_or_else(|| Load {
                digest: guest.digest().to_owned(),
                since: crate::clock::now(),
                refused: None,
            });
            running.insert(guest.name().to_owned(), load);
            self.runs_as(guest.name(), guest.digest(), &guest.kind().to_string(), &guest.manifest().version);
        }
        *lock(&self.running) = running;
    }

    pub(super) fn runs_as(&self, guest: &str, digest: &str, kind: &str, version: &str) {
        let [guest, digest, kind, version] = [guest, digest, kind, version].map(str::to_owned);
        self.info.get_or_create(&GuestVersion { guest, digest, kind, version }).set(1);
    }

    /// The config names these guests, and all of them were loaded just now.
    pub(crate) fn named<'a>(&self, names: impl Iterator<Item = &'a String>) {
        self.ok.clear();
        self.at.clear();
        names.for_each(|name| self.loaded(name));
    }

    /// The guest's file is what runs.
    pub(crate) fn loaded(&self, guest: &str) {
        let labels = ByGuest { guest: guest.to_owned() };
        self.ok.get_or_create(&labels).set(1);
        self.at.get_or_create(&labels).set(now());
        if let Some(load) = lock(&self.running).get_mut(guest) {
            load.refused = None;
        }
    }

    /// The guest's file is not what runs: it was refused, or it is gone.
    pub(crate) fn refused(&self, guest: &str, why: &str) {
        if let Some(load) = lock(&self.running).get_mut(guest) {
            load.refused = Some((crate::clock::now(), why.to_owned()));
        }
        self.ok.get_or_create(&ByGuest { guest: guest.to_owned() }).set(0);
    }
}

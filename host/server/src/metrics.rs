//! The host's own metrics, named as Prometheus' own programs name theirs. Never one series per watched series.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tidegate_domain::event::{Fact, RunResult};
use tidegate_pipeline::report::Counts;
use tidegate_sandbox::GuestStats;

use crate::story;

/// One label, with the name given.
macro_rules! labels {
    ($($name:ident { $($label:ident),+ })*) => { $(
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        struct $name { $($label: String),+ }
    )* };
}

// Below the macro, which it uses.
mod guests;
mod slack;

pub(crate) use guests::GuestMetrics;
pub(crate) use slack::SlackMetrics;

labels! {
    Kind { kind }
    ByWatch { watch }
    WatchResult { watch, result }
    WatchStanding { watch, standing }
    WatchReason { watch, reason }
    WatchStage { watch, stage }
    DetectorKind { watch, detector, kind }
    ActionResult { action, result }
    ByGuard { guard }
    ViaResult { via, result }
    ByResult { result }
    ByReason { reason }
}

/// Every metric. Cheap to update from anywhere.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    /// All that is about single guests.
    pub(crate) guests: GuestMetrics,
    /// All that is about Slack.
    pub(crate) slack: SlackMetrics,
    config_ok: Gauge,
    config_at: Gauge<f64, AtomicU64>,
    events: Family<Kind, Counter>,
    executions: Family<ActionResult, Counter>,
    guards: Family<ByGuard, Counter>,
    queries: Family<WatchResult, Counter>,
    warnings: Family<ByWatch, Counter>,
    histograms: Family<ByWatch, Counter>,
    cycle_seconds: Family<ByWatch, Histogram>,
    stage_seconds: Family<WatchStage, Histogram>,
    snapshot_seconds: Family<ByWatch, Histogram>,
    samples: Family<WatchStanding, Counter>,
    unjudged: Family<WatchReason, Counter>,
    detector_failures: Family<DetectorKind, Counter>,
    series: Family<WatchStanding, Gauge>,
    absent: Family<ByWatch, Gauge>,
    swap_seconds: Family<ByWatch, Histogram>,
    notifications: Family<ViaResult, Counter>,
    webhooks: Family<ByResult, Counter>,
    refused_logins: Counter,
    refused_connections: Family<ByReason, Counter>,
    untraced: Counter,
    incidents_open: Gauge,
    approvals_pending: Gauge,
    requests_undelivered: Gauge,
    paused: Gauge,
    storm: Gauge,
}

impl Metrics {
    /// All metrics at zero.
    pub(crate) fn new() -> Metrics {
        let metrics = Metrics {
            registry: Mutex::new(Registry::with_prefix("tidegate")),
            guests: GuestMetrics::default(),
            slack: SlackMetrics::default(),
            config_ok: Gauge::default(),
            config_at: Gauge::default(),
            events: Family::default(),
            executions: Family::default(),
            guards: Family::default(),
            queries: Family::default(),
            warnings: Family::default(),
            histograms: Family::default(),
            cycle_seconds: Family::new_with_constructor(seconds),
            stage_seconds: Family::new_with_constructor(seconds),
            snapshot_seconds: Family::new_with_constructor(seconds),
            samples: Family::default(),
            unjudged: Family::default(),
            detector_failures: Family::default(),
            series: Family::default(),
            absent: Family::default(),
            swap_seconds: Family::new_with_constructor(seconds),
            notifications: Family::default(),
            webhooks: Family::default(),
            refused_logins: Counter::default(),
            refused_connections: Family::default(),
            untraced: Counter::default(),
            incidents_open: Gauge::default(),
            approvals_pending: Gauge::default(),
            requests_undelivered: Gauge::default(),
            paused: Gauge::default(),
            storm: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = lock(&self.registry);
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of this host", build);
        let r = &mut *registry;
        r.register("config_last_reload_successful", "1 when the last config was taken", self.config_ok.clone());
        r.register(
            "config_last_reload_success_timestamp_seconds",
            "When a config was last taken",
            self.config_at.clone(),
        );
        r.register("journal_events", "Events written to the journal", self.events.clone());
        r.register("executions", "Actions run, by how they ended", self.executions.clone());
        r.register("guard_refusals", "Approved actions that a guard stopped", self.guards.clone());
        r.register("queries", "Queries to Prometheus, by result", self.queries.clone());
        r.register("query_warnings", "Answers held back because Prometheus warned", self.warnings.clone());
        r.register("histogram_samples_skipped", "Native histogram samples, not judged", self.histograms.clone());
        r.register("cycle_duration_seconds", "Query to verdicts, one watch", self.cycle_seconds.clone());
        r.register(
            "cycle_stage_duration_seconds",
            "What a cycle's time goes into; query and parse count history as well",
            self.stage_seconds.clone(),
        );
        r.register("snapshot_duration_seconds", "Writing the series table, one watch", self.snapshot_seconds.clone());
        r.register("samples", "Samples by what they were judged", self.samples.clone());
        r.register("samples_unjudged", "Samples that nobody could judge, by reason", self.unjudged.clone());
        r.register("detector_failures", "Detector calls without an answer", self.detector_failures.clone());
        r.register("series", "Series of the last cycle, by stage", self.series.clone());
        r.register("absent_groups", "Groups that stopped coming", self.absent.clone());
        r.register("swap_duration_seconds", "Giving a watch other detectors or rules", self.swap_seconds.clone());
        self.guests.register(r);
        self.slack.register(r);
        r.register("notifications", "Messages and alerts sent, by result", self.notifications.clone());
        r.register("webhook_deliveries", "Deliveries from Alertmanager, by result", self.webhooks.clone());
        r.register("refused_credentials", "Requests with a wrong or missing token", self.refused_logins.clone());
        r.register(
            "refused_connections",
            "Connections that were not held, by reason",
            self.refused_connections.clone(),
        );
        r.register("incidents_untraced", "Incidents of which there is no chart for now", self.untraced.clone());
        r.register("incidents_open", "Incidents open now", self.incidents_open.clone());
        r.register("approvals_pending", "Requests that wait for a person", self.approvals_pending.clone());
        r.register(
            "requests_undelivered",
            "Requests that wait for a person, and nobody could be told",
            self.requests_undelivered.clone(),
        );
        r.register("paused", "1 while somebody has paused all repairs", self.paused.clone());
        r.register("storm", "1 while a storm holds every proposal", self.storm.clone());
    }

    /// The text format of Prometheus, with the state of the book and of the guests as of now.
    pub(crate) fn text(&self, book: &tidegate_domain::book::Book, guests: &[GuestStats]) -> String {
        self.incidents_open.set(count(book.open_incidents()));
        let pending = book.active_requests().filter(|r| r.approval == tidegate_domain::book::Approval::Pending);
        self.approvals_pending.set(count(pending));
        self.paused.set(i64::from(book.paused_by().is_some()));
        self.storm.set(i64::from(book.storm().is_some()));
        self.guests.show(guests);
        let registry = lock(&self.registry);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }

    /// A watch was given other detectors or rules.
    pub(crate) fn swapped(&self, watch: &str, took: Duration) {
        self.swap_seconds.get_or_create(&ByWatch { watch: watch.to_owned() }).observe(took.as_secs_f64());
    }

    /// A watch is ended: what it last saw is not how things are. What was counted stays counted.
    pub(crate) fn forget_watch(&self, watch: &str) {
        for standing in ["judged", "cold_start", "awaiting_history"] {
            self.series.remove(&WatchStanding { watch: watch.to_owned(), standing: standing.to_owned() });
        }
        self.absent.remove(&ByWatch { watch: watch.to_owned() });
    }

    /// A config was not taken.
    pub(crate) fn config_refused(&self) {
        self.config_ok.set(0);
    }

    /// A config was taken.
    pub(crate) fn config_loaded(&self) {
        self.config_ok.set(1);
        self.config_at.set(now());
    }

    /// An event is in the journal.
    pub(crate) fn count_event(&self, fact: &Fact) {
        self.events.get_or_create(&Kind { kind: story::kind(fact).to_owned() }).inc();
        if let Fact::ExecutionRefused { guard, .. } = fact {
            self.guards.get_or_create(&ByGuard { guard: guard.name().to_owned() }).inc();
        }
    }

    /// An action ended.
    pub(crate) fn count_execution(&self, action: &str, result: &RunResult) {
        let result = match result {
            RunResult::Succeeded { .. } => "succeeded",
            RunResult::Failed { .. } => "failed",
            RunResult::Unknown { .. } => "unknown",
            RunResult::DryRun => "dry_run",
        };
        let labels = ActionResult { action: action.to_owned(), result: result.to_owned() };
        self.executions.get_or_create(&labels).inc();
    }

    /// A query came back, or did not.
    pub(crate) fn count_query(&self, watch: &str, result: &str) {
        self.queries.get_or_create(&WatchResult { watch: watch.to_owned(), result: result.to_owned() }).inc();
    }

    /// An answer was held back because of warnings.
    pub(crate) fn count_warning(&self, watch: &str) {
        self.warnings.get_or_create(&ByWatch { watch: watch.to_owned() }).inc();
    }

    /// Native histograms were skipped.
    pub(crate) fn count_histograms(&self, watch: &str, samples: u64) {
        if samples > 0 {
            self.histograms.get_or_create(&ByWatch { watch: watch.to_owned() }).inc_by(samples);
        }
    }

    /// A stage of a cycle is over: `query`, `parse`, `fold` or `deliver`.
    pub(crate) fn stage(&self, watch: &str, stage: &str, took: Duration) {
        let labels = WatchStage { watch: watch.to_owned(), stage: stage.to_owned() };
        self.stage_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// The series table of a watch was written.
    pub(crate) fn snapshot(&self, watch: &str, took: Duration) {
        self.snapshot_seconds.get_or_create(&ByWatch { watch: watch.to_owned() }).observe(took.as_secs_f64());
    }

    /// A cycle is over.
    pub(crate) fn cycle(&self, watch: &str, seconds: f64, counts: &Counts) {
        let by_watch = ByWatch { watch: watch.to_owned() };
        self.cycle_seconds.get_or_create(&by_watch).observe(seconds);
        let standing = |standing: &str| WatchStanding { watch: watch.to_owned(), standing: standing.to_owned() };
        self.samples.get_or_create(&standing("normal")).inc_by(counts.normal);
        self.samples.get_or_create(&standing("anomalous")).inc_by(counts.anomalous);
        self.samples.get_or_create(&standing("learnt")).inc_by(counts.learnt);
        for (why, samples) in &counts.unjudged {
            let labels = WatchReason { watch: watch.to_owned(), reason: why.name().to_owned() };
            self.unjudged.get_or_create(&labels).inc_by(*samples);
        }
        for ((detector, kind), calls) in &counts.failed {
            let labels = DetectorKind { watch: watch.to_owned(), detector: detector.clone(), kind: (*kind).to_owned() };
            self.detector_failures.get_or_create(&labels).inc_by(*calls);
        }
        let set = |stage: &str, series: u64| {
            self.series.get_or_create(&standing(stage)).set(i64::try_from(series).unwrap_or(i64::MAX));
        };
        set("judged", counts.series.saturating_sub(counts.cold));
        set("cold_start", counts.cold);
        set("awaiting_history", counts.awaiting_history);
        self.absent.get_or_create(&by_watch).set(i64::try_from(counts.absent_groups).unwrap_or(i64::MAX));
    }

    /// A message or an alert was sent, or was not.
    pub(crate) fn count_notification(&self, via: &str, sent: bool) {
        let result = if sent { "sent" } else { "failed" };
        self.notifications.get_or_create(&ViaResult { via: via.to_owned(), result: result.to_owned() }).inc();
    }

    /// There was no room to trace one more incident.
    pub(crate) fn count_untraced(&self) {
        self.untraced.inc();
    }

    /// How many requests nobody could be told of.
    pub(crate) fn undelivered(&self, requests: usize) {
        self.requests_undelivered.set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// Alertmanager delivered something.
    pub(crate) fn count_webhook(&self, result: &str) {
        self.webhooks.get_or_create(&ByResult { result: result.to_owned() }).inc();
    }

    /// Somebody came with a wrong token, or with none.
    pub(crate) fn count_refused_credentials(&self) {
        self.refused_logins.inc();
    }

    /// A connection was not held: `too_many`, `too_many_of_address` or `handshake`.
    pub(crate) fn count_refused_connection(&self, reason: &str) {
        self.refused_connections.get_or_create(&ByReason { reason: reason.to_owned() }).inc();
    }
}

/// From a handful of series to a hundred thousand.
fn seconds() -> Histogram {
    Histogram::new([0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// Seconds since the Unix epoch.
fn now() -> f64 {
    crate::clock::now().0 as f64 / 1000.0
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn count<T>(things: impl Iterator<Item = T>) -> i64 {
    i64::try_from(things.count()).unwrap_or(i64::MAX)
}

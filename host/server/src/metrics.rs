//! The host's own metrics, named as Prometheus' own programs name theirs. Never one series per watched series.

use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tidegate_domain::book::{Approval, Book};
use tidegate_domain::event::{Fact, OpinionVerdict, RunResult, Verified};
use tidegate_sandbox::GuestStats;

use crate::story;

/// One label, with the name given.
macro_rules! labels {
    ($($name:ident { $($label:ident),+ })*) => { $(
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        struct $name { $($label: String),+ }
    )* };
}

// Below the macro, which they use.
mod alertmanager;
mod alerts;
mod exposition;
mod guests;
mod process;
mod slack;
mod watches;

pub(crate) use alertmanager::AlertmanagerMetrics;
pub(crate) use alerts::{AlertMetrics, Via};
pub(crate) use exposition::Format;
pub(crate) use guests::GuestMetrics;
use process::ProcessMetrics;
pub(crate) use slack::SlackMetrics;
use watches::WatchMetrics;

/// The version of Alertmanager whose API this host speaks. Tools choose by it how to ask: karma reads it from
/// `alertmanager_build_info`, others from `/api/v2/status`.
pub(crate) const SPOKEN_VERSION: &str = "0.28.1";

labels! {
    Kind { kind }
    ActionResult { action, result }
    ByOutcome { outcome }
    ByGuard { guard }
    ByVerdict { verdict }
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
    /// All that is about alerts that come in.
    pub(crate) alerts: AlertMetrics,
    /// All that is about the Alertmanagers that get alerts.
    pub(crate) alertmanager: AlertmanagerMetrics,
    watches: WatchMetrics,
    process: ProcessMetrics,
    ready: Gauge,
    config_ok: Gauge,
    config_at: Gauge<f64, AtomicU64>,
    journal_ok: Gauge,
    journal_failed: Counter,
    journal_seconds: Histogram,
    events: Family<Kind, Counter>,
    executions: Family<ActionResult, Counter>,
    verifications: Family<ByOutcome, Counter>,
    guards: Family<ByGuard, Counter>,
    opinions: Family<ByVerdict, Counter>,
    notifications: Family<ViaResult, Counter>,
    webhooks: Family<ByResult, Counter>,
    refused_logins: Counter,
    refused_connections: Family<ByReason, Counter>,
    untraced: Counter,
    incidents_open: Gauge,
    incidents_held: Gauge,
    approvals_pending: Gauge,
    repairs: Gauge,
    requests_undelivered: Gauge,
    paused: Gauge,
    storm: Gauge,
}

impl Metrics {
    /// All metrics at zero.
    pub(crate) fn new() -> Metrics {
        let metrics = Metrics {
            registry: Mutex::default(),
            guests: GuestMetrics::default(),
            slack: SlackMetrics::default(),
            alerts: AlertMetrics::default(),
            alertmanager: AlertmanagerMetrics::default(),
            watches: WatchMetrics::default(),
            process: ProcessMetrics::default(),
            ready: Gauge::default(),
            config_ok: Gauge::default(),
            config_at: Gauge::default(),
            journal_ok: Gauge::default(),
            journal_failed: Counter::default(),
            journal_seconds: seconds(),
            events: Family::default(),
            executions: Family::default(),
            verifications: Family::default(),
            guards: Family::default(),
            opinions: Family::default(),
            notifications: Family::default(),
            webhooks: Family::default(),
            refused_logins: Counter::default(),
            refused_connections: Family::default(),
            untraced: Counter::default(),
            incidents_open: Gauge::default(),
            incidents_held: Gauge::default(),
            approvals_pending: Gauge::default(),
            repairs: Gauge::default(),
            requests_undelivered: Gauge::default(),
            paused: Gauge::default(),
            storm: Gauge::default(),
        };
        metrics.register();
        metrics.begin();
        metrics
    }

    /// What can be counted is there from the start where its labels are known: `increase()` does not see a first count.
    fn begin(&self) {
        for verdict in ["usual", "unusual", "unknown"] {
            self.opinion(verdict);
        }
        for outcome in ["fixed", "ineffective", "inconclusive"] {
            self.verification(outcome);
        }
        for via in ["slack", "alertmanager"] {
            for result in ["sent", "failed"] {
                self.notification(via, result);
            }
        }
        for result in ["accepted", "refused", "failed"] {
            self.webhook(result);
        }
        for reason in ["too_many", "too_many_of_address", "handshake"] {
            self.refused_connection(reason);
        }
    }

    fn register(&self) {
        let mut registry = lock(&self.registry);
        self.process.register(&mut registry);
        let spoken = Info::new(vec![("version", SPOKEN_VERSION)]);
        registry.register("alertmanager_build", "Version of Alertmanager whose API is spoken here", spoken);
        let r = registry.sub_registry_with_prefix("tidegate");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "Version of this host", build);
        r.register("ready", "1 once the host works, as /-/ready has it", self.ready.clone());
        r.register("config_last_reload_successful", "1 when the last config was taken", self.config_ok.clone());
        r.register(
            "config_last_reload_success_timestamp_seconds",
            "When a config was last taken",
            self.config_at.clone(),
        );
        r.register("journal_last_write_successful", "1 when the last write was durable", self.journal_ok.clone());
        r.register("journal_writes_failed", "Writes to the journal that failed", self.journal_failed.clone());
        r.register("journal_write_duration_seconds", "Making events durable", self.journal_seconds.clone());
        r.register("journal_events", "Events written to the journal", self.events.clone());
        r.register("executions", "Actions run, by how they ended", self.executions.clone());
        r.register("verifications", "Repairs by what became of them", self.verifications.clone());
        r.register("guard_refusals", "Approved actions that a guard stopped", self.guards.clone());
        r.register("second_opinions", "Alerts looked at by detectors, by what they said", self.opinions.clone());
        self.watches.register(r);
        self.guests.register(r);
        self.slack.register(r);
        self.alerts.register(r);
        self.alertmanager.register(r);
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
        r.register("incidents_held", "Open incidents that Alertmanager holds back", self.incidents_held.clone());
        r.register("approvals_pending", "Requests that wait for a person", self.approvals_pending.clone());
        r.register("repairs_in_progress", "Requests from approval to the end of verification", self.repairs.clone());
        r.register(
            "requests_undelivered",
            "Requests that wait for a person, and nobody could be told",
            self.requests_undelivered.clone(),
        );
        r.register("paused", "1 while somebody has paused all repairs", self.paused.clone());
        r.register("storm", "1 while a storm holds every proposal", self.storm.clone());
    }

    /// All of it in one format, with the state of the book, of the guests and of the process as of now.
    pub(crate) fn write(&self, format: Format, book: &Book, guests: &[GuestStats], ready: bool) -> String {
        self.ready.set(i64::from(ready));
        self.incidents_open.set(count(book.open_incidents()));
        self.incidents_held.set(count(book.open_incidents().filter(|open| open.held.is_some())));
        self.repairs.set(count(book.active_requests().filter(|request| request.is_handled())));
        let pending = book.active_requests().filter(|r| r.approval == Approval::Pending);
        self.approvals_pending.set(count(pending));
        self.paused.set(i64::from(book.paused_by().is_some()));
        self.storm.set(i64::from(book.storm().is_some()));
        self.guests.show(guests);
        self.process.show();
        format.write(&lock(&self.registry))
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

    /// Events were to become durable, and did or did not.
    pub(crate) fn journal_written(&self, took: Duration, good: bool) {
        self.journal_ok.set(i64::from(good));
        if good {
            self.journal_seconds.observe(took.as_secs_f64());
        } else {
            self.journal_failed.inc();
        }
    }

    /// An event is in the journal.
    pub(crate) fn count_event(&self, fact: &Fact) {
        self.events.get_or_create(&Kind { kind: story::kind(fact).to_owned() }).inc();
        match fact {
            Fact::ExecutionRefused { guard, .. } => {
                self.guards.get_or_create(&ByGuard { guard: guard.name().to_owned() }).inc();
            }
            Fact::VerificationFinished { outcome, .. } => {
                let outcome = match outcome {
                    Verified::Fixed => "fixed",
                    Verified::Ineffective => "ineffective",
                    Verified::Inconclusive => "inconclusive",
                };
                self.verification(outcome).inc();
            }
            Fact::AlertsLeftOut { left_out, .. } => self.alerts.left_out(left_out.count),
            Fact::SecondOpinionGiven { opinions, .. } => {
                for opinion in opinions {
                    let verdict = match opinion.verdict {
                        OpinionVerdict::Usual => "usual",
                        OpinionVerdict::Unusual => "unusual",
                        OpinionVerdict::Unknown { .. } => "unknown",
                    };
                    self.opinion(verdict).inc();
                }
            }
            _ => {}
        }
    }

    fn opinion(&self, verdict: &str) -> impl Deref<Target = Counter> {
        self.opinions.get_or_create(&ByVerdict { verdict: verdict.to_owned() })
    }

    fn verification(&self, outcome: &str) -> impl Deref<Target = Counter> {
        self.verifications.get_or_create(&ByOutcome { outcome: outcome.to_owned() })
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

    /// A message or an alert was sent, or was not.
    pub(crate) fn count_notification(&self, via: &str, sent: bool) {
        self.notification(via, if sent { "sent" } else { "failed" }).inc();
    }

    fn notification(&self, via: &str, result: &str) -> impl Deref<Target = Counter> {
        self.notifications.get_or_create(&ViaResult { via: via.to_owned(), result: result.to_owned() })
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
        self.webhook(result).inc();
    }

    fn webhook(&self, result: &str) -> impl Deref<Target = Counter> {
        self.webhooks.get_or_create(&ByResult { result: result.to_owned() })
    }

    /// Somebody came with a wrong token, or with none.
    pub(crate) fn count_refused_credentials(&self) {
        self.refused_logins.inc();
    }

    /// A connection was not held: `too_many`, `too_many_of_address` or `handshake`.
    pub(crate) fn count_refused_connection(&self, reason: &str) {
        self.refused_connection(reason).inc();
    }

    fn refused_connection(&self, reason: &str) -> impl Deref<Target = Counter> {
        self.refused_connections.get_or_create(&ByReason { reason: reason.to_owned() })
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

#[cfg(test)]
mod tests;

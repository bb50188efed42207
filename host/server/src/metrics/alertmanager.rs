//! What is shown of the Alertmanagers that get alerts from here, each by its URL; named after what Prometheus shows of its
//! own, as `prometheus_notifications_*`.

use std::collections::BTreeSet;
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

labels! {
    ByAlertmanager { alertmanager }
    LookupResult { alertmanager, result }
}

const RESULTS: [&str; 2] = ["ok", "failed"];

/// Every metric of the Alertmanagers.
#[derive(Default)]
pub(crate) struct AlertmanagerMetrics {
    /// Those that are there now.
    members: Mutex<BTreeSet<String>>,
    discovered: Gauge,
    sent: Family<ByAlertmanager, Counter>,
    failed: Family<ByAlertmanager, Counter>,
    dropped: Family<ByAlertmanager, Counter>,
    queue: Family<ByAlertmanager, Gauge>,
    lookups: Family<LookupResult, Counter>,
}

impl AlertmanagerMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("alertmanagers_discovered", "Alertmanagers that get alerts", self.discovered.clone());
        r.register("alertmanager_alerts_sent", "Alerts that Alertmanager took", self.sent.clone());
        r.register("alertmanager_alerts_failed", "Alerts of posts that Alertmanager did not take", self.failed.clone());
        r.register(
            "alertmanager_alerts_dropped",
            "Alerts that will not be sent again: they were refused, or waited too long or with too many",
            self.dropped.clone(),
        );
        r.register("alertmanager_queue_length", "Alerts that wait to be sent", self.queue.clone());
        r.register("alertmanager_lookups", "Questions to Alertmanager for its alerts, by result", self.lookups.clone());
    }

    /// The Alertmanagers that there are now, by their URLs without credentials. The others' series go, as Prometheus' own
    /// do: where they are found by DNS there can be new ones for ever.
    pub(crate) fn members(&self, urls: impl IntoIterator<Item = String>) {
        let now: BTreeSet<String> = urls.into_iter().collect();
        self.discovered.set(i64::try_from(now.len()).unwrap_or(i64::MAX));
        let mut members = super::lock(&self.members);
        for gone in members.difference(&now) {
            for counted in [&self.sent, &self.failed, &self.dropped] {
                counted.remove(&by(gone));
            }
            self.queue.remove(&by(gone));
            for result in RESULTS {
                self.lookups.remove(&lookup(gone, result));
            }
        }
        // There from the start, or `increase()` would not see the first failure.
        for url in &now {
            self.sent(url, 0);
            self.failed(url, 0);
            self.dropped(url, 0);
            self.queue.get_or_create(&by(url)).inc_by(0);
            for result in RESULTS {
                self.lookups.get_or_create(&lookup(url, result)).inc_by(0);
            }
        }
        *members = now;
    }

    /// It took so many alerts.
    pub(crate) fn sent(&self, url: &str, alerts: usize) {
        self.sent.get_or_create(&by(url)).inc_by(alerts as u64);
    }

    /// So many alerts did not get there: no answer, or not a good one. They are tried again.
    pub(crate) fn failed(&self, url: &str, alerts: usize) {
        self.failed.get_or_create(&by(url)).inc_by(alerts as u64);
    }

    /// So many alerts are not tried again: it refused them by themselves, they are over, or the queue had no room.
    pub(crate) fn dropped(&self, url: &str, alerts: usize) {
        self.dropped.get_or_create(&by(url)).inc_by(alerts as u64);
    }

    /// So many alerts wait to be sent to it.
    pub(crate) fn queued(&self, url: &str, alerts: usize) {
        self.queue.get_or_create(&by(url)).set(i64::try_from(alerts).unwrap_or(i64::MAX));
    }

    /// It was asked for its alerts, and answered or did not.
    pub(crate) fn looked_up(&self, url: &str, good: bool) {
        self.lookups.get_or_create(&lookup(url, if good { "ok" } else { "failed" })).inc();
    }
}

fn by(url: &str) -> ByAlertmanager {
    ByAlertmanager { alertmanager: url.to_owned() }
}

fn lookup(url: &str, result: &str) -> LookupResult {
    LookupResult { alertmanager: url.to_owned(), result: result.to_owned() }
}

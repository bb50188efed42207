//! What is shown of Slack: what it was asked and sent, what came from there, and how old what it said about groups is.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{ByResult, now};

labels! {
    MethodResult { method, result }
    ByGroup { group }
}

/// Every metric of Slack.
#[derive(Default)]
pub(crate) struct SlackMetrics {
    calls: Family<MethodResult, Counter>,
    requests: Family<ByResult, Counter>,
    answers: Family<ByResult, Counter>,
    connected: Gauge,
    rosters: Family<ByGroup, Gauge<f64, AtomicU64>>,
    /// The groups among them.
    shown: Mutex<BTreeSet<String>>,
}

impl SlackMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("slack_calls", "Calls of Slack's API, by method and result", self.calls.clone());
        r.register(
            "slack_requests",
            "What came from Slack or said so, by what it was found to be",
            self.requests.clone(),
        );
        r.register("slack_answers", "Answers to people who did something in Slack, by result", self.answers.clone());
        r.register("slack_socket_connected", "1 while Socket Mode is connected", self.connected.clone());
        r.register(
            "roster_last_read_timestamp_seconds",
            "When the members of a group were last read from Slack; 0 where not since the start",
            self.rosters.clone(),
        );
    }

    /// Slack was asked for something.
    pub(crate) fn count_call(&self, method: &str, good: bool) {
        let result = if good { "ok" } else { "failed" };
        self.calls.get_or_create(&MethodResult { method: method.to_owned(), result: result.to_owned() }).inc();
    }

    /// Something came from Slack, or said so.
    pub(crate) fn count_request(&self, result: &str) {
        self.requests.get_or_create(&ByResult { result: result.to_owned() }).inc();
    }

    /// Somebody was answered, or was not.
    pub(crate) fn count_answer(&self, good: bool) {
        let result = if good { "sent" } else { "failed" };
        self.answers.get_or_create(&ByResult { result: result.to_owned() }).inc();
    }

    /// Socket Mode is connected, or is not any more.
    pub(crate) fn socket(&self, connected: bool) {
        self.connected.set(i64::from(connected));
    }

    /// The members of a group come from Slack.
    pub(crate) fn roster(&self, group: &str, read: bool) {
        let gauge = self.rosters.get_or_create(&ByGroup { group: group.to_owned() });
        if read {
            gauge.set(now());
        }
    }

    /// The only groups whose members come from Slack.
    pub(crate) fn keep_rosters(&self, groups: &BTreeSet<String>) {
        let mut shown = super::lock(&self.shown);
        for group in shown.difference(groups) {
            self.rosters.remove(&ByGroup { group: group.clone() });
        }
        shown.clone_from(groups);
    }
}

//! What is shown of alerts that others send here, by the webhook and by Alertmanager's API; named after what Alertmanager
//! itself counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

labels! {
    ViaStatus { via, status }
    ByVia { via }
}

/// How alerts came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// `POST /webhook/alertmanager`.
    Webhook,
    /// `POST /api/v2/alerts`.
    Api,
}

impl Via {
    fn name(self) -> String {
        match self {
            Via::Webhook => "webhook".to_owned(),
            Via::Api => "api".to_owned(),
        }
    }
}

/// Every metric of alerts that come in.
#[derive(Default)]
pub(crate) struct AlertMetrics {
    received: Family<ViaStatus, Counter>,
    invalid: Family<ByVia, Counter>,
    left_out: Counter,
}

impl AlertMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("alerts_received", "Alerts taken in, each time that they came", self.received.clone());
        r.register("alerts_invalid", "Alerts refused for what is in them", self.invalid.clone());
        r.register("alerts_truncated", "Alerts that deliveries left out for length", self.left_out.clone());
        for via in [Via::Webhook, Via::Api] {
            self.received(via, 0, 0);
            self.invalid(via, 0);
        }
    }

    /// Alerts were taken in, and are durable. Each time that they come: Prometheus repeats them.
    pub(crate) fn received(&self, via: Via, firing: usize, resolved: usize) {
        for (status, alerts) in [("firing", firing), ("resolved", resolved)] {
            let labels = ViaStatus { via: via.name(), status: status.to_owned() };
            self.received.get_or_create(&labels).inc_by(alerts as u64);
        }
    }

    /// Alerts were refused for what is in them; others of the same request may have been taken.
    pub(crate) fn invalid(&self, via: Via, alerts: usize) {
        self.invalid.get_or_create(&ByVia { via: via.name() }).inc_by(alerts as u64);
    }

    /// A delivery left out so many alerts.
    pub(super) fn left_out(&self, alerts: u64) {
        self.left_out.inc_by(alerts);
    }
}

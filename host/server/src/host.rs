//! What all parts of a running host share.

use std::sync::Arc;

use crate::alertmanager;
use crate::config::Config;
use crate::consult::Policies;
use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::prometheus;
use crate::pulse::Pulse;
use crate::slack;

/// A running host. One `Arc` of it goes to every task.
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pulse: Pulse,
    pub(crate) policies: Policies,
    pub(crate) sandbox: tidegate_sandbox::Sandbox,
    pub(crate) prometheus: prometheus::Client,
    pub(crate) alertmanager: Option<alertmanager::Client>,
    pub(crate) slack: Option<slack::IncomingWebhook>,
    /// Why the host is not ready to work; None once it is.
    pub(crate) unready: tokio::sync::watch::Sender<Option<String>>,
    /// True once the host is to stop.
    pub(crate) stopping: tokio::sync::watch::Sender<bool>,
}

impl Host {
    /// Waits until the host is to stop.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as the host, so this only ends by the value.
        let _ = stopping.wait_for(|stop| *stop).await;
    }

    /// True once the host is to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

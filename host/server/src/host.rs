//! What all parts of a running host share.

use std::sync::{Arc, PoisonError, RwLock};

use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::pulse::Pulse;
use crate::setup::Setup;

/// A running host. One `Arc` of it goes to every task.
pub(crate) struct Host {
    /// What follows from the config; see [`Self::setup`].
    setup: RwLock<Arc<Setup>>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pulse: Pulse,
    pub(crate) sandbox: tidegate_sandbox::Sandbox,
    /// Why the host is not ready to work; None once it is.
    pub(crate) unready: tokio::sync::watch::Sender<Option<String>>,
    /// True once the host is to stop.
    pub(crate) stopping: tokio::sync::watch::Sender<bool>,
}

impl Host {
    /// A host that has yet to begin its work, ready or not.
    pub(crate) fn new(
        setup: Setup,
        sandbox: tidegate_sandbox::Sandbox,
        keeper: Arc<Keeper>,
        metrics: Arc<Metrics>,
        unready: Option<String>,
    ) -> Host {
        Host {
            setup: RwLock::new(Arc::new(setup)),
            keeper,
            metrics,
            pulse: Pulse::default(),
            sandbox,
            unready: tokio::sync::watch::Sender::new(unready),
            stopping: tokio::sync::watch::Sender::new(false),
        }
    }

    /// What follows from the config as it is now. Take it at the beginning of a piece of work and keep it to its end:
    /// the next call may give another one.
    pub(crate) fn setup(&self) -> Arc<Setup> {
        self.setup.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

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

//! What all parts of a running host share.

use std::sync::Arc;

use tidegate_domain::time::Timestamp;
use tokio::sync::{Mutex, watch};

use crate::forwarding::Forwarding;
use crate::identity::Failures;
use crate::inbox::Inbox;
use crate::keeper::Keeper;
use crate::looking::Looking;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::overview::{Looks, Pace};
use crate::page::Sessions;
use crate::pulse::Pulse;
use crate::reload::Reloading;
use crate::setup::Setup;
use crate::traces::Traces;

/// A running host. One `Arc` of it goes to every task.
pub(crate) struct Host {
    /// What follows from the config; see [`Self::setup`].
    setup: watch::Sender<Arc<Setup>>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pulse: Pulse,
    /// The newest samples of incidents.
    pub(crate) traces: Traces,
    /// What the watches saw in their last cycles.
    pub(crate) looks: Looks,
    /// How busy the guests are.
    pub(crate) pace: Pace,
    /// Alerts that were sent here.
    pub(crate) inbox: Inbox,
    /// The same alerts on their way to Alertmanager.
    pub(crate) forwarding: Forwarding,
    /// The host's own alerts, on their way to Alertmanager and there.
    pub(crate) notices: Notices,
    /// When Alertmanager is looked at for the open incidents.
    pub(crate) looking: Looking,
    /// Who guesses tokens, by address.
    pub(crate) failures: Failures,
    /// Who is logged in on the page.
    pub(crate) sessions: Sessions,
    pub(crate) sandbox: tidegate_sandbox::Sandbox,
    /// Held by whoever changes the setup.
    pub(crate) reloading: Mutex<Reloading>,
    pub(crate) started_at: Timestamp,
    /// Why the host is not ready to work; None once it is.
    pub(crate) unready: watch::Sender<Option<String>>,
    /// True once the host is to stop.
    pub(crate) stopping: watch::Sender<bool>,
}

impl Host {
    /// A host that has yet to begin its work, ready or not.
    pub(crate) fn new(
        setup: Setup,
        sandbox: tidegate_sandbox::Sandbox,
        keeper: Arc<Keeper>,
        metrics: Arc<Metrics>,
        reloading: Reloading,
        unready: Option<String>,
    ) -> Host {
        Host {
            setup: watch::Sender::new(Arc::new(setup)),
            keeper,
            metrics,
            pulse: Pulse::default(),
            traces: Traces::default(),
            looks: Looks::default(),
            pace: Pace::default(),
            inbox: Inbox::default(),
            forwarding: Forwarding::default(),
            notices: Notices::default(),
            looking: Looking::default(),
            failures: Failures::default(),
            sessions: Sessions::default(),
            sandbox,
            reloading: Mutex::new(reloading),
            started_at: crate::clock::now(),
            unready: watch::Sender::new(unready),
            stopping: watch::Sender::new(false),
        }
    }

    /// What follows from the config as it is now. Take it at the beginning of a piece of work and keep it to its end:
    /// the next call may give another one.
    pub(crate) fn setup(&self) -> Arc<Setup> {
        self.setup.borrow().clone()
    }

    /// Puts another setup in the place of this one. See [`Reloading`].
    pub(crate) fn replace(&self, setup: Setup) {
        self.setup.send_replace(Arc::new(setup));
    }

    /// Tells of every setup from now on.
    pub(crate) fn setups(&self) -> watch::Receiver<Arc<Setup>> {
        self.setup.subscribe()
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

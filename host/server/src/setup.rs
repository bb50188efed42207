//! Everything that follows from the config and the guest folder, in one piece: it is built whole, and replaced whole
//! while the host runs.
//!
//! Whoever begins a piece of work takes the setup of that moment and keeps it until the work is done, so that nothing
//! is done half by one config and half by the next.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ServerConfig;

use crate::config::Config;
use crate::consult::Policies;
use crate::guest_folder::LoadedGuests;
use crate::http_client::HttpOptionsError;
use crate::{alertmanager, prometheus, slack};

/// A start and a reload wait for so long until names are looked up.
const FIRST_LOOKUP: Duration = Duration::from_secs(5);

/// A config with all that was made of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) config: Arc<Config>,
    /// The guests that the config names, opened with its settings.
    pub(crate) guests: Arc<LoadedGuests>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) prometheus: Arc<prometheus::Client>,
    pub(crate) alertmanager: Option<Arc<alertmanager::Fleet>>,
    pub(crate) slack: Option<Arc<slack::Workspace>>,
    /// What the listener proves itself with; None where it speaks plain HTTP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl Setup {
    /// Makes the clients that the config asks for. Blocks for files with certificates and secrets.
    pub(crate) fn new(
        config: Config,
        guests: LoadedGuests,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<Setup, HttpOptionsError> {
        let prometheus = prometheus::Client::new(
            config.prometheus.url.clone(),
            config.prometheus.http.build_for(&config.prometheus.url)?,
            prometheus::QueryLimits {
                timeout: config.prometheus.timeout,
                max_body: config.prometheus.max_response_bytes,
                ..prometheus::QueryLimits::default()
            },
        );
        let alertmanager = match &config.alertmanager {
            Some(am) => Some(Arc::new(alertmanager::Fleet::new(am)?)),
            None => None,
        };
        let slack = match &config.slack {
            Some(slack) => Some(Arc::new(slack::Workspace::new(slack)?)),
            None => None,
        };
        Ok(Setup {
            config: Arc::new(config),
            policies: Arc::new(policies(&guests)),
            guests: Arc::new(guests),
            prometheus: Arc::new(prometheus),
            alertmanager,
            slack,
            tls,
        })
    }

    /// Waits until Alertmanagers that have to be looked up are found, so that nobody takes there to be none in the first
    /// moments. Where their names cannot be looked up, the host goes on without.
    pub(crate) async fn find_alertmanagers(&self) {
        if let Some(fleet) = &self.alertmanager {
            let _ = tokio::time::timeout(FIRST_LOOKUP, fleet.members_found()).await;
        }
    }

    /// The same config with other guests.
    pub(crate) fn with_guests(&self, guests: LoadedGuests) -> Setup {
        Setup { policies: Arc::new(policies(&guests)), guests: Arc::new(guests), ..self.clone() }
    }
}

fn policies(guests: &LoadedGuests) -> Policies {
    Policies { watches: guests.watch_policies.clone(), routes: guests.route_policies.clone() }
}

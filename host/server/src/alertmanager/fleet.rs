//! All Alertmanagers that the config names, as one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_domain::decide::HANDLING;
use tidegate_domain::input::Silence;

use super::{AlertmanagerError, Client, ListedAlert};
use crate::config;
use crate::http_client::HttpOptionsError;

/// The Alertmanagers that get every alert and know every silence.
#[derive(Debug)]
pub(crate) struct Fleet {
    members: Vec<Arc<Client>>,
}

/// What they list, all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// By fingerprint.
    pub(crate) alerts: BTreeMap<String, ListedAlert>,
    /// False where one of them has started so lately that it may not have been sent everything yet.
    pub(crate) whole: bool,
}

impl Fleet {
    /// Those that the config names.
    pub(crate) fn new(config: &config::Alertmanager) -> Result<Fleet, HttpOptionsError> {
        let http = config.http.build()?;
        let client = |url: &crate::http_client::BaseUrl| Client::new(url.clone(), http.clone(), config.timeout);
        Ok(Fleet { members: config.urls.iter().map(client).map(Arc::new).collect() })
    }

    /// Those that there are now.
    pub(crate) fn members(&self) -> Vec<Arc<Client>> {
        self.members.clone()
    }

    /// What they list. One that answers is enough.
    pub(crate) async fn look(&self) -> Result<Listing, AlertmanagerError> {
        let mut alerts = BTreeMap::new();
        for member in &self.members {
            for alert in member.alerts().await? {
                alerts.insert(alert.fingerprint.clone(), alert);
            }
        }
        Ok(Listing { alerts, whole: false })
    }

    /// What they list, never from a look that somebody else began earlier.
    pub(crate) async fn look_anew(&self) -> Result<Listing, AlertmanagerError> {
        self.look().await
    }
}

impl Listing {
    /// What holds back one of these alerts. An inhibition by the host's own word that it sees to it does not count.
    pub(crate) fn silence_of(&self, fingerprints: &BTreeSet<String>) -> Silence {
        let ours = fingerprints.iter().filter_map(|fingerprint| self.alerts.get(fingerprint));
        ours.filter_map(|alert| self.held_by(alert)).map(Silence::By).next().unwrap_or(Silence::None)
    }

    fn held_by(&self, alert: &ListedAlert) -> Option<String> {
        let own = |by: &&String| {
            let inhibiting = self.alerts.get(*by);
            inhibiting.is_some_and(|alert| alert.labels.get("alertname") == Some(HANDLING))
        };
        let status = &alert.status;
        let silence = status.silenced_by.first().map(|id| format!("silence {id}"));
        let inhibitor = || status.inhibited_by.iter().find(|by| !own(by)).map(|by| format!("inhibited by alert {by}"));
        let muted = || status.muted_by.first().map(|name| format!("muted by {name}"));
        silence.or_else(inhibitor).or_else(muted)
    }
}

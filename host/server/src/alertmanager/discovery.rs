//! Alertmanagers that are found by name: what the DNS says of where they are.
//!
//! A lookup that fails, or finds nothing, changes nothing: no answer is not the answer that there is no Alertmanager.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;

use crate::config::DnsSd;
use crate::http_client::BaseUrl;

mod lookup;

use lookup::{Lookup, Target};

/// Longest that one name may take, with all tries.
const TIMEOUT: Duration = Duration::from_secs(10);
/// More Alertmanagers than anybody has. A name that gives more is somebody else's.
const MOST: usize = 32;

/// Where one of them is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// How it is called.
    pub(super) base: BaseUrl,
    /// Where that is. None: where the system says.
    pub(super) addresses: Vec<IpAddr>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        self.addresses == other.addresses && self.base.to_string() == other.base.to_string()
    }
}

/// Looks up the names of one config, and remembers what was found last.
pub(super) struct Discovery {
    config: DnsSd,
    lookup: Lookup,
    last: BTreeMap<String, Vec<Place>>,
    failing: BTreeSet<String>,
}

impl Discovery {
    pub(super) fn new(config: DnsSd) -> Discovery {
        let lookup = Lookup::new(config.records, config.resolver);
        Discovery { config, lookup, last: BTreeMap::new(), failing: BTreeSet::new() }
    }

    /// How long to wait before the names are looked up again.
    pub(super) fn refresh_interval(&self) -> Duration {
        self.config.refresh_interval
    }

    /// Looks up all names. For each that cannot be, what was found last.
    pub(super) async fn look_up(&mut self) -> Vec<Place> {
        let lookup = &self.lookup;
        let looked_up = join_all(self.config.names.iter().map(|name| async move {
            let outcome = tokio::time::timeout(TIMEOUT, lookup.targets(name)).await;
            (name.clone(), outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs()))))
        }));
        for (name, outcome) in looked_up.await {
            match outcome.and_then(|targets| self.places(&name, targets)) {
                Ok(places) => {
                    if self.failing.remove(&name) {
                        tracing::info!(name, "the name of Alertmanagers can be looked up again");
                    }
                    self.last.insert(name, places);
                }
                Err(error) => self.failed(&name, &error),
            }
        }
        self.last.values().flatten().cloned().collect()
    }

    fn failed(&mut self, name: &str, error: &str) {
        if !self.failing.insert(name.to_owned()) {
            return;
        }
        let kept = self.last.get(name).map_or(0, Vec::len);
        tracing::warn!(
            name,
            error,
            kept,
            "a name of Alertmanagers in alertmanager.dns_sd cannot be looked up; those found last are kept"
        );
    }

    fn places(&self, name: &str, targets: Vec<Target>) -> Result<Vec<Place>, String> {
        let mut places = Vec::new();
        for target in targets {
            let place = self.place(target)?;
            if !places.contains(&place) {
                places.push(place);
            }
        }
        match places.len() {
            0 => Err("it has no such records".to_owned()),
            found @ ..=MOST => {
                tracing::debug!(name, found, "a name of Alertmanagers was looked up");
                Ok(places)
            }
            found => Err(format!("it gives {found} Alertmanagers, and more than {MOST} are not believed")),
        }
    }

    fn place(&self, Target { host, port, addresses }: Target) -> Result<Place, String> {
        // What the DNS says becomes a URL, so nothing but a name of a host may be in it.
        let fits =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !host.split('.').all(fits) {
            return Err(format!("{host:?} is no name of a host"));
        }
        let prefix = self.config.path_prefix.trim_matches('/');
        let text = format!("{}://{host}:{port}/{prefix}", self.config.scheme);
        let base = BaseUrl::parse(&text).map_err(|error| error.to_string())?;
        Ok(Place { base, addresses })
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! `GET /api/v2/status` and `GET /api/v2/receivers`: what this host says about itself where it is taken for an Alertmanager.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::super::Shared;
use super::super::access::Person;
use super::fault::Fault;
use super::listing::{self, RECEIVER};
use crate::alertmanager::{Cluster, Receiver};
use crate::clock;
use crate::host::Host;
use crate::metrics::SPOKEN_VERSION;

/// A config of Alertmanager that says what happens to alerts here, for programs that read one: all of them go to one
/// receiver. An upstream's own config may hold what is not for everybody who may see alerts, and is not told.
const CONFIG: &str = "\
# Alerts are taken in by tidegate, routed by its own config, and sent on to its Alertmanagers.
route:
  receiver: tidegate
receivers:
- name: tidegate
";

pub(in crate::api) async fn show(_: Person, State(host): Shared) -> Json<Value> {
    let Cluster { name, status, peers } = cluster(&host).await;
    let mut cluster = json!({ "status": status, "peers": peers });
    if let Some(name) = name {
        cluster["name"] = name.into();
    }
    Json(json!({
        "cluster": cluster,
        "config": { "original": CONFIG },
        "uptime": clock::rfc3339(host.started_at),
        "versionInfo": {
            "version": SPOKEN_VERSION,
            "revision": concat!("tidegate ", env!("CARGO_PKG_VERSION")),
            "branch": "tidegate",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
    }))
}

/// That of the upstream Alertmanagers, as the first that answers sees it.
async fn cluster(host: &Host) -> Cluster {
    let alone = |status: &str| Cluster { status: status.to_owned(), ..Cluster::default() };
    let Some(fleet) = &host.setup().alertmanager else { return alone("disabled") };
    let answers = fleet.status().await.into_iter().filter_map(Result::ok);
    answers.map(|status| status.cluster).next().unwrap_or_else(|| alone("settling"))
}

/// Those that upstreams tell of alerts now, and this host.
pub(in crate::api) async fn receivers(_: Person, State(host): Shared) -> Result<Json<Vec<Receiver>>, Fault> {
    let alerts = listing::alerts(&host).await?;
    let named: BTreeSet<Receiver> = alerts.into_values().flat_map(|alert| alert.receivers).collect();
    let own = Receiver { name: RECEIVER.to_owned() };
    Ok(Json(named.into_iter().chain([own]).collect::<BTreeSet<_>>().into_iter().collect()))
}

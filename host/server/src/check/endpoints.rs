//! `tidegate check --connect`: what the endpoints say to a config.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Most;
use tidegate_domain::time::{Timestamp, format_duration};

use super::{CheckError, say, workspace};
use crate::alertmanager::{AlertmanagerError, Fleet};
use crate::config::{Config, Findings, Spot, WatchConfig};
use crate::http_client::{HttpClient, HttpClientOptions};
use crate::prometheus::{Client, InstantAnswer, InstantValue, QueryError, QueryLimits};
use crate::{clock, cold_start};

/// How far back labels are compared: long enough for a rollout to happen now and then, short enough to have data.
const CHURN_WINDOW: Duration = Duration::from_secs(60 * 60);

/// Asks Prometheus every expression, Alertmanager whether it is ready, and Slack who the bot is. Every endpoint is asked,
/// whatever the others say.
pub(super) async fn ask(config: &Config) -> Result<(), CheckError> {
    let findings = Findings::default();
    let mut unreachable = Vec::new();
    match config.prometheus.http.build_for(&config.prometheus.url) {
        Ok(http) => {
            let limits = QueryLimits {
                timeout: config.prometheus.timeout,
                max_body: config.prometheus.max_response_bytes,
                tries: 1,
                ..QueryLimits::default()
            };
            let prometheus = Client::new(config.prometheus.url.clone(), http, limits);
            unreachable.extend(ask_prometheus(config, &prometheus, &findings).await.err());
        }
        Err(error) => unreachable.push(error.to_string()),
    }
    if let Some(alertmanager) = &config.alertmanager {
        match Fleet::new(alertmanager) {
            Ok(fleet) => unreachable.extend(ask_alertmanagers(&fleet).await),
            Err(error) => unreachable.push(error.to_string()),
        }
    }
    if let Some(slack) = &config.slack {
        match client(&HttpClientOptions::default()) {
            Ok(http) => unreachable.extend(workspace::ask(config, slack, http, &findings).await.err()),
            Err(error) => unreachable.push(error),
        }
    }
    for warning in findings.into_result()? {
        eprintln!("warning: {warning}");
    }
    if unreachable.is_empty() { Ok(()) } else { Err(CheckError::Endpoints(unreachable)) }
}

fn client(options: &HttpClientOptions) -> Result<HttpClient, String> {
    options.build().map_err(|error| error.to_string())
}

async fn ask_prometheus(config: &Config, prometheus: &Client, findings: &Findings) -> Result<(), String> {
    let now = clock::now();
    if config.watches.is_empty() {
        // The host asks it for more than its watches, and is not ready before it answers.
        prometheus.query("up").await.map_err(|error| error.to_string())?;
        say(&format!("Prometheus at {}: answers\n", config.prometheus.url));
    }
    for watch in &config.watches {
        let spot = config.locator.spot(&["watch", &watch.name, "expr"]);
        match series(prometheus, watch, now).await {
            Ok(current) => {
                say(&format!("watch {}: {} series now\n", watch.name, current.len()));
                if current.is_empty() {
                    findings.warning(
                        &spot,
                        "Prometheus has no series for this expression now",
                        "correct it, or wait for its data",
                    );
                }
                // What is not there to compare with is no reason to fail.
                let earlier = series(prometheus, watch, now.minus(CHURN_WINDOW)).await.unwrap_or_default();
                warn_of_churn(config, watch, &earlier, &current, findings);
                tell_of_youth(config, prometheus, watch, &current, now).await;
            }
            Err(error) if is_about_the_query(&error) => findings.error(&spot, error.to_string(), "correct the PromQL"),
            Err(error) => return Err(error.to_string()),
        }
    }
    for (spot, expr, label) in of_actions(config) {
        match prometheus.query(expr).await {
            Ok(answer) => {
                if let Some(label) = label.filter(|label| !has_label(&answer, label)) {
                    let what = format!("no series of this has the label {label:?} now, so it is a share of nothing");
                    findings.warning(&spot, what, "write PromQL whose series have all values of the label");
                }
            }
            Err(error) if is_about_the_query(&error) => findings.error(&spot, error.to_string(), "correct the PromQL"),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// The PromQL of every action, where it stands, and the label that its series must have.
fn of_actions(config: &Config) -> Vec<(Spot, &str, Option<&str>)> {
    let mut all = Vec::new();
    for action in config.rules.actions.values() {
        let spot = |path: &[&str]| config.locator.spot(&[&["action", &action.name], path].concat());
        for (at, expr) in action.verify.require.iter().enumerate() {
            all.push((spot(&["verify", "require", &at.to_string()]), expr.as_str(), None));
        }
        for (at, limit) in action.blast_radius.iter().enumerate() {
            if let Most::Share { of, .. } = &limit.most {
                all.push((spot(&["blast_radius", &at.to_string(), "of"]), of.as_str(), Some(limit.label.as_str())));
            }
        }
    }
    all
}

fn has_label(answer: &InstantAnswer, label: &str) -> bool {
    match &answer.value {
        InstantValue::Vector(samples) => samples.iter().any(|sample| sample.labels.get(label).is_some()),
        InstantValue::Scalar(_) => false,
    }
}

fn is_about_the_query(error: &QueryError) -> bool {
    matches!(error, QueryError::BadData(_) | QueryError::Execution(_))
}

/// The series of a watch at one point in time, asked for in the way that the host will.
async fn series(prometheus: &Client, watch: &WatchConfig, now: Timestamp) -> Result<Vec<Labels>, QueryError> {
    let at = now.minus(watch.query_offset).align_down(watch.step);
    let answer = prometheus.query_range(&watch.expr, at, at, watch.step).await?;
    for warning in &answer.warnings {
        eprintln!("warning: watch {}: Prometheus says: {warning}", watch.name);
    }
    Ok(answer.frame.series.into_iter().map(|series| series.labels).collect())
}

/// Which series would begin with static bounds, or unjudged, because Prometheus has too little of them.
async fn tell_of_youth(config: &Config, prometheus: &Client, watch: &WatchConfig, current: &[Labels], now: Timestamp) {
    let Some(rules) = config.rules.watches.get(&watch.name) else { return };
    let history = rules.cold_start.history;
    // What Prometheus cannot say is found out while the host runs.
    let Ok(then) = series(prometheus, watch, now.minus(history)).await else { return };
    let then: BTreeSet<Labels> = then.iter().map(|labels| rules.identity_of(labels)).collect();
    let young = current.iter().filter(|labels| !then.contains(&rules.identity_of(labels))).count();
    if young > 0 {
        let (of, length) = (current.len(), format_duration(history));
        let judged = match cold_start::bounds(&rules.cold_start) {
            Some(bounds) => format!("for the rest of that, {bounds} is anomalous"),
            None => "for the rest of that nothing judges them".to_owned(),
        };
        say(&format!("watch {}: {young} of {of} series have less than {length} of history; {judged}\n", watch.name));
    }
}

fn warn_of_churn(config: &Config, watch: &WatchConfig, earlier: &[Labels], current: &[Labels], findings: &Findings) {
    let identity = config.rules.watches.get(&watch.name).and_then(|rules| rules.identity.as_deref());
    for (label, gone) in churning(earlier, current) {
        let kept = identity.is_none_or(|names| names.contains(&label));
        if kept {
            let spot = config.locator.spot(&["watch", &watch.name, "identity"]);
            let what =
                format!("the label {label:?} churns: {gone} of its values were there an hour ago and are gone now");
            let stay = stable(current, &label);
            findings.warning(&spot, what, format!("name the labels that stay, for example identity = [{stay}]"));
        }
    }
}

/// Labels of which at least half the values of an hour ago are gone, and how many those are.
fn churning(earlier: &[Labels], current: &[Labels]) -> Vec<(String, usize)> {
    let (before, after) = (values(earlier), values(current));
    let mut churning = Vec::new();
    for (label, old) in before {
        let Some(new) = after.get(label) else { continue };
        let gone = old.difference(new).count();
        // Without a new value something ended, and nothing took its place.
        if gone > 0 && gone * 2 >= old.len() && new.difference(&old).next().is_some() {
            churning.push((label.to_owned(), gone));
        }
    }
    churning
}

fn values(series: &[Labels]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in series.iter().flat_map(Labels::iter) {
        values.entry(name).or_default().insert(value);
    }
    values
}

fn stable(series: &[Labels], churning: &str) -> String {
    let names: BTreeSet<&str> =
        values(series).into_keys().filter(|name| !["__name__", churning].contains(name)).collect();
    names.into_iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// Asks every one whether it is ready, and what it is. Those that do not answer.
async fn ask_alertmanagers(fleet: &Fleet) -> Vec<String> {
    let members = fleet.members_found().await;
    if members.is_empty() {
        return vec![AlertmanagerError::Nobody.to_string()];
    }
    let answers = join_all(members.iter().map(|member| async move {
        // Prometheus and this host are ready under the same path; what runs there is what its API says.
        let asked = async { member.ready().await.and(member.status().await) };
        asked.await.map(|status| (member.url(), status))
    }));
    let mut unreachable = Vec::new();
    for answer in answers.await {
        match answer {
            Ok((url, status)) => {
                let cluster = match status.cluster.peers.len() {
                    0 | 1 => String::new(),
                    peers => format!(", one of a cluster of {peers}"),
                };
                say(&format!("Alertmanager at {url}: ready, version {}{cluster}\n", status.version_info.version));
            }
            Err(error) => unreachable.push(AlertmanagerError::to_string(&error)),
        }
    }
    unreachable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(names: &[&str]) -> Vec<Labels> {
        names.iter().map(|pod| Labels::new([("service", "checkout"), ("pod", *pod)])).collect()
    }

    #[test]
    fn labels_whose_values_are_replaced_churn() {
        for (earlier, current, expected) in [
            (pods(&["a", "b"]), pods(&["c", "d"]), vec![("pod".to_owned(), 2)]),
            (pods(&["a", "b"]), pods(&["b", "c"]), vec![("pod".to_owned(), 1)]),
            (pods(&["a", "b", "c"]), pods(&["b", "c", "d"]), vec![]),
            (pods(&["a", "b"]), pods(&["a", "b", "c"]), vec![]),
            // Scaled down, not replaced.
            (pods(&["a", "b"]), pods(&["a"]), vec![]),
            (vec![], pods(&["a"]), vec![]),
            (pods(&["a"]), vec![], vec![]),
        ] {
            assert_eq!(churning(&earlier, &current), expected, "{earlier:?} {current:?}");
        }
    }

    #[test]
    fn the_labels_that_stay_are_offered() {
        assert_eq!(stable(&pods(&["a"]), "pod"), "\"service\"");
    }
}

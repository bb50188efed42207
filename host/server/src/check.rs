//! `tidegate check`: everything that can be known of a config without running it, and with `--connect` what its
//! endpoints say to it. Changes nothing anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Rules;
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::{Guest, Sandbox};

use crate::clock;
use crate::config::{self, Config, ConfigErrors, Findings, WatchConfig};
use crate::guest_folder::{LoadedGuests, Tried, names_in_folder, read_unnamed, try_guests, try_unnamed};
use crate::http_client::{BaseUrl, HttpClient, HttpClientOptions, TransportError, read_start};
use crate::prometheus::{Client, QueryError, QueryLimits};
use crate::sandboxing;

/// How far back labels are compared: long enough for a rollout to happen now and then, short enough to have data.
const CHURN_WINDOW: Duration = Duration::from_secs(60 * 60);

/// Why a config did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// The config or a guest is at fault.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// An endpoint did not answer as it should; the config may be right.
    #[error("{}", .0.join("\n"))]
    Endpoints(Vec<String>),
    /// This machine cannot run the check.
    #[error("{0}")]
    Machine(String),
}

/// Checks a config and writes what it found: warnings to standard error, what there is to standard output.
pub(crate) fn run(file: &Path, connect: bool) -> Result<(), CheckError> {
    let config = config::load(file)?;
    let sandbox = sandboxing::beside_service(&config).map_err(|error| CheckError::Machine(error.to_string()))?;
    let (tried, guests) = try_guests(&config, &sandbox);
    say(&tried.iter().map(|(name, tried)| told(name, tried)).collect::<String>());
    for name in names_in_folder(&config).iter().filter(|name| !tried.contains_key(*name)) {
        say(&told_unnamed(&config, &sandbox, name));
    }
    let guests = guests?;
    for warning in config.warnings.iter().chain(&guests.warnings) {
        eprintln!("warning: {warning}");
    }
    say(&summary(&config, &guests));
    if connect {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CheckError::Machine(format!("cannot start: {error}")))?;
        runtime.block_on(ask_endpoints(&config))?;
    }
    say(&format!("{}: ok\n", file.display()));
    Ok(())
}

/// Whether anybody reads it changes nothing about the config, so a closed pipe is no fault.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// One line for a guest that the config names.
fn told(name: &str, tried: &Tried) -> String {
    let verdict = match &tried.guest {
        Some(_) => tried.unfit.unwrap_or("ok"),
        None => "cannot be used",
    };
    let what = tried.guest.as_ref().map(|guest| format!("{}, ", what(guest))).unwrap_or_default();
    let digest = tried.digest.as_ref().map(|digest| format!("sha256 {digest}, ")).unwrap_or_default();
    format!("guest {name}: {what}{digest}{verdict}\n")
}

/// One line for a guest in the folder that the config does not name. Whatever it is, it is no fault of the config.
fn told_unnamed(config: &Config, sandbox: &Sandbox, name: &str) -> String {
    match read_unnamed(config, name).and_then(|wasm| try_unnamed(config, sandbox, name, &wasm)) {
        Ok(guest) => format!("guest {name}: {}, sha256 {}, not used\n", what(&guest), guest.digest()),
        Err(why) => format!("guest {name}: not used, and cannot be: {why}\n"),
    }
}

fn what(guest: &Guest) -> String {
    let manifest = guest.manifest();
    format!("{} {}, {}", manifest.name, manifest.version, guest.kind())
}

fn summary(config: &Config, loaded: &LoadedGuests) -> String {
    let watches = config.watches.iter().map(|watch| {
        let detectors = loaded.detectors.get(&watch.name).map(Vec::as_slice).unwrap_or_default();
        let names = detectors.iter().map(|detector| detector.name.as_str()).collect::<Vec<_>>().join(", ");
        let policy = loaded.watch_policies.get(&watch.name).map_or("", |policy| policy.guest_name());
        format!("watch {}: detectors {names}{}\n", watch.name, with_policy(policy))
    });
    let routes = config.routes.iter().map(|route| {
        let policy = loaded.route_policies.get(&route.name).map_or("", |policy| policy.guest_name());
        format!("alert route {}{}\n", route.name, with_policy(policy))
    });
    watches.chain(routes).collect()
}

fn with_policy(guest: &str) -> String {
    if guest.is_empty() { String::new() } else { format!("; policy {guest}") }
}

/// Asks Prometheus every expression and Alertmanager whether it is ready. Every endpoint is asked, whatever the others
/// say.
async fn ask_endpoints(config: &Config) -> Result<(), CheckError> {
    let findings = Findings::default();
    let mut unreachable = Vec::new();
    match client(&config.prometheus.http) {
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
        Err(error) => unreachable.push(error),
    }
    if let Some(alertmanager) = &config.alertmanager {
        match client(&alertmanager.http) {
            Ok(http) => unreachable.extend(ready(&http, &alertmanager.url, alertmanager.timeout).await.err()),
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
            }
            Err(error) if is_about_the_query(&error) => findings.error(&spot, error.to_string(), "correct the PromQL"),
            Err(error) => return Err(error.to_string()),
        }
    }
    for (name, at, expr) in required(&config.rules) {
        let spot = config.locator.spot(&["action", name, "verify", "require", &at.to_string()]);
        match prometheus.query(expr).await {
            Ok(_) => {}
            Err(error) if is_about_the_query(&error) => findings.error(&spot, error.to_string(), "correct the PromQL"),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

fn required(rules: &Rules) -> impl Iterator<Item = (&str, usize, &str)> {
    let actions = rules.actions.values();
    actions.flat_map(|action| {
        action.verify.require.iter().enumerate().map(|(at, expr)| (action.name.as_str(), at, expr.as_str()))
    })
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

async fn ready(http: &HttpClient, base: &BaseUrl, timeout: Duration) -> Result<(), String> {
    let url = base.at("/-/ready");
    let asked = format!("Alertmanager at {url}");
    let request = http.request(Method::GET, url).map_err(|error| error.to_string())?.timeout(timeout);
    let response = request.send().await.map_err(|error| format!("{asked}: {}", TransportError::from(error)))?;
    let status = response.status();
    if status.is_success() {
        say(&format!("{asked}: ready\n"));
        return Ok(());
    }
    let said = read_start(response, 200).await.unwrap_or_default();
    Err(format!("{asked}: {status}: {}", said.trim()))
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

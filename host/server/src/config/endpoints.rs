//! `[prometheus]` and `[alertmanager]`: what this host talks to, and how to reach it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use tidegate_domain::decide::{HANDLING, REQUEST_UNDELIVERED};
use tidegate_domain::rules::Severity;

use super::alertmanagers::{alertmanager_urls, dns_sd};
use super::section::{At, Section};
use super::{Alertmanager, Prometheus};
use crate::http_client::{BaseUrl, HttpClientOptions, HttpOptionsError};

pub(super) const PROMETHEUS_KEYS: &[&str] = &["url", "timeout", "max_response_size"];
pub(super) const ALERTMANAGER_KEYS: &[&str] =
    &["url", "urls", "dns_sd", "timeout", "alertname", "severities", "poll_interval"];
/// Keys of an HTTP client, under the names that Prometheus gives them.
pub(super) const HTTP_KEYS: &[&str] =
    &["oauth2", "basic_auth", "authorization", "http_headers", "tls_config", "proxy_url", "follow_redirects"];

/// `alertname` of the alerts that this host sends, unless the config chooses another.
pub(super) const DEFAULT_ALERTNAME: &str = "TidegateAnomaly";

/// The words for severities and risks.
pub(super) const SEVERITIES: [(&str, Severity); 4] =
    [("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];

pub(super) fn prometheus(root: &Section<'_>) -> Option<Prometheus> {
    if !root.has("prometheus") {
        root.error("prometheus", "missing", "add [prometheus] with url = \"http://127.0.0.1:9090\"");
        return None;
    }
    let section = root.section("prometheus", Some(&[PROMETHEUS_KEYS, HTTP_KEYS].concat()))?;
    let (url, http) = (required_url(&section), http(&section));
    Some(Prometheus {
        url: url?,
        http: http?,
        timeout: section.positive_duration("timeout").map_or(Duration::from_secs(30), |length| length.value),
        // Two million samples, the most that one request asks for, are about 60 MB of JSON; native histograms more.
        max_response_bytes: section
            .size("max_response_size")
            .and_then(|bytes| usize::try_from(bytes.value).ok())
            .unwrap_or(256 << 20),
    })
}

pub(super) fn alertmanager(root: &Section<'_>) -> Option<Alertmanager> {
    let section = root.section("alertmanager", Some(&[ALERTMANAGER_KEYS, HTTP_KEYS].concat()))?;
    let (urls, dns_sd, http) = (alertmanager_urls(&section), dns_sd(&section), http(&section));
    let (urls, dns_sd, http) = (urls?, dns_sd?, http?);
    if dns_sd.is_some() && http.proxy_url.is_some() {
        // A proxy is told a name and looks it up itself, and then takes one of the addresses.
        section.error(
            "dns_sd",
            "dns_sd and proxy_url do not go together: the proxy would choose one of the Alertmanagers each time",
            "name them in urls, or leave proxy_url out",
        );
        return None;
    }
    Some(Alertmanager {
        urls,
        dns_sd,
        http,
        timeout: section.positive_duration("timeout").map_or(Duration::from_secs(10), |length| length.value),
        poll_interval: section
            .positive_duration("poll_interval")
            .map_or(Duration::from_secs(15), |length| length.value),
        alertname: alertname(&section),
    })
}

/// Anomalies under the name of another of this host's alerts would inhibit pages, or be taken for what they are not.
fn alertname(section: &Section<'_>) -> String {
    let Some(name) = section.text("alertname") else { return DEFAULT_ALERTNAME.to_owned() };
    if [HANDLING, REQUEST_UNDELIVERED].contains(&name.value.as_str()) {
        let what = format!("{} is the name of another alert of this host", name.value);
        section.findings.error(&name.spot, what, "choose a name of its own for anomalies, or leave the key out");
    }
    name.value
}

/// What the `severity` label of foreign alerts means.
pub(super) fn severity_labels(root: &Section<'_>) -> BTreeMap<String, Severity> {
    let Some(table) = root.section("alertmanager", None).and_then(|section| section.map("severities")) else {
        return BTreeMap::new();
    };
    table.value.into_iter().filter_map(|(label, word)| Some((label, root.pick(word, &SEVERITIES)?.value))).collect()
}

/// Reads the keys of an HTTP client and builds one, so that a certificate or a secret that is missing shows now.
fn http(section: &Section<'_>) -> Option<HttpClientOptions> {
    let mut given = serde_json::Map::new();
    for key in HTTP_KEYS.iter().filter(|key| section.has(key)) {
        given.insert((*key).to_owned(), section.json(key)?.value);
    }
    let options = match serde_path_to_error::deserialize::<_, HttpClientOptions>(serde_json::Value::Object(given)) {
        Ok(options) => options,
        Err(error) => {
            let path = error.path().to_string();
            let key = HTTP_KEYS.iter().find(|key| path.starts_with(**key)).copied().unwrap_or(HTTP_KEYS[0]);
            let what = format!("{}: {}", path, error.into_inner());
            section.error(key, what, "the keys are those of Prometheus' HTTP clients, secrets by file or environment");
            return None;
        }
    };
    let folder = section.spot.place.file.parent().unwrap_or(Path::new(""));
    let options = options.below(folder);
    if let Err(error) = options.parts() {
        let what = error.to_string();
        let given = || HTTP_KEYS.iter().filter(|key| section.has(key));
        // An error of a secret names its file and not the option; the options that have secrets come first.
        let of_secret = || given().next().filter(|_| matches!(error, HttpOptionsError::Secret(_)));
        let key = given().find(|key| what.contains(**key)).or_else(of_secret);
        let spot = key.map_or_else(|| section.spot.clone(), |key| section.spot_of(key));
        section.findings.error(&spot, what, "correct the options of this HTTP client");
        return None;
    }
    Some(options)
}

fn required_url(section: &Section<'_>) -> Option<BaseUrl> {
    if !section.has("url") {
        section.error("url", "missing", "set url, for example \"http://127.0.0.1:9090\"");
        return None;
    }
    base_url(section, "url")
}

/// A URL that paths are appended to: no query, no fragment, no password in it.
pub(super) fn base_url(section: &Section<'_>, key: &str) -> Option<BaseUrl> {
    base_url_of(section, &section.text(key)?)
}

/// The same of a text that was read already.
pub(super) fn base_url_of(section: &Section<'_>, text: &At<String>) -> Option<BaseUrl> {
    absolute_url(section, text)?;
    match BaseUrl::parse(&text.value) {
        Ok(url) => Some(url),
        Err(error) => {
            section.findings.error(&text.spot, error.to_string(), "end the URL with its host or path");
            None
        }
    }
}

/// A URL with a host, for http or https.
pub(super) fn absolute_url(section: &Section<'_>, text: &At<String>) -> Option<Url> {
    let remedy = "write it in full, for example \"http://127.0.0.1:9090\"";
    let url = match Url::parse(&text.value) {
        Ok(url) => url,
        Err(error) => {
            section.findings.error(&text.spot, format!("{:?} is not a URL: {error}", text.value), remedy);
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        section.findings.error(&text.spot, format!("{:?} is not an http or https URL with a host", text.value), remedy);
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        section.findings.error(
            &text.spot,
            "the URL carries a user name or password, which would show up in logs",
            "take it out; where the section has basic_auth with password_file, use that",
        );
        return None;
    }
    Some(url)
}

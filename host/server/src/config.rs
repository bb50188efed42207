//! Reads the config: TOML files in, valid values out, or every fault with its file, line, key and remedy.
//!
//! Here the text of a config becomes types whose every value makes sense; nothing behind this module checks a config
//! value again. It reads files and environment variables and talks to nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use tidegate_domain::rules::Rules;
use tidegate_sandbox::{Grants, Limits};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::http_client::{BaseUrl, HttpClientOptions, Secret};

mod action;
mod alert_route;
mod alertmanagers;
mod credentials;
mod deciders;
mod default_detector;
mod endpoints;
mod error;
mod gate;
mod guards;
mod guest;
mod host;
mod include;
mod known_event;
mod locate;
mod maintenance;
mod matchers;
mod opinion;
mod people;
mod proposals;
mod resolve;
mod secret;
mod section;
mod size;
mod slack;
mod terms;
mod watch;

pub(crate) use error::{ConfigErrors, Finding, Findings, Spot, suggest};
pub(crate) use locate::Locator;
pub(crate) use opinion::SecondOpinion;

use locate::Place;
use section::Section;

/// A whole config, found valid.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The host itself.
    pub(crate) server: Server,
    /// Where samples come from.
    pub(crate) prometheus: Prometheus,
    /// Where alerts go to, and where silences are.
    pub(crate) alertmanager: Option<Alertmanager>,
    /// Where requests are told.
    pub(crate) slack: Option<Slack>,
    /// The people who are known. What they may do is in [`Rules::people`].
    pub(crate) approvers: Vec<Approver>,
    /// The programs that may deliver alerts.
    pub(crate) senders: Vec<Sender>,
    /// Where the groups of [`Rules::people`] are found, by name. A group without an entry is nowhere else.
    pub(crate) groups: BTreeMap<String, GroupConfig>,
    /// What is special about single guests, by name. A guest without an entry has no grant and the default limits.
    pub(crate) guests: BTreeMap<String, GuestConfig>,
    /// Configured detectors, by name.
    pub(crate) detectors: BTreeMap<String, DetectorConfig>,
    /// What is watched, in the order of the files.
    pub(crate) watches: Vec<WatchConfig>,
    /// What is done about which alerts, first match wins.
    pub(crate) routes: Vec<RouteConfig>,
    /// Who is asked about alerts besides; None where no route wants it.
    pub(crate) second_opinion: Option<SecondOpinion>,
    /// Everything that decisions depend on.
    pub(crate) rules: Rules,
    /// Places of keys, for faults that show later.
    pub(crate) locator: Locator,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Finding>,
}

/// `[server]`: the host itself.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// The one listener.
    pub(crate) listen: SocketAddr,
    /// Journal, states, lock and caches.
    pub(crate) data_dir: PathBuf,
    /// Every `*.wasm` in here is a guest.
    pub(crate) guest_dir: PathBuf,
    /// Under which URL people reach this host, for links.
    pub(crate) external_url: Option<BaseUrl>,
    /// How often the guest folder is looked at; zero for never.
    pub(crate) guest_poll_interval: Duration,
    /// How often the series table is written.
    pub(crate) snapshot_interval: Duration,
    /// How many threads call guests; at least 1.
    pub(crate) workers: usize,
    /// What the listener proves itself with. None: it speaks plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
}

/// PEM files for the listener.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate and those it depends on.
    pub(crate) cert: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// Whose certificates are asked for. None: no client is asked for one.
    pub(crate) clients: Option<ClientAuth>,
}

/// What clients of the listener prove themselves with.
#[derive(Clone, Debug)]
pub(crate) struct ClientAuth {
    /// PEM file with those who sign their certificates.
    pub(crate) ca: PathBuf,
    /// Whoever has no certificate gets no connection.
    pub(crate) is_required: bool,
}

/// `[prometheus]`: where samples come from.
#[derive(Clone, Debug)]
pub(crate) struct Prometheus {
    /// Where it is.
    pub(crate) url: BaseUrl,
    /// How to reach it.
    pub(crate) http: HttpClientOptions,
    /// How long one query may take.
    pub(crate) timeout: Duration,
    /// Longest answer that is read.
    pub(crate) max_response_bytes: usize,
}

/// `[alertmanager]`: where alerts go to, and where silences are. One, or several of one cluster or of none.
#[derive(Clone, Debug)]
pub(crate) struct Alertmanager {
    /// Where they are, one or several. All get every alert.
    pub(crate) urls: Vec<BaseUrl>,
    /// Where more of them are found by name.
    pub(crate) dns_sd: Option<DnsSd>,
    /// How to reach them.
    pub(crate) http: HttpClientOptions,
    /// How long one request may take.
    pub(crate) timeout: Duration,
    /// How often the alerts of open incidents are looked up.
    pub(crate) poll_interval: Duration,
    /// `alertname` of the alerts that this host sends.
    pub(crate) alertname: String,
}

/// `dns_sd` of `[alertmanager]`: Alertmanagers that are found by name, as Prometheus finds them.
#[derive(Clone, Debug)]
pub(crate) struct DnsSd {
    /// Names to look up; never empty.
    pub(crate) names: Vec<String>,
    /// Which records are asked for.
    pub(crate) records: DnsRecords,
    /// `http` or `https`.
    pub(crate) scheme: String,
    /// What stands before the paths of their API.
    pub(crate) path_prefix: String,
    /// How often the names are looked up.
    pub(crate) refresh_interval: Duration,
    /// Whom to ask; None for the resolver of the system.
    pub(crate) resolver: Option<SocketAddr>,
}

/// Kinds of DNS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DnsRecords {
    /// IPv4 addresses, with the port that they all listen on.
    A(u16),
    /// IPv6 addresses, with the port that they all listen on.
    Aaaa(u16),
    /// Names with ports.
    Srv,
}

/// `[slack]`: where requests are told, and decided.
#[derive(Clone, Debug)]
pub(crate) struct Slack {
    /// How messages get there.
    pub(crate) posting: SlackPosting,
    /// Proves that a request to this host comes from Slack. Without it, none is answered.
    pub(crate) signing_secret: Option<Secret>,
    /// The one workspace that may talk to this host; always there where a request could be.
    pub(crate) team_id: Option<String>,
    /// Opens a WebSocket to Slack, so that no URL of this host need be reachable from there.
    pub(crate) app_token: Option<Secret>,
    /// Where Slack's API is.
    pub(crate) api_url: BaseUrl,
    /// Hosts, with their ports where they are not the usual ones, that a `response_url` may name.
    pub(crate) response_hosts: Vec<String>,
}

/// How messages get to Slack.
#[derive(Clone, Debug)]
pub(crate) enum SlackPosting {
    /// A plain incoming webhook: what was posted cannot be changed.
    Webhook(WebhookUrl),
    /// A bot, which can change its messages and look up who is on call.
    Bot {
        /// `xoxb-...`.
        token: Secret,
        /// Id of the channel that is told of everything.
        channel: String,
    },
}

/// The URL of an incoming webhook. Whoever knows it can post, so its `Debug` prints nothing of it.
#[derive(Clone)]
pub(crate) struct WebhookUrl(Url);

impl WebhookUrl {
    /// The URL itself, for the one place that posts to it.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// `[[approver]]`: somebody who may decide.
#[derive(Clone, Debug)]
pub(crate) struct Approver {
    /// Unique name, as the journal keeps it.
    pub(crate) name: String,
    /// Proves it over HTTP; at least 16 characters, unique.
    pub(crate) token: Secret,
    /// Their user id in Slack, unique.
    pub(crate) slack_user: Option<String>,
}

/// `[[sender]]`: a program that may deliver alerts, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Unique name, different from every person's; the user name of basic authentication.
    pub(crate) name: String,
    /// Its bearer token, or its password; at least 16 characters, unique. Where there is none there is a certificate.
    pub(crate) token: Option<Secret>,
    /// What its certificate is for, unique: the subject alternative name, a DNS name or an IP address.
    pub(crate) certificate: Option<ServerName<'static>>,
}

/// Where a group is found.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupConfig {
    /// Id of a user group of Slack whose members are in it as well.
    pub(crate) slack_usergroup: Option<String>,
    /// Id of the channel of Slack where it is asked.
    pub(crate) slack_channel: Option<String>,
}

/// `[guest.NAME]`: what is special about one guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct GuestConfig {
    /// The only content that may be loaded, as 64 lower-case hexadecimal digits.
    pub(crate) sha256: Option<String>,
    /// What it may import beyond data and the log.
    pub(crate) grants: Grants,
    /// What it may use up.
    pub(crate) limits: Limits,
}

/// `[detector.NAME]`: a guest with settings.
#[derive(Clone, Debug)]
pub(crate) struct DetectorConfig {
    /// Name of the guest.
    pub(crate) guest: String,
    /// A JSON object; only the guest knows what it means.
    pub(crate) settings: serde_json::Value,
    /// Where what uses it stands, for [`Locator::spot`], if no table of the config defines it.
    pub(crate) implied_by: Option<Vec<String>>,
}

/// The part of `[[watch]]` that fetches samples and opens policies. The rest is in [`Rules::watches`].
#[derive(Clone, Debug)]
pub(crate) struct WatchConfig {
    /// Unique name.
    pub(crate) name: String,
    /// PromQL.
    pub(crate) expr: String,
    /// Time between two queries.
    pub(crate) interval: Duration,
    /// Time between two samples.
    pub(crate) step: Duration,
    /// Samples younger than this are left alone: they may still be arriving.
    pub(crate) query_offset: Duration,
    /// What to read when it is anomalous.
    pub(crate) runbook_url: Option<String>,
    /// The policy, if any.
    pub(crate) remediation: Option<Remediation>,
}

/// The part of `[[alert_route]]` that opens policies. The rest is in [`Rules::routes`], in the same order.
#[derive(Clone, Debug)]
pub(crate) struct RouteConfig {
    /// Unique name.
    pub(crate) name: String,
    /// The policy, if any.
    pub(crate) remediation: Option<Remediation>,
}

/// A policy: a guest with settings.
#[derive(Clone, Debug)]
pub(crate) struct Remediation {
    /// Name of the guest.
    pub(crate) guest: String,
    /// A JSON object; only the guest knows what it means.
    pub(crate) settings: serde_json::Value,
    /// Where its settings stand, for [`Locator::spot`]; in `[defaults.watch]` where they are inherited.
    pub(crate) path: Vec<String>,
}

/// Reads a config and all it includes.
///
/// # Errors
///
/// Every fault of all files together. Faults that only show against the world (a guest that is missing, an endpoint
/// that does not answer) are not looked for here.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let findings = Findings::default();
    let config = include::read(path, &findings).and_then(|root| resolve::resolve(path, root, &findings));
    match (config, findings.into_result()) {
        (_, Err(errors)) => Err(errors),
        (Some(config), Ok(warnings)) => Ok(Config { warnings, ..config }),
        // Whoever gives up says why, so this would be a fault in here; it must not pass as a config all the same.
        (None, Ok(warnings)) => Err(ConfigErrors { errors: vec![unexplained(path)], warnings }),
    }
}

/// Reads `[server]` and nothing else: where the host is. For those who may not read the secrets of others.
///
/// # Errors
///
/// Faults of the files as a whole and of `[server]`.
pub(crate) fn server(path: &Path) -> Result<Server, ConfigErrors> {
    let findings = Findings::default();
    let root = include::read(path, &findings);
    let server = root.and_then(|root| host::read(&Section::root(&root, resolve::KEYS, &findings)?, path));
    match (server, findings.into_result()) {
        (_, Err(errors)) => Err(errors),
        (Some(server), Ok(_)) => Ok(server),
        (None, Ok(warnings)) => Err(ConfigErrors { errors: vec![unexplained(path)], warnings }),
    }
}

fn unexplained(path: &Path) -> Finding {
    Finding {
        spot: Spot { place: Place::start_of(&path.into()), key: String::new() },
        what: "the config could not be understood, for no reason that was noted".to_owned(),
        remedy: "report this together with the config".to_owned(),
    }
}

#[cfg(test)]
mod tests;

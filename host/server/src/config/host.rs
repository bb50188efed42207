//! `[server]`: the host itself.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::endpoints::base_url;
use super::secret::{path_in, relative_to, warn_of_readers};
use super::section::Section;
use super::{ClientAuth, Server, TlsFiles};

pub(super) const KEYS: &[&str] = &[
    "listen",
    "insecure_listen",
    "data_dir",
    "guest_dir",
    "guest_poll_interval",
    "external_url",
    "snapshot_interval",
    "workers",
    "tls_cert",
    "tls_key",
    "tls_client_ca",
    "tls_client_auth_type",
];

/// The names of Prometheus' web configuration. Its others let clients in whose certificates nobody has looked at.
const CLIENT_AUTH_TYPES: [(&str, bool); 2] = [("RequireAndVerifyClientCert", true), ("VerifyClientCertIfGiven", false)];

/// Certificate, key, and whose certificates clients need.
const TLS_KEYS: [&str; 3] = ["tls_cert", "tls_key", "tls_client_ca"];

pub(super) fn read(root: &Section<'_>, main: &Path) -> Option<Server> {
    let defaults = Server {
        listen: SocketAddr::from(([127, 0, 0, 1], 9595)),
        data_dir: relative_to(main, "data"),
        guest_dir: relative_to(main, "guests"),
        guest_poll_interval: Duration::from_secs(5),
        external_url: None,
        snapshot_interval: Duration::from_secs(10 * 60),
        workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        tls: None,
    };
    let Some(section) = root.section("server", Some(KEYS)) else { return Some(defaults) };
    Some(Server {
        listen: listen(&section).unwrap_or(defaults.listen),
        data_dir: section.text("data_dir").map_or(defaults.data_dir, |path| path_in(&path)),
        guest_dir: section.text("guest_dir").map_or(defaults.guest_dir, |path| path_in(&path)),
        guest_poll_interval: section
            .duration("guest_poll_interval")
            .map_or(defaults.guest_poll_interval, |length| length.value),
        external_url: base_url(&section, "external_url"),
        snapshot_interval: section
            .positive_duration("snapshot_interval")
            .map_or(defaults.snapshot_interval, |length| length.value),
        workers: section
            .integer("workers", 1..=1024)
            .and_then(|count| usize::try_from(count.value).ok())
            .unwrap_or(defaults.workers),
        tls: tls(&section),
    })
}

/// Looks whether the files of [`TlsFiles`] can be read, which whoever only wants to know where the host is may not.
pub(super) fn look_at_tls(root: &Section<'_>) {
    let Some(section) = root.section("server", None) else { return };
    for key in TLS_KEYS {
        let Some(text) = section.text(key) else { continue };
        let file = path_in(&text);
        if let Err(error) = fs::File::open(&file).and_then(|mut file| file.read(&mut [0])) {
            let what = format!("cannot read {}: {error}", file.display());
            section.error(key, what, "name a PEM file that this program's user may read");
        }
        if key == "tls_key" {
            warn_of_readers(&file, &text.spot, section.findings);
        }
    }
}

fn tls(section: &Section<'_>) -> Option<TlsFiles> {
    let [cert, key, client_ca] = TLS_KEYS.map(|key| section.text(key).map(|path| path_in(&path)));
    let [has_cert, has_key, has_ca] = TLS_KEYS.map(|key| section.has(key));
    let remedy = "set both tls_cert and tls_key, to PEM files";
    if has_cert != has_key {
        section.error(if has_cert { "tls_key" } else { "tls_cert" }, "missing", remedy);
    } else if has_ca && !has_cert {
        section.error("tls_client_ca", "only a listener with TLS asks for certificates of clients", remedy);
    }
    let is_required = section.choice("tls_client_auth_type", &CLIENT_AUTH_TYPES);
    if is_required.is_some() && !has_ca {
        let what = "nobody's certificates are known, so no client is asked for one";
        section.error("tls_client_auth_type", what, "set tls_client_ca to those who sign them, or leave this out");
    }
    let is_required = is_required.is_none_or(|choice| choice.value);
    let clients = client_ca.map(|ca| ClientAuth { ca, is_required });
    Some(TlsFiles { cert: cert?, key: key?, clients })
}

fn listen(section: &Section<'_>) -> Option<SocketAddr> {
    let insecure = section.flag("insecure_listen").is_some_and(|flag| flag.value);
    let text = section.text("listen")?;
    let Ok(address) = text.value.parse::<SocketAddr>() else {
        let what = format!("{:?} is not an address with a port", text.value);
        section.error("listen", what, "write an IP address and a port, for example \"127.0.0.1:9595\"");
        return None;
    };
    // Half of it is a fault of its own.
    let has_tls = section.has("tls_cert") || section.has("tls_key");
    if !address.ip().is_loopback() && !has_tls && !insecure {
        let what =
            format!("{address} can be reached from other machines, and tokens would cross the network in the clear");
        section.error(
            "listen",
            what,
            "set tls_cert and tls_key, listen on 127.0.0.1 behind a proxy that speaks TLS, or accept the risk with \
             insecure_listen = true",
        );
    }
    Some(address)
}

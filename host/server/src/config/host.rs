//! `[server]`: the host itself.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::Server;
use super::endpoints::base_url;
use super::secret::{path_in, relative_to};
use super::section::Section;

pub(super) const KEYS: &[&str] = &[
    "listen",
    "insecure_listen",
    "data_dir",
    "guest_dir",
    "guest_poll_interval",
    "external_url",
    "snapshot_interval",
    "workers",
];

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
        tls: None,
    })
}

fn listen(section: &Section<'_>) -> Option<SocketAddr> {
    let insecure = section.flag("insecure_listen").is_some_and(|flag| flag.value);
    let text = section.text("listen")?;
    let Ok(address) = text.value.parse::<SocketAddr>() else {
        let what = format!("{:?} is not an address with a port", text.value);
        section.error("listen", what, "write an IP address and a port, for example \"127.0.0.1:9595\"");
        return None;
    };
    if !address.ip().is_loopback() && !insecure {
        let what =
            format!("{address} can be reached from other machines, and tokens would cross the network in the clear");
        section.error(
            "listen",
            what,
            "listen on 127.0.0.1 behind a proxy that speaks TLS, or accept the risk with insecure_listen = true",
        );
    }
    Some(address)
}

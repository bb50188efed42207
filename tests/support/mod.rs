//! What the scenarios are made of: the programs under test and around them, each in a folder and on ports of its own,
//! so that all tests can run side by side. Knows how to start, ask and end things; what must hold is the tests' matter.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) mod alertmanager;
pub(crate) mod amtool;
pub(crate) mod authority;
pub(crate) mod browser;
pub(crate) mod fake_prometheus;
pub(crate) mod http;
pub(crate) mod listener;
mod program;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod slack;
pub(crate) mod target;
pub(crate) mod tidegate;
pub(crate) mod version;
pub(crate) mod vmalert;

/// How long anything may take that must happen. Far more than it does take: only a failing test waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Waits until `probe` has something, and says what was waited for when it never has.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited for {} s in vain: {what}", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(40));
    }
}

/// A loopback address that nobody uses.
///
/// Below the range from which Linux takes the ports of outgoing connections: one of those could take it between here and
/// the moment when a program listens on it, or while a program is restarted.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs of this binary at the same time begin at different places.
    let offset = u16::try_from(std::process::id() * 131 % u32::from(COUNT)).expect("below COUNT");
    for _ in 0..1000 {
        let port = FIRST + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("a thousand ports in a row are taken");
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("the package lies two folders below the root")
}

/// Where cargo builds, and xtask installs.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A guest by its file stem, shipped or hostile.
pub(crate) fn guest(name: &str) -> PathBuf {
    let target = target_dir();
    let folder = std::env::var_os("TIDEGATE_GUESTS_DIR").map_or_else(|| target.join("guests"), PathBuf::from);
    let places = [folder.join(format!("{name}.wasm")), target.join("guests-test").join(format!("{name}.wasm"))];
    match places.iter().find(|place| place.is_file()) {
        Some(place) => place.clone(),
        None => panic!("there is no guest {name:?} in {places:?}: run `cargo xtask guests` first"),
    }
}

/// A delivery of one alert as Alertmanager sends it, `status` being `firing` or `resolved`. Its fingerprint is not
/// Alertmanager's, but another for every other alert.
pub(crate) fn delivery(status: &str, alertname: &str, service: &str) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    (alertname, service).hash(&mut hasher);
    let body = serde_json::json!({
        "version": "4",
        "receiver": "tidegate",
        "status": status,
        "groupKey": format!("{{}}:{{alertname=\"{alertname}\", service=\"{service}\"}}"),
        "alerts": [{
            "status": status,
            "labels": { "alertname": alertname, "service": service },
            "annotations": {},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": format!("{:016x}", hasher.finish()),
        }],
    });
    body.to_string().into_bytes()
}

/// A body captured from a real program; they lie beside the modules that read them.
pub(crate) fn captured(module: &str, name: &str) -> Vec<u8> {
    let file = root().join("host/server/src").join(module).join("testdata").join(name);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

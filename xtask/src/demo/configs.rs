//! The configs in `examples/shop/config`, with the demo's own addresses in place of the usual ones. What a reader
//! copies from there is what the demo runs.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::parts::Addresses;

const FILES: [&str; 4] = ["prometheus.yml", "rules.yml", "alertmanager.yml", "tidegate.toml"];
/// How long a request waits for a decision, in the config as it is.
const DEADLINE: &str = "deadline = \"5m\"";

/// Writes all configs into `folder`; `deadline` replaces how long a request waits.
pub(crate) fn write(root: &Path, folder: &Path, addresses: &Addresses, deadline: Option<&str>) -> anyhow::Result<()> {
    let source = root.join("examples/shop/config");
    for name in FILES {
        let from = source.join(name);
        let mut text = fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))?;
        text = with_addresses(&text, addresses);
        if let (Some(deadline), "tidegate.toml") = (deadline, name) {
            ensure!(text.contains(DEADLINE), "{} does not say {DEADLINE}", from.display());
            text = text.replace(DEADLINE, &format!("deadline = \"{deadline}\""));
        }
        let to = folder.join(name);
        fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn with_addresses(text: &str, addresses: &Addresses) -> String {
    [
        ("127.0.0.1:9090", addresses.prometheus),
        ("127.0.0.1:9093", addresses.alertmanager),
        ("127.0.0.1:9595", addresses.tidegate),
        ("127.0.0.1:8080", addresses.shop),
        ("127.0.0.1:8090", addresses.inbox),
    ]
    .iter()
    .fold(text.to_owned(), |text, (usual, ours)| text.replace(usual, &ours.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let address = |port| ([127, 0, 0, 1], port).into();
        Addresses {
            prometheus: address(40_001),
            alertmanager: address(40_002),
            tidegate: address(40_003),
            shop: address(40_004),
            inbox: address(40_005),
        }
    }

    #[test]
    fn no_config_keeps_a_usual_address() {
        let folder = tempfile::tempdir().expect("a folder");
        write(&crate::root(), folder.path(), &addresses(), Some("7s")).expect("configs");
        for name in FILES {
            let text = fs::read_to_string(folder.path().join(name)).expect("a config");
            for (n, _) in text.match_indices("127.0.0.1:") {
                assert_eq!(&text[n..n + "127.0.0.1:4000".len()], "127.0.0.1:4000", "{name}");
            }
        }
        let tidegate = fs::read_to_string(folder.path().join("tidegate.toml")).expect("a config");
        assert!(tidegate.contains("deadline = \"7s\""));
    }
}

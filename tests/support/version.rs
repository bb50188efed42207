//! Which of the real programs a scenario runs with: those that this machine has, or newer ones beside them.

use std::path::PathBuf;

use super::target_dir;

/// What Debian 12 has is Prometheus 2.42 and Alertmanager 0.25; newer means at least Prometheus 2.53 and Alertmanager 0.28.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    /// Those on the PATH.
    #[default]
    Installed,
    /// Those that `cargo xtask setup` has put under the target folder.
    Newer,
}

impl Version {
    pub(crate) const BOTH: [Version; 2] = [Version::Installed, Version::Newer];

    /// How to call one, by Debian's name.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        if self == Version::Installed {
            return PathBuf::from(name);
        }
        let file = target_dir().join("tools/newer/bin").join(name);
        assert!(file.is_file(), "there is no {}: run `cargo xtask setup`, which says what is lacking", file.display());
        file
    }
}

//! Which detectors a cycle calls, as a host's config and folder have them.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Configured detectors: the guest and its settings, as TOML.
pub(super) struct Detectors(Vec<(String, &'static str)>);

impl Detectors {
    /// Those that ship, with windows that the served history fills.
    pub(super) fn shipped() -> Self {
        let settings = [("seasonal", r#"{ period = "48m" }"#), ("zscore", r#"{ window = "20m" }"#)];
        Self(settings.map(|(guest, settings)| (guest.to_owned(), settings)).into())
    }

    /// Others, as they are without any setting.
    pub(super) fn by_default(guests: &[String]) -> Self {
        Self(guests.iter().map(|guest| (guest.clone(), "{}")).collect())
    }

    /// The guests' names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(guest, _)| guest.as_str())
    }

    /// The value of a watch's `detectors`.
    pub(super) fn of_watch(&self) -> String {
        format!("{:?}", self.names().collect::<Vec<_>>())
    }

    /// The sections that define them.
    pub(super) fn sections(&self) -> String {
        self.0.iter().fold(String::new(), |mut sections, (guest, settings)| {
            // Writing to a string cannot fail.
            let _ = write!(sections, "[detector.{guest}]\nguest = \"{guest}\"\nsettings = {settings}\n\n");
            sections
        })
    }

    /// Links them into a folder of guests of their own: a host also looks at guests that it does not use.
    pub(super) fn link(&self, built: &Path, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for guest in self.names() {
            let (from, to) = (built.join(format!("{guest}.wasm")), folder.join(format!("{guest}.wasm")));
            if !from.is_file() {
                bail!("there is no guest {guest}: {} is missing", from.display());
            }
            symlink(&from, &to).with_context(|| format!("cannot link {} to {}", to.display(), from.display()))?;
        }
        Ok(())
    }
}

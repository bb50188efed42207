//! Whether a component is still what its sources make: a digest over all that went into it, kept beside the digest of
//! what came out.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

/// A digest over names and contents.
pub(super) struct Stamp(Sha256);

impl Stamp {
    /// Over how it is built, to begin with.
    pub(super) fn begin(how: &str) -> Self {
        let mut stamp = Self(Sha256::new());
        stamp.add("", how.as_bytes());
        stamp
    }

    /// Lengths go in as well: what ends in one part must not be taken for the beginning of the next.
    fn add(&mut self, name: &str, content: &[u8]) {
        for part in [name.as_bytes(), content] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// One file, by its name and content.
    pub(super) fn add_file(&mut self, file: &Path) -> anyhow::Result<()> {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            bail!("{}: the name of a guest's file must be UTF-8", file.display());
        };
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.add(name, &content);
        Ok(())
    }

    /// The [files] of a folder.
    pub(super) fn add_folder(&mut self, folder: &Path, extensions: &[&str]) -> anyhow::Result<()> {
        files(folder, extensions)?.iter().try_for_each(|file| self.add_file(file))
    }

    /// Enough of it to tell installations apart.
    pub(super) fn short(&self) -> String {
        hex(&self.0.clone().finalize())[..12].to_owned()
    }

    /// Whether `kept` says that this went into the component at `built`, and that one is still there as it was.
    pub(super) fn stands_for(&self, kept: &Path, built: &Path) -> bool {
        fs::read_to_string(kept).is_ok_and(|kept| self.line(built).is_some_and(|line| line == kept))
    }

    /// Remembers that this went into the component at `built`.
    pub(super) fn keep(&self, kept: &Path, built: &Path) -> anyhow::Result<()> {
        let line = self.line(built).with_context(|| format!("cannot read {}", built.display()))?;
        fs::write(kept, line).with_context(|| format!("cannot write {}", kept.display()))
    }

    fn line(&self, built: &Path) -> Option<String> {
        let component = fs::read(built).ok()?;
        Some(format!("{} makes {}\n", hex(&self.0.clone().finalize()), hex(&Sha256::digest(component))))
    }
}

/// The files of a folder whose names have one of these extensions, in the order of their names.
pub(super) fn files(folder: &Path, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("cannot list {}", folder.display());
    let entries = fs::read_dir(folder).with_context(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut files = paths.with_context(failed)?;
    files.retain(|file| file.extension().is_some_and(|own| extensions.iter().any(|extension| own == *extension)));
    files.sort();
    Ok(files)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::Stamp;
    use std::fs;

    #[test]
    fn a_component_stands_until_something_changes() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let [source, other, built, kept] = ["a.py", "b.txt", "a.wasm", "a.stamp"].map(|name| folder.path().join(name));
        let stamp = |how: &str| -> anyhow::Result<Stamp> {
            let mut stamp = Stamp::begin(how);
            stamp.add_folder(folder.path(), &["py"])?;
            Ok(stamp)
        };
        fs::write(&source, "one")?;
        fs::write(&built, "component")?;
        assert!(!stamp("how")?.stands_for(&kept, &built), "nothing was kept");
        stamp("how")?.keep(&kept, &built)?;
        assert!(stamp("how")?.stands_for(&kept, &built));

        fs::write(&other, "a file of another kind")?;
        assert!(stamp("how")?.stands_for(&kept, &built));
        assert!(!stamp("otherwise")?.stands_for(&kept, &built), "built in another way");
        fs::write(&source, "two")?;
        assert!(!stamp("how")?.stands_for(&kept, &built), "another source");
        fs::write(&source, "one")?;
        fs::write(&built, "something else")?;
        assert!(!stamp("how")?.stands_for(&kept, &built), "another component");
        fs::remove_file(&built)?;
        assert!(!stamp("how")?.stands_for(&kept, &built), "no component");
        Ok(())
    }
}

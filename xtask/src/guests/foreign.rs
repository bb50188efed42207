//! Builds the guests of `examples/guests`: folders of Python and of JavaScript, each with its language's own tool in the
//! version that the folder pins.
//!
//! A build takes ten seconds, so it is left out where nothing changed since the last one: neither sources, nor pins, nor
//! the contract, nor how they are built. Tools are kept under the target folder, one installation for each set of pins.

mod language;
mod stamp;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use self::language::Language;
use self::stamp::Stamp;
use super::put;
use crate::shell;

/// Where the guests lie: `LANGUAGE/NAME`.
const FOLDER: &str = "examples/guests";

/// Where their components go under the target folder.
const GOES_TO: &str = "guests";

/// The contract that they are built against, and the world of it that they are.
const WIT: &str = "wit/v0.1";
const WORLD: &str = "detector-guest";

/// A guest's folder.
struct Source {
    name: String,
    folder: PathBuf,
    language: Language,
}

/// Builds all guests in other languages that have changed, and returns their components in the order of their names.
pub(super) fn build(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let target = shell::target_dir(root);
    let tools = target.join("tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot make the folder {}", tools.display()))?;
    // Two builds at once would install the same tools into the same folder.
    let lock = tools.join(".lock");
    let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    lock.lock().context("cannot wait for another build of guests")?;
    find(root)?.iter().map(|source| source.build(root, &tools, &target.join(GOES_TO))).collect()
}

/// Runs the tests that each guest has in its own language.
pub(super) fn test(root: &Path) -> anyhow::Result<()> {
    find(root)?.iter().try_for_each(|source| shell::run(source.language.test().current_dir(&source.folder)))
}

fn find(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for language in Language::ALL {
        let folder = root.join(FOLDER).join(language.folder());
        let failed = || format!("cannot list the guests in {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(failed)? {
            let folder = entry.with_context(failed)?.path();
            if !folder.join(language.pins()[0]).is_file() {
                continue;
            }
            let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
                bail!("{}: the name of a guest's folder must be UTF-8", folder.display());
            };
            sources.push(Source { name: name.to_owned(), folder, language });
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

impl Source {
    fn build(&self, root: &Path, tools: &Path, goes_to: &Path) -> anyhow::Result<PathBuf> {
        let to = goes_to.join(format!("{}.wasm", self.name));
        let kept = tools.join(format!("{}.stamp", self.name));
        let stamp = self.stamp(root)?;
        if stamp.stands_for(&kept, &to) {
            return Ok(to);
        }
        let tool = self.tool(tools)?;
        let scratch = tempfile::tempdir().context("cannot make a folder")?;
        let component = scratch.path().join("component.wasm");
        let mut command = self.language.componentize(&tool, &root.join(WIT), WORLD, &component);
        shell::run(command.current_dir(&self.folder))?;
        put(&component, &to)?;
        stamp.keep(&kept, &to)?;
        Ok(to)
    }

    /// All that decides what the component is.
    fn stamp(&self, root: &Path) -> anyhow::Result<Stamp> {
        let command = self.language.componentize(Path::new("tool"), Path::new(WIT), WORLD, Path::new("out.wasm"));
        let mut stamp = Stamp::begin(&shell::line(&command));
        stamp.add_folder(&root.join(WIT), &["wit"])?;
        stamp.add_folder(&self.folder, &[self.language.extension()])?;
        for pins in self.language.pins() {
            stamp.add_file(&self.folder.join(pins))?;
        }
        Ok(stamp)
    }

    /// The folder of the tool that this guest pins; installed where it is not yet there.
    fn tool(&self, tools: &Path) -> anyhow::Result<PathBuf> {
        let mut pins = Stamp::begin("");
        for pin in self.language.pins() {
            pins.add_file(&self.folder.join(pin))?;
        }
        let tool = tools.join(format!("{}-{}", self.language.folder(), pins.short()));
        let complete = tool.join(".complete");
        if complete.is_file() {
            return Ok(tool);
        }
        // What is there was interrupted.
        if tool.exists() {
            fs::remove_dir_all(&tool).with_context(|| format!("cannot remove {}", tool.display()))?;
        }
        fs::create_dir_all(&tool).with_context(|| format!("cannot make the folder {}", tool.display()))?;
        for pin in self.language.pins() {
            let to = tool.join(pin);
            fs::copy(self.folder.join(pin), &to).with_context(|| format!("cannot copy {pin} to {}", to.display()))?;
        }
        for mut command in self.language.install(&tool) {
            shell::run(command.current_dir(&tool))?;
        }
        fs::write(&complete, "").with_context(|| format!("cannot write {}", complete.display()))?;
        Ok(tool)
    }
}

//! Builds guests in Python and JavaScript, those of `examples/guests` and the templates of `tidegate guest new`, each with
//! its language's own tool in the version that its folder pins.
//!
//! A build takes ten seconds, so it is left out where nothing changed since the last one: neither sources, nor pins, nor
//! the contract, nor how they are built. Tools are kept under the target folder, one installation for each set of pins.

mod language;
mod stamp;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use self::language::Language;
use self::stamp::Stamp;
use super::put;
use crate::shell;

/// Where the examples lie: `LANGUAGE/NAME`. All of them are detectors.
const EXAMPLES: &str = "examples/guests";

/// Where the templates lie: `LANGUAGE-KIND`. They are built as they are, to see that they can be.
const TEMPLATES: &str = "host/workbench/templates";

/// The contract that guests are built against.
const WIT: &str = "wit/v0.1";

/// What a guest is in that contract.
const DETECTOR: &str = "detector-guest";
const POLICY: &str = "plain-remediation-guest";

/// A guest's folder.
struct Source {
    name: String,
    folder: PathBuf,
    language: Language,
    world: &'static str,
    /// Where its component goes under the target folder. Templates stay out of what a host would be pointed at.
    goes_to: &'static str,
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
    find(root)?.iter().map(|source| source.build(root, &tools, &target)).collect()
}

/// Runs the tests that each guest has in its own language.
pub(super) fn test(root: &Path) -> anyhow::Result<()> {
    find(root)?.iter().try_for_each(|source| shell::run(source.language.test().current_dir(&source.folder)))
}

fn find(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for language in Language::ALL {
        let folder = root.join(EXAMPLES).join(language.folder());
        let failed = || format!("cannot list the guests in {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(failed)? {
            let folder = entry.with_context(failed)?.path();
            if !folder.join(language.pins()[0]).is_file() {
                continue;
            }
            let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
                bail!("{}: the name of a guest's folder must be UTF-8", folder.display());
            };
            let name = name.to_owned();
            sources.push(Source { name, folder, language, world: DETECTOR, goes_to: "guests" });
        }
        for (kind, world) in [("detector", DETECTOR), ("remediation", POLICY)] {
            let name = format!("{}-{kind}", language.folder());
            let folder = root.join(TEMPLATES).join(&name);
            sources.push(Source { name, folder, language, world, goes_to: "guests-test" });
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

impl Source {
    fn build(&self, root: &Path, tools: &Path, target: &Path) -> anyhow::Result<PathBuf> {
        let to = target.join(self.goes_to).join(format!("{}.wasm", self.name));
        let kept = tools.join(format!("{}.stamp", self.name));
        let stamp = self.stamp(root)?;
        if stamp.stands_for(&kept, &to) {
            return Ok(to);
        }
        let tool = self.tool(tools)?;
        // Elsewhere, because Python would leave its bytecode beside the sources.
        let scratch = tempfile::tempdir().context("cannot make a folder")?;
        for file in stamp::files(&self.folder, &[self.language.extension()])? {
            let to = scratch.path().join(file.file_name().unwrap_or_default());
            fs::copy(&file, &to).with_context(|| format!("cannot copy {} to {}", file.display(), to.display()))?;
        }
        println!("{}:", self.folder.strip_prefix(root).unwrap_or(&self.folder).display());
        let component = scratch.path().join("component.wasm");
        let mut command = self.componentize(&tool, &root.join(WIT), &component);
        shell::run(command.current_dir(scratch.path()))?;
        put(&component, &to)?;
        stamp.keep(&kept, &to)?;
        Ok(to)
    }

    fn componentize(&self, tool: &Path, wit: &Path, to: &Path) -> Command {
        let entry = if self.world == DETECTOR { "detector.js" } else { "remediation.js" };
        self.language.componentize(tool, entry, wit, self.world, to)
    }

    /// All that decides what the component is.
    fn stamp(&self, root: &Path) -> anyhow::Result<Stamp> {
        let command = self.componentize(Path::new("tool"), Path::new(WIT), Path::new("out.wasm"));
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

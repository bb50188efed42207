//! The Python packages that tests use: programs of other people that speak to tidegate as its users' programs do.
//!
//! One environment for all tests, in `tools/tests` under the target folder, where tests look for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::shell;

/// Every package with its version, those that others depend on included.
const REQUIREMENTS: &str = "tests/requirements.txt";

/// Installs what is required, where it is not what was installed last.
pub(crate) fn install(root: &Path) -> anyhow::Result<()> {
    let wanted = root.join(REQUIREMENTS);
    let wanted_text = fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let (tools, _lock) = locked_folder(root)?;
    let venv = tools.join("tests");
    // Written last: what is there without it was interrupted.
    let installed = venv.join("installed.txt");
    if fs::read(&installed).is_ok_and(|text| text == wanted_text) {
        return Ok(());
    }
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    shell::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]).arg(&wanted);
    shell::run(&mut pip)?;
    fs::write(&installed, wanted_text).with_context(|| format!("cannot write {}", installed.display()))
}

/// The folder of all tools that tests use. Nobody else installs any while the file is open.
pub(crate) fn locked_folder(root: &Path) -> anyhow::Result<(PathBuf, fs::File)> {
    let tools = shell::target_dir(root).join("tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot make the folder {}", tools.display()))?;
    let lock = tools.join(".lock");
    let lock = fs::File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    lock.lock().context("cannot wait for another installation of tools")?;
    Ok((tools, lock))
}

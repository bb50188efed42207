//! Installs what a fresh machine lacks, and does nothing, quickly, where all is there.
//!
//! It knows rustup and Debian's apt. Elsewhere it says exactly what is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::shell;

mod archive;
pub(crate) mod newer;

/// What guests are built for: those of the contract alone, and those that want WASI.
const WASM_TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// A program that the demo and the tests run, or guests are built with.
struct Tool {
    /// Names it goes by: Debian's, and its project's own.
    names: &'static [&'static str],
    /// What it must be more than there, for people, and arguments with which it succeeds where it is.
    more: Option<(&'static str, &'static [&'static str])>,
    /// Debian's package.
    package: &'static str,
    /// Where others get it.
    source: &'static str,
}

const PROMETHEUS: Tool = Tool {
    names: &["prometheus"],
    more: None,
    package: "prometheus",
    source: "https://prometheus.io/download/#prometheus",
};
const PROMTOOL: Tool = Tool {
    names: &["promtool"],
    more: None,
    package: "prometheus",
    source: "https://prometheus.io/download/#prometheus",
};
const ALERTMANAGER: Tool = Tool {
    names: &["prometheus-alertmanager", "alertmanager"],
    more: None,
    package: "prometheus-alertmanager",
    source: "https://prometheus.io/download/#alertmanager",
};
const AMTOOL: Tool = Tool {
    names: &["amtool"],
    more: None,
    package: "prometheus-alertmanager",
    source: "https://prometheus.io/download/#alertmanager",
};
const NODE_EXPORTER: Tool = Tool {
    names: &["prometheus-node-exporter", "node_exporter"],
    more: None,
    package: "prometheus-node-exporter",
    source: "https://prometheus.io/download/#node_exporter",
};
const CHROMIUM: Tool = Tool {
    names: &["chromium", "google-chrome"],
    more: None,
    package: "chromium",
    source: "https://www.chromium.org/getting-involved/download-chromium/",
};
const CHROMEDRIVER: Tool = Tool {
    names: &["chromedriver"],
    more: None,
    package: "chromium-driver",
    source: "https://developer.chrome.com/docs/chromedriver/downloads",
};
const CURL: Tool = Tool { names: &["curl"], more: None, package: "curl", source: "https://curl.se/download.html" };
const OPENSSL: Tool =
    Tool { names: &["openssl"], more: None, package: "openssl", source: "https://openssl-library.org/source/" };
const TOOLS: [&Tool; 9] =
    [&PROMETHEUS, &PROMTOOL, &ALERTMANAGER, &AMTOOL, &NODE_EXPORTER, &CHROMIUM, &CHROMEDRIVER, &CURL, &OPENSSL];

const PYTHON: Tool = Tool {
    names: &["python3"],
    more: Some(("3.10 or later", &["-c", "import sys; sys.exit(sys.version_info < (3, 10))"])),
    package: "python3",
    source: "https://www.python.org/downloads/",
};
const VENV: Tool = Tool {
    names: &["python3"],
    more: Some(("with venv and ensurepip", &["-c", "import venv, ensurepip"])),
    package: "python3-venv",
    source: "https://www.python.org/downloads/",
};
const NODE: Tool = Tool {
    names: &["node"],
    more: Some(("18 or later", &["--eval", "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"])),
    package: "nodejs",
    source: "https://nodejs.org/en/download",
};
const NPM: Tool = Tool { names: &["npm"], more: None, package: "npm", source: "https://nodejs.org/en/download" };

/// What guests in other languages than Rust are built with.
const OTHER_LANGUAGES: [&Tool; 4] = [&PYTHON, &VENV, &NODE, &NPM];

impl Tool {
    fn find(&self) -> Option<PathBuf> {
        let found = self.names.iter().find_map(|name| shell::find(name))?;
        let Some((_, probe)) = self.more else { return Some(found) };
        let is_more = Command::new(&found).args(probe).output().is_ok_and(|output| output.status.success());
        is_more.then_some(found)
    }
}

/// The programs that the demo runs, wherever they are.
pub(crate) struct Programs {
    pub(crate) prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
    pub(crate) alertmanager: PathBuf,
}

impl Programs {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let find = |tool: &Tool| tool.find().with_context(|| missing(&[tool]));
        Ok(Self { prometheus: find(&PROMETHEUS)?, promtool: find(&PROMTOOL)?, alertmanager: find(&ALERTMANAGER)? })
    }
}

/// Makes sure that the WebAssembly targets and the tools are there.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    wasm_targets(root)?;
    tools(&TOOLS)
}

/// Makes sure that what builds guests in Python and JavaScript is there.
pub(crate) fn other_languages() -> anyhow::Result<()> {
    tools(&OTHER_LANGUAGES)
}

/// Says what is missing to build guests in Python and JavaScript, and installs nothing.
pub(crate) fn other_languages_are_there() -> anyhow::Result<()> {
    let lacking = lacking(&OTHER_LANGUAGES);
    if !lacking.is_empty() {
        bail!("{}\n`cargo xtask setup` installs it where there is apt", missing(&lacking));
    }
    Ok(())
}

fn wasm_targets(root: &Path) -> anyhow::Result<()> {
    // Asking rustc works without rustup too, where a distribution ships the targets.
    let sysroot = shell::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root))?;
    let installed = Path::new(sysroot.trim()).join("lib/rustlib");
    let mut lacking = WASM_TARGETS.to_vec();
    lacking.retain(|target| !installed.join(target).is_dir());
    if lacking.is_empty() {
        return Ok(());
    }
    if shell::find("rustup").is_none() {
        bail!(
            "no Rust target {} and no rustup to add it: install it for the toolchain in {}",
            lacking.join(" and "),
            sysroot.trim()
        );
    }
    shell::run(Command::new("rustup").args(["target", "add"]).args(lacking).current_dir(root))
}

fn tools(wanted: &[&'static Tool]) -> anyhow::Result<()> {
    let lacking = lacking(wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    if shell::find("apt-get").is_none() {
        bail!(missing(&lacking));
    }
    let Some(root_rights) = RootRights::find() else {
        bail!("{}\nwith apt: sudo apt-get install {}", missing(&lacking), packages(&lacking).join(" "));
    };
    install(&packages(&lacking), root_rights)?;

    let still_lacking = self::lacking(wanted);
    if !still_lacking.is_empty() {
        bail!("apt-get succeeded, and yet: {}", missing(&still_lacking));
    }
    Ok(())
}

fn lacking(wanted: &[&'static Tool]) -> Vec<&'static Tool> {
    wanted.iter().copied().filter(|tool| tool.find().is_none()).collect()
}

fn packages(tools: &[&Tool]) -> Vec<&'static str> {
    let mut packages: Vec<_> = tools.iter().map(|tool| tool.package).collect();
    packages.dedup();
    packages
}

fn missing(tools: &[&Tool]) -> String {
    let lines: Vec<String> = tools
        .iter()
        .map(|tool| {
            let more = tool.more.map(|(more, _)| format!(", {more},")).unwrap_or_default();
            format!("{}{more} is not on the PATH: install it from {}", tool.names.join(" or "), tool.source)
        })
        .collect();
    lines.join("\n")
}

fn install(packages: &[&str], rights: RootRights) -> anyhow::Result<()> {
    let _quiet = ServicesStayDown::arrange(rights)?;
    // Another apt may be at work, as on a machine that has just booted; wait for it instead of failing.
    let wait = ["-o", "DPkg::Lock::Timeout=300"];
    shell::run(rights.command("apt-get").args(wait).arg("update"))?;
    shell::run(
        rights
            .command("env")
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
            .args(wait)
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
    )?;
    if Path::new("/run/systemd/system").is_dir() {
        println!(
            "note: Debian's packages start their services at the next boot; `sudo systemctl disable {}` prevents it",
            packages.join(" ")
        );
    }
    Ok(())
}

/// How to run a program as root without asking for a password.
#[derive(Clone, Copy)]
enum RootRights {
    Own,
    Sudo,
}

impl RootRights {
    fn find() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Self::Own);
        }
        let granted = Command::new("sudo").args(["-n", "true"]).output().is_ok_and(|output| output.status.success());
        granted.then_some(Self::Sudo)
    }

    fn command(self, program: &str) -> Command {
        match self {
            Self::Own => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", program]);
                command
            }
        }
    }
}

/// While this lives, apt starts no service of what it installs: Debian asks this file, and 101 means no.
struct ServicesStayDown(Option<RootRights>);

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl ServicesStayDown {
    /// A file that is there already is somebody's decision, and stays.
    fn arrange(rights: RootRights) -> anyhow::Result<Self> {
        if fs::exists(POLICY).unwrap_or(false) {
            return Ok(Self(None));
        }
        let guard = Self(Some(rights));
        let draft = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        fs::write(draft.path(), "#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {}", draft.path().display()))?;
        shell::run(rights.command("install").args(["-m", "755"]).arg(draft.path()).arg(POLICY))?;
        Ok(guard)
    }
}

impl Drop for ServicesStayDown {
    fn drop(&mut self) {
        let Some(rights) = self.0 else { return };
        if let Err(err) = shell::run(rights.command("rm").args(["-f", POLICY])) {
            eprintln!("warning: remove {POLICY} by hand, it keeps apt from starting services: {err:#}");
        }
    }
}

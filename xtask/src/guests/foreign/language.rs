//! What the languages differ in: where their guests lie, what pins their tools, and the commands that install them, build
//! a component and run tests. The same commands as the guests' own pages tell people.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A language with a tool that makes components of it.
#[derive(Clone, Copy)]
pub(super) enum Language {
    JavaScript,
    Python,
}

/// What the engine of JavaScript can do for a guest, each by imports of WASI. Without them it imports none.
const FEATURES: [&str; 5] = ["random", "stdio", "clocks", "http", "fetch-event"];

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    /// The folder of its guests.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    /// How the names of its sources end.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::JavaScript => "js",
            Self::Python => "py",
        }
    }

    /// The files of a guest that name its tools and their versions. A folder without the first is no guest.
    pub(super) fn pins(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript => &["package.json", "package-lock.json"],
            Self::Python => &["requirements.txt"],
        }
    }

    /// Installs the tools that the pins in `tool` name into that folder.
    pub(super) fn install(self, tool: &Path) -> Vec<Command> {
        match self {
            Self::JavaScript => {
                let mut npm = Command::new("npm");
                // No package of the tree needs its scripts run.
                npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
                vec![npm]
            }
            Self::Python => {
                let mut venv = Command::new("python3");
                venv.args(["-m", "venv"]).arg(tool);
                let mut pip = Command::new(tool.join("bin/pip"));
                pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"]);
                vec![venv, pip]
            }
        }
    }

    /// Makes a component of the guest in the current folder, which is `world` of the contract in `wit`. In JavaScript it
    /// begins with the file `entry`, in Python always with `app.py`.
    pub(super) fn componentize(self, tool: &Path, entry: &str, wit: &Path, world: &str, to: &Path) -> Command {
        match self {
            Self::JavaScript => {
                let cli: PathBuf = tool.join("node_modules/@bytecodealliance/componentize-js/src/cli.js");
                let mut node = Command::new("node");
                node.arg(cli).arg(entry).arg("--wit").arg(wit).args(["--world-name", world]);
                node.arg("--disable").args(FEATURES).arg("--out").arg(to);
                node
            }
            Self::Python => {
                let mut componentize = Command::new(tool.join("bin/componentize-py"));
                componentize.arg("--wit-path").arg(wit).args(["--world", world]);
                componentize.args(["componentize", "--stub-wasi", "app", "--output"]).arg(to);
                // Somebody's own environment is none of the guest's.
                componentize.env("VIRTUAL_ENV", tool).env("PYTHONDONTWRITEBYTECODE", "1");
                componentize
            }
        }
    }

    /// Runs the tests of the guest in the current folder; they need no tool.
    pub(super) fn test(self) -> Command {
        match self {
            Self::JavaScript => {
                let mut node = Command::new("node");
                node.arg("--test");
                node
            }
            Self::Python => {
                let mut python = Command::new("python3");
                python.args(["-m", "unittest"]).env("PYTHONDONTWRITEBYTECODE", "1");
                python
            }
        }
    }
}

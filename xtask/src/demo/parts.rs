//! The programs of the demo: started on free loopback ports in a fresh folder, and stopped, whatever happens, when
//! [`Parts`] is dropped.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::configs;
use crate::setup::Programs;
use crate::shell;

/// How long a program may take to end after SIGTERM, before SIGKILL.
const FAREWELL: Duration = Duration::from_secs(10);
const TIDEGATE: &str = "tidegate";
/// The guests that the shop's config names.
const GUESTS: [&str; 3] = ["seasonal", "zscore", "runbook"];
/// How much of each log a failure shows.
const TAIL_LINES: usize = 25;

/// Where everything listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) prometheus: SocketAddr,
    pub(crate) alertmanager: SocketAddr,
    pub(crate) tidegate: SocketAddr,
    pub(crate) shop: SocketAddr,
    /// The stand-in for Slack and the pager.
    pub(crate) inbox: SocketAddr,
}

impl Addresses {
    /// Four ports that nobody uses, beside the inbox's. All are held until all are chosen, so no two are the same.
    pub(crate) fn choose(inbox: SocketAddr) -> anyhow::Result<Self> {
        let hold = || TcpListener::bind("127.0.0.1:0").context("cannot find a free loopback port");
        let held = [hold()?, hold()?, hold()?, hold()?];
        let address = |n: usize| held[n].local_addr().context("cannot tell the port of a socket");
        Ok(Self { prometheus: address(0)?, alertmanager: address(1)?, tidegate: address(2)?, shop: address(3)?, inbox })
    }
}

/// The shop's calendar in this run of the demo, in Unix seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    /// When the shop opened, and history begins.
    pub(crate) opened_at: i64,
    /// When the first live night begins.
    pub(crate) night_at: i64,
}

/// Everything that runs. Dropping it ends all of it and removes the folder.
pub(crate) struct Parts {
    // Dropped in this order: first who asks, then who is asked, and the folder last.
    running: Vec<Part>,
    programs: Programs,
    addresses: Addresses,
    binaries: PathBuf,
    folder: TempDir,
}

impl Parts {
    /// A folder with configs, secrets and history, and nothing running yet.
    pub(crate) fn prepare(
        root: &Path,
        addresses: Addresses,
        calendar: Calendar,
        deadline: Option<&str>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tidegate-demo-").tempdir().context("cannot make a folder")?;
        let target = shell::target_dir(root);
        configs::write(root, folder.path(), &addresses, deadline)?;
        write_token(&folder.path().join("secrets/alice"))?;
        link_guests(&target.join("guests"), &folder.path().join("guests"))?;
        let parts = Self {
            running: Vec::new(),
            programs: Programs::find()?,
            addresses,
            binaries: target.join("debug"),
            folder,
        };
        parts.make_history(calendar)?;
        Ok(parts)
    }

    /// Two weeks of the shop's days, as blocks that Prometheus finds when it starts.
    fn make_history(&self, calendar: Calendar) -> anyhow::Result<()> {
        let now = unix_now();
        let mut history = self.command(&self.binaries.join("shop"));
        history.args(["history", "--output", "history.om"]);
        history.args(["--from", &calendar.opened_at.to_string(), "--to", &now.to_string()]);
        history.args(["--night-at", &calendar.night_at.to_string()]);
        shell::output(&mut history)?;

        let mut backfill = self.command(&self.programs.promtool);
        // Without the flag, which --help does not show, it makes a block of every two hours.
        backfill.args(["tsdb", "create-blocks-from", "--max-block-duration=336h"]);
        backfill.args(["openmetrics", "history.om", "prometheus-data"]);
        shell::output(&mut backfill)?;
        Ok(())
    }

    /// Starts the shop, Alertmanager and Prometheus.
    pub(crate) fn start_surroundings(&mut self, calendar: Calendar) -> anyhow::Result<()> {
        let Addresses { prometheus, alertmanager, shop, .. } = self.addresses;

        let mut command = self.command(&self.binaries.join("shop"));
        command.args(["serve", "--listen", &shop.to_string()]);
        command.args(["--night-at", &calendar.night_at.to_string()]);
        command.args(["--opened-at", &calendar.opened_at.to_string()]);
        self.start("shop", command)?;

        let mut command = self.command(&self.programs.alertmanager);
        command.args(["--config.file=alertmanager.yml", "--storage.path=alertmanager-data"]);
        command.arg(format!("--web.listen-address={alertmanager}"));
        // No cluster: it would listen on all interfaces.
        command.arg("--cluster.listen-address=");
        self.start("alertmanager", command)?;

        let mut command = self.command(&self.programs.prometheus);
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus-data"]);
        command.arg("--storage.tsdb.retention.time=400d");
        command.arg(format!("--web.listen-address={prometheus}"));
        self.start("prometheus", command)
    }

    /// Starts tidegate.
    pub(crate) fn start_tidegate(&mut self) -> anyhow::Result<()> {
        let mut command = self.tidegate(&["run"]);
        command.current_dir(self.folder.path());
        self.start(TIDEGATE, command)
    }

    /// Ends tidegate as a service manager would; an error when it does not end well.
    pub(crate) fn stop_tidegate(&mut self) -> anyhow::Result<()> {
        let at = self.running.iter().position(|part| part.name == TIDEGATE).context("tidegate does not run")?;
        // It stays in the list until it has ended well: a failure shows the logs of all in the list.
        let status = self.running[at].end();
        ensure!(status.is_some_and(|status| status.success()), "tidegate did not end well: {status:?}");
        self.running.remove(at);
        Ok(())
    }

    /// A tidegate command with the config of this run.
    pub(crate) fn tidegate(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.join("tidegate"));
        command.args(words).arg("--config").arg(self.config());
        command
    }

    /// A tidegate command that decides, as a person would type it.
    pub(crate) fn decision(&self, words: &[&str]) -> Command {
        let mut command = self.tidegate(words);
        command.arg("--token-file").arg(self.token_file());
        command
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("tidegate.toml")
    }

    /// Where Alice's token lies.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("secrets/alice")
    }

    /// Alice's token.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        let file = self.token_file();
        let token = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(token.trim().to_owned())
    }

    /// An error when a program has ended by itself.
    pub(crate) fn all_running(&mut self) -> anyhow::Result<()> {
        for part in &mut self.running {
            if let Some(status) = part.child.try_wait().with_context(|| format!("cannot ask after {}", part.name))? {
                bail!("{} ended by itself: {status}", part.name);
            }
        }
        Ok(())
    }

    /// The ends of all logs, for the reader of a failure.
    pub(crate) fn logs(&self) -> String {
        let mut all = String::new();
        for part in &self.running {
            let text = fs::read_to_string(&part.log).unwrap_or_else(|err| format!("cannot read it: {err}"));
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            all.push_str(&format!("-- the end of the log of {}\n{}\n", part.name, tail.join("\n")));
        }
        all
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        command
    }

    fn start(&mut self, name: &'static str, mut command: Command) -> anyhow::Result<()> {
        let log = self.folder.path().join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone().context("cannot share a log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            // A group of its own: Ctrl-C in the terminal then reaches the demo alone, which ends its parts in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        self.running.insert(0, Part { name, child, log });
        Ok(())
    }
}

/// One program.
struct Part {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Asks it to end, and makes it. None when it did not end by itself.
    fn end(&mut self) -> Option<ExitStatus> {
        // The number of a process that was waited for may by now belong to another.
        if let Ok(Some(ended)) = self.child.try_wait() {
            return Some(ended);
        }
        // It can only fail when the process has just ended, which is what is wanted.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < FAREWELL {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Ok(ended) => return ended,
                Err(_) => break,
            }
        }
        eprintln!("{} did not end within {} s of SIGTERM and is killed", self.name, FAREWELL.as_secs());
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.end();
    }
}

/// Only those that the config names: a host also looks at others in its folder, and some take seconds to compile.
fn link_guests(built: &Path, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for guest in GUESTS {
        let file = format!("{guest}.wasm");
        symlink(built.join(&file), folder.join(&file)).with_context(|| format!("cannot link the guest {guest}"))?;
    }
    Ok(())
}

/// Thirty-two hexadecimal digits that only the owner can read.
fn write_token(file: &Path) -> anyhow::Result<()> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).context("cannot make a token")?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut options = fs::OpenOptions::new();
    let mut token_file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    std::io::Write::write_all(&mut token_file, token.as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))
}

/// The current Unix second.
pub(crate) fn unix_now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs().cast_signed())
}

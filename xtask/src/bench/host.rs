//! One running tidegate, seen from outside: what the kernel says of the process, and what its metrics say.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Ticks of `/proc/PID/stat` in a second: USER_HZ, which is 100 for programs on every kernel that Debian ships.
const TICKS: f64 = 100.0;

/// Longest that stopping may take: a series table of 100,000 rows is written on the way.
const FAREWELL: Duration = Duration::from_secs(120);

/// A running tidegate. Killed when dropped.
pub(super) struct Host {
    child: Child,
    listen: SocketAddr,
    log: PathBuf,
}

impl Host {
    /// Starts `tidegate run` in a folder with its config, whose `{listen}` becomes a free port.
    pub(super) fn start(tidegate: &Path, folder: &Path, config: &str) -> anyhow::Result<Host> {
        let listen = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let listen = listen.context("cannot find a free port")?;
        let file = folder.join("tidegate.toml");
        fs::write(&file, config.replace("{listen}", &listen.to_string()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let log = folder.join("tidegate.log");
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output.try_clone().context("cannot share the log file")?;
        let mut command = Command::new(tidegate);
        command.args(["run", "--config"]).arg(&file).current_dir(folder);
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.with_context(|| format!("cannot start {}", tidegate.display()))?;
        Ok(Host { child, listen, log })
    }

    /// Where it listens.
    pub(super) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// SIGKILL, and waits until it is gone.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill tidegate")?;
        self.child.wait().map(drop).context("cannot wait for tidegate")
    }

    /// Processor time so far, user and system, all threads.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(self.stat()?.1)
    }

    /// The state letter and the processor time.
    fn stat(&self) -> anyhow::Result<(char, Duration)> {
        let file = format!("/proc/{}/stat", self.child.id());
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        // The name of the program stands in parentheses and may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        match (fields.first().and_then(|state| state.chars().next()), ticks(11), ticks(12)) {
            (Some(state), Some(user), Some(system)) => Ok((state, Duration::from_secs_f64((user + system) / TICKS))),
            _ => bail!("{file} does not read as the kernel documents it: {text}"),
        }
    }

    /// The most memory that it ever held, in bytes.
    pub(super) fn peak_memory(&self) -> anyhow::Result<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>();
        Ok(kib.with_context(|| format!("{file} holds no VmHWM"))? * 1024)
    }

    /// Its metrics, None while it does not answer.
    pub(super) fn metrics(&mut self) -> anyhow::Result<Option<Metrics>> {
        if let Some(status) = self.child.try_wait().context("cannot ask after tidegate")? {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            bail!("tidegate ended by itself: {status}\n{log}");
        }
        let Ok(mut answer) = ureq::get(format!("http://{}/metrics", self.listen)).call() else { return Ok(None) };
        Ok(Some(Metrics(answer.body_mut().read_to_string().context("its metrics broke off")?)))
    }

    /// Asks it to stop and waits. Returns how long that took, the processor time that it cost, and the most memory that
    /// it ever held.
    pub(super) fn stop(mut self) -> anyhow::Result<(Duration, Duration, u64)> {
        let before = self.cpu()?;
        let mut peak = self.peak_memory()?;
        let asked = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("cannot stop tidegate")?;
        // Until it is waited for, an ended process keeps its numbers.
        loop {
            let (state, cpu) = self.stat()?;
            if state == 'Z' {
                let took = asked.elapsed();
                let status = self.child.wait().context("cannot wait for tidegate")?;
                if !status.success() {
                    bail!("tidegate did not stop well: {status}; its log is {}", self.log.display());
                }
                return Ok((took, cpu.saturating_sub(before), peak));
            }
            // Not there any more in the moment of ending.
            peak = peak.max(self.peak_memory().unwrap_or_default());
            if asked.elapsed() > FAREWELL {
                bail!("tidegate did not stop within {} s of SIGTERM", FAREWELL.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Errors mean that it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Metrics in Prometheus' text format.
pub(super) struct Metrics(String);

impl Metrics {
    /// The sum over all series of a name with this label, written `name="value"`; zero where there is none.
    pub(super) fn sum(&self, name: &str, label: &str) -> f64 {
        let of_name = self.0.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with('{'));
        let values = of_name.filter(|rest| rest.contains(label)).filter_map(|rest| rest.rsplit_once(' '));
        values.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
    }
}

//! `cargo xtask bench deliveries`: alerts taken in by the webhook, each durable before its answer, beside what Alertmanager
//! does with the same alerts on its own API. Then the host is killed, and its journal has to hold each of them once.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::host::Host;
use crate::setup::Programs;
use crate::shell;

/// What to deliver.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many deliveries, each of a group of its own.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    deliveries: u32,
    /// How many alerts in each.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    alerts: u32,
    /// Over how many connections at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
    /// Measure this tidegate instead of building one as it is shipped.
    #[arg(long, value_name = "FILE")]
    tidegate: Option<PathBuf>,
}

/// The sender's, which is nobody else's either.
const TOKEN: &str = "a-token-that-only-delivers";
/// Longest that either may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// When all alerts began.
const STARTS_AT: &str = "2026-01-01T00:00:00Z";

const CONFIG: &str = r#"
[server]
listen = "{listen}"
data_dir = "data"
guest_dir = "guests"

[prometheus]
url = "http://127.0.0.1:9"

[[sender]]
name = "alertmanager"
token_file = "token"

[[alert_route]]
name = "load"
match = ['alertname="Load"']
mode = "observe"
"#;

const ALERTMANAGER: &str = "route: { receiver: nobody, group_by: [alertname, group] }\nreceivers: [{ name: nobody }]\n";

/// How long one side took.
struct Rate {
    what: &'static str,
    wall: Duration,
    /// The slowest answers: the median, 99 of 100, and the last.
    answers: [Duration; 3],
}

/// Measures and prints.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let tidegate = match &options.tidegate {
        Some(file) => fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?,
        None => super::build(root)?.tidegate,
    };
    let programs = Programs::find()?;
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).with_context(|| format!("cannot write {name}"))
    };
    write("token", TOKEN)?;
    write("alertmanager.yml", ALERTMANAGER)?;
    fs::create_dir(folder.path().join("guests")).context("cannot make a folder")?;

    let theirs = of_alertmanager(&programs.alertmanager, folder.path(), options)?;
    let host = Host::start(&tidegate, folder.path(), CONFIG)?;
    wait_for(host.listen(), "/-/ready")?;
    let before = host.cpu()?;
    let url = format!("http://{}/webhook/alertmanager", host.listen());
    let ours = measure("tidegate's webhook", &url, options, |nth| delivery(nth, options))?;
    let cpu = host.cpu()?.saturating_sub(before);
    let memory = host.peak_memory()?;
    // Not asked to stop: whatever was answered has to be on the disk by now.
    host.kill()?;
    let kept = kept(&tidegate, folder.path())?;
    judge(&kept, options)?;

    let host = Host::start(&tidegate, folder.path(), CONFIG)?;
    let began = Instant::now();
    wait_for(host.listen(), "/-/ready")?;
    let restart = began.elapsed();
    let url = format!("http://{}/webhook/alertmanager", host.listen());
    let repeats = measure("the same once more", &url, options, |nth| delivery(nth, options))?;
    host.kill()?;
    judge(&self::kept(&tidegate, folder.path())?, options)?;
    let journal = fs::metadata(folder.path().join("data/journal.db")).map_or(0, |file| file.len());
    print(options, &[theirs, ours, repeats]);
    println!(
        "\ntidegate used {:.2} s of processor and at most {} MB of memory for the first; its journal has {} MB, and the restart took {:.1} s",
        cpu.as_secs_f64(),
        memory >> 20,
        journal >> 20,
        restart.as_secs_f64(),
    );
    println!("killed after each of both: the journal is whole and holds each of {} alerts once", options.all());
    Ok(())
}

impl Options {
    fn all(&self) -> usize {
        self.deliveries as usize * self.alerts as usize
    }
}

fn of_alertmanager(program: &Path, folder: &Path, options: &Options) -> anyhow::Result<Rate> {
    let listen = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).context("no free port")?;
    let log = File::create(folder.join("alertmanager.log")).context("cannot write a log")?;
    let mut command = Command::new(program);
    command.current_dir(folder).args(["--config.file=alertmanager.yml", "--storage.path=am"]);
    command.arg(format!("--web.listen-address={listen}")).arg("--cluster.listen-address=");
    let errors = log.try_clone().context("cannot share a log")?;
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().context("cannot start Alertmanager")?;
    let _running = Running(child);
    wait_for(listen, "/-/ready")?;
    let url = format!("http://{listen}/api/v2/alerts");
    measure("Alertmanager's API", &url, options, |nth| {
        Value::Array(
            (0..options.alerts).map(|one| json!({ "labels": labels(nth, one), "startsAt": STARTS_AT })).collect(),
        )
    })
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn labels(delivery: u32, alert: u32) -> Value {
    json!({
        "alertname": "Load",
        "group": delivery.to_string(),
        "instance": format!("10.0.{}.{}:9100", delivery % 256, alert),
        "job": "node",
        "severity": "warning",
    })
}

/// A body as Alertmanager sends it.
fn delivery(nth: u32, options: &Options) -> Value {
    let alert = |one: u32| {
        json!({
            "status": "firing",
            "labels": labels(nth, one),
            "annotations": { "summary": "something is wrong with one of many", "description": "it is too high by far" },
            "startsAt": STARTS_AT,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            "fingerprint": fingerprint(nth, one, options),
        })
    };
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{alertname=\"Load\", group=\"{nth}\"}}"),
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tidegate",
        "groupLabels": { "alertname": "Load", "group": nth.to_string() },
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com",
        "alerts": (0..options.alerts).map(alert).collect::<Vec<_>>(),
    })
}

fn fingerprint(nth: u32, one: u32, options: &Options) -> String {
    format!("{:016x}", u64::from(nth) * u64::from(options.alerts) + u64::from(one))
}

/// Sends all bodies, over so many connections at once; each has to be answered with success.
fn measure(
    what: &'static str,
    url: &str,
    options: &Options,
    body: impl Fn(u32) -> Value + Sync,
) -> anyhow::Result<Rate> {
    eprintln!(
        "{what}: {} times {} alerts over {} connections",
        options.deliveries, options.alerts, options.connections
    );
    // Made before the clock runs: it is not what is measured.
    let bodies: Vec<Vec<u8>> = (0..options.deliveries).map(|nth| body(nth).to_string().into_bytes()).collect();
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let connection = || -> anyhow::Result<Vec<Duration>> {
        let agent = ureq::Agent::new_with_defaults();
        let mut answers = Vec::new();
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let asked = Instant::now();
            let request = agent.post(url).header("Content-Type", "application/json");
            let answer = request.header("Authorization", format!("Bearer {TOKEN}")).send(&body[..]);
            let mut answer = answer.with_context(|| format!("{what} did not take a body"))?;
            answer.body_mut().read_to_vec().context("an answer broke off")?;
            answers.push(asked.elapsed());
        }
        Ok(answers)
    };
    let answers = thread::scope(|scope| {
        let all: Vec<_> = (0..options.connections).map(|_| scope.spawn(connection)).collect();
        let joined = all.into_iter().map(|one| one.join().map_err(|_| anyhow::anyhow!("a connection panicked"))?);
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let wall = began.elapsed();
    let mut answers: Vec<Duration> = answers.concat();
    answers.sort();
    let at = |share: f64| answers[((answers.len() - 1) as f64 * share) as usize];
    Ok(Rate { what, wall, answers: [at(0.5), at(0.99), at(1.0)] })
}

/// How often each fingerprint began to fire, by the journal.
fn kept(tidegate: &Path, folder: &Path) -> anyhow::Result<HashMap<String, usize>> {
    let config = folder.join("tidegate.toml");
    let ask = |word: &str| {
        let mut command = Command::new(tidegate);
        shell::output(command.args(["journal", word, "--config"]).arg(&config).current_dir(folder))
    };
    ask("verify")?;
    let mut kept = HashMap::new();
    for line in ask("export")?.lines() {
        let event: Value = serde_json::from_str(line).context("the journal exports something that is no JSON")?;
        for alert in event["event"]["alerts"].as_array().into_iter().flatten().filter(|alert| alert["firing"] == true) {
            let fingerprint = alert["fingerprint"].as_str().context("an alert without a fingerprint")?;
            *kept.entry(fingerprint.to_owned()).or_default() += 1;
        }
    }
    Ok(kept)
}

fn judge(kept: &HashMap<String, usize>, options: &Options) -> anyhow::Result<()> {
    for nth in 0..options.deliveries {
        for one in 0..options.alerts {
            let fingerprint = fingerprint(nth, one, options);
            let times = kept.get(&fingerprint).copied().unwrap_or_default();
            ensure!(times == 1, "alert {one} of delivery {nth} stands {times} times in the journal");
        }
    }
    ensure!(kept.len() == options.all(), "the journal holds {} alerts, and {} were sent", kept.len(), options.all());
    Ok(())
}

fn wait_for(address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    while ureq::get(format!("http://{address}{path}")).call().is_err() {
        if began.elapsed() > PATIENCE {
            bail!("nothing answered at {address}{path} within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn print(options: &Options, rates: &[Rate]) {
    println!("\n| {:<20} | deliveries/s | alerts/s | median answer | 99 % | slowest |", "");
    println!("|{}|---:|---:|---:|---:|---:|", "-".repeat(22));
    for Rate { what, wall, answers: [median, most, slowest] } in rates {
        let seconds = wall.as_secs_f64();
        println!(
            "| {what:<20} | {:.0} | {:.0} | {:.1} ms | {:.1} ms | {:.1} ms |",
            f64::from(options.deliveries) / seconds,
            options.all() as f64 / seconds,
            median.as_secs_f64() * 1e3,
            most.as_secs_f64() * 1e3,
            slowest.as_secs_f64() * 1e3,
        );
    }
    if let [theirs, ours, ..] = rates {
        println!(
            "\ntidegate takes {:.1} times as long as Alertmanager",
            ours.wall.as_secs_f64() / theirs.wall.as_secs_f64()
        );
    }
}

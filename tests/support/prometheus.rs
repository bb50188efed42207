//! A real Prometheus that scrapes a [`Target`] every second, and alerts where a [`Config`] says about what.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::eventually;
use super::free_address;
use super::http::Client;
use super::program::Program;
use super::target::{NORMAL, Target};
use super::version::Version;

/// How one is set up. YAML stands in flow style, on one line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) version: Version,
    /// So many minutes of a service that was well are known, second by second.
    pub(crate) minutes: u64,
    /// What else is known of the past: lines of OpenMetrics about `queue_length`, one series after the other.
    pub(crate) history: String,
    /// Looked at every second, as one group: `{ alert: Slow, expr: 'queue_length > 50', labels: { severity: page } }`.
    pub(crate) rules: Vec<String>,
    /// Who is told, as `alerting.alertmanagers` has them: `{ static_configs: [{ targets: ['127.0.0.1:9093'] }] }`.
    pub(crate) alertmanagers: Vec<String>,
    /// What is scraped beside the target: `{ job_name: tidegate, static_configs: [{ targets: ['127.0.0.1:9595'] }] }`.
    pub(crate) scrapes: Vec<String>,
    /// Files with rules.
    pub(crate) rule_files: Vec<PathBuf>,
}

impl Config {
    /// Tells this Alertmanager, or what passes for one.
    pub(crate) fn alerting(mut self, address: SocketAddr) -> Config {
        self.alertmanagers.push(format!("{{ static_configs: [{{ targets: ['{address}'] }}] }}"));
        self
    }
}

/// A running Prometheus.
pub(crate) struct Prometheus {
    // Ended before its folder goes.
    _program: Program,
    address: SocketAddr,
    client: Client,
    _folder: TempDir,
}

impl Prometheus {
    /// Knows nothing but what it has scraped since it was started, which is at least one sample.
    pub(crate) fn start(target: &Target) -> Prometheus {
        Prometheus::run(target, &Config::default())
    }

    /// Also knows the last `minutes` of a service that was well, second by second.
    pub(crate) fn with_history(target: &Target, minutes: u64) -> Prometheus {
        Prometheus::run(target, &Config { minutes, ..Config::default() })
    }

    pub(crate) fn run(target: &Target, config: &Config) -> Prometheus {
        let Config { version, minutes, history, rules, alertmanagers, scrapes, rule_files } = config;
        let folder = tempfile::tempdir().expect("a folder");
        let files = rule_files.iter().map(|file| file.display().to_string());
        let files: Vec<String> = files.chain(["rules.yml".to_owned()]).map(|file| format!("'{file}'")).collect();
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{}]\n\
             alerting: {{ alertmanagers: [{}] }}\n\
             scrape_configs:\n\
             - job_name: target\n  static_configs: [{{ targets: ['{}'], labels: {{ instance: one }} }}]\n{}",
            files.join(", "),
            alertmanagers.join(", "),
            target.address(),
            scrapes.iter().map(|scrape| format!("- {scrape}\n")).collect::<String>()
        );
        let rules = format!("groups:\n- {{ name: tests, rules: [{}] }}\n", rules.join(", "));
        fs::write(folder.path().join("rules.yml"), rules).expect("rules");
        fs::write(folder.path().join("prometheus.yml"), config).expect("a config");
        if *minutes > 0 || !history.is_empty() {
            backfill(&folder, *minutes, history);
        }
        let address = free_address();
        let mut command = Command::new(version.program("prometheus"));
        command.current_dir(folder.path());
        command.args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=400d",
            // An alert that is not sent again for four times as long has ended.
            "--rules.alert.resend-delay=5s",
        ]);
        command.arg(format!("--web.listen-address={address}"));
        let program = Program::start("prometheus", command, folder.path().join("prometheus.log"));
        let prometheus = Prometheus { _program: program, address, client: Client::new(address), _folder: folder };
        eventually("Prometheus scrapes the target", || {
            // The history holds no sample of this metric, which every scrape leaves behind.
            prometheus.query("scrape_samples_scraped > 0").filter(|result| !result.is_empty())
        });
        prometheus
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn query(&self, expr: &str) -> Option<Vec<Value>> {
        let answer =
            self.client.try_get(&format!("/api/v1/query?query={}", expr.replace(' ', "%20").replace('>', "%3E")))?;
        (answer.status == 200).then(|| answer.json()["data"]["result"].as_array().cloned())?
    }
}

fn backfill(folder: &TempDir, minutes: u64, history: &str) {
    let now = jiff::Timestamp::now().as_second();
    let seconds = i64::try_from(minutes * 60).expect("a short history");
    let mut text = String::from("# TYPE queue_length gauge\n");
    for at in now - seconds..now {
        let value = NORMAL + (at % 3) as f64;
        text.push_str(&format!("queue_length{{instance=\"one\",job=\"target\",service=\"checkout\"}} {value} {at}\n"));
    }
    text.push_str(history);
    text.push_str("# EOF\n");
    fs::write(folder.path().join("history.om"), text).expect("a history");
    // Without the flag, which --help does not show, it makes a block of every two hours.
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "--max-block-duration=336h", "openmetrics", "history.om", "data"]);
    let output = promtool.current_dir(folder.path()).output().expect("promtool, which comes with Prometheus");
    assert!(output.status.success(), "promtool: {}", String::from_utf8_lossy(&output.stderr));
}

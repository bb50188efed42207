//! A real Alertmanager, or two of them. What it delivers, to whom and in which groups is a [`Config`].
//!
//! It is quick: groups wait for nobody, and what has changed is delivered after a second.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Client};
use super::program::Program;
use super::tidegate::SENDER_TOKEN;
use super::version::Version;
use super::{eventually, free_address};

/// How one is set up. YAML stands in flow style, on one line.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) version: Version,
    /// Every one of them gets every alert.
    pub(crate) receivers: Vec<Webhook>,
    pub(crate) group_by: String,
    pub(crate) group_interval: String,
    pub(crate) repeat_interval: String,
    pub(crate) inhibit_rules: String,
    /// Files in its folder, by name; paths in the config are relative to it. The file `token` holds the sender's token.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// A receiver that is called by HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    pub(crate) url: String,
    /// For example `authorization: { credentials_file: token }`.
    pub(crate) http_config: String,
    /// How many alerts a delivery holds at most; 0 for all.
    pub(crate) max_alerts: u32,
}

impl Webhook {
    /// The webhook of the tidegate that listens there, to which it is the sender `alertmanager`.
    pub(crate) fn of_tidegate(name: &str, address: SocketAddr) -> Webhook {
        Webhook {
            name: name.to_owned(),
            url: format!("http://{address}/webhook/alertmanager"),
            http_config: "authorization: { credentials_file: token }".to_owned(),
            max_alerts: 0,
        }
    }
}

impl Config {
    /// The installed one; what belongs to one service is a group, and all of it goes to this tidegate.
    pub(crate) fn for_tidegate(address: SocketAddr) -> Config {
        Config {
            version: Version::Installed,
            receivers: vec![Webhook::of_tidegate("tidegate", address)],
            group_by: "[alertname, service]".to_owned(),
            group_interval: "1s".to_owned(),
            repeat_interval: "1h".to_owned(),
            inhibit_rules: "[]".to_owned(),
            files: Vec::new(),
        }
    }

    /// As Alertmanager reads it.
    fn yaml(&self) -> String {
        let Config { group_by, group_interval, repeat_interval, inhibit_rules, .. } = self;
        let first = self.receivers.first().map_or("nobody", |webhook| &webhook.name);
        let mut text = format!(
            "inhibit_rules: {inhibit_rules}\nroute:\n  receiver: {first}\n  group_by: {group_by}\n  group_wait: 0s\n  \
             group_interval: {group_interval}\n  repeat_interval: {repeat_interval}\n  routes:\n"
        );
        for Webhook { name, .. } in &self.receivers {
            text.push_str(&format!("  - {{ receiver: {name}, continue: true }}\n"));
        }
        text.push_str("receivers:\n");
        if self.receivers.is_empty() {
            text.push_str("- name: nobody\n");
        }
        for Webhook { name, url, http_config, max_alerts } in &self.receivers {
            text.push_str(&format!(
                "- name: {name}\n  webhook_configs:\n  - {{ url: '{url}', max_alerts: {max_alerts}, http_config: {{ {http_config} }} }}\n"
            ));
        }
        text
    }
}

/// An Alertmanager, running or not. What it has written outlives every run of it.
pub(crate) struct Alertmanager {
    // Ended before its folder goes.
    program: Option<Program>,
    version: Version,
    address: SocketAddr,
    /// Arguments about its cluster.
    cluster: Vec<String>,
    client: Client,
    folder: TempDir,
}

impl Alertmanager {
    /// Delivers every alert to the webhook of the tidegate that listens on `receiver`, as its sender.
    pub(crate) fn start(receiver: SocketAddr) -> Alertmanager {
        Alertmanager::run(&Config::for_tidegate(receiver))
    }

    /// A running one that has no peer.
    pub(crate) fn run(config: &Config) -> Alertmanager {
        // It would listen on all interfaces by default.
        Alertmanager::run_with(config, vec!["--cluster.listen-address=".to_owned()])
    }

    /// Two that know each other: what one has delivered the other does not.
    pub(crate) fn cluster(config: &Config) -> [Alertmanager; 2] {
        let gossip = [free_address(), free_address()];
        let both = [(gossip[0], gossip[1]), (gossip[1], gossip[0])].map(|(own, other)| {
            let arguments = [
                format!("--cluster.listen-address={own}"),
                format!("--cluster.peer={other}"),
                // How long the second waits for the first to have delivered.
                "--cluster.peer-timeout=2s".to_owned(),
                "--cluster.settle-timeout=2s".to_owned(),
                "--cluster.reconnect-interval=1s".to_owned(),
                "--cluster.pushpull-interval=1s".to_owned(),
            ];
            Alertmanager::run_with(config, arguments.to_vec())
        });
        for one in &both {
            eventually("both are in one cluster", || {
                let cluster = one.get("/api/v2/status").good()["cluster"].clone();
                (cluster["status"] == "ready" && cluster["peers"].as_array()?.len() == 2).then_some(())
            });
        }
        both
    }

    fn run_with(config: &Config, cluster: Vec<String>) -> Alertmanager {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("token"), SENDER_TOKEN).expect("a token");
        for (name, content) in &config.files {
            fs::write(folder.path().join(name), content).expect("a file");
        }
        let address = free_address();
        let client = Client::new(address);
        let mut alertmanager =
            Alertmanager { program: None, version: config.version, address, cluster, client, folder };
        alertmanager.write_config(config);
        alertmanager.start_again();
        alertmanager
    }

    /// Starts it where it was, with what it has written.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new(self.version.program("prometheus-alertmanager"));
        command.current_dir(self.folder.path());
        command.args(["--config.file=alertmanager.yml", "--storage.path=data"]);
        command.arg(format!("--web.listen-address={}", self.address)).args(&self.cluster);
        self.program = Some(Program::start("alertmanager", command, self.folder.path().join("alertmanager.log")));
        eventually("Alertmanager is ready", || self.client.try_get("/-/ready").filter(|answer| answer.status == 200));
    }

    /// SIGKILL: it writes nothing more. Alerts it keeps in memory alone.
    pub(crate) fn kill(&mut self) {
        self.program.take().expect("it runs").kill();
    }

    /// SIGTERM: it writes down which deliveries were taken, and silences.
    pub(crate) fn terminate(&mut self) {
        assert!(self.program.take().expect("it runs").terminate().success(), "{}", self.log());
    }

    /// Takes another config while it runs. Versions cannot be changed so.
    pub(crate) fn reconfigure(&self, config: &Config) {
        self.write_config(config);
        let answer = self.client.post_bytes("/-/reload", b"");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn write_config(&self, config: &Config) {
        fs::write(self.folder.path().join("alertmanager.yml"), config.yaml()).expect("a config");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has written to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("alertmanager.log")).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client.get(path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.post(path, body)
    }

    /// Sends an alert as Prometheus does; `firing` says whether it goes on or has just ended.
    pub(crate) fn send(&self, labels: &Value, firing: bool) {
        self.send_all(std::slice::from_ref(labels), firing);
    }

    /// Sends several in one request.
    pub(crate) fn send_all(&self, alerts: &[Value], firing: bool) {
        let alerts: Vec<Value> = alerts.iter().map(|labels| alert(labels, firing)).collect();
        let answer = self.post("/api/v2/alerts", &Value::from(alerts));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The alerts called so that it holds for active or held back; it lists no resolved ones.
    pub(crate) fn alerts(&self, alertname: &str) -> Vec<Value> {
        let listed = self.get("/api/v2/alerts").good();
        let listed = listed.as_array().expect("a list").clone();
        listed.into_iter().filter(|alert| alert["labels"]["alertname"] == alertname).collect()
    }

    /// Silences everything about one service; returns the silence's id.
    pub(crate) fn silence(&self, service: &str) -> String {
        let now = jiff::Timestamp::now();
        let silence = json!({
            "matchers": [{ "name": "service", "value": service, "isRegex": false, "isEqual": true }],
            "startsAt": now.to_string(),
            "endsAt": (now + jiff::SignedDuration::from_hours(1)).to_string(),
            "createdBy": "a test",
            "comment": "a test",
        });
        let made = self.post("/api/v2/silences", &silence).good();
        made["silenceID"].as_str().expect("an id").to_owned()
    }

    /// Every silence that it knows, ended ones included.
    pub(crate) fn silences(&self) -> Vec<Value> {
        self.get("/api/v2/silences").good().as_array().expect("a list").clone()
    }

    /// The value of one of its own metrics, all series of it summed.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.filter(|rest| rest.starts_with([' ', '{'])).filter_map(|rest| rest.rsplit_once(' '));
        values.map(|(_, value)| value.parse::<f64>().expect("a number")).sum()
    }
}

/// An alert as Prometheus sends it, which began a minute ago.
pub(crate) fn alert(labels: &Value, firing: bool) -> Value {
    let now = jiff::Timestamp::now();
    let ends_at = if firing { now + jiff::SignedDuration::from_mins(10) } else { now };
    json!({
        "labels": labels,
        "annotations": { "summary": "sent by a test" },
        "startsAt": (now - jiff::SignedDuration::from_secs(60)).to_string(),
        "endsAt": ends_at.to_string(),
        "generatorURL": "",
    })
}

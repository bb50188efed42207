//! A real Alertmanager. Its receiver is a tidegate's webhook.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::Client;
use super::program::Program;
use super::tidegate::SENDER_TOKEN;
use super::{eventually, free_address};

/// A running Alertmanager.
pub(crate) struct Alertmanager {
    // Ended before its folder goes.
    _program: Program,
    address: SocketAddr,
    client: Client,
    _folder: TempDir,
}

impl Alertmanager {
    /// Delivers every alert to the webhook of the tidegate that listens on `receiver`, as its sender.
    pub(crate) fn start(receiver: SocketAddr) -> Alertmanager {
        Alertmanager::start_with(receiver, "authorization: { credentials_file: token }")
    }

    /// The same with other words for who it is; the file `token` holds the sender's token.
    pub(crate) fn start_with(receiver: SocketAddr, http_config: &str) -> Alertmanager {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "route: {{ receiver: tidegate, group_by: [alertname, service], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}\n\
             receivers:\n- name: tidegate\n  webhook_configs:\n  - url: 'http://{receiver}/webhook/alertmanager'\n    \
             http_config: {{ {http_config} }}\n"
        );
        fs::write(folder.path().join("token"), SENDER_TOKEN).expect("a token");
        fs::write(folder.path().join("alertmanager.yml"), config).expect("a config");
        let address = free_address();
        let mut command = Command::new("prometheus-alertmanager");
        command.current_dir(folder.path());
        command.args(["--config.file=alertmanager.yml", "--storage.path=data"]);
        // No cluster: it would listen on all interfaces.
        command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
        let program = Program::start("alertmanager", command, folder.path().join("alertmanager.log"));
        let client = Client::new(address);
        eventually("Alertmanager is ready", || client.try_get("/-/ready").filter(|answer| answer.status == 200));
        Alertmanager { _program: program, address, client, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends an alert as Prometheus does; `firing` says whether it goes on or has just ended.
    pub(crate) fn send(&self, labels: &Value, firing: bool) {
        let now = jiff::Timestamp::now();
        let ends_at = if firing { now + jiff::SignedDuration::from_mins(10) } else { now };
        let starts_at = now - jiff::SignedDuration::from_secs(60);
        let alert = json!([{
            "labels": labels,
            "annotations": { "summary": "sent by a test" },
            "startsAt": starts_at.to_string(),
            "endsAt": ends_at.to_string(),
        }]);
        let answer = self.client.post("/api/v2/alerts", &alert);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The alerts called so that it holds for active or held back; it lists no resolved ones.
    pub(crate) fn alerts(&self, alertname: &str) -> Vec<Value> {
        let listed = self.client.get("/api/v2/alerts").good();
        let listed = listed.as_array().expect("a list").clone();
        listed.into_iter().filter(|alert| alert["labels"]["alertname"] == alertname).collect()
    }

    /// Silences everything about one service.
    pub(crate) fn silence(&self, service: &str) {
        let now = jiff::Timestamp::now();
        let silence = json!({
            "matchers": [{ "name": "service", "value": service, "isRegex": false, "isEqual": true }],
            "startsAt": now.to_string(),
            "endsAt": (now + jiff::SignedDuration::from_hours(1)).to_string(),
            "createdBy": "a test",
            "comment": "a test",
        });
        let answer = self.client.post("/api/v2/silences", &silence);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

//! Slack: what people are told there, and what they decide from there. The other side is a stand-in that checks what it
//! gets and signs what it sends with Slack's own library.

use serde_json::{Value, json};

use crate::support::delivery;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::slack::Slack;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

mod deciding;
mod hostile;
mod socket;
mod telling;

/// The people besides alice, who is not in Slack, and the groups that some tests ask.
const PEOPLE: &str = r#"
[[approver]]
name = "bob"
token_file = "bob"
slack_user = "U0BOB"

[[approver]]
name = "carol"
token_file = "carol"
slack_user = "U0CAROL"

[[approver]]
name = "dora"
role = "admin"
token_file = "dora"
slack_user = "U0DORA"

[[approver]]
name = "vera"
role = "view"
token_file = "vera"
slack_user = "U0VERA"
"#;

const BOT: &str = r#"
[slack]
bot_token_file = "slack-bot"
channel = "C0OPS"
signing_secret_file = "slack-signing"
team_id = "T0001"
api_url = "http://slack/api"
response_hosts = ["SLACK"]
"#;

/// Alerts open incidents at once, so nothing has to be watched here.
const ROUTE: &str = r#"
[prometheus]
url = "http://prometheus"

[[alert_route]]
name = "alerts"
match = ['alertname="QueueTooLong"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

/// Long enough that no test sees its end.
const GATE: &str = "\n[gate]\ndeadline = \"10m\"\nremind_before = \"0s\"\n";

/// A tidegate with a Slack around it, running or not.
struct Scene {
    slack: Slack,
    tidegate: Tidegate,
    target: Target,
    prometheus: FakePrometheus,
}

impl Scene {
    /// `config` is everything but the people and the route.
    fn start(config: &str) -> Scene {
        Scene::start_with(config, ROUTE)
    }

    fn start_with(config: &str, route: &str) -> Scene {
        let mut scene = Scene {
            slack: Slack::start(),
            tidegate: Tidegate::new(),
            target: Target::start(),
            prometheus: FakePrometheus::start(),
        };
        for (name, secret) in scene.slack.secrets() {
            scene.tidegate.write_secret(&format!("slack-{name}"), &secret);
        }
        for name in ["bob", "carol", "dora", "vera"] {
            scene.tidegate.write_secret(name, &format!("a-token-that-only-{name}-knows"));
        }
        scene.configure_with(config, route);
        scene.tidegate.run();
        scene
    }

    fn configure(&self, config: &str) {
        self.configure_with(config, ROUTE);
    }

    fn configure_with(&self, config: &str, route: &str) {
        let around = [
            ("prometheus", self.prometheus.address()),
            ("target", self.target.address()),
            ("slack", self.slack.address()),
        ];
        let config = config.replace("SLACK", &self.slack.address().to_string());
        self.tidegate.configure(&format!("{PEOPLE}{config}{route}"), &around);
    }

    /// A request to repair this service.
    fn asked(&self, service: &str) -> Value {
        self.tidegate.deliver(&delivery("firing", "QueueTooLong", service)).good();
        self.tidegate.pending_for(service)
    }

    /// Somebody presses a button of a message.
    fn press(&self, user: &str, action: &str, message: &Value, more: &Value) -> (u64, String) {
        let mut did = json!({
            "what": "press", "user": user, "action": action, "channel": message["channel"], "ts": message["ts"],
        });
        merge(&mut did, more);
        self.slack.does(self.tidegate.address(), &did)
    }

    /// Somebody writes a slash command; returned is what they are answered.
    fn command(&self, user: &str, command: &str, text: &str) -> String {
        let name = format!("{user}-{}", self.slack.state()["answers"].as_array().map_or(0, Vec::len));
        let did = json!({ "what": "command", "user": user, "command": command, "text": text, "name": name });
        assert_eq!(self.slack.does(self.tidegate.address(), &did), (200, String::new()));
        self.slack.answer(&name)
    }
}

fn merge(into: &mut Value, more: &Value) {
    for (key, value) in more.as_object().expect("an object") {
        into[key] = value.clone();
    }
}

fn id(request: &Value) -> &str {
    request["id"].as_str().expect("an id")
}

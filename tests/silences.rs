//! Silences, made and ended by people from every surface, in a real Alertmanager: who is silenced is not asked about, and is
//! once that is over.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::Client;
use crate::support::prometheus::Prometheus;
use crate::support::slack::Slack;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, eventually};

mod by_hand;
mod by_slack;

const BOB: &str = "a-token-that-only-bob-knows";
const VERA: &str = "a-token-that-only-vera-knows";

/// Beside alice, who is an admin and not in Slack: bob may approve, vera may look.
const CONFIG: &str = r#"
[[approver]]
name = "bob"
token_file = "bob"
slack_user = "U0BOB"

[[approver]]
name = "vera"
role = "view"
token_file = "vera"
slack_user = "U0VERA"

[prometheus]
url = "http://prometheus"

[gate]
deadline = "1h"
remind_before = "0s"

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

const ALERTMANAGER: &str = "\n[alertmanager]\nurl = \"http://alertmanager\"\npoll_interval = \"1s\"\n";

const SLACK: &str = r#"
[slack]
bot_token_file = "slack-bot"
channel = "C0OPS"
signing_secret_file = "slack-signing"
team_id = "T0001"
api_url = "http://slack/api"
response_hosts = ["SLACK"]
"#;

struct House {
    tidegate: Tidegate,
    alertmanager: Alertmanager,
    slack: Slack,
    target: Target,
    prometheus: FakePrometheus,
}

impl House {
    /// A tidegate to which a real Alertmanager delivers.
    fn start() -> House {
        House::start_with(&format!("{ALERTMANAGER}{SLACK}"))
    }

    fn start_with(more: &str) -> House {
        let tidegate = Tidegate::new();
        tidegate.write_secret("bob", BOB);
        tidegate.write_secret("vera", VERA);
        let mut house = House {
            alertmanager: Alertmanager::start(tidegate.address()),
            slack: Slack::start(),
            target: Target::start(),
            prometheus: FakePrometheus::start(),
            tidegate,
        };
        for (name, secret) in house.slack.secrets() {
            house.tidegate.write_secret(&format!("slack-{name}"), &secret);
        }
        house.configure(more);
        house.tidegate.run();
        house
    }

    fn configure(&self, more: &str) {
        let more = more.replace("SLACK", &self.slack.address().to_string());
        let around = [
            ("prometheus", self.prometheus.address()),
            ("alertmanager", self.alertmanager.address()),
            ("slack", self.slack.address()),
            ("target", self.target.address()),
        ];
        self.tidegate.configure(&format!("{CONFIG}{more}"), &around);
    }

    /// An alert about this service, and the request that follows from it.
    fn asked(&self, service: &str) -> Value {
        self.alertmanager.send(&labels(service), true);
        self.tidegate.pending_for(service)
    }

    fn bob(&self) -> Client {
        self.tidegate.stranger().with_token(BOB)
    }

    /// The silence with this id, as Alertmanager has it.
    fn silence(&self, id: &str) -> Value {
        self.alertmanager.get(&format!("/api/v2/silence/{id}")).good()
    }

    /// A request is withdrawn, its incident held back by a silence that bob has made; returned is that silence.
    fn silenced_by_bob(&self, request: &Value, surface: &str) -> Value {
        self.tidegate.request_when(request, "the request is withdrawn", |request| request["status"] == "withdrawn");
        let incident = self.tidegate.get(&format!("/api/v1/incidents/{}", of(request))).good();
        let made = incident["silences"][0].clone();
        assert_eq!((&made["by"], &made["surface"]), (&json!("bob"), &json!(surface)), "{incident:#}");
        let id = made["id"].as_str().expect("an id");
        assert_eq!(incident["held"]["by"], format!("silence {id}"));
        let silence = self.silence(id);
        assert_eq!((&silence["createdBy"], &silence["status"]["state"]), (&json!("bob"), &json!("active")));
        let equal =
            |name: &str, value: &str| json!({ "isEqual": true, "isRegex": false, "name": name, "value": value });
        assert_eq!(silence["matchers"], json!([equal("alertname", "QueueTooLong"), equal("service", "checkout")]));
        silence
    }

    /// Nothing holds the incident of a request back any more, and somebody is asked anew.
    fn is_asked_anew(&self, request: &Value) {
        let again = self.tidegate.pending_for("checkout");
        assert_ne!(again["id"], request["id"]);
        let incident = self.tidegate.get(&format!("/api/v1/incidents/{}", of(request))).good();
        assert_eq!(incident["held"], Value::Null, "{incident:#}");
    }

    fn ended(&self, silence: &Value) {
        let id = silence["id"].as_str().expect("an id");
        assert_eq!(self.silence(id)["status"]["state"], "expired");
    }
}

fn labels(service: &str) -> Value {
    json!({ "alertname": "QueueTooLong", "service": service })
}

/// The incident of a request.
fn of(request: &Value) -> &str {
    request["incident"].as_str().expect("an id")
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output.status.code(), text.concat())
}

#[test]
fn a_silence_made_by_somebody_else_withdraws_what_waits_until_it_ends() {
    let house = House::start();
    let request = house.asked("checkout");
    let id = house.alertmanager.silence("checkout");
    let withdrawn =
        house.tidegate.request_when(&request, "the request is withdrawn", |request| request["status"] == "withdrawn");
    assert_eq!(withdrawn["decided"]["by"], Value::Null, "{withdrawn:#}");
    let incident = house.tidegate.opened("alerts");
    assert_eq!(incident["held"]["by"], format!("silence {id}"));
    assert_eq!(incident["silences"], json!([]), "nobody made it from here");
    assert_eq!(house.tidegate.approve(&request).status, 409);
    house.slack.message("C0OPS", &request, &format!("Alertmanager holds incident i1 back (silence {id})"));

    let refused = house.bob().post("/api/v1/incidents/i1/unsilence", &json!({}));
    assert_eq!(refused.status, 409, "it is not ours to end: {refused:?}");
    let mut silence = house.silence(&id);
    silence["endsAt"] = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string().into();
    house.alertmanager.post("/api/v2/silences", &silence).good();
    house.is_asked_anew(&request);
    assert!(house.target.repairs().is_empty());
    house.slack.is_content();
}

#[test]
fn what_is_silenced_is_not_asked_about() {
    let house = House::start();
    house.alertmanager.silence("checkout");
    house.alertmanager.send(&labels("checkout"), true);
    let alert = eventually("Alertmanager has the alert", || house.alertmanager.alerts("QueueTooLong").pop());
    // It came by another way: silenced as it is, this Alertmanager does not deliver it.
    let mut body: Value = serde_json::from_slice(&delivery("firing", "QueueTooLong", "checkout")).expect("JSON");
    body["alerts"][0]["fingerprint"] = alert["fingerprint"].clone();
    house.tidegate.deliver(body.to_string().as_bytes()).good();
    house.tidegate.told(&house.tidegate.opened("alerts"), "incident_held");
    // By the time that another incident is asked about, nobody has been asked about this one.
    house.asked("search");
    assert_eq!(house.tidegate.requests().len(), 1);
    assert_eq!(house.tidegate.pending_for("search")["status"], "pending");
}

#[test]
fn an_anomaly_is_silenced_by_its_own_alert() {
    let target = Target::start();
    let prometheus = Prometheus::with_history(&target, 5);
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::run(&Config { receivers: Vec::new(), ..Config::for_tidegate(tidegate.address()) });
    let watch = r#"
        [prometheus]
        url = "http://prometheus"

        [detector.sudden]
        guest = "zscore"
        settings = { window = "1m" }

        [[watch]]
        name = "queue"
        expr = 'queue_length{service="checkout"}'
        interval = "1s"
        step = "1s"
        query_offset = "1s"
        detectors = ["sudden"]
        consecutive = 3
        cold_start = { history = "1m" }
        group_by = ["service"]
        remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
        actions = ["restart"]

        [action.restart]
        kind = "http"
        url = "http://target/repair"
        target = ["service"]
        risk = "medium"
    "#;
    let around =
        [("prometheus", prometheus.address()), ("alertmanager", alertmanager.address()), ("target", target.address())];
    tidegate.configure(&format!("{ALERTMANAGER}{watch}"), &around);
    tidegate.run();
    tidegate.ready();
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 2.0);
    target.set_queue("checkout", 400.0);
    let request = tidegate.pending();
    eventually("its alert stands in Alertmanager", || alertmanager.alerts("TidegateAnomaly").pop());

    let path = format!("/api/v1/incidents/{}/silence", of(&request));
    let made = tidegate.post(&path, &json!({ "for": "1h", "comment": "a sale" })).good();
    let matchers = json!([r#"alertname="TidegateAnomaly""#, r#"watch="queue""#, r#"service="checkout""#]);
    assert_eq!((&made["matchers"], &made["missed"]), (&matchers, &json!([])));
    tidegate.request_when(&request, "the request is withdrawn", |request| request["status"] == "withdrawn");
    let held = || {
        let alert = alertmanager.alerts("TidegateAnomaly").pop()?;
        (alert["status"]["silencedBy"] == made["silences"]).then_some(())
    };
    eventually("Alertmanager holds its alert back", held);
    tidegate.post(&path.replace("/silence", "/unsilence"), &json!({})).good();
    assert_ne!(tidegate.pending()["id"], request["id"]);
}

#[test]
fn two_alertmanagers_that_do_not_know_each_other_are_both_told() {
    let mut house = House::start();
    let mut other = Alertmanager::run(&Config::for_tidegate(house.tidegate.address()));
    let urls = format!(
        "\n[alertmanager]\nurls = [\"http://alertmanager\", \"http://{}\"]\npoll_interval = \"1s\"\n",
        other.address()
    );
    house.tidegate.kill();
    house.configure(&urls);
    house.tidegate.run();
    let request = house.asked("checkout");
    let (silence, unsilence) = ("/api/v1/incidents/i1/silence", "/api/v1/incidents/i1/unsilence");
    let made = house.bob().post(silence, &json!({ "for": "1h", "comment": "a sale" })).good();
    let ids = made["silences"].as_array().expect("a list").clone();
    assert_eq!((ids.len(), &made["missed"]), (2, &json!([])), "{made}");
    assert_eq!((house.alertmanager.silences().len(), other.silences().len()), (1, 1));
    let ended = house.bob().post(unsilence, &json!({})).good();
    assert_eq!(ended["silences"], made["silences"]);
    house.is_asked_anew(&request);

    // One of them is gone: what stands, and where it does not, is both said.
    other.kill();
    let made = house.bob().post(silence, &json!({ "for": "1h", "comment": "a sale" })).good();
    assert_eq!(made["silences"].as_array().map(Vec::len), Some(1), "{made}");
    assert!(made["missed"][0].as_str().is_some_and(|why| why.contains(&other.address().to_string())), "{made}");
}

#[test]
fn what_is_no_silence_changes_nothing() {
    let mut house = House::start();
    let request = house.asked("checkout");
    let (silence, unsilence) = ("/api/v1/incidents/i1/silence", "/api/v1/incidents/i1/unsilence");
    let good = json!({ "for": "2h", "comment": "a deploy" });
    for (client, status) in [
        (house.tidegate.stranger(), 401),
        (house.tidegate.stranger().with_token("another-token-of-some-length"), 401),
        (house.tidegate.stranger().with_token(VERA), 403),
    ] {
        for path in [silence, unsilence] {
            let answer = client.post(path, &good);
            assert_eq!(answer.status, status, "{path}: {answer:?}");
        }
    }
    for (body, says) in [
        (json!({}), "from 1m to 30d"),
        (json!({ "for": "2h" }), "needs a comment"),
        (json!({ "for": "2h", "comment": " \n" }), "needs a comment"),
        (json!({ "for": "2h", "comment": "x".repeat(2001) }), "2001 characters"),
        (json!({ "for": "59s", "comment": "x" }), "from 1m to 30d"),
        (json!({ "for": "31d", "comment": "x" }), "from 1m to 30d"),
        (json!({ "for": "for ever", "comment": "x" }), "from 1m to 30d"),
        (json!({ "for": "-2h", "comment": "x" }), "from 1m to 30d"),
        (json!({ "for": 2, "comment": "x" }), "not what is expected"),
        (json!({ "for": "2h", "comment": "x", "matchers": [] }), "matchers"),
    ] {
        let answer = house.bob().post(silence, &body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(answer.body.contains(says), "{body}: {answer:?}");
    }
    assert_eq!(house.bob().post("/api/v1/incidents/i99/silence", &good).status, 404);
    assert_eq!(house.bob().post("/api/v1/incidents/i99/unsilence", &json!({})).status, 404);
    assert_eq!(house.bob().post(unsilence, &json!({})).status, 409, "there is none");
    assert_eq!(house.alertmanager.silences(), Vec::<Value>::new());
    assert_eq!(house.tidegate.request(&request)["status"], "pending");

    // Nobody is there to make it; the request goes on waiting.
    house.alertmanager.kill();
    let down = house.bob().post(silence, &good);
    assert_eq!(down.status, 502, "{down:?}");
    assert!(down.body.contains("no silence could be made"), "{down:?}");
    let output =
        house.tidegate.cli(&["incident", "silence", "i1", "--for", "2h", "--comment", "x", "--output", "json"]);
    assert_eq!(said(&output).0, Some(1), "{output:?}");
    assert_eq!(house.tidegate.request(&request)["status"], "pending");
    house.alertmanager.start_again();

    // What is over is not silenced.
    house.asked("search");
    house.alertmanager.send(&labels("search"), false);
    let closed = eventually("the incident closes", || {
        let about = |incident: &Value| incident["labels"]["service"] == "search" && incident["status"] == "closed";
        house.tidegate.incidents().into_iter().find(about)
    });
    let path = format!("/api/v1/incidents/{}/silence", closed["id"].as_str().expect("an id"));
    let over = house.bob().post(&path, &good);
    assert_eq!((over.status, over.json()["status"].as_str()), (409, Some("closed")), "{over:?}");
}

#[test]
fn without_an_alertmanager_there_is_nothing_to_silence_in() {
    let house = House::start_with(SLACK);
    let request = house.asked("checkout");
    let refused = house.bob().post("/api/v1/incidents/i1/silence", &json!({ "for": "2h", "comment": "x" }));
    assert_eq!(refused.status, 409);
    assert!(refused.body.contains("[alertmanager]"), "{refused:?}");
    let output = house.tidegate.cli(&["incident", "silence", "i1", "--for", "2h", "--comment", "x"]);
    let (code, said) = said(&output);
    assert!(code == Some(3) && said.contains("[alertmanager]"), "{said}");
    let message = house.slack.message("C0OPS", &request, "waits for your decision");
    assert_eq!(crate::support::slack::buttons(&message), ["approve", "deny"], "and none is offered");
}

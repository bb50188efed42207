//! Another config while the host runs: taken whole or not at all, and nobody who waits or works notices.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::{Answer, Client};
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::{TOKEN, Tidegate};
use crate::support::{delivery, eventually};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[defaults.watch]
interval = "1s"
step = "1s"
query_offset = "0s"
consecutive = 2
cold_start = { history = "10s" }
detectors = ["sudden"]

[detector.sudden]
guest = "zscore"
settings = { window = "40s" }

[[watch]]
name = "queue"
expr = "queue"
"#;

const SECOND: &str = "\n[[watch]]\nname = \"second\"\nexpr = \"second\"\n";

const OK: &str = "tidegate_config_last_reload_successful";
const TAKEN: &str = "tidegate_config_last_reload_success_timestamp_seconds";

fn normal(watch: &str) -> String {
    format!("watch=\"{watch}\",standing=\"normal\"")
}

fn reload(tidegate: &Tidegate) -> Answer {
    // Alice is an admin.
    tidegate.stranger().with_token(TOKEN).post_bytes("/-/reload", b"")
}

fn watching() -> (Tidegate, FakePrometheus) {
    let prometheus = FakePrometheus::start();
    for expr in ["queue", "second"] {
        prometheus.play(expr, 40.0);
    }
    let tidegate = Tidegate::start(CONFIG, &[("prometheus", prometheus.address())]);
    tidegate.reaches("tidegate_samples_total", &normal("queue"), 1.0);
    (tidegate, prometheus)
}

#[test]
fn watches_come_and_go_with_the_config() {
    let (mut tidegate, prometheus) = watching();
    let around = [("prometheus", prometheus.address())];
    let before = tidegate.metric(TAKEN, "");
    tidegate.configure(&format!("{CONFIG}{SECOND}"), &around);
    tidegate.hang_up();
    tidegate.reaches("tidegate_samples_total", &normal("second"), 2.0);
    assert_eq!(tidegate.metric(OK, ""), 1.0);
    assert!(tidegate.metric(TAKEN, "") > before);
    assert_eq!(tidegate.log().matches("history learnt").count(), 2, "the first watch had nothing to learn");

    prometheus.set("second", 400.0);
    let incident = tidegate.opened("second");
    tidegate.configure(CONFIG, &around);
    assert_eq!(reload(&tidegate), Answer { status: 200, body: "the config was taken\n".to_owned() });
    // As after a restart without it: nobody looks at it any more.
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "vanished");
    assert!(!tidegate.get("/metrics").body.contains(r#"tidegate_series{watch="second""#));
    let asked = prometheus.asked("second").len();
    let judged = tidegate.metric("tidegate_samples_total", &normal("queue"));
    tidegate.reaches("tidegate_samples_total", &normal("queue"), judged + 2.0);
    assert_eq!(prometheus.asked("second").len(), asked, "it is asked for no more");
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_config_that_cannot_work_changes_nothing_and_says_why() {
    let (mut tidegate, prometheus) = watching();
    let around = [("prometheus", prometheus.address())];
    let (address, data) = (tidegate.address().to_string(), tidegate.file("elsewhere"));
    let bad = [
        ("consecutive = 2", "consecutive = \"two\"", "defaults.watch.consecutive"),
        ("[defaults.watch]", "[defaults.watch", "not valid TOML"),
        ("guest = \"zscore\"", "guest = \"zscroe\"", "the nearest guest is \"zscore\""),
        ("window = \"40s\"", "windw = \"40s\"", "detector.sudden.settings.windw"),
        ("\n[prometheus]", "data_dir = \"elsewhere\"\n[prometheus]", "it cannot change while it runs"),
        ("\n[prometheus]", "workers = 77\n[prometheus]", "server.workers"),
    ];
    for (from, to, words) in bad {
        assert!(CONFIG.contains(from));
        tidegate.configure(&CONFIG.replacen(from, to, 1), &around);
        let answer = reload(&tidegate);
        assert_eq!(answer.status, 422, "{to}: {answer:?}");
        assert!(answer.body.contains(words) && answer.body.contains("tidegate.toml:"), "{to}: {}", answer.body);
        assert_eq!(tidegate.metric(OK, ""), 0.0);
        assert!(tidegate.log().contains(words), "{to}");
        let judged = tidegate.metric("tidegate_samples_total", &normal("queue"));
        tidegate.reaches("tidegate_samples_total", &normal("queue"), judged + 1.0);
    }
    let text = fs::read_to_string(tidegate.file("tidegate.toml")).expect("a config");
    let elsewhere = text.replace(&address, "127.0.0.1:1").replace("workers = 77", "");
    fs::write(tidegate.file("tidegate.toml"), elsewhere).expect("a config");
    let answer = reload(&tidegate);
    assert!(answer.body.contains("server.listen") && answer.body.contains("restart the host"), "{answer:?}");
    assert!(!data.exists());

    // By signal there is nobody to answer to: the log and the metric tell.
    tidegate.configure(CONFIG, &around);
    tidegate.hang_up();
    tidegate.reaches(OK, "", 1.0);
    fs::remove_file(tidegate.file("tidegate.toml")).expect("a config");
    tidegate.hang_up();
    eventually("it is refused", || (tidegate.metric(OK, "") == 0.0).then_some(()));
    assert_eq!(tidegate.log().matches("history learnt").count(), 1, "nothing of it all had to be learnt again");
    assert_eq!(tidegate.get("/-/reload").status, 405, "looking at it does nothing");
    tidegate.configure(CONFIG, &around);
    tidegate.stop_and_verify_journal();
}

#[test]
fn other_settings_are_learnt_and_other_rules_are_followed_without_a_missed_cycle() {
    let (mut tidegate, prometheus) = watching();
    let around = [("prometheus", prometheus.address())];
    let judged = || tidegate.metric("tidegate_samples_total", &normal("queue"));
    let other = CONFIG.replace("window = \"40s\"", "window = \"30s\"").replace("consecutive = 2", "consecutive = 500");
    tidegate.configure(&other, &around);
    assert_eq!(reload(&tidegate).status, 200);
    eventually("the new window is learnt", || (tidegate.log().matches("history learnt").count() == 2).then_some(()));
    let learnt = judged();
    tidegate.reaches("tidegate_samples_total", &normal("queue"), learnt + 2.0);
    let asked = prometheus.asked("queue");
    let upto = asked.iter().fold(asked[0].end, |upto, next| {
        assert!(next.start <= upto + 1.001, "nobody asked for what is between {upto} and {next:?}");
        upto.max(next.end)
    });
    eventually("every sample was judged", || (judged() >= upto - asked[0].end).then_some(()));
    prometheus.set("queue", 400.0);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="anomalous""#, 4.0);
    assert_eq!(tidegate.incidents().len(), 0, "five hundred in a row are asked for now");

    tidegate.configure(CONFIG, &around);
    assert_eq!(reload(&tidegate).status, 200);
    tidegate.opened("queue");
    tidegate.stop_and_verify_journal();
}

/// Alerts open incidents at once, so nothing has to be watched.
const ALERTS: &str = r#"
[prometheus]
url = "http://prometheus"

[[alert_route]]
name = "alerts"
match = ['alertname="Down"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
timeout = "30s"
"#;

/// A change that has nothing to do with alerts and actions.
const UNRELATED: &str = "\n[storm]\nincidents = 77\n";

fn alerted(around: &[(&str, SocketAddr)]) -> Tidegate {
    let tidegate = Tidegate::start(ALERTS, around);
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    tidegate
}

#[test]
fn an_action_that_runs_is_not_disturbed() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    target.on_repair(Conduct::Hang);
    let mut tidegate = alerted(&around);
    let request = tidegate.pending();
    tidegate.approve(&request).good();
    eventually("the action is called", || (!target.repairs().is_empty()).then_some(()));

    // Even where it would be another action by now.
    tidegate.configure(&ALERTS.replace("/repair", "/elsewhere"), &around);
    assert_eq!(reload(&tidegate).status, 200);
    target.on_repair(Conduct::Repair);
    let over = tidegate.request_when(&request, "it ends", |request| !request["execution"]["outcome"].is_null());
    assert_eq!(over["execution"]["outcome"], "succeeded", "{over}");
    assert_eq!(target.repairs().len(), 1);
    tidegate.stop_and_verify_journal();
}

#[test]
fn an_approval_outlives_what_has_nothing_to_do_with_it() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = alerted(&around);
    let request = tidegate.pending();
    tidegate.configure(&format!("{ALERTS}{UNRELATED}"), &around);
    assert_eq!(reload(&tidegate).status, 200);
    assert_eq!(tidegate.request(&request)["digest"], request["digest"]);
    tidegate.approve(&request).good();
    eventually("the action is called", || (!target.repairs().is_empty()).then_some(()));
    tidegate.stop_and_verify_journal();
}

#[test]
fn an_approval_is_not_for_what_the_config_makes_of_the_action_later() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = alerted(&around);
    let request = tidegate.pending();
    tidegate.configure(&ALERTS.replace("/repair", "/repair?everything=true"), &around);
    assert_eq!(reload(&tidegate).status, 200);
    tidegate.approve(&request).good();
    let refused = tidegate.request_when(&request, "a guard stops it", |request| !request["execution"].is_null());
    assert_eq!(refused["execution"]["guard"], "digest_changed", "{refused}");
    assert!(target.repairs().is_empty());
    tidegate.stop_and_verify_journal();
}

#[test]
fn people_are_who_the_config_says() {
    const BOB: &str = "a-token-that-only-bob-knows";
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = alerted(&around);
    let request = tidegate.pending();
    let bob = Client::new(tidegate.address()).with_token(BOB);
    let path = format!("/api/v1/approvals/{}/approve", request["id"].as_str().expect("an id"));
    let body = json!({ "digest": request["digest"] });
    assert_eq!(bob.post(&path, &body).status, 401, "not yet");

    let secret = tidegate.file("bob");
    fs::write(&secret, BOB).expect("a secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("a secret");
    tidegate.configure(&format!("{ALERTS}\n[[approver]]\nname = \"bob\"\ntoken_file = \"bob\"\n"), &around);
    assert_eq!(reload(&tidegate).status, 200);
    bob.post(&path, &body).good();
    let over = tidegate.request_when(&request, "it ends", |request| !request["execution"]["outcome"].is_null());
    assert_eq!(over["decided"]["by"], "bob", "{over}");

    tidegate.configure(ALERTS, &around);
    assert_eq!(reload(&tidegate).status, 200);
    assert_eq!(bob.get("/api/v1/approvals").status, 401, "not any more");
    tidegate.stop_and_verify_journal();
}

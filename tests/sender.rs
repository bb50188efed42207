//! The host's own alerts in several real Alertmanagers of two versions, whatever happens to those.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::eventually;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::{raw, status};
use crate::support::proxy::Proxy;
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::Tidegate;
use crate::support::version::Version;

const WATCH: &str = r#"
[prometheus]
url = "http://prometheus"

[detector.sudden]
guest = "zscore"
settings = { window = "40s" }

[defaults.watch]
runbook_url = "https://runbooks.example/anomalies"

[[watch]]
name = "queue"
expr = "queue"
interval = "1s"
step = "1s"
query_offset = "0s"
consecutive = 2
recover_after = 2
cold_start = { history = "10s" }
detectors = ["sudden"]
mode = "observe"
"#;

/// What `[server]` and `[alertmanager]` say where it sends to these.
fn sends_to(names: &[&str]) -> String {
    let urls: Vec<String> = names.iter().map(|name| format!("\"http://{name}\"")).collect();
    format!(
        "external_url = \"https://tidegate.example\"\n\n[alertmanager]\nurls = [{}]\npoll_interval = \"1s\"\n{WATCH}",
        urls.join(", ")
    )
}

/// Delivers to nobody.
fn alertmanager(version: Version) -> Alertmanager {
    let mut config = Config::for_tidegate(([127, 0, 0, 1], 9).into());
    config.receivers.clear();
    Alertmanager::run(&Config { version, ..config })
}

/// Waits until it lists the alert of the anomaly.
fn listed(alertmanager: &Alertmanager) -> Value {
    eventually("the anomaly stands in Alertmanager", || alertmanager.alerts("TidegateAnomaly").pop())
}

fn gone(alertmanager: &Alertmanager) {
    eventually("the anomaly's alert is resolved", || alertmanager.alerts("TidegateAnomaly").is_empty().then_some(()));
}

/// A tidegate with an anomaly; `around` has the Alertmanagers by name.
fn anomalous(config: &str, around: &[(&str, SocketAddr)]) -> (Tidegate, FakePrometheus, Value) {
    let prometheus = FakePrometheus::start();
    prometheus.play("queue", 40.0);
    let around: Vec<_> = around.iter().copied().chain([("prometheus", prometheus.address())]).collect();
    let tidegate = Tidegate::start(config, &around);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 2.0);
    prometheus.set("queue", 400.0);
    let incident = tidegate.opened("queue");
    (tidegate, prometheus, incident)
}

#[test]
fn every_alertmanager_has_the_anomaly_also_one_that_was_away_and_one_that_was_started_anew() {
    let (mut one, two) = (alertmanager(Version::Installed), alertmanager(Version::Newer));
    let network = Proxy::to(two.address());
    network.down();
    let around = [("one", one.address()), ("two", network.address())];
    let (mut tidegate, prometheus, incident) = anomalous(&sends_to(&["one", "two"]), &around);

    let alert = listed(&one);
    let page = format!("https://tidegate.example/incidents/{}", incident["id"].as_str().expect("an id"));
    let severity = incident["severity"].clone();
    let labels = json!({ "alertname": "TidegateAnomaly", "watch": "queue", "service": "queue", "severity": severity });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["generatorURL"], page.as_str());
    let annotations = &alert["annotations"];
    assert_eq!(annotations["runbook_url"], "https://runbooks.example/anomalies");
    assert_eq!(annotations["tidegate_url"], page.as_str());
    assert_eq!(annotations["incident"], incident["id"]);
    assert!(annotations["summary"].as_str().is_some_and(|text| text.contains("is anomalous")), "{annotations}");
    let away = format!(r#"alertmanager="http://{}""#, network.address());
    tidegate.reaches("tidegate_alertmanager_alerts_failed_total", &away, 2.0);
    assert_eq!(tidegate.log().matches("alerts could not be sent").count(), 1, "told once");

    // Not with the next repetition, which is due after a minute.
    network.up();
    assert_eq!(listed(&two)["labels"], labels);
    // What it keeps in memory alone is lost.
    one.kill();
    one.start_again();
    assert_eq!(listed(&one)["labels"], labels);

    prometheus.set("queue", 40.0);
    tidegate.closed(&incident);
    gone(&one);
    gone(&two);
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_reload_brings_alertmanagers_and_takes_them_away() {
    let (one, two) = (alertmanager(Version::Installed), alertmanager(Version::Newer));
    let around = [("one", one.address()), ("two", two.address())];
    let (mut tidegate, prometheus, incident) = anomalous(&sends_to(&["one"]), &around);
    listed(&one);
    assert!(two.alerts("TidegateAnomaly").is_empty());
    let around: Vec<_> = around.into_iter().chain([("prometheus", prometheus.address())]).collect();
    tidegate.configure(&sends_to(&["two"]), &around);
    tidegate.hang_up();
    listed(&two);
    let sent = |of: &Alertmanager| {
        let labels = format!(r#"alertmanager="http://{}""#, of.address());
        tidegate.metric("tidegate_alertmanager_alerts_sent_total", &labels)
    };
    let before = sent(&one);
    prometheus.set("queue", 40.0);
    tidegate.closed(&incident);
    gone(&two);
    assert_eq!(sent(&one), before, "it is told nothing more; what it has lapses");
    assert!(sent(&two) >= 2.0);
    tidegate.stop_and_verify_journal();
}

#[test]
fn an_anomaly_that_is_silenced_asks_nobody_and_one_that_is_repaired_says_so() {
    let (alertmanager, target) = (alertmanager(Version::Newer), Target::start());
    target.on_repair(Conduct::Hang);
    let silence = alertmanager.silence("queue");
    let repair = "remediation = { guest = \"runbook\", settings = { rules = [{ action = \"restart\" }] } }\n\
                  actions = [\"restart\"]\n\n[action.restart]\nkind = \"http\"\nurl = \"http://target/repair\"\n\
                  target = [\"service\"]\nrisk = \"low\"\ntimeout = \"2m\"\n";
    let config = sends_to(&["one"]).replace("mode = \"observe\"\n", repair);
    let around = [("one", alertmanager.address()), ("target", target.address())];
    let (mut tidegate, _prometheus, incident) = anomalous(&config, &around);
    assert!(tidegate.told(&incident, "incident_held").contains(&silence));
    assert_eq!(tidegate.requests(), Vec::<Value>::new(), "whoever had been asked would have been asked first");

    let ended = format!("DELETE /api/v2/silence/{silence} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&raw(alertmanager.address(), ended.as_bytes())), 200);
    tidegate.told(&incident, "incident_released");
    let request = tidegate.pending();
    tidegate.approve(&request).good();
    eventually("the action runs", || (target.repairs().len() == 1).then_some(()));
    let handling = alertmanager.alerts("TidegateHandling");
    assert_eq!(handling.len(), 1, "{handling:?}");
    let expected = json!({
        "alertname": "TidegateHandling", "handled_alertname": "TidegateAnomaly", "severity": "none", "watch": "queue",
        "service": "queue", "incident": incident["id"], "request": request["id"],
    });
    assert_eq!(handling[0]["labels"], expected);
    target.on_repair(Conduct::Fail);
    eventually("nothing is handled", || alertmanager.alerts("TidegateHandling").is_empty().then_some(()));
    tidegate.stop_and_verify_journal();
}

const REPAIRS: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
urls = ["http://strict", "http://newer"]
poll_interval = "1s"

[[alert_route]]
name = "all"
match = ['alertname="QueueTooLong"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
timeout = "2m"
"#;

#[test]
fn an_alert_that_one_refuses_reaches_the_others_and_takes_none_with_it() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    target.on_repair(Conduct::Hang);
    let mut tidegate = Tidegate::new();
    let strict = alertmanager(Version::Installed);
    let newer = Alertmanager::run(&Config { version: Version::Newer, ..Config::for_tidegate(tidegate.address()) });
    let around = [
        ("prometheus", prometheus.address()),
        ("target", target.address()),
        ("strict", strict.address()),
        ("newer", newer.address()),
    ];
    tidegate.configure(REPAIRS, &around);
    tidegate.run();
    for (service, pod) in [("checkout", "k8s.pod"), ("billing", "pod")] {
        newer.send(&json!({ "alertname": "QueueTooLong", "service": service, pod: "a" }), true);
        tidegate.approve(&tidegate.pending_for(service)).good();
    }
    let handled = |of: &Alertmanager| {
        let services = of.alerts("TidegateHandling").into_iter().map(|alert| alert["labels"]["service"].clone());
        let mut services: Vec<String> = services.map(|name| name.as_str().expect("a name").to_owned()).collect();
        services.sort();
        services
    };
    eventually("the one knows both", || (handled(&newer) == ["billing", "checkout"]).then_some(()));
    eventually("the other what it can know", || (handled(&strict) == ["billing"]).then_some(()));
    let refusing = format!(r#"alertmanager="http://{}""#, strict.address());
    tidegate.reaches("tidegate_alertmanager_alerts_dropped_total", &refusing, 1.0);
    assert!(tidegate.log().contains("k8s.pod"), "{}", tidegate.log());
    eventually("both repairs run", || (target.repairs().len() == 2).then_some(()));
    target.on_repair(Conduct::Fail);
    eventually("nothing is handled any more", || {
        (handled(&newer).is_empty() && handled(&strict).is_empty()).then_some(())
    });
    assert_eq!(tidegate.metric("tidegate_alertmanager_alerts_failed_total", &refusing), 0.0);
    tidegate.stop_and_verify_journal();
}

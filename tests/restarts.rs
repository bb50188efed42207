//! What a restart keeps: the series table where there is one, the book in any case.

use std::{fs, thread};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, eventually, free_address};

/// The window is short, so that a fault soon fills it: a detector that is asked anew would call the fault normal.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[detector.sudden]
guest = "zscore"
settings = { window = "10s" }

[[watch]]
name = "queue"
expr = "queue"
interval = "1s"
step = "1s"
query_offset = "0s"
detectors = ["sudden"]
consecutive = 2
cold_start = { history = "10s" }
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
cooldown = "0s"
verify = { settle = "1s", within = "5s", healthy_for = 2 }
"#;

const NORMAL: &str = r#"watch="queue",standing="normal""#;
const ANOMALOUS: &str = r#"watch="queue",standing="anomalous""#;
const LEARNT: &str = r#"watch="queue",standing="learnt""#;

#[test]
fn after_a_clean_stop_nothing_is_learnt_again() {
    let prometheus = FakePrometheus::start();
    prometheus.play("queue", 40.0);
    let around = [("prometheus", prometheus.address()), ("target", prometheus.address())];
    let mut tidegate = Tidegate::start(CONFIG, &around);
    tidegate.reaches("tidegate_samples_total", NORMAL, 2.0);
    assert!(tidegate.terminate().success(), "{}", tidegate.log());
    let before = prometheus.asked("queue");
    let newest = before.last().expect("a query").end;

    tidegate.run();
    tidegate.reaches("tidegate_samples_total", NORMAL, 2.0);
    for asked in &prometheus.asked("queue")[before.len()..] {
        assert!(asked.start > newest - 1.5, "history is asked for again: {asked:?}, {newest} was known");
    }
    assert!(!tidegate.log().contains("history learnt"), "{}", tidegate.log());
    tidegate.stop_and_verify_journal();
}

#[test]
fn an_open_incident_outlives_the_series_table_and_so_does_what_was_normal_before_it() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    prometheus.play("queue", 40.0);
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = Tidegate::start(CONFIG, &around);
    tidegate.reaches("tidegate_samples_total", NORMAL, 1.0);
    prometheus.set("queue", 400.0);
    let incident = tidegate.opened("queue");
    let request = tidegate.pending();
    // Longer than the window: nothing that is learnt from now on knows of anything else.
    tidegate.reaches("tidegate_samples_total", ANOMALOUS, 12.0);
    tidegate.kill();
    for name in ["series.db", "series.db-wal", "series.db-shm"] {
        // Not all of them are there at any moment.
        let _ = fs::remove_file(tidegate.file("data").join(name));
    }

    tidegate.run();
    tidegate.reaches("tidegate_samples_total", ANOMALOUS, 1.0);
    assert_eq!(tidegate.metric("tidegate_samples_total", LEARNT), 0.0);
    assert_eq!(tidegate.incident(&incident)["status"], "open");

    target.on_repair(Conduct::Nothing);
    tidegate.approve(&request).good();
    let judged = tidegate.request_when(&request, "it is verified", |r| !r["verification"]["outcome"].is_null());
    assert_eq!(judged["verification"]["outcome"], "ineffective", "{judged}");
    assert_eq!(tidegate.incident(&incident)["status"], "open");
    assert_eq!(tidegate.incidents().len(), 1);

    prometheus.set("queue", 40.0);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "recovered");
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
"#;

#[test]
fn a_stopping_host_waits_for_the_action_that_runs() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    target.on_repair(Conduct::Hang);
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = Tidegate::start(ALERTS, &around);
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    let request = tidegate.pending();
    tidegate.approve(&request).good();
    eventually("the action is called", || (!target.repairs().is_empty()).then_some(()));

    let log = tidegate.log_file();
    thread::scope(|scope| {
        scope.spawn(|| {
            eventually("it is stopping", || fs::read_to_string(&log).ok().filter(|log| log.contains("stopping")));
            target.on_repair(Conduct::Repair);
        });
        assert!(tidegate.terminate().success(), "{}", tidegate.log());
    });

    tidegate.run();
    let execution = tidegate.request(&request)["execution"].clone();
    assert_eq!(execution["outcome"], "succeeded", "{execution}");
    assert_eq!(target.repairs().len(), 1);
    tidegate.stop_and_verify_journal();
}

#[test]
fn an_approval_is_for_what_was_shown_and_nothing_else() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let mut tidegate = Tidegate::start(ALERTS, &around);
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    let request = tidegate.pending();
    tidegate.kill();

    tidegate.configure(&ALERTS.replace("/repair", "/repair?everything=true"), &around);
    tidegate.run();
    tidegate.approve(&request).good();
    let refused = tidegate.request_when(&request, "a guard stops it", |request| !request["execution"].is_null());
    assert_eq!(refused["execution"]["guard"], "digest_changed", "{refused}");
    assert!(target.repairs().is_empty());
    // It is asked anew, for what would run now.
    let anew = tidegate.pending();
    assert_ne!(anew["digest"], request["digest"]);
    tidegate.stop_and_verify_journal();
}

#[test]
fn one_host_holds_the_data() {
    let prometheus = FakePrometheus::start();
    let around = [("prometheus", prometheus.address()), ("target", prometheus.address())];
    let mut tidegate = Tidegate::start(ALERTS, &around);
    let (first, second) = (tidegate.address().to_string(), free_address().to_string());
    let config = fs::read_to_string(tidegate.file("tidegate.toml")).expect("a config");
    fs::write(tidegate.file("second.toml"), config.replace(&first, &second)).expect("a config");

    let output = tidegate.cli(&["run", "--config", "second.toml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("held by another tidegate"), "{said}");
    // Nor on the same port, whatever the folder.
    let elsewhere = config.replace("[server]", "[server]\ndata_dir = \"elsewhere\"");
    fs::write(tidegate.file("second.toml"), elsewhere).expect("a config");
    let output = tidegate.cli(&["run", "--config", "second.toml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&first) && !tidegate.file("elsewhere/journal.db").exists(), "{said}");

    assert_eq!(tidegate.get("/-/healthy").status, 200);
    tidegate.stop_and_verify_journal();
}

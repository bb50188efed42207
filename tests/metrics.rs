//! What the host says of itself, as promtool, karma and real Prometheus read it, and the rules and the dashboard that are
//! made of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::support::alertmanager::Alertmanager;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::{Client, raw};
use crate::support::prometheus::{Config, Prometheus};
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::{SENDER_TOKEN, Tidegate};
use crate::support::version::Version;
use crate::support::{delivery, eventually, root};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
url = "http://alertmanager"
poll_interval = "1s"

[detector.sudden]
guest = "zscore"
settings = { window = "1m" }

[detector.panics]
guest = "hostile"
settings = { mode = "panic" }

[defaults.watch]
interval = "1s"
step = "1s"
query_offset = "1s"
cold_start = { history = "1m" }

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
detectors = ["sudden"]
consecutive = 3
group_by = ["service"]
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[[watch]]
name = "broken"
expr = 'queue_length{service="checkout"}'
detectors = ["panics"]

[[watch]]
name = "wrong"
expr = 'queue_length + on () (up or scrape_duration_seconds)'
detectors = ["sudden"]

[[alert_route]]
name = "payments"
match = ['alertname="QueueTooLong"']
mode = "observe"

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
verify = { settle = "1s", within = "30s", healthy_for = 2 }
"#;

fn example(name: &str) -> PathBuf {
    root().join("examples/monitoring").join(name)
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every family of the host with every label that it has, as the tests of the host itself have written it down.
fn every_family() -> String {
    read(&root().join("host/server/src/metrics/testdata/every-family.txt"))
}

/// Runs promtool, which must be content; returns what it said.
fn promtool(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.current_dir(example("")).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool, which comes with Prometheus");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// The names of the samples in a text.
fn samples(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(['{', ' ']).next().expect("a name")).collect()
}

/// The metrics of a host that PromQL, or a text with some in it, asks for.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\b(tidegate|process|alertmanager)_[a-z0-9_]+\b").expect("a regular expression");
    name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

fn missing(text: &str, known: &str) -> Vec<String> {
    let known = samples(known);
    metrics_in(text).into_iter().filter(|name| !known.contains(name.as_str())).collect()
}

/// The expressions of the dashboard, by the title of their panel, as Grafana would ask them for all hosts.
fn panels() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read(&example("dashboard.json"))).expect("JSON");
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = target["expr"].as_str().expect("an expression");
            found.push((title.to_owned(), expr.replace("$__rate_interval", "10s").replace("$instance", ".*")));
        }
    }
    assert!(found.len() > 40, "{found:?}");
    found
}

fn ask(prometheus: &Prometheus, expr: &str) -> Vec<Value> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", expr).finish();
    let answer = Client::new(prometheus.address()).get(&format!("/api/v1/query?{query}"));
    let answer = answer.json();
    assert_eq!(answer["status"], "success", "{expr}: {answer}");
    answer["data"]["result"].as_array().expect("a list").clone()
}

/// A host to which about everything has happened, and what stands around it. The older Prometheus is the one that it asks.
struct Scene {
    tidegate: Tidegate,
    older: Prometheus,
    newer: Prometheus,
    _alertmanager: Alertmanager,
    _target: Target,
}

fn busy() -> Scene {
    let target = Target::start();
    let mut tidegate = Tidegate::new();
    let address = tidegate.address();
    let older = Prometheus::run(
        &target,
        &Config {
            minutes: 5,
            scrapes: vec![format!("{{ job_name: tidegate, static_configs: [{{ targets: ['{address}'] }}] }}")],
            rule_files: vec![example("rules.yml")],
            ..Config::default()
        },
    );
    let only = |job: &str, protocol: &str| {
        format!("{{ job_name: {job}, scrape_protocols: [{protocol}], static_configs: [{{ targets: ['{address}'] }}] }}")
    };
    let newer = Prometheus::run(
        &target,
        &Config {
            version: Version::Newer,
            scrapes: vec![only("text", "PrometheusText0.0.4"), only("openmetrics", "OpenMetricsText1.0.0")],
            ..Config::default()
        },
    );
    let alertmanager = Alertmanager::start(address);
    let around =
        [("prometheus", older.address()), ("alertmanager", alertmanager.address()), ("target", target.address())];
    tidegate.configure(CONFIG, &around);
    tidegate.run();
    tidegate.ready();
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 2.0);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="learnt""#, 60.0);

    tidegate.deliver(&delivery("firing", "QueueTooLong", "payments")).good();
    assert_eq!(tidegate.deliver(b"no delivery").status, 400);
    let bad = String::from_utf8(delivery("firing", "QueueTooLong", "payments")).expect("JSON");
    assert_eq!(tidegate.deliver(bad.replace("2026-01-01T00:00:00Z", "yesterday").as_bytes()).status, 400);
    assert_eq!(tidegate.metric("tidegate_alerts_invalid_total", r#"via="webhook""#), 1.0);
    assert_eq!(tidegate.metric("tidegate_alerts_received_total", r#"via="webhook",status="firing""#), 1.0);
    assert_eq!(tidegate.stranger().with_token("a-wrong-token").get("/api/v1/incidents").status, 401);
    target.set_queue("checkout", 400.0);
    tidegate.opened("queue");
    let request = tidegate.pending();
    target.on_repair(Conduct::Hang);
    tidegate.approve(&request).good();
    tidegate.reaches("tidegate_repairs_in_progress", "", 1.0);
    target.on_repair(Conduct::Repair);
    tidegate.reaches("tidegate_verifications_total", r#"outcome="fixed""#, 1.0);
    tidegate.reaches("tidegate_guest_errors_total", r#"guest="hostile",kind="trapped""#, 1.0);
    tidegate.reaches("tidegate_queries_total", r#"watch="wrong",result="execution""#, 1.0);

    alertmanager.send(&json!({ "alertname": "QueueTooLong", "service": "mail" }), true);
    tidegate.reaches("tidegate_incidents_open", "", 2.0);
    alertmanager.silence("mail");
    tidegate.reaches("tidegate_incidents_held", "", 1.0);
    let upstream = format!("alertmanager=\"http://{}\"", alertmanager.address());
    tidegate.reaches("tidegate_alertmanager_alerts_sent_total", &upstream, 1.0);
    tidegate.reaches("tidegate_alertmanager_lookups_total", &format!("{upstream},result=\"ok\""), 1.0);
    assert_eq!(tidegate.metric("tidegate_alertmanagers_discovered", ""), 1.0);
    Scene { tidegate, older, newer, _alertmanager: alertmanager, _target: target }
}

#[test]
fn promtool_has_nothing_to_say_about_any_family() {
    assert_eq!(promtool(&["check", "metrics"], &every_family()), "");
}

#[test]
fn a_busy_host_is_read_in_both_formats_by_rules_and_by_the_dashboard() {
    let scene = busy();
    let text = scene.tidegate.get("/metrics").body;
    assert_eq!(promtool(&["check", "metrics"], &text), "");
    let (served, known) = (samples(&text), every_family());
    assert_eq!(served.difference(&samples(&known)).collect::<Vec<_>>(), Vec::<&&str>::new(), "not written down");

    for (prometheus, jobs) in [(&scene.older, &["tidegate"][..]), (&scene.newer, &["text", "openmetrics"])] {
        for job in jobs {
            eventually(&format!("{job} is scraped"), || {
                let up = ask(prometheus, &format!("up{{job=\"{job}\"}} == 1"));
                (up.len() == 1).then_some(())
            });
        }
    }
    let series_of = |job: &str| -> BTreeSet<String> {
        let series = ask(&scene.newer, &format!(r#"{{job="{job}", __name__=~"(tidegate|process|alertmanager)_.+"}}"#));
        let labels = series.into_iter().map(|mut series| {
            series["metric"].as_object_mut().expect("labels").remove("job");
            series["metric"].to_string()
        });
        labels.collect()
    };
    eventually("both formats give the same series", || {
        let text = series_of("text");
        (text.len() > 100 && text == series_of("openmetrics")).then_some(())
    });

    eventually("every rule has been evaluated, without an error", || {
        let answer = Client::new(scene.older.address()).get("/api/v1/rules").good();
        let groups = answer["data"]["groups"].as_array()?;
        let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
        assert!(rules.len() > 30, "{answer}");
        for rule in &rules {
            assert_ne!(rule["health"], "err", "{rule}");
        }
        rules.iter().all(|rule| rule["health"] == "ok").then_some(())
    });
    for (title, expr) in panels() {
        ask(&scene.older, &expr);
        // With a condition of its own it may have nothing to show; and what this host never did it does not serve.
        let is_plain =
            !expr.contains("\".*\", ") && metrics_in(&expr).iter().all(|name| served.contains(name.as_str()));
        if is_plain {
            eventually(&format!("{title:?} shows something: {expr}"), || ask(&scene.older, &expr).pop());
        }
    }
}

#[test]
fn whoever_asks_for_nothing_in_particular_gets_what_karma_reads() {
    let prometheus = FakePrometheus::start();
    let config = "[prometheus]\nurl = \"http://prometheus\"\n";
    let tidegate = Tidegate::start(config, &[("prometheus", prometheus.address())]);
    let get = |accept: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: tidegate\r\nConnection: close\r\n{accept}\r\n");
        let answer = raw(tidegate.address(), request.as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.to_lowercase(), body.to_owned())
    };
    let (head, body) = get("");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(body.contains("# TYPE alertmanager_build_info gauge\nalertmanager_build_info{version=\"0."), "{body}");
    assert!(!body.contains("# EOF"), "{body}");
    let (head, body) = get("Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(body.contains("# TYPE alertmanager_build info\n") && body.contains("# EOF\n"), "{body}");
    for nonsense in ["Accept: \u{fc}\r\n", "Accept: ,;=;q=,\r\n", "Accept: application/openmetrics-text;q=-\r\n"] {
        let (head, _) = get(nonsense);
        assert!(head.contains("text/plain; version=0.0.4"), "{nonsense}: {head}");
    }
}

#[test]
fn a_journal_that_cannot_be_written_shows() {
    let prometheus = FakePrometheus::start();
    let config = "[prometheus]\nurl = \"http://prometheus\"\n";
    let tidegate = Tidegate::start(config, &[("prometheus", prometheus.address())]);
    assert_eq!(tidegate.metric("tidegate_journal_last_write_successful", ""), 1.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let journal = format!("sqlite:{}", tidegate.file("data/journal.db").display());
    let mut other = runtime.block_on(SqliteConnection::connect(&journal)).expect("the journal");
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut other)).expect("nobody else writes");

    let sender = tidegate.stranger().with_token(SENDER_TOKEN);
    let body = delivery("firing", "QueueTooLong", "checkout");
    assert_eq!(sender.post_bytes("/webhook/alertmanager", &body).status, 503);
    assert_eq!(tidegate.metric("tidegate_journal_last_write_successful", ""), 0.0);
    assert!(tidegate.metric("tidegate_journal_writes_failed_total", "") >= 1.0);
    assert_eq!(tidegate.metric("tidegate_webhook_deliveries_total", r#"result="failed""#), 1.0);

    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut other)).expect("nothing was written");
    eventually("the delivery is taken", || {
        let answer = sender.post_bytes("/webhook/alertmanager", &body);
        (answer.status == 200).then_some(())
    });
    assert_eq!(tidegate.metric("tidegate_journal_last_write_successful", ""), 1.0);
}

#[test]
fn the_rules_are_good_and_each_is_tested_both_ways() {
    promtool(&["check", "rules", "rules.yml"], "");
    promtool(&["test", "rules", "rules_test.yml"], "");
    let (rules, tests) = (read(&example("rules.yml")), read(&example("rules_test.yml")));
    let mut names = BTreeSet::new();
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().expect("a name");
        assert!(names.insert(name), "{name} is there twice");
        for needed in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(needed), "{name} has no {needed}");
        }
        assert!(tests.contains(&format!("alertname: {name}, exp_alerts: []")), "{name} is never seen to keep quiet");
        let fires = format!("alertname: {name}\n    exp_alerts:\n    - exp_labels: ");
        assert!(tests.contains(&fires), "{name} is never seen to fire");
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn rules_and_dashboard_ask_for_nothing_that_does_not_exist() {
    let known = every_family();
    assert_eq!(missing("rate(tidegate_samples_total[5m]) / tidegate_nonsense", &known), ["tidegate_nonsense"]);
    for name in ["rules.yml", "rules_test.yml", "dashboard.json"] {
        let text = read(&example(name));
        assert!(metrics_in(&text).len() > 30, "{name}");
        assert_eq!(missing(&text, &known), Vec::<String>::new(), "{name}");
    }
    // Kinds of events are many, and a wrong one is an expression that never gives anything.
    let docs = read(&root().join("docs/metrics.md"));
    let kinds =
        Regex::new(r#"tidegate_journal_events_total\{[^}]*kind=~?\\?"([a-z_|]+)"#).expect("a regular expression");
    let asked = read(&example("rules.yml")) + &read(&example("dashboard.json"));
    let mut found = 0;
    for kind in kinds.captures_iter(&asked).flat_map(|asked| asked[1].split('|').map(str::to_owned).collect::<Vec<_>>())
    {
        assert!(docs.contains(&format!("`{kind}`")), "there are no events of the kind {kind:?}");
        found += 1;
    }
    assert!(found > 10, "{found} kinds");
}

#[test]
fn the_dashboard_is_one_that_grafana_takes() {
    let dashboard: Value = serde_json::from_str(&read(&example("dashboard.json"))).expect("JSON");
    let variables: Vec<&Value> = dashboard["templating"]["list"].as_array().expect("variables").iter().collect();
    assert!(variables.iter().any(|variable| variable["name"] == "datasource" && variable["type"] == "datasource"));
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64()), "an id twice: {panel}");
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{panel}");
        for cell in (place("x")..place("x") + place("w")).flat_map(|x| (0..place("h")).map(move |y| (x, y))) {
            assert!(taken.insert((cell.0, cell.1 + place("y"))), "two panels in one place: {}", panel["title"]);
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|said| !said.is_empty()), "{}", panel["title"]);
        assert_eq!(panel["datasource"], source);
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(target["datasource"], source);
        }
    }
    assert!(ids.len() > 40);
}

//! Alerts of other people's rules, held against what is usual at this time: the job that runs every night is, the same value
//! on a day on which nothing runs is not, and where nobody can tell a person is asked as ever.

use serde_json::{Value, json};

use crate::support::alertmanager::Alertmanager;
use crate::support::prometheus::{self, Prometheus};
use crate::support::target::{NORMAL, Target};
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, free_address};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 1000

[second_opinion]

[[alert_route]]
name = "batch"
match = ['alertname=~"Queue.*", service=~"nightly|daytime"']
remediation = { guest = "runbook", settings = { rules = [{ action = "drain" }] } }
actions = ["drain"]
when_usual = "leave"

[[alert_route]]
name = "asked"
match = ['service!=""']
remediation = { guest = "runbook", settings = { rules = [{ when = "usual", action = "note" }, { action = "drain" }] } }
actions = ["drain", "note"]

[action.drain]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"

[action.note]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

const RULE: &str = "{ alert: QueueTooLong, expr: 'queue_length > 500', labels: { severity: warning } }";
const DAY: i64 = 24 * 60;

/// A name with all that has a meaning somewhere: in PromQL, in what `label_replace` puts in, in OpenMetrics.
const ODD: &str = r#"a "b" \ $1 ${2} $$"#;

/// What the job makes of the queue while it runs.
const AT_WORK: f64 = 900.0;

/// Two weeks of a queue, minute by minute: `hours` away from now, every day for two hours, its job runs.
fn history(service: &str, hours: i64) -> String {
    let now = jiff::Timestamp::now().as_second() / 60;
    let service = service.replace('\\', "\\\\").replace('"', "\\\"");
    let samples = (now - 14 * DAY..now).map(|minute| {
        // From -12 h to +12 h around the time at which the job is in the middle of its work.
        let away = (minute - now - hours * 60).rem_euclid(DAY);
        let at_work = away.min(DAY - away) <= 60;
        let value = if at_work { AT_WORK } else { NORMAL } + (minute * 7 % 11 - 5) as f64;
        format!("queue_length{{instance=\"one\",job=\"target\",service=\"{service}\"}} {value} {}\n", minute * 60)
    });
    samples.collect()
}

/// Queues as long as at work now: of those it is usual for `nightly` and `noted`, and not for `daytime`.
fn around() -> (Target, prometheus::Config) {
    let target = Target::start();
    let mut known = String::new();
    for (service, hours) in [("nightly", 0), ("noted", 0), ("daytime", 9)] {
        known.push_str(&history(service, hours));
        target.set_queue(service, AT_WORK);
    }
    let rules = vec![RULE.to_owned()];
    (target, prometheus::Config { history: known, rules, ..prometheus::Config::default() })
}

/// The lines of what is shown that begin so.
fn shown(request: &Value, begin: &str) -> Vec<String> {
    let lines = request["shown"].as_array().expect("a card").iter().filter_map(Value::as_str);
    lines.filter(|line| line.starts_with(begin)).map(str::to_owned).collect()
}

#[test]
fn the_batch_job_that_runs_every_night_is_left_alone_and_the_same_by_day_is_not() {
    let (target, config) = around();
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    let prometheus = Prometheus::run(&target, &config.alerting(alertmanager.address()));
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();

    let by_day = tidegate.pending_for("daytime");
    let line = shown(&by_day, "unusual for this time: 90");
    assert_eq!(line.len(), 1, "{by_day}");
    // Without its job the queue is at 40 or thereabouts.
    let expected = line[0].contains("expected 3") || line[0].contains("expected 4");
    assert!(expected && line[0].ends_with(", by tide"), "{line:?}");

    // Somebody who wants to be asked all the same is told that it is usual, and so is the policy.
    let noted = tidegate.pending_for("noted");
    assert_eq!(noted["action"]["name"], "note", "{noted}");
    let line = shown(&noted, "usual for this time: 90");
    assert_eq!(line.len(), 1, "{noted}");
    assert!(line[0].contains("expected 90") || line[0].contains("expected 89"), "{line:?}");

    let nightly = tidegate.incidents().into_iter().find(|incident| incident["labels"]["service"] == "nightly");
    let nightly = nightly.expect("an incident of the alert all the same");
    assert!(tidegate.told(&nightly, "second_opinion_given").contains("queue_length is usual for this time"));
    assert!(tidegate.told(&nightly, "proposal_refused").contains("usual"), "{nightly}");
    assert!(tidegate.requests().iter().all(|request| request["action"]["target"]["service"] != "nightly"));
    assert!(target.repairs().is_empty());
    tidegate.stop_and_verify_journal();
}

/// A delivery from a Prometheus that links to its graph of `expr`.
fn linked(alertname: &str, service: &str, expr: &str) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&delivery("firing", alertname, service)).expect("JSON");
    let query: String = form_urlencoded::byte_serialize(expr.as_bytes()).collect();
    body["alerts"][0]["startsAt"] = json!(jiff::Timestamp::now().to_string());
    body["alerts"][0]["generatorURL"] = json!(format!("http://elsewhere:9090/graph?g0.expr={query}&g0.tab=1"));
    body.to_string().into_bytes()
}

#[test]
fn the_alerts_own_link_tells_the_expression_where_the_rule_is_elsewhere() {
    let (target, mut config) = around();
    // It is scraped no more; its last sample is good for a few minutes.
    config.history.push_str(&history(ODD, 0));
    let prometheus = Prometheus::run(&target, &prometheus::Config { rules: Vec::new(), ..config });
    let mut tidegate = Tidegate::new();
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();

    tidegate.deliver(&linked("QueueFull", "daytime", "500 < queue_length{job=\"target\"}")).good();
    assert_eq!(shown(&tidegate.pending_for("daytime"), "unusual for this time: 90").len(), 1);
    tidegate.deliver(&linked("QueueFull", "noted", "(queue_length > 500) and on (job) up == 1 # busy")).good();
    assert_eq!(shown(&tidegate.pending_for("noted"), "usual for this time: 90").len(), 1);
    // One series of several is asked for by its labels, whatever is in them.
    tidegate.deliver(&linked("QueueFull", ODD, "queue_length > 500")).good();
    // Its last sample is from its history, where the minute says how far it is from 900.
    let line = shown(&tidegate.pending_for(ODD), "usual for this time: ");
    assert!(line.len() == 1 && (line[0].contains("time: 89") || line[0].contains("time: 90")), "{line:?}");
    tidegate.stop_and_verify_journal();
}

#[test]
fn whoever_cannot_be_judged_is_asked_about_with_the_reason() {
    let (target, mut config) = around();
    target.set_queue("young", AT_WORK);
    // At 900 for as long as it is there: nothing about that is usual yet.
    target.set_queue("newborn", AT_WORK);
    let now = jiff::Timestamp::now().as_second() / 60;
    for minute in now - 300..now {
        let line = format!("queue_length{{instance=\"one\",job=\"target\",service=\"newborn\"}} 900 {}\n", minute * 60);
        config.history.push_str(&line);
    }
    let prometheus = Prometheus::run(&target, &prometheus::Config { rules: Vec::new(), ..config });
    let mut tidegate = Tidegate::new();
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();

    for (service, body, why) in [
        ("a", delivery("firing", "NoSuchRule", "a"), "no rule called \"NoSuchRule\""),
        ("b", linked("Gone", "b", "absent(queue_length)"), "the rule is about series that are not there"),
        ("c", linked("Other", "c", "queue_length > 500"), "series of the rule's expression has the alert's labels"),
        ("d", linked("Broken", "d", "queue_length{ > 500"), "its expression cannot be read"),
        ("e", linked("Refused", "e", "sum(queue_length, 5) > 500"), "Prometheus refuses the query"),
        ("young", linked("Young", "young", "queue_length > 500"), "tide cannot judge it: the series has no history"),
        (
            "newborn",
            linked("Newborn", "newborn", "queue_length > 500"),
            "of history before the alert, and 2d are needed",
        ),
    ] {
        tidegate.deliver(&body).good();
        let request = tidegate.pending_for(service);
        let line = shown(&request, "second opinion: not known");
        assert!(line.len() == 1 && line[0].contains(why), "{why}: {line:?}\n{request}");
    }
    tidegate.stop_and_verify_journal();
}

#[test]
fn people_are_asked_while_prometheus_is_away() {
    let target = Target::start();
    let mut tidegate = Tidegate::new();
    tidegate.configure(CONFIG, &[("prometheus", free_address()), ("target", target.address())]);
    tidegate.run();
    // Its route would leave what is usual, and nobody knows that it is.
    tidegate.deliver(&linked("QueueTooLong", "nightly", "queue_length > 500")).good();
    let line = shown(&tidegate.pending_for("nightly"), "second opinion: not known");
    assert!(line.len() == 1 && line[0].contains("cannot reach Prometheus"), "{line:?}");
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_detector_that_breaks_says_nothing() {
    let (target, config) = around();
    let prometheus = Prometheus::run(&target, &prometheus::Config { rules: Vec::new(), ..config });
    let mut tidegate = Tidegate::new();
    let hostile = "[detector.daily]\nguest = \"hostile\"\nsettings = { mode = \"panic\" }\n";
    let config = CONFIG.replace("[second_opinion]\n", "[second_opinion]\ndetectors = [\"daily\"]\n");
    tidegate.configure(&(config + hostile), &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();
    tidegate.deliver(&linked("QueueFull", "nightly", "queue_length > 500")).good();
    let line = shown(&tidegate.pending_for("nightly"), "second opinion: not known");
    assert!(line.len() == 1 && line[0].contains("daily could not be asked"), "{line:?}");
    tidegate.stop_and_verify_journal();
}

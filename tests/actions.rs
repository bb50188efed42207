//! What approved actions do, and what keeps them from being done.

use serde_json::{Value, json};

use crate::support::delivery;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::Tidegate;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[action.call]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
arguments = { replicas = { type = "integer", min = 1, max = 10 } }

[action.program]
kind = "command"
program = "sh"
args = ["-c", 'echo "for $0"; env', "{service}"]
env = { WORD = "hello" }
target = ["service"]
risk = "low"

[action.forever]
kind = "command"
program = "sleep"
args = ["1000"]
target = ["service"]
risk = "low"
timeout = "500ms"
"#;

fn route(rules: &str) -> String {
    format!(
        "[[alert_route]]\nname = \"alerts\"\nmatch = ['alertname=\"Down\"']\n\
         actions = [\"call\", \"program\", \"forever\"]\n\
         remediation = {{ guest = \"runbook\", settings = {{ rules = [{rules}] }} }}\n"
    )
}

/// A request to repair `checkout` by these rules.
fn asked(rules: &str, target: &Target) -> (Tidegate, Value) {
    let prometheus = FakePrometheus::start();
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let tidegate = Tidegate::start(&format!("{CONFIG}{}", route(rules)), &around);
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    let request = tidegate.pending();
    (tidegate, request)
}

fn carried_out(tidegate: &Tidegate, request: &Value) -> Value {
    tidegate.approve(request).good();
    let done = |request: &Value| ["finished", "refused"].iter().any(|end| request["execution"]["status"] == **end);
    tidegate.request_when(request, "the action ends", done)["execution"].clone()
}

#[test]
fn a_call_that_fails_is_failed_and_the_policy_goes_on() {
    let target = Target::start();
    target.on_repair(Conduct::Fail);
    let (tidegate, request) =
        asked("{ action = \"call\", arguments = { replicas = 3 } }, { action = \"program\" }", &target);
    assert_eq!(request["action"]["arguments"], json!({ "replicas": 3 }));
    let execution = carried_out(&tidegate, &request);
    assert_eq!(execution["outcome"], "failed");
    assert!(execution["output"].as_str().is_some_and(|said| said.contains("cannot be repaired")), "{execution}");
    assert_eq!(target.repairs().len(), 1);
    assert_eq!(target.repairs()[0].body["arguments"], json!({ "replicas": 3 }));

    let next = tidegate.pending();
    assert_eq!(next["action"]["name"], "program");
    assert!(next["shown"].to_string().contains("failed"), "the person is told: {next}");
    let execution = carried_out(&tidegate, &next);
    assert_eq!(execution["outcome"], "succeeded");
    let output = execution["output"].as_str().expect("an output");
    assert!(output.contains("for checkout") && output.contains("WORD=hello"), "{output}");
    assert!(!output.contains("HOME=") && !output.contains("CARGO"), "the environment is its own: {output}");
}

#[test]
fn a_program_that_does_not_end_is_ended_and_unknown() {
    let target = Target::start();
    let (tidegate, request) = asked("{ action = \"forever\" }", &target);
    let execution = carried_out(&tidegate, &request);
    assert_eq!(execution["outcome"], "unknown", "{execution}");
}

#[test]
fn arguments_beyond_their_bounds_reach_nobody() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let rules = "{ action = \"call\", arguments = { replicas = 1000 } }";
    let tidegate = Tidegate::start(&format!("{CONFIG}{}", route(rules)), &around);
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    let refused = tidegate.told(&tidegate.opened("alerts"), "proposal_refused");
    assert!(refused.contains("replicas"), "{refused}");
    assert!(tidegate.requests().is_empty());
}

#[test]
fn a_mode_says_who_has_to_be_asked() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    // Alerts whose severity is not mapped are high, so this lets everything pass where the mode is `auto`.
    let mut config = CONFIG.replace("[action.call]", "[gate]\nauto_approve = \"high\"\n\n[action.call]");
    for (service, extra) in [
        ("watched", "mode = \"observe\""),
        ("asked", "mode = \"ask\""),
        ("tried", "mode = \"auto\"\ndry_run = true"),
        ("repaired", "mode = \"auto\""),
    ] {
        config.push_str(&format!(
            "[[alert_route]]\nname = \"{service}\"\nmatch = ['service=\"{service}\"']\nactions = [\"call\"]\n{extra}\n\
             remediation = {{ guest = \"runbook\", settings = {{ rules = [\
             {{ action = \"call\", arguments = {{ replicas = 3 }} }}] }} }}\n"
        ));
    }
    let tidegate = Tidegate::start(&config, &around);
    let opened = |service: &str| {
        tidegate.deliver(&delivery("firing", "Down", service)).good();
        tidegate.opened(service)
    };

    let observed = tidegate.told(&opened("watched"), "proposal_observed");
    assert!(observed.contains("would have proposed call"), "{observed}");
    assert!(tidegate.requests().is_empty());

    opened("asked");
    assert_eq!(tidegate.pending()["action"]["target"], json!({ "service": "asked" }));

    let tried = opened("tried");
    tidegate.told(&tried, "request_auto_approved");
    assert!(tidegate.told(&tried, "execution_finished").contains("dry run"));
    assert!(target.repairs().is_empty());

    let repaired = opened("repaired");
    tidegate.told(&repaired, "request_auto_approved");
    tidegate.told(&repaired, "execution_finished");
    let targets: Vec<Value> = target.repairs().into_iter().map(|repair| repair.body["target"].clone()).collect();
    assert_eq!(targets, [json!({ "service": "repaired" })]);
}

#[test]
fn nothing_starts_while_repairs_are_paused() {
    let target = Target::start();
    let (tidegate, request) = asked("{ action = \"call\", arguments = { replicas = 3 } }", &target);
    let paused = tidegate.cli(&["pause"]);
    assert!(paused.status.success(), "{paused:?}");
    assert_eq!(tidegate.metric("tidegate_paused", ""), 1.0);
    let execution = carried_out(&tidegate, &request);
    assert_eq!(execution["guard"], "paused", "{execution}");
    assert!(target.repairs().is_empty());
    assert!(tidegate.cli(&["resume"]).status.success());
    assert_eq!(tidegate.metric("tidegate_paused", ""), 0.0);
}

#[test]
fn a_decision_by_the_command_line_counts_like_any_other() {
    let target = Target::start();
    let (tidegate, request) = asked("{ action = \"call\", arguments = { replicas = 3 } }", &target);
    let id = request["id"].as_str().expect("an id");
    let unknown = tidegate.cli(&["approve", "nothing"]);
    assert_eq!(unknown.status.code(), Some(3), "{unknown:?}");
    let approved = tidegate.cli(&["approve", id]);
    assert!(approved.status.success(), "{approved:?}");
    assert!(
        String::from_utf8_lossy(&approved.stdout).contains("replicas"),
        "it shows what it lets through: {approved:?}"
    );
    let decided = tidegate.request(&request);
    assert_eq!(
        (decided["decided"]["by"].as_str(), decided["decided"]["surface"].as_str()),
        (Some("alice"), Some("cli"))
    );
    assert_eq!(tidegate.cli(&["deny", id, "--reason", "too late"]).status.code(), Some(3));
    tidegate.request_when(&request, "the action ends", |request| request["execution"]["outcome"] == "succeeded");
    assert_eq!(target.repairs().len(), 1);
}

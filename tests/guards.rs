//! What keeps an approved action from being done, from the config to what people read.

use serde_json::Value;

use crate::support::delivery;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::listener::Reply;
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
cooldown = "0s"
LIMITS

[[alert_route]]
name = "alerts"
match = ['alertname="Down"']
actions = ["call"]
remediation = { guest = "runbook", settings = { rules = [{ action = "call" }] } }
"#;

/// How many values `service` has, as the host asks for it.
const COUNT: &str = "count(count by (service) (up))";

struct World {
    tidegate: Tidegate,
    prometheus: FakePrometheus,
    target: Target,
}

/// A host whose one action has these limits, with more config behind.
fn world(limits: &str, more: &str) -> World {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let tidegate = Tidegate::start(&format!("{}{more}", CONFIG.replace("LIMITS", limits)), &around);
    World { tidegate, prometheus, target }
}

/// An alert about a service, and the incident that it opens.
fn trouble(tidegate: &Tidegate, service: &str) -> Value {
    tidegate.deliver(&delivery("firing", "Down", service)).good();
    let about = |incident: &Value| incident["labels"]["service"] == service;
    tidegate.incidents().into_iter().find(about).expect("an incident")
}

/// What came of approving the request about this service.
fn carried_out(tidegate: &Tidegate, service: &str) -> Value {
    let request = tidegate.pending_for(service);
    tidegate.approve(&request).good();
    let done = |request: &Value| ["finished", "refused"].iter().any(|end| request["execution"]["status"] == **end);
    tidegate.request_when(&request, "the action ends", done)["execution"].clone()
}

#[test]
fn nobody_is_asked_about_what_is_in_maintenance() {
    let window = r#"
        [[maintenance]]
        name = "database upgrades"
        match = ['service="db"']
        from = "2020-01-01T00:00"
        until = "2999-01-01T00:00"
        location = "Europe/Berlin"
    "#;
    let world = world("", window);
    let refused = world.tidegate.told(&trouble(&world.tidegate, "db"), "proposal_refused");
    assert!(refused.contains("maintenance: the maintenance window database upgrades is open until 2998-"), "{refused}");
    trouble(&world.tidegate, "checkout");
    let shown = world.tidegate.pending_for("checkout")["shown"].clone();
    assert!(shown[0].as_str().is_some_and(|line| line.starts_with("runs: POST http://127.0.0.1:")), "{shown}");
    assert_eq!(world.tidegate.requests().len(), 1);
}

#[test]
fn a_share_is_of_what_prometheus_counts_just_before_the_run() {
    let world = world("blast_radius = [{ label = \"service\", most = \"50%\", of = \"up\" }]", "");
    trouble(&world.tidegate, "checkout");
    // A Prometheus that cannot say, and tries to write into the log.
    let forged =
        r#"{"status":"error","errorType":"execution","error":"no\n2026-01-01T00:00:00Z  INFO tidegate: forged"}"#;
    world.prometheus.answer(COUNT, Reply::json(422, forged.to_owned()));
    let execution = carried_out(&world.tidegate, "checkout");
    assert_eq!(execution["guard"], "blast_radius_unknown", "{execution}");
    assert!(world.target.repairs().is_empty());
    let log = world.tidegate.log();
    assert!(log.contains("forged") && !log.lines().any(|line| line.starts_with("2026-01-01")), "{log}");

    world.prometheus.heal(COUNT);
    world.prometheus.tell(COUNT, 1, 3.0);
    trouble(&world.tidegate, "cart");
    assert_eq!(carried_out(&world.tidegate, "cart")["outcome"], "succeeded", "half of three is one");
    // It is being verified, so it is under repair still.
    trouble(&world.tidegate, "search");
    let execution = carried_out(&world.tidegate, "search");
    assert_eq!(execution["guard"], "blast_radius", "{execution}");
    assert_eq!(world.target.repairs().len(), 1);
}

#[test]
fn what_did_not_help_one_is_not_tried_on_the_next() {
    let world = world("circuit_breaker = { after = 1 }", "");
    world.target.on_repair(Conduct::Fail);
    trouble(&world.tidegate, "checkout");
    assert_eq!(carried_out(&world.tidegate, "checkout")["outcome"], "failed");
    let refused = world.tidegate.told(&trouble(&world.tidegate, "cart"), "proposal_refused");
    assert!(refused.contains("circuit_open: 1 run of it in a row did not help"), "{refused}");
}

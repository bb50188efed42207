//! Yes, no, too late and twice: one request has one outcome, whoever answers, wherever.

use std::thread;

use serde_json::{Value, json};

use crate::support::delivery;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::Answer;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

/// Alerts open incidents at once, so nothing has to be watched here.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[gate]
deadline = "1m"

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

/// A tidegate that is asked to repair `service`, and what it asks.
struct Asked {
    tidegate: Tidegate,
    target: Target,
    incident: Value,
    request: Value,
    _prometheus: FakePrometheus,
}

fn asked(config: &str) -> Asked {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let around = [("prometheus", prometheus.address()), ("target", target.address())];
    let tidegate = Tidegate::start(config, &around);
    tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).good();
    let incident = tidegate.opened("alerts");
    let request = tidegate.pending();
    Asked { tidegate, target, incident, request, _prometheus: prometheus }
}

fn decide(asked: &Asked, verdict: &str, body: &Value) -> Answer {
    let id = asked.request["id"].as_str().expect("an id");
    asked.tidegate.post(&format!("/api/v1/approvals/{id}/{verdict}"), body)
}

#[test]
fn a_no_is_a_no() {
    let asked = asked(CONFIG);
    let denied = asked.tidegate.deny(&asked.request, "not during the sale").good();
    assert_eq!(denied["status"], "denied");
    assert_eq!(denied["decided"]["reason"], "not during the sale");

    let again = asked.tidegate.approve(&asked.request);
    assert_eq!((again.status, again.json()["status"].as_str()), (409, Some("denied")), "{again:?}");

    // By the time that another incident has been asked about, repaired even, nothing more has come of this one.
    asked.tidegate.deliver(&delivery("firing", "QueueTooLong", "search")).good();
    let other = asked.tidegate.pending();
    assert_eq!(other["action"]["target"], json!({ "service": "search" }));
    asked.tidegate.approve(&other).good();
    asked
        .tidegate
        .request_when(&other, "the other action ends", |request| request["execution"]["status"] == "finished");
    assert_eq!(asked.tidegate.incident(&asked.incident)["status"], "open");
    assert_eq!(asked.tidegate.requests().len(), 2);
    let repaired: Vec<Value> = asked.target.repairs().into_iter().map(|repair| repair.body["target"].clone()).collect();
    assert_eq!(repaired, [json!({ "service": "search" })]);
}

#[test]
fn nobody_answering_means_no() {
    let asked = asked(&CONFIG.replace(r#"deadline = "1m""#, r#"deadline = "1s""#));
    asked.tidegate.request_when(&asked.request, "the request expires", |request| request["status"] == "expired");
    let late = asked.tidegate.approve(&asked.request);
    assert_eq!((late.status, late.json()["status"].as_str()), (409, Some("expired")), "{late:?}");
    assert_eq!(asked.tidegate.deny(&asked.request, "too late as well").status, 409);
    assert_eq!(asked.tidegate.incident(&asked.incident)["status"], "open");
    assert!(asked.target.repairs().is_empty());
}

#[test]
fn what_is_no_decision_changes_nothing() {
    let asked = asked(CONFIG);
    let id = asked.request["id"].as_str().expect("an id");
    let approve = format!("/api/v1/approvals/{id}/approve");
    let deny = format!("/api/v1/approvals/{id}/deny");
    let stranger = asked.tidegate.stranger();
    let guesser = stranger.with_token("another-token-of-some-length");

    for (path, body) in
        [(&approve, json!({})), (&deny, json!({ "reason": "because" })), (&"/api/v1/pause".to_owned(), json!({}))]
    {
        for client in [&stranger, &guesser] {
            let answer = client.post(path, &body);
            assert_eq!(answer.status, 401, "{path}: {answer:?}");
        }
    }
    for path in ["/api/v1/approvals", "/api/v1/incidents"] {
        assert_eq!(stranger.get(path).status, 401, "{path}");
    }
    assert_eq!(asked.tidegate.metric("tidegate_refused_credentials_total", ""), 8.0);
    assert!(asked.tidegate.log().contains("refused: a wrong token"));

    let unknown = asked.tidegate.post("/api/v1/approvals/nothing/approve", &json!({}));
    assert_eq!(unknown.status, 404, "{unknown:?}");
    assert!(unknown.json()["error"].as_str().is_some_and(|error| error.contains("nothing")), "{unknown:?}");

    for (verdict, body, status) in [
        ("approve", json!({ "digest": "0".repeat(64) }), 409),
        ("approve", json!({ "digset": asked.request["digest"] }), 400),
        ("approve", json!("yes"), 400),
        ("approve", json!([asked.request["digest"]]), 400),
        ("deny", json!(["a reason without its name"]), 400),
        ("deny", json!({}), 400),
        ("deny", json!({ "reason": "  " }), 400),
        ("maybe", json!({}), 404),
    ] {
        let answer = decide(&asked, verdict, &body);
        assert_eq!(answer.status, status, "{verdict} {body}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{answer:?}");
    }

    assert_eq!(asked.tidegate.request(&asked.request)["status"], "pending");
    assert!(asked.target.repairs().is_empty());
    // And after all that the right answer counts.
    assert_eq!(asked.tidegate.approve(&asked.request).good()["status"], "approved");
}

#[test]
fn of_ten_answers_at_once_one_counts() {
    let asked = asked(CONFIG);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let answers: Vec<_> = (0..10)
            .map(|n| {
                let asked = &asked;
                scope.spawn(move || match n % 2 {
                    0 => decide(asked, "approve", &json!({ "digest": asked.request["digest"] })).status,
                    _ => decide(asked, "deny", &json!({ "reason": "no" })).status,
                })
            })
            .collect();
        answers.into_iter().map(|answer| answer.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 9, "{statuses:?}");

    let timeline = asked.tidegate.timeline(&asked.incident);
    let decisions = timeline.iter().filter(|kind| ["request_approved", "request_denied"].contains(&kind.as_str()));
    assert_eq!(decisions.count(), 1, "{timeline:?}");
    if asked.tidegate.request(&asked.request)["status"] == "approved" {
        asked.tidegate.told(&asked.incident, "execution_finished");
        assert_eq!(asked.target.repairs().len(), 1);
    } else {
        assert!(asked.target.repairs().is_empty());
    }
}

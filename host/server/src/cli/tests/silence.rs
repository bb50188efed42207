//! Silencing from the command line, and how an incident reads that is held back.

use serde_json::json;

use super::*;
use crate::cli::silence;

fn held() -> serde_json::Value {
    json!({
        "id": "i7", "status": "open", "source": "alert", "watch": "web", "labels": {"service": "checkout"},
        "severity": "high", "since": "2026-01-01T00:00:00Z", "opened_at": "2026-01-01T00:02:00Z",
        "value": "NaN", "expected": "NaN", "lower": "NaN", "upper": "NaN", "requests": [], "closed": null,
        "alerts": [{"firing": true}, {"firing": true}, {"firing": false}],
        "held": {"at": "2026-01-01T00:03:00Z", "by": "silence 12-34"},
        "silences": [
            {"id": "12-33", "until": "2026-01-01T00:01:00Z", "by": "alice", "surface": "cli"},
            {"id": "12-34", "until": "2200-01-01T02:00:00Z", "by": "bob", "surface": "slack"},
        ],
        "handling": "r1-ab",
        "second_opinion": {
            "verdict": "usual", "expr": "sum(queue)", "value": 41, "expected": 40.5, "lower": 30, "upper": 50,
        },
    })
}

#[test]
fn an_incident_that_is_held_back_says_by_what() {
    let read = |incident| -> Incident { understood(incident).unwrap_or_else(|failure| panic!("{failure}")) };
    expect![[r#"
        incident:   i7
        status:     open
        severity:   high
        source:     alert
        watch:      web
        labels:     {service="checkout"}
        since:      2026-01-01T00:00:00Z
        opened:     2026-01-01T00:02:00Z
        alerts:     2 firing, 1 resolved
        opinion:    usual for this time, value 41, expected 40.5 (30 to 50)
                    sum(queue)
        held back:  by silence 12-34, since 2026-01-01T00:03:00Z
        silences:   was until 2026-01-01T00:01:00Z by alice (cli): silence 12-33
                    until 2200-01-01T02:00:00Z by bob (slack): silence 12-34
        in hand:    by request r1-ab
    "#]]
    .assert_eq(&describe_incident(&read(held())));
    let mut unknown = held();
    unknown["second_opinion"] = json!({"verdict": "unknown", "why": "no rule\u{1b}[2J", "expr": "", "value": "NaN"});
    let text = describe_incident(&read(unknown));
    assert!(text.contains("opinion:    unknown: no rule?[2J\n"), "{text}");
}

#[test]
fn silencing_says_what_is_silenced_until_when_and_where_it_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = json!({
        "incident": "i7", "silences": ["12-34"], "until": "2026-01-01T02:00:00Z", "matchers": ["alertname=\"A\""],
        "missed": ["Alertmanager at http://other: connection refused"],
    });
    let host = canned(vec![(200, held().to_string()), (200, made.to_string())]);
    let client = client_of(&host, folder.path());
    silence::silence(&client, "i7", "2h", "a deploy", true, Output::Text).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(host.asked.recv().expect("a question").starts_with("GET /api/v1/incidents/i7 "));
    let asked = host.asked.recv().expect("a silence");
    assert!(asked.starts_with("POST /api/v1/incidents/i7/silence "), "{asked}");
    assert!(asked.ends_with(r#"{"comment":"a deploy","for":"2h"}"#), "{asked}");

    let host = canned(vec![(200, json!({"incident": "i7", "silences": ["12-34"], "missed": []}).to_string())]);
    let client = client_of(&host, folder.path());
    silence::unsilence(&client, "i7", Output::Json).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(host.asked.recv().expect("an end").starts_with("POST /api/v1/incidents/i7/unsilence "));

    let host = canned(vec![(409, r#"{"error": "incident i7 is closed", "status": "closed"}"#.to_owned())]);
    let client = client_of(&host, folder.path());
    let failure = silence::silence(&client, "i7", "2h", "x", true, Output::Json).expect_err("it is over");
    assert_eq!((failure.number(), failure.to_string().contains("(it is closed)")), (3, true), "{failure}");
    let failure = silence::silence(&client, "i7", "2h", " ", true, Output::Json).expect_err("a comment is missing");
    assert_eq!(failure.number(), 2, "and nobody is asked: {failure}");
}

#[test]
fn a_list_says_what_is_held_back_and_long_labels_do_not_stretch_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut long = held();
    long["labels"] = json!({"path": "x".repeat(10_000)});
    let host = canned(vec![(200, json!({"incidents": [held(), long], "next": null}).to_string())]);
    let client = client_of(&host, folder.path());
    let answer = client.list("incidents", None, false).unwrap_or_else(|failure| panic!("{failure}"));
    let text = show::listed_incidents(&understood(answer).unwrap_or_else(|failure| panic!("{failure}")));
    assert!(text.contains("open, held back, in hand, usual  high"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 400), "{text}");
}

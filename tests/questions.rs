//! A policy that asks Prometheus: what it asks and what it is told is in the journal, in the timeline and on the terminal.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::listener::Reply;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, guest};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 100

[guest.nosy-policy]
grants = ["host-metrics"]

[guest.hurried]
grants = ["host-metrics"]
query_timeout = "500ms"

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

/// Route, guest, what it asks, how often.
const ROUTES: [(&str, &str, &str, u32); 7] = [
    ("one", "nosy-policy", "up == 0", 1),
    ("many", "nosy-policy", "few", 40),
    ("wrong", "nosy-policy", "nonsense(", 1),
    ("huge", "nosy-policy", "everything", 1),
    ("endless-answer", "nosy-policy", "the-world", 1),
    ("hangs", "hurried", "slow", 1),
    ("endless", "hurried", "few", 0),
];

/// All events of one kind about one incident, as the journal exports them.
fn exported(tidegate: &Tidegate, incident: &Value, kind: &str) -> Vec<Value> {
    let export = tidegate.cli(&["journal", "export"]);
    assert!(export.status.success(), "{export:?}");
    let text = String::from_utf8(export.stdout).expect("text");
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON")["event"].clone());
    events.filter(|event| event["kind"] == kind && event["incident"] == incident["id"]).collect()
}

#[test]
fn what_a_policy_asked_is_in_the_journal_with_what_it_was_told() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    prometheus.tell("up == 0", 2, f64::NAN);
    prometheus.tell("few", 1, 0.5);
    prometheus.tell("everything", 1001, 1.0);
    prometheus.answer("the-world", Reply::json(200, " ".repeat(9 << 20)));
    let refusal =
        json!({ "status": "error", "errorType": "bad_data", "error": "parse error: unclosed left parenthesis" });
    prometheus.answer("nonsense(", Reply::json(400, refusal.to_string()));
    prometheus.slow_down("slow", Duration::from_secs(30));

    let mut tidegate = Tidegate::new();
    // The same bytes under another name, with limits of its own.
    fs::copy(guest("nosy-policy"), tidegate.file("guests/hurried.wasm")).expect("a guest");
    let mut config = CONFIG.to_owned();
    for (name, guest, expr, times) in ROUTES {
        config.push_str(&format!(
            "[[alert_route]]\nname = \"{name}\"\nmatch = ['service=\"{name}\"']\nactions = [\"restart\"]\n\
             remediation = {{ guest = \"{guest}\", settings = {{ expr = \"{expr}\", times = {times} }} }}\n"
        ));
    }
    tidegate.configure(&config, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();
    let mut incidents = Vec::new();
    for (name, ..) in ROUTES {
        tidegate.deliver(&delivery("firing", "Down", name)).good();
        let incident = tidegate.opened(name);
        let answered = if name == "endless" { "policy_failed" } else { "policy_left" };
        let said = tidegate.told(&incident, answered);
        let heard = match name {
            "one" => "heard of 2 series",
            "many" => "more than 32 queries",
            "wrong" => "unclosed left parenthesis",
            "huge" => "1001 series",
            "endless-answer" => "longer than 8388608 bytes",
            "hangs" => "did not answer within 500ms",
            _ => "still running after 1s",
        };
        assert!(said.contains(heard), "{name}: {said}");
        incidents.push(incident);
    }

    // What people see: the timeline of the API, and the terminal.
    let shown = tidegate.incident(&incidents[0]);
    let events = shown["timeline"].as_array().expect("a timeline");
    let asked = events.iter().find(|event| event["kind"] == "policy_asked").expect("what was asked");
    assert_eq!(asked["questions"][0]["expr"], "up == 0");
    assert_eq!(asked["questions"][0]["samples"][1]["labels"], json!({ "pod": "p1" }));
    let id = incidents[0]["id"].as_str().expect("an id");
    let url = format!("http://{}", tidegate.address());
    let output = tidegate.cli(&["incident", "show", id, "--url", &url]);
    let text = String::from_utf8_lossy(&output.stdout);
    for words in ["policy_asked", "\"up == 0\" gave 2 series", "up == 0: 2 series", "{pod=\"p1\"} NaN"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    assert_eq!(prometheus.told("slow"), 1, "it is not tried again behind the policy's back");

    tidegate.stop_and_verify_journal();
    let of = |nth: usize| {
        let events = exported(&tidegate, &incidents[nth], "policy_asked");
        assert_eq!(events.len(), 1, "{}: {events:?}", ROUTES[nth].0);
        events[0].clone()
    };
    let one = of(0);
    assert_eq!(one["policy_digest"].as_str().map(str::len), Some(64));
    assert_eq!(one["questions"][0]["reply"], "answered");
    let samples = one["questions"][0]["samples"].as_array().expect("samples");
    assert_eq!((samples.len(), &samples[0]["value"]), (2, &json!("NaN")));

    let many = of(1)["questions"].as_array().expect("questions").clone();
    assert_eq!(many.len(), 40);
    assert_eq!((&many[31]["reply"], &many[31]["samples"][0]["value"]), (&json!("answered"), &json!(0.5)));
    assert_eq!(many[32]["reply"], "refused");
    assert!(many[32]["reason"].as_str().is_some_and(|why| why.contains("more than 32 queries")), "{}", many[32]);

    for (nth, why) in [
        (2, "unclosed left parenthesis"),
        (3, "1001 series"),
        (4, "longer than 8388608 bytes"),
        (5, "did not answer within 500ms"),
    ] {
        let question = &of(nth)["questions"][0];
        assert_eq!(question["reply"], "failed", "{question}");
        assert!(question["error"].as_str().is_some_and(|error| error.contains(why)), "{question}");
    }
    let endless = of(6);
    assert_eq!(endless["questions"].as_array().map(Vec::len), Some(40));
    assert!(endless["unlisted"].as_u64() > Some(0), "{}", endless["unlisted"]);
}

//! The second opinion on an alert, as the page shows it: in a word wherever the incident is, and with what it rests on.

use serde_json::{Value, json};

use super::{FAULTS, keep, sign_in};
use crate::support::browser::{Browser, Kind};
use crate::support::delivery;
use crate::support::prometheus::{self, Prometheus};
use crate::support::target::{NORMAL, Target};
use crate::support::tidegate::{TOKEN, Tidegate};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[second_opinion]
detectors = ["sudden"]

[detector.sudden]
guest = "zscore"
settings = { window = "1h" }

[[alert_route]]
name = "alerts"
match = ['service!=""']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
"#;

/// Three hours of a queue, minute by minute.
fn history() -> String {
    let now = jiff::Timestamp::now().as_second() / 60;
    let sample = |minute: i64| {
        let value = NORMAL + (minute * 7 % 11 - 5) as f64;
        format!("queue_length{{instance=\"one\",job=\"target\",service=\"checkout\"}} {value} {}\n", minute * 60)
    };
    (now - 180..now).map(sample).collect()
}

#[test]
fn what_the_detectors_say_of_an_alert_stands_beside_it() {
    let target = Target::start();
    target.set_queue("checkout", 900.0);
    let prometheus = Prometheus::run(&target, &prometheus::Config { history: history(), ..Default::default() });
    let mut tidegate = Tidegate::new();
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();
    let mut body: Value = serde_json::from_slice(&delivery("firing", "QueueTooLong", "checkout")).expect("JSON");
    body["alerts"][0]["startsAt"] = json!(jiff::Timestamp::now().to_string());
    body["alerts"][0]["generatorURL"] = json!("http://elsewhere:9090/graph?g0.expr=queue_length+%3E+500&g0.tab=1");
    tidegate.deliver(body.to_string().as_bytes()).good();
    // Nobody can say anything of this one.
    tidegate.deliver(&delivery("firing", "Other", "mail")).good();
    let (request, other) = (tidegate.pending_for("checkout"), tidegate.pending_for("mail"));

    let desk = Kind::default();
    for (name, kind) in [("desk", desk), ("phone", Kind { phone: true, dark: true, ..desk })] {
        let browser = Browser::start_as(kind);
        let url = |path: &str| format!("http://{}{path}", tidegate.address());
        browser.go(&url("/"));
        sign_in(&browser, TOKEN);
        browser.wait_for(&format!("#card-{}", id(&request)), "unusual for this time");
        browser.wait_for(&format!("#card-{}", id(&other)), "Second opinion not known");
        assert!(browser.is_there(&format!("#card-{} svg", id(&request))), "with a chart of the series behind it");
        let request_page = format!("/requests/{}", id(&request));
        let pages = [("now", "/"), ("request", request_page.as_str()), ("incident", "/incidents/i1")];
        for (page, path) in pages {
            browser.go(&url(path));
            keep(&format!("opinion-{name}-{page}"), &browser.picture());
            assert_eq!(browser.run(FAULTS), json!([]), "{name} {path}");
        }
        let evidence = browser.text("#evidence");
        for part in ["unusual for this time", "queue_length", "sudden", "Expected"] {
            assert!(evidence.contains(part), "{part} in {evidence}");
        }
        browser.go(&url("/incidents/i2"));
        browser.wait_for("#evidence", "no rule called");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

fn id(request: &Value) -> &str {
    request["id"].as_str().expect("an id")
}

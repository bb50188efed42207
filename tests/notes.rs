//! What a detector says in words, on each surface where its incident is shown: whole enough to be read, and without any
//! sign that the surface would obey.

use serde_json::{Value, json};

use crate::support::alertmanager::Alertmanager;
use crate::support::eventually;
use crate::support::prometheus::Prometheus;
use crate::support::slack::{Slack, text};
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
url = "http://alertmanager"

[slack]
bot_token_file = "slack-bot"
channel = "C0OPS"
api_url = "http://slack/api"

[gate]
deadline = "1h"

[detector.odd]
guest = "hostile"
settings = { mode = "odd-note" }

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
interval = "1s"
step = "1s"
query_offset = "1s"
detectors = ["odd"]
consecutive = 1
cold_start = { history = "0s" }
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
"#;

/// How the note begins, in every surface's own way of writing.
const WORDS: &str = "p99 0.93 s; größer als 0.71 ± 0.06 ";

#[test]
fn the_note_of_a_detector_is_seen_wherever_its_incident_is_shown() {
    let (target, slack) = (Target::start(), Slack::start());
    let prometheus = Prometheus::start(&target);
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    for (name, secret) in slack.secrets() {
        tidegate.write_secret(&format!("slack-{name}"), &secret);
    }
    let around = [
        ("prometheus", prometheus.address()),
        ("alertmanager", alertmanager.address()),
        ("slack", slack.address()),
        ("target", target.address()),
    ];
    tidegate.configure(CONFIG, &around);
    tidegate.run();
    let incident = tidegate.opened("queue");
    let request = tidegate.pending();
    let id = |thing: &Value| thing["id"].as_str().expect("an id").to_owned();
    let harmless = |surface: &str, said: &str| {
        assert!(said.contains(WORDS), "{surface}: {said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\r']), "{surface}: {said:?}");
    };

    // As JSON it is data: whole, and escaped where it is written.
    let said = &incident["detectors"][0];
    assert_eq!((&said["name"], &said["score"]), (&json!("odd"), &json!(2.0)));
    let note = said["note"].as_str().expect("a note");
    assert!(note.starts_with(WORDS) && note.len() > 1000, "{note}");
    assert!(!tidegate.get(&format!("/api/v1/incidents/{}", id(&incident))).body.contains(['\u{1b}', '\r']));

    let shown = request["shown"].as_array().expect("lines").iter().filter_map(Value::as_str);
    let line = shown.clone().find(|line| line.starts_with("odd scores 2: ")).expect("a line of the card");
    harmless("what is shown", line);
    assert!(line.chars().count() <= 300, "{line}");
    let page = tidegate.page(&format!("/incidents/{}", id(&incident)));
    harmless("the page of the incident", &page);
    harmless("the page of the request", &tidegate.page(&format!("/requests/{}", id(&request))));
    harmless("the first page", &tidegate.page("/"));
    // The text of a page is what its reader sees: markup of a note is written as text.
    assert!(page.contains("&lt;b&gt;&amp;amp;") && page.contains("&lt;!channel&gt;"), "{page}");
    for arguments in [["incident", "show", &id(&incident)], ["approval", "show", &id(&request)]] {
        let said = tidegate.says(&arguments);
        harmless(&arguments.join(" "), &said);
        assert!(said.lines().filter(|line| line.contains(WORDS)).all(|line| line.chars().count() < 800), "{said}");
    }
    let card = text(&slack.message("C0OPS", &request, "waits for your decision"));
    harmless("Slack", &card);
    assert!(card.contains("&lt;!channel&gt;") && !card.contains("<!channel>"), "{card}");
    let alert = eventually("the alert", || alertmanager.alerts("TidegateAnomaly").pop());
    let description = alert["annotations"]["description"].as_str().expect("a description");
    harmless("Alertmanager", description);
    assert!(description.contains("; odd: ") && description.chars().count() < 1000, "{description}");
    slack.is_content();
    tidegate.stop_and_verify_journal();
}

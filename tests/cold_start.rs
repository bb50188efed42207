//! Series that are too young for the detectors: static bounds judge them, or nothing does, and every surface says which.
//! Once they have their history the detectors take over by themselves.

use serde_json::{Value, json};

use crate::support::alertmanager::Alertmanager;
use crate::support::eventually;
use crate::support::prometheus::Prometheus;
use crate::support::slack::{Slack, text};
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;

/// The config of a stranger: nothing is said of detectors.
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

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
interval = "1s"
step = "1s"
query_offset = "1s"
cold_start = { above = 100.0 }
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
"#;

struct Scene {
    target: Target,
    tidegate: Tidegate,
    alertmanager: Alertmanager,
    slack: Slack,
    _prometheus: Prometheus,
}

/// A Prometheus that has known the queue for a second or two, and whoever watches it.
fn scene(config: &str) -> Scene {
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
    tidegate.configure(config, &around);
    tidegate.run();
    tidegate.ready();
    Scene { target, tidegate, alertmanager, slack, _prometheus: prometheus }
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// The last cycle of the only watch.
fn cycle(tidegate: &Tidegate) -> Value {
    tidegate.get("/api/v1/watches").good()["watches"][0]["last_cycle"].clone()
}

#[test]
fn until_there_is_history_a_static_bound_judges_and_every_surface_says_so() {
    let Scene { target, mut tidegate, alertmanager, slack, _prometheus } = scene(CONFIG);
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 5.0);

    // Before anything happens: whoever sees no incident must know who looks.
    assert_eq!(tidegate.metric("tidegate_series", r#"watch="queue",standing="cold_start""#), 1.0);
    assert_eq!(tidegate.metric("tidegate_series", r#"watch="queue",standing="judged""#), 0.0);
    assert!(tidegate.metric("tidegate_cold_start_end_timestamp_seconds", r#"watch="queue""#) > 1.7e9);
    let watch = tidegate.get("/api/v1/watches").good()["watches"][0].clone();
    assert_eq!((&watch["name"], &watch["detectors"]), (&json!("queue"), &json!(["tide"])));
    assert_eq!(watch["cold_start"], json!({ "history": "2d", "above": 100.0, "below": null }));
    let young = &watch["last_cycle"]["young"];
    assert_eq!(young["series"], 1);
    assert!(young["so_far"].as_str().is_some_and(|so_far| so_far.ends_with(" of 48 h of history")), "{young}");
    // `2026-11-25T08:00:00.000Z`, in the words of people `2026-11-25 08:00 UTC`.
    let until = young["until"].as_str().expect("a time");
    let minute = format!("{} {}", &until[..10], &until[11..16]);
    let listed = tidegate.says(&["watch", "list"]);
    assert!(listed.contains("static bound above 100 judges 1 series until ") && listed.contains(until), "{listed}");
    let now = tidegate.page("/");
    assert!(now.contains("Not judged by detectors yet") && now.contains("static bounds: above 100"), "{now}");
    let watches = tidegate.page("/guests");
    for words in ["by static bounds", "Static bounds judge 1 of 1 series", "above 100 is anomalous", &minute] {
        assert!(watches.contains(words), "no {words:?} in {watches}");
    }

    // Told in the log once, not in each cycle, and again after a reload.
    let warned = || tidegate.logged("static bounds judge series that are too young for the detectors");
    let told = warned();
    assert_eq!(told.len(), 1, "{told:?}");
    for words in ["WARN", "queue", "above 100", " of 48 h of history", &minute] {
        assert!(told[0].contains(words), "no {words:?} in {told:?}");
    }
    tidegate.hang_up();
    eventually("the log tells it again", || (warned().len() == 2).then_some(()));

    target.set_queue("checkout", 400.0);
    let incident = tidegate.opened("queue");
    let finding = incident["finding"].as_str().expect("words");
    assert!(finding.contains(", above 100 (static bound until ") && finding.contains(&minute), "{finding}");
    assert!(finding.ends_with(" of 48 h of history)"), "{finding}");
    assert_eq!((&incident["cold_start"]["above"], &incident["cold_start"]["below"]), (&json!(100.0), &Value::Null));
    assert_eq!(incident["cold_start"]["until"].as_str().map(|until| &until[..16]), Some(&until[..16]));
    assert_eq!(incident["severity"], "medium");
    let request = tidegate.pending();
    let shown = request["shown"].as_array().expect("lines").iter().map(|line| line.as_str().expect("text"));
    assert!(shown.clone().any(|line| line == finding), "{request}");

    let page = tidegate.page(&format!("/incidents/{}", id(&incident)));
    for words in ["by a static bound", "Above the static bound 100", "static bounds judge it until", &minute] {
        assert!(page.contains(words), "no {words:?} in {page}");
    }
    assert!(tidegate.page("/").contains("by a static bound"));
    assert!(tidegate.says(&["incident", "list"]).contains("open, by a static bound"));
    let said = tidegate.says(&["incident", "show", id(&incident)]);
    assert!(said.contains(finding), "{said}");
    let card = text(&slack.message("C0OPS", &request, "waits for your decision"));
    assert!(card.contains(finding), "{card}");
    let alert = eventually("the alert", || alertmanager.alerts("TidegateAnomaly").pop());
    let description = alert["annotations"]["description"].as_str().expect("a description");
    assert!(description.contains(finding), "{description}");
    assert!(tidegate.told(&incident, "incident_opened").ends_with(finding));
    tidegate.stop_and_verify_journal();
}

#[test]
fn without_bounds_nothing_judges_and_that_is_said_as_well() {
    let Scene { target, tidegate, _prometheus, .. } = scene(&CONFIG.replace("cold_start = { above = 100.0 }\n", ""));
    target.set_queue("checkout", 400.0);
    tidegate.reaches("tidegate_samples_unjudged_total", r#"watch="queue",reason="learning""#, 5.0);
    let told = tidegate.logged("nothing judges series that are too young for the detectors");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("WARN") && told[0].contains("set cold_start.above or cold_start.below"), "{told:?}");
    let watches = tidegate.page("/guests");
    assert!(watches.contains("learning, not judged") && watches.contains("Nothing judges 1 of 1 series"), "{watches}");
    assert!(tidegate.page("/").contains("not judged"));
    let listed = tidegate.says(&["watch", "list"]);
    assert!(listed.contains("nothing judges 1 series until "), "{listed}");
    let check = tidegate.says(&["check"]);
    assert!(check.contains("nothing judges it; cold_start.above or .below would"), "{check}");
    assert!(tidegate.incidents().is_empty());
}

#[test]
fn detectors_take_over_by_themselves() {
    let sudden = "[detector.sudden]\nguest = \"zscore\"\nsettings = { window = \"30s\", min_samples = 5 }\n\n[[watch]]";
    let config = CONFIG.replacen("[[watch]]", sudden, 1).replace(
        "cold_start = { above = 100.0 }",
        "detectors = [\"sudden\"]\ncold_start = { history = \"12s\", above = 100.0 }",
    );
    let Scene { target, tidegate, _prometheus, .. } = scene(&config);
    let series =
        |standing: &str| tidegate.metric("tidegate_series", &format!("watch=\"queue\",standing=\"{standing}\""));
    eventually("static bounds judge first", || (series("cold_start") == 1.0).then_some(()));
    eventually("then the detectors do", || (series("judged") == 1.0 && series("cold_start") == 0.0).then_some(()));
    let told = tidegate.logged("series have their history: the detectors judge them from now on");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("INFO") && told[0].contains("switched=1"), "{told:?}");
    assert_eq!(tidegate.metric("tidegate_cold_start_end_timestamp_seconds", r#"watch="queue""#), 0.0);
    assert_eq!(cycle(&tidegate)["young"], Value::Null);
    assert!(!tidegate.page("/").contains("Not judged by detectors yet"));

    // No static bound would have found this.
    target.set_queue("checkout", 80.0);
    let incident = tidegate.opened("queue");
    assert_eq!(incident["cold_start"], Value::Null, "{incident}");
    assert!(incident["finding"].as_str().is_some_and(|finding| finding.contains(", expected ")), "{incident}");
}

//! What people are told: once in each channel, up to date to the end, and that something waits.

use serde_json::json;

use super::{BOT, GATE, Scene};
use crate::support::alertmanager::Alertmanager;
use crate::support::prometheus::Prometheus;
use crate::support::slack::{Slack, buttons, text};
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, eventually};

const WATCH: &str = r#"
[prometheus]
url = "http://prometheus"

[detector.sudden]
guest = "zscore"
settings = { window = "1m" }

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
interval = "1s"
step = "1s"
query_offset = "1s"
detectors = ["sudden"]
consecutive = 3
cold_start = { history = "1m" }
group_by = ["service"]
remediation = { guest = "runbook", settings = { rules = [{ action = "restart", summary = "Restart {{service}}" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
verify = { settle = "1s", within = "30s", healthy_for = 2 }
"#;

#[test]
fn a_message_is_kept_up_to_date_to_the_end() {
    let (slack, target) = (Slack::start(), Target::start());
    let prometheus = Prometheus::with_history(&target, 5);
    let mut tidegate = Tidegate::new();
    for (name, secret) in slack.secrets() {
        tidegate.write_secret(&format!("slack-{name}"), &secret);
    }
    tidegate.write_secret("bob", "a-token-that-only-bob-knows");
    let bob = "\n[[approver]]\nname = \"bob\"\ntoken_file = \"bob\"\nslack_user = \"U0BOB\"\n";
    let config = format!("{bob}{}{WATCH}", BOT.replace("SLACK", &slack.address().to_string()));
    let around = [("prometheus", prometheus.address()), ("slack", slack.address()), ("target", target.address())];
    tidegate.configure(&config, &around);
    tidegate.run();
    tidegate.ready();
    tidegate.reaches("tidegate_samples_total", r#"watch="queue",standing="normal""#, 2.0);
    target.set_queue("checkout", 400.0);
    let request = tidegate.pending();
    let message = slack.message("C0OPS", &request, "Restart checkout");
    assert!(text(&message).contains("• recent ▁"), "a chart of what was seen: {}", text(&message));
    let press = json!({
        "what": "press", "user": "U0BOB", "action": "approve", "channel": message["channel"], "ts": message["ts"],
    });
    assert_eq!(slack.does(tidegate.address(), &press), (200, String::new()));
    let message = slack.message("C0OPS", &request, "has fixed it");
    for says in ["*Yes* of bob (slack)", "*Ran*", "*Watched* until"] {
        assert!(text(&message).contains(says), "{says}: {}", text(&message));
    }
    assert_eq!(buttons(&message), Vec::<String>::new());
    assert_eq!(slack.messages("C0OPS").len(), 1, "one question is one message");
    slack.is_content();
    tidegate.stop_and_verify_journal();
}

#[test]
fn who_does_not_answer_is_reminded_and_then_others_are_asked() {
    let terms = r#"
[gate]
deadline = "10m"
remind_before = "9m59s"
escalate = { after = "2s", to = ["leads"] }
approvers = ["bob"]

[[group]]
name = "leads"
members = ["carol"]
slack_usergroup = "S0LEADS"
slack_channel = "C0LEADS"
"#;
    let scene = Scene::start(&format!("{BOT}{terms}"));
    scene.slack.control("set", &json!({ "usergroups": { "S0LEADS": [] } }));
    let request = scene.asked("checkout");
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    let reminder = scene.slack.below(&message, "still waits");
    assert!(text(&reminder).contains("<@U0BOB>"), "{}", text(&reminder));
    assert_eq!(reminder["broadcast"], false, "whoever is mentioned is told");

    let escalated = scene.slack.below(&message, "may decide as well");
    let says = text(&escalated);
    assert!(says.contains("<!subteam^S0LEADS>") && says.contains("<#C0LEADS>"), "{says}");
    let theirs = scene.slack.message("C0LEADS", &request, "waits for your decision");
    scene.press("U0CAROL", "approve", &theirs, &json!({ "name": "carol" }));
    assert!(scene.slack.answer("carol").contains("is approved"));
    scene.slack.message("C0OPS", &request, "*Yes* of carol");
    let lines = scene.slack.state()["messages"].as_array().map_or(0, Vec::len);
    assert_eq!(lines, 4, "two messages, and below one of them a reminder and an escalation: {}", scene.slack.state());
    scene.slack.is_content();
}

#[test]
fn a_message_is_found_again_after_a_crash() {
    let mut scene = Scene::start(&format!("{BOT}{GATE}"));
    let request = scene.asked("checkout");
    scene.slack.message("C0OPS", &request, "waits for your decision");
    scene.tidegate.told(&scene.tidegate.incidents()[0], "request_announced");
    scene.tidegate.kill();
    scene.tidegate.run();
    scene.tidegate.deny(&request, "not now").good();
    scene.slack.message("C0OPS", &request, "*No* of alice (http)");
    assert_eq!(scene.slack.messages("C0OPS").len(), 1);
    scene.slack.is_content();
}

#[test]
fn a_plain_webhook_is_told_of_the_end_by_another_message() {
    let webhook = format!("\n[slack]\nwebhook_url_file = \"slack-webhook\"\n{GATE}");
    let scene = Scene::start(&webhook);
    let request = scene.asked("checkout");
    let first = scene.slack.message("webhook", &request, "waits for your decision");
    assert!(buttons(&first).is_empty());
    scene.tidegate.deny(&request, "not <!channel> now").good();
    let second = scene.slack.message("webhook", &request, "is denied");
    assert!(text(&second).contains("not &lt;!channel&gt; now"), "{}", text(&second));
    scene.tidegate.told(&scene.tidegate.incidents()[0], "request_told");
    assert_eq!(scene.slack.messages("webhook").len(), 2);
    scene.slack.is_content();
}

#[test]
fn what_passes_by_itself_is_told_as_well() {
    let auto = super::ROUTE.replace("[[alert_route]]", "[[alert_route]]\nmode = \"auto\"");
    let scene = Scene::start_with(&format!("{BOT}{GATE}auto_approve = \"critical\"\n"), &auto);
    scene.tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).good();
    let message = eventually("the message", || {
        scene.slack.messages("C0OPS").into_iter().find(|message| text(message).contains("*Passed by itself*"))
    });
    assert_eq!(buttons(&message), Vec::<String>::new());
    eventually("it says that it ran", || {
        scene.slack.messages("C0OPS").into_iter().find(|message| text(message).contains("*Ran*"))
    });
    assert_eq!(scene.slack.messages("C0OPS").len(), 1);
    scene.slack.is_content();
}

#[test]
fn a_channel_that_is_not_there_is_named_by_its_key() {
    let scene = Scene::start(&format!("{}{GATE}", BOT.replace("C0OPS", "C0GONE")));
    let request = scene.asked("checkout");
    eventually("the error is in the log", || {
        let log = scene.tidegate.log();
        (log.contains("channel_not_found") && log.contains("channel in [slack]")).then_some(())
    });
    // Another config may be right, and is tried at once.
    scene.configure(&format!("{BOT}{GATE}"));
    scene.tidegate.hang_up();
    scene.slack.message("C0OPS", &request, "waits for your decision");
    scene.slack.is_content();
}

#[test]
fn what_slack_limits_waits_as_long_as_it_says() {
    let scene = Scene::start(&format!("{BOT}{GATE}"));
    let limited = json!({ "conduct": { "chat.postMessage": { "status": 429, "retry_after": 2 } } });
    scene.slack.control("set", &limited);
    let request = scene.asked("checkout");
    scene.tidegate.reaches("tidegate_notifications_total", r#"via="slack",result="failed""#, 1.0);
    scene.slack.control("set", &json!({ "conduct": {} }));
    scene.slack.message("C0OPS", &request, "waits for your decision");
    assert!(scene.tidegate.log().contains("takes no more chat.postMessage for 2 s"));
}

#[test]
fn a_request_that_reaches_nobody_is_an_alert() {
    let (slack, target) = (Slack::start(), Target::start());
    let prometheus = crate::support::fake_prometheus::FakePrometheus::start();
    let mut tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    for (name, secret) in slack.secrets() {
        tidegate.write_secret(&format!("slack-{name}"), &secret);
    }
    let config = format!(
        "{}{GATE}{}\n[alertmanager]\nurl = \"http://alertmanager\"\n",
        BOT.replace("SLACK", &slack.address().to_string()),
        super::ROUTE
    );
    let around = [
        ("prometheus", prometheus.address()),
        ("alertmanager", alertmanager.address()),
        ("slack", slack.address()),
        ("target", target.address()),
    ];
    tidegate.configure(&config, &around);
    tidegate.run();
    slack.control("set", &json!({ "conduct": { "*": { "status": 503 } } }));
    tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).good();
    let request = tidegate.pending();
    tidegate.reaches("tidegate_notifications_total", r#"via="slack",result="failed""#, 3.0);
    tidegate.reaches("tidegate_requests_undelivered", "", 1.0);
    let alert = eventually("the alert", || alertmanager.alerts("TidegateRequestUndelivered").pop());
    assert_eq!(alert["labels"]["request"], request["id"]);
    assert_eq!(alert["labels"]["service"], "checkout");
    assert_eq!(alert["labels"]["severity"], "critical");
    assert!(tidegate.log().contains("nobody could be told that the request waits"));

    slack.control("set", &json!({ "conduct": {} }));
    // Tried again at once.
    tidegate.hang_up();
    slack.message("C0OPS", &request, "waits for your decision");
    eventually("the alert is resolved", || alertmanager.alerts("TidegateRequestUndelivered").is_empty().then_some(()));
    assert_eq!(tidegate.incidents().len(), 1, "Alertmanager delivers that alert back here as well");
    slack.is_content();
}

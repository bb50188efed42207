//! What somebody else than Slack sends, and what Slack sends for somebody who must not decide.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{BOT, GATE, Scene, id, merge};
use crate::support::eventually;
use crate::support::free_address;
use crate::support::listener::{Listener, Reply};

fn scene() -> (Scene, Value) {
    let scene = Scene::start(&format!("{BOT}{GATE}"));
    let request = scene.asked("checkout");
    (scene, request)
}

/// An `/approve` by bob, made different.
fn approve(scene: &Scene, request: &Value, other: &Value) -> (u64, String) {
    let mut did = json!({ "what": "command", "user": "U0BOB", "command": "/approve", "text": id(request) });
    merge(&mut did, other);
    scene.slack.does(scene.tidegate.address(), &did)
}

fn is_untouched(scene: &Scene, request: &Value) {
    assert_eq!(scene.tidegate.request(request)["status"], "pending");
    assert!(scene.target.repairs().is_empty());
}

#[test]
fn what_slack_did_not_sign_does_nothing() {
    let (scene, request) = scene();
    for (other, says) in [
        (json!({ "secret": "another-apps-signing-secret-00000" }), "the signature does not match"),
        (json!({ "tamper": ["U0BOB", "U0DORA"] }), "the signature does not match"),
        (json!({ "late_by": -310 }), "more than five minutes"),
        (json!({ "late_by": 310 }), "more than five minutes"),
        (json!({ "without": ["X-Slack-Signature"] }), "not as Slack writes them"),
        (json!({ "without": ["X-Slack-Request-Timestamp"] }), "not as Slack writes them"),
    ] {
        let (code, body) = approve(&scene, &request, &other);
        assert!(code == 401 && body.contains(says), "{other}: {code} {body}");
        assert!(!body.contains("8f742231b10e8888"), "{body}");
    }
    // What looks at certificates has to be signed as well.
    for path in ["/slack/commands", "/slack/interactions"] {
        let answer = scene.tidegate.stranger().post_bytes(path, b"ssl_check=1&token=x");
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let huge = vec![b'a'; 300 << 10];
    assert_eq!(scene.tidegate.stranger().post_bytes("/slack/interactions", &huge).status, 413);
    is_untouched(&scene, &request);
    assert!(scene.tidegate.metric("tidegate_slack_requests_total", r#"result="bad_signature""#) >= 4.0);
    assert_eq!(scene.tidegate.metric("tidegate_slack_requests_total", r#"result="stale""#), 2.0);
    assert!(!scene.tidegate.log().contains("8f742231b10e8888"));
    scene.slack.is_content();
}

#[test]
fn only_known_people_of_our_own_workspace_decide() {
    let (scene, request) = scene();
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    assert_eq!(approve(&scene, &request, &json!({ "team": "T0002" })).0, 403);
    assert_eq!(scene.press("U0BOB", "approve", &message, &json!({ "team": "T0002" })).0, 403);
    // A guest from elsewhere, in a channel that is shared with them.
    assert_eq!(scene.press("U0BOB", "approve", &message, &json!({ "user_team": "T0002" })).0, 403);

    for user in ["U0NOBODY", "alice", "bob", "u0bob"] {
        assert_eq!(approve(&scene, &request, &json!({ "user": user, "name": user })).0, 200);
        let answer = scene.slack.answer(user);
        assert!(answer.contains("You are not known here") && answer.contains(&format!("`{user}`")), "{answer}");
        assert!(!answer.contains("checkout"), "nothing is said of what waits: {answer}");
    }
    scene.press("U0NOBODY", "deny", &message, &json!({ "name": "pressed" }));
    assert!(scene.slack.answer("pressed").contains("You are not known here"));
    assert_eq!(scene.slack.state()["views"], json!([]));
    assert_eq!(scene.tidegate.metric("tidegate_slack_requests_total", r#"result="unknown_user""#), 5.0);
    assert_eq!(scene.tidegate.metric("tidegate_slack_requests_total", r#"result="wrong_team""#), 3.0);
    is_untouched(&scene, &request);
    scene.slack.is_content();
}

#[test]
fn a_yes_is_to_what_was_shown_and_to_nothing_else() {
    let (scene, request) = scene();
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    for (name, value, says) in [
        ("digest", format!("{} {}", id(&request), "0".repeat(64)), "is not what was shown"),
        ("request", format!("r999-0000 {}", "0".repeat(64)), "There is no request"),
        ("nonsense", "approve".to_owned(), "not one of tidegate"),
    ] {
        scene.press("U0BOB", "approve", &message, &json!({ "name": name, "value": value }));
        let answer = scene.slack.answer(name);
        assert!(answer.contains(says), "{answer}");
    }
    is_untouched(&scene, &request);
    scene.slack.is_content();
}

#[test]
fn what_comes_once_more_has_no_effect() {
    let (scene, request) = scene();
    assert_eq!(approve(&scene, &request, &json!({ "name": "once" })), (200, String::new()));
    scene.slack.answer("once");
    let done = scene.tidegate.request_when(&request, "it is run", |r| r["execution"]["status"] == "finished");
    for _ in 0..3 {
        assert_eq!(scene.slack.replays(), (200, String::new()));
    }
    assert_eq!(scene.tidegate.metric("tidegate_slack_requests_total", r#"result="replayed""#), 3.0);
    assert_eq!(scene.target.repairs().len(), 1);
    assert_eq!(scene.tidegate.request(&request)["decided"], done["decided"]);
    // A pause that is heard once more would stop what somebody has let go on since.
    assert!(scene.command("U0BOB", "/pause", "").contains("paused"));
    scene.slack.control("again", &json!({}));
    let resumed = scene.command("U0DORA", "/resume", "");
    assert!(resumed.contains("go on"), "{resumed}");
    scene.slack.is_content();
}

#[test]
fn nobody_elses_host_is_called() {
    let (scene, request) = scene();
    let called = Arc::new(AtomicUsize::new(0));
    let counted = called.clone();
    let other = Listener::open(free_address(), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Reply::text(200, "ok")
    });
    let url = format!("http://{}/answer", other.address());
    assert_eq!(approve(&scene, &request, &json!({ "response_url": url })), (200, String::new()));
    // The decision counts all the same; only its answer is not given.
    scene.tidegate.request_when(&request, "it is approved", |r| r["status"] == "approved");
    scene.tidegate.reaches("tidegate_slack_answers_total", r#"result="failed""#, 1.0);
    assert_eq!(called.load(Ordering::SeqCst), 0);
    let log = scene.tidegate.log();
    assert!(log.contains("response_hosts") && !log.contains("/answer"), "{log}");
    scene.slack.is_content();
}

#[test]
fn without_a_secret_nothing_from_slack_is_answered() {
    let webhook = format!("\n[slack]\nwebhook_url_file = \"slack-webhook\"\n{GATE}");
    let scene = Scene::start(&webhook);
    let request = scene.asked("checkout");
    let message = eventually("the message", || scene.slack.messages("webhook").pop());
    assert_eq!(crate::support::slack::buttons(&message), Vec::<String>::new(), "they would do nothing");
    let (code, body) = approve(&scene, &request, &json!({}));
    assert!(code == 404 && body.contains("signing_secret"), "{code} {body}");
    is_untouched(&scene, &request);
}

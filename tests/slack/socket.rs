//! Socket Mode: the same by a WebSocket that the host opens.

use serde_json::{Value, json};

use super::{BOT, GATE, Scene, id, merge};
use crate::support::eventually;

fn config() -> String {
    format!("{}{GATE}", BOT.replace("signing_secret_file = \"slack-signing\"", "app_token_file = \"slack-app\""))
}

fn connected(scene: &Scene, times: usize) {
    eventually(&format!("connection {times} is open"), || {
        let open = scene.slack.state()["sockets"] == 1 && scene.slack.calls("apps.connections.open") == times;
        (open && scene.tidegate.metric("tidegate_slack_socket_connected", "") == 1.0).then_some(())
    });
}

fn does(scene: &Scene, did: Value) -> (u64, String) {
    let mut did = did;
    merge(&mut did, &json!({ "by": "socket" }));
    scene.slack.does(scene.tidegate.address(), &did)
}

#[test]
fn everything_goes_without_a_url_of_ours() {
    let scene = Scene::start(&config());
    connected(&scene, 1);
    let (first, second) = (scene.asked("checkout"), scene.asked("search"));
    let command =
        json!({ "what": "command", "user": "U0BOB", "command": "/approve", "text": id(&first), "name": "one" });
    assert_eq!(does(&scene, command), (200, String::new()));
    assert!(scene.slack.answer("one").contains("is approved"));

    let message = scene.slack.message("C0OPS", &second, "waits for your decision");
    let press = |action: &str| json!({ "what": "press", "user": "U0BOB", "action": action, "channel": message["channel"], "ts": message["ts"] });
    assert_eq!(does(&scene, press("deny")), (200, String::new()));
    eventually("the dialog opens", || scene.slack.state()["views"].as_array()?.last().cloned());
    let submit = |reason: &str| json!({ "what": "submit", "user": "U0BOB", "reason": reason });
    let (_, objection) = does(&scene, submit(" "));
    assert!(objection.contains("needs a reason"), "{objection}");
    assert_eq!(does(&scene, submit("not now")), (200, String::new()));
    assert_eq!(scene.tidegate.request(&second)["decided"]["reason"], "not now");

    // Nobody comes in by the other way, where there is no secret to check them by.
    let (code, _) =
        scene.slack.does(scene.tidegate.address(), &json!({ "what": "command", "user": "U0BOB", "command": "/pause" }));
    assert_eq!(code, 404);
    scene.slack.is_content();
}

#[test]
fn a_connection_that_ends_is_followed_by_another() {
    let scene = Scene::start(&config());
    connected(&scene, 1);
    // As Slack does every few hours.
    scene.slack.control("end_socket", &json!({ "reason": "refresh_requested" }));
    connected(&scene, 2);
    // Without a word.
    scene.slack.control("end_socket", &json!({}));
    connected(&scene, 3);
    let request = scene.asked("checkout");
    let command = json!({ "what": "command", "user": "U0BOB", "command": "/approve", "text": id(&request) });
    assert_eq!(does(&scene, command).0, 200);
    scene.tidegate.request_when(&request, "it is approved", |r| r["status"] == "approved");

    // Slack goes away and comes back.
    let Scene { slack, tidegate, target, prometheus } = scene;
    let scene = Scene { slack: slack.restart(), tidegate, target, prometheus };
    connected(&scene, 1);
    // Another config does not want it any more.
    scene.configure(&format!("{BOT}{GATE}"));
    scene.tidegate.hang_up();
    eventually("the connection is closed", || (scene.slack.state()["sockets"] == 0).then_some(()));
    eventually("and is said to be", || {
        (scene.tidegate.metric("tidegate_slack_socket_connected", "") == 0.0).then_some(())
    });
    scene.slack.is_content();
}

#[test]
fn what_comes_once_more_or_makes_no_sense_is_left_alone() {
    let scene = Scene::start(&config());
    connected(&scene, 1);
    let pause = |envelope: &str| json!({ "what": "command", "user": "U0BOB", "command": "/pause", "envelope": envelope, "name": envelope });
    does(&scene, pause("one"));
    assert!(scene.slack.answer("one").contains("are paused"));
    let resume = json!({ "what": "command", "user": "U0DORA", "command": "/resume", "name": "resumed" });
    does(&scene, resume);
    assert!(scene.slack.answer("resumed").contains("go on"));
    // Slack did not see that it was acknowledged.
    assert_eq!(does(&scene, pause("one")).0, 200);
    for text in ["", "nonsense", "[]", "{}", "{\"envelope_id\":7}", "{\"type\":\"interactive\",\"envelope_id\":\"x\"}"]
    {
        scene.slack.control("say_nonsense", &json!({ "text": text }));
    }
    let listed = json!({ "what": "command", "user": "U0VERA", "command": "/tidegate", "text": "list", "name": "list" });
    does(&scene, listed);
    assert_eq!(scene.slack.answer("list"), "Nothing waits for a decision.", "and repairs are not paused");
    assert_eq!(does(&scene, json!({ "what": "command", "team": "T0002", "command": "/pause" })).0, 200);
    assert_eq!(scene.tidegate.metric("tidegate_slack_requests_total", r#"result="refused""#), 2.0);
    assert_eq!(scene.slack.calls("apps.connections.open"), 1);
    scene.slack.is_content();
}

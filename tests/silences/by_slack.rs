//! From Slack: by a command, and by the button of a request.

use serde_json::{Value, json};

use super::House;
use crate::support::eventually;
use crate::support::slack::{buttons, text};

impl House {
    /// Somebody writes a slash command; returned is what they are answered.
    fn command(&self, user: &str, text: &str) -> String {
        let name = format!("{user}-{}", self.slack.state()["answers"].as_array().map_or(0, Vec::len));
        let did = json!({ "what": "command", "user": user, "command": "/tidegate", "text": text, "name": name });
        assert_eq!(self.slack.does(self.tidegate.address(), &did), (200, String::new()));
        self.slack.answer(&name)
    }

    /// Somebody presses the button that silences.
    fn press(&self, user: &str, message: &Value, name: &str) {
        let did = json!({
            "what": "press", "user": user, "action": "silence", "channel": message["channel"], "ts": message["ts"],
            "name": name,
        });
        assert_eq!(self.slack.does(self.tidegate.address(), &did), (200, String::new()));
    }
}

#[test]
fn by_a_command() {
    let house = House::start();
    let request = house.asked("checkout");
    let id = request["id"].as_str().expect("an id");
    house.slack.message("C0OPS", &request, "waits for your decision");
    for (user, text, says) in [
        ("U0VERA", "silence i1 2h x", "is not an approver"),
        ("U0STRANGER", "silence i1 2h x", "You are not known here"),
        ("U0STRANGER", "unsilence i1", "You are not known here"),
        ("U0VERA", "unsilence i1", "is not an approver"),
        ("U0BOB", "silence i1", "Name the incident"),
        ("U0BOB", "silence i1 2h", "needs a comment"),
        ("U0BOB", "silence i1 whenever x", "from 1m to 30d"),
        ("U0BOB", "silence i9 2h x", "no incident i9"),
        ("U0BOB", "unsilence i1", "No silence stands"),
    ] {
        let answer = house.command(user, text);
        assert!(answer.contains(says), "{user} {text}: {answer}");
    }
    assert_eq!(house.alertmanager.silences(), Vec::<Value>::new());

    // By the name that stands in the message: that of the request.
    let answer = house.command("U0BOB", &format!("silence `{id}` 2h a deploy <!channel>"));
    assert!(answer.contains("Incident `i1` is silenced until <!date^"), "{answer}");
    assert!(answer.contains(r#"{alertname="QueueTooLong", service="checkout"}"#), "{answer}");
    let silence = house.silenced_by_bob(&request, "slack");
    assert_eq!(silence["comment"], "a deploy <!channel> (by tidegate, incident i1)");
    let message = house.slack.message("C0OPS", &request, "incident i1 was silenced until");
    assert!(text(&message).contains("by bob (slack)") && text(&message).contains("/tidegate unsilence i1"));
    assert_eq!(buttons(&message), Vec::<String>::new());

    let listed = house.command("U0VERA", "list");
    assert!(listed.contains("incident `i1`") && listed.contains("by bob"), "{listed}");

    assert!(house.command("U0BOB", "unsilence i1").contains("was ended"));
    house.ended(&silence);
    house.is_asked_anew(&request);
    house.slack.is_content();
}

#[test]
fn by_a_button() {
    let house = House::start();
    let request = house.asked("checkout");
    let message = house.slack.message("C0OPS", &request, "waits for your decision");
    assert_eq!(buttons(&message), ["approve", "deny", "silence"]);
    house.press("U0VERA", &message, "vera");
    assert!(house.slack.answer("vera").contains("is not an approver"));
    house.press("U0STRANGER", &message, "stranger");
    assert!(house.slack.answer("stranger").contains("You are not known here"));
    assert_eq!(house.slack.state()["views"], json!([]), "neither is asked anything");

    house.press("U0BOB", &message, "bob");
    let view = eventually("the dialog opens", || house.slack.state()["views"].as_array()?.last().cloned());
    assert_eq!((&view["callback_id"], &view["title"]["text"]), (&json!("silence"), &json!("Silence i1")));
    let submit = |user: &str, length: Value, comment: &str| {
        let did = json!({ "what": "submit", "user": user, "reason": comment, "chosen": { "length": length } });
        house.slack.does(house.tidegate.address(), &did)
    };
    for (user, length, comment, says) in [
        ("U0BOB", json!("2h"), " ", "needs a comment"),
        ("U0BOB", json!("999d"), "x", "from 1m to 30d"),
        ("U0BOB", Value::Null, "x", "from 1m to 30d"),
        ("U0VERA", json!("2h"), "x", "is not an approver"),
        ("U0STRANGER", json!("2h"), "x", "You are not known here"),
    ] {
        let (code, body) = submit(user, length, comment);
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((code, &body["response_action"]), (200, &json!("errors")), "{body}");
        assert!(body["errors"]["reason"].as_str().is_some_and(|why| why.contains(says)), "{user}: {body}");
    }
    assert_eq!(house.alertmanager.silences(), Vec::<Value>::new());

    assert_eq!(submit("U0BOB", json!("4h"), "the sale"), (200, String::new()));
    let silence = house.silenced_by_bob(&request, "slack");
    assert!(house.slack.answer("bob").contains("Incident `i1` is silenced until"), "and bob is told what it matches");
    assert_eq!(silence["comment"], "the sale (by tidegate, incident i1)");
    house.slack.message("C0OPS", &request, "was silenced until");
    house.slack.is_content();
}

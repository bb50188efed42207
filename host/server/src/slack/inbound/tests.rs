use serde_json::json;

use super::*;

/// As they were captured; signed by Slack's own library.
fn captured(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/slack/testdata");
    std::fs::read(format!("{folder}/{name}.body")).unwrap()
}

fn steve() -> From {
    From { user: "U2147483697".to_owned(), teams: vec!["T0001".to_owned()], enterprise: None }
}

#[test]
fn commands_are_read_as_slack_sends_them() {
    for (name, command, text) in [
        ("slash-approve", "/approve", "ACT-42 looks right"),
        ("slash-approve-empty", "/approve", ""),
        ("slash-deny", "/deny", "ACT-42"),
    ] {
        let expected = Inbound::Command {
            from: steve(),
            name: command.to_owned(),
            text: text.to_owned(),
            response_url: "https://hooks.slack.com/commands/T0001/1234/5678".to_owned(),
        };
        assert_eq!(super::command(&captured(name)).unwrap(), expected);
    }
    assert_eq!(super::command(&captured("slash-ssl-check")).unwrap(), Inbound::Nothing);
    assert_eq!(interaction(&captured("slash-ssl-check")).unwrap(), Inbound::Nothing);
}

#[test]
fn presses_are_read_as_slack_sends_them() {
    for action in ["approve", "deny"] {
        let expected = Inbound::Pressed {
            from: From { teams: vec!["T0001".to_owned(); 2], ..steve() },
            action: action.to_owned(),
            value: "ACT-42".to_owned(),
            trigger: "13345224609.738474920.8088930838d88f008e0".to_owned(),
            response_url: "https://hooks.slack.com/actions/T0001/1234/5678".to_owned(),
        };
        assert_eq!(interaction(&captured(&format!("block-actions-{action}"))).unwrap(), expected);
    }
}

#[test]
fn a_dialog_brings_back_what_it_was_given_and_the_reason() {
    let payload = json!({
        "type": "view_submission",
        "team": { "id": "T1", "domain": "d" },
        "user": { "id": "U1", "name": "n", "team_id": "T1" },
        "view": {
            "callback_id": "deny",
            "private_metadata": "m",
            "state": { "values": {
                "reason": { "reason": { "type": "plain_text_input", "value": "not now" } },
                "length": { "length": { "type": "static_select", "selected_option": { "value": "2h" } } },
            } },
        },
        "response_urls": [],
    });
    let expected = Inbound::Submitted {
        from: From { user: "U1".to_owned(), teams: vec!["T1".to_owned(); 2], enterprise: None },
        callback: "deny".to_owned(),
        metadata: "m".to_owned(),
        reason: "not now".to_owned(),
        length: Some("2h".to_owned()),
    };
    assert_eq!(of_payload(payload.clone()).unwrap(), expected);
    for nothing in [json!({}), json!({ "length": { "length": { "selected_option": null } } }), json!([7])] {
        let mut without = payload.clone();
        without["view"]["state"]["values"] = nothing;
        let read = of_payload(without).unwrap();
        assert!(matches!(&read, Inbound::Submitted { length: None, reason, .. } if reason.is_empty()), "{read:?}");
    }
    let mut closed = payload;
    closed["type"] = "view_closed".into();
    assert_eq!(of_payload(closed).unwrap(), Inbound::Nothing);
}

#[test]
fn links_are_nobodys_decision() {
    let payload = json!({ "type": "block_actions", "user": { "id": "U1" }, "actions": [{ "action_id": "x" }] });
    assert_eq!(of_payload(payload).unwrap(), Inbound::Nothing);
}

#[test]
fn what_slack_never_sends_is_not_read() {
    for body in [
        &b""[..],
        b"payload",
        b"payload=",
        b"payload=%7B",
        b"payload=%5B%5D",
        b"payload={\"type\":\"block_actions\"}",
        b"payload={\"type\":\"block_actions\",\"user\":\"U1\"}",
        b"\xff\xfe",
    ] {
        assert!(interaction(body).is_err(), "{body:?}");
    }
    for body in [&b""[..], b"command=/approve", b"command=/approve&user_id=U1", b"user_id=U1&team_id=T1&command="] {
        assert!(super::command(body).is_err(), "{body:?}");
    }
}

#[test]
fn every_workspace_that_is_named_must_be_ours() {
    let from = |teams: &[&str], enterprise: Option<&str>| From {
        user: "U1".to_owned(),
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
        enterprise: enterprise.map(str::to_owned),
    };
    for (teams, enterprise, ours, good) in [
        (&["T1"][..], None, "T1", true),
        (&["T1", "T1"], None, "T1", true),
        (&["T2"], None, "T1", false),
        // A guest of a shared channel, and a channel shared by somebody else.
        (&["T1", "T2"], None, "T1", false),
        (&["T2", "T1"], None, "T1", false),
        (&[], None, "T1", false),
        (&[], Some("E1"), "T1", false),
        (&["T1"], Some("E1"), "T1", true),
        // An app that is installed for a whole organisation.
        (&["T1", "T2"], Some("E1"), "E1", true),
        (&[], Some("E1"), "E1", true),
        (&["T1"], Some("E2"), "E1", false),
        (&["E1"], None, "E1", false),
    ] {
        assert_eq!(from(teams, enterprise).is_of(ours), good, "{teams:?} {enterprise:?} {ours}");
    }
}

//! By HTTP, by the command line, and on the page.

use serde_json::{Value, json};

use super::{BOB, House, VERA, said};
use crate::support::browser::{Browser, ENTER, Kind};

#[test]
fn by_http() {
    let house = House::start();
    let request = house.asked("checkout");
    let made = house.bob().post("/api/v1/incidents/i1/silence", &json!({ "for": "2h", "comment": "a\ndeploy" })).good();
    let silence = house.silenced_by_bob(&request, "http");
    assert_eq!(silence["comment"], "a deploy (by tidegate, incident i1)");
    assert_eq!((&made["silences"], &made["missed"]), (&json!([silence["id"]]), &json!([])));
    assert_eq!(made["matchers"], json!([r#"alertname="QueueTooLong""#, r#"service="checkout""#]));
    let time = |text: &Value| text.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    assert_eq!(time(&silence["endsAt"]).as_millisecond(), time(&made["until"]).as_millisecond());
    assert!(house.tidegate.told(&house.tidegate.opened("alerts"), "silence_made").contains("by bob (http from 127"));
    let yes = house.tidegate.approve(&request);
    assert_eq!((yes.status, yes.json()["status"].as_str()), (409, Some("withdrawn")), "{yes:?}");

    let ended = house.bob().post("/api/v1/incidents/i1/unsilence", &json!({})).good();
    assert_eq!(ended, json!({ "incident": "i1", "silences": made["silences"], "missed": [] }));
    house.ended(&silence);
    house.is_asked_anew(&request);
    let again = house.bob().post("/api/v1/incidents/i1/unsilence", &json!({}));
    assert_eq!(again.status, 409, "it has been ended: {again:?}");
}

#[test]
fn by_the_command_line() {
    let house = House::start();
    let request = house.asked("checkout");
    let token = house.tidegate.file("bob").display().to_string();
    let bob = |arguments: &[&str]| said(&house.tidegate.cli(&[arguments, &["--token-file", &token]].concat()));
    let (code, text) = bob(&["incident", "silence", "i1", "--for", "90m", "--comment", "a deploy"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(r#"{alertname="QueueTooLong", service="checkout"}"#), "{text}");
    assert!(text.contains("silenced i1 until 20") && text.contains("unsilence i1"), "{text}");
    let silence = house.silenced_by_bob(&request, "cli");
    let (_, listed) = bob(&["incident", "list"]);
    assert!(listed.contains("open, held back"), "{listed}");
    let (_, shown) = bob(&["incident", "show", "i1"]);
    assert!(shown.contains("held back:  by silence ") && shown.contains(" by bob (cli): silence "), "{shown}");

    let (code, text) = bob(&["incident", "unsilence", "i1"]);
    assert!(code == Some(0) && text.contains("is silenced no more"), "{text}");
    house.ended(&silence);
    house.is_asked_anew(&request);

    for (arguments, code, says) in [
        (&["incident", "silence", "i1", "--for", "soon", "--comment", "x"][..], 3, "from 1m to 30d"),
        (&["incident", "silence", "i1", "--for", "1h", "--comment", " "], 2, "--comment is empty"),
        (&["incident", "silence", "i9", "--for", "1h", "--comment", "x"], 3, "no incident i9"),
        (&["incident", "unsilence", "i1"], 3, "no silence stands"),
    ] {
        let (ended, text) = bob(arguments);
        assert!(ended == Some(code) && text.contains(says), "{arguments:?}: {ended:?} {text}");
    }
}

#[test]
fn on_the_page_with_and_without_a_script() {
    for without_script in [false, true] {
        let house = House::start();
        let request = house.asked("checkout");
        let browser = Browser::start_as(Kind { without_script, ..Kind::default() });
        let url = |path: &str| format!("http://{}{path}", house.tidegate.address());
        browser.go(&url("/"));
        browser.write("#token", &format!("{BOB}{ENTER}"));
        let form = format!("#silence-{}", request["id"].as_str().expect("an id"));
        browser.wait_for(&form, "Silence");
        browser.click(&format!("{form} summary"));
        browser.write(&format!("{form} select"), "4 hours");
        browser.write(&format!("{form} textarea"), "a deploy <b>is</b> going on");
        browser.click(&format!("{form} button"));
        browser.wait_for("#flash", "Incident i1 is silenced until 20");
        let silence = house.silenced_by_bob(&request, "page");
        assert_eq!(silence["comment"], "a deploy <b>is</b> going on (by tidegate, incident i1)");
        browser.go(&url("/"));
        browser.wait_for("#row-i1", "silenced");
        browser.go(&url("/incidents/i1"));
        browser.wait_for("#silence .held", "by bob (page from 127.0.0.1");
        browser.wait_for("#requests", "the incident was silenced until");
        browser.wait_for("#timeline", "a deploy <b>is</b> going on");

        browser.click("form.inline button");
        browser.wait_for("#flash", "The silence of incident i1 was ended");
        house.ended(&silence);
        house.is_asked_anew(&request);
        browser.go(&url("/incidents/i1"));
        assert!(!browser.is_there("#silence .held"));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn who_may_only_look_is_offered_no_silence() {
    let house = House::start();
    house.asked("checkout");
    let browser = Browser::start();
    browser.go(&format!("http://{}/incidents/i1", house.tidegate.address()));
    browser.write("#token", &format!("{VERA}{ENTER}"));
    browser.wait_for("h1", "Incident i1");
    assert!(!browser.is_there("details.hush"));
    // By hand, with her own session: what the page does not offer is refused.
    let asked = "const form = document.querySelector('form.me'); form.action = '/incidents/i1/silence'; \
                 for (const [name, value] of [['for', '1h'], ['comment', 'x']]) { \
                 const field = document.createElement('input'); field.name = name; field.value = value; form.append(field); } \
                 form.submit()";
    browser.run(asked);
    browser.wait_for("#flash", "is not an approver");
    assert_eq!(house.alertmanager.silences(), Vec::<Value>::new());
}

//! Buttons, dialogs and commands.

use serde_json::{Value, json};

use super::{BOT, GATE, Scene, id};
use crate::support::eventually;
use crate::support::slack::{buttons, text};

fn bot(gate: &str) -> String {
    format!("{BOT}{GATE}{gate}")
}

fn status(scene: &Scene, request: &Value) -> String {
    scene.tidegate.request(request)["status"].as_str().expect("a status").to_owned()
}

#[test]
fn a_button_is_a_yes() {
    let scene = Scene::start(&bot(""));
    let request = scene.asked("checkout");
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    assert_eq!(buttons(&message), ["approve", "deny"]);

    assert_eq!(scene.press("U0BOB", "approve", &message, &json!({ "name": "first" })), (200, String::new()));
    assert!(scene.slack.answer("first").contains("is approved"));
    let decided = scene.tidegate.request_when(&request, "it is run", |r| r["execution"]["status"] == "finished");
    assert_eq!(decided["decided"]["by"], "bob");
    assert_eq!(decided["decided"]["surface"], "slack");
    assert_eq!(scene.target.repairs().len(), 1);
    let message = scene.slack.message("C0OPS", &request, "*Yes* of bob (slack)");
    assert_eq!(buttons(&message), Vec::<String>::new());

    // From an older version of the message, as somebody has it whose Slack was asleep.
    let late = json!({ "name": "second", "version": 0 });
    assert_eq!(scene.press("U0CAROL", "approve", &message, &late), (200, String::new()));
    let answer = scene.slack.answer("second");
    assert!(answer.contains("already approved, by bob") && answer.contains("Nothing was changed"), "{answer}");
    assert_eq!(scene.target.repairs().len(), 1);
    scene.slack.is_content();
}

#[test]
fn a_no_asks_why() {
    let scene = Scene::start(&bot(""));
    let request = scene.asked("checkout");
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    assert_eq!(scene.press("U0BOB", "deny", &message, &json!({})), (200, String::new()));
    let view = eventually("the dialog opens", || scene.slack.state()["views"].as_array()?.last().cloned());
    assert_eq!(view["callback_id"], "deny");

    let submit = |reason: &str| json!({ "what": "submit", "user": "U0BOB", "reason": reason });
    let (code, body) = scene.slack.does(scene.tidegate.address(), &submit(" "));
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((code, &body["response_action"]), (200, &json!("errors")));
    assert!(body["errors"]["reason"].as_str().is_some_and(|why| why.contains("needs a reason")), "{body}");
    assert_eq!(status(&scene, &request), "pending");

    assert_eq!(scene.slack.does(scene.tidegate.address(), &submit("not during the sale")), (200, String::new()));
    assert_eq!(scene.tidegate.request(&request)["decided"]["reason"], "not during the sale");
    let message = scene.slack.message("C0OPS", &request, "*No* of bob (slack)");
    assert!(text(&message).contains("not during the sale"));
    assert_eq!(buttons(&message), Vec::<String>::new());
    assert!(scene.target.repairs().is_empty());
    scene.slack.is_content();
}

#[test]
fn a_yes_asks_why_where_it_must_be_explained() {
    let scene = Scene::start(&bot("require_reason = true\n"));
    let request = scene.asked("checkout");
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    scene.press("U0BOB", "approve", &message, &json!({}));
    let view = eventually("the dialog opens", || scene.slack.state()["views"].as_array()?.last().cloned());
    assert_eq!(view["callback_id"], "approve");
    assert_eq!(status(&scene, &request), "pending");
    assert!(scene.command("U0CAROL", "/approve", id(&request)).contains("with a reason only"));
    let submit = json!({ "what": "submit", "user": "U0BOB", "reason": "seen it before" });
    assert_eq!(scene.slack.does(scene.tidegate.address(), &submit), (200, String::new()));
    assert_eq!(status(&scene, &request), "approved");
    scene.slack.message("C0OPS", &request, "seen it before");
    scene.slack.is_content();
}

#[test]
fn commands_do_what_buttons_do() {
    let scene = Scene::start(&bot(""));
    assert_eq!(scene.command("U0VERA", "/tidegate", "list"), "Nothing waits for a decision.");
    let (first, second) = (scene.asked("checkout"), scene.asked("search"));
    let listed = scene.command("U0VERA", "/tidegate", "list");
    assert!(listed.contains(id(&first)) && listed.contains(id(&second)), "{listed}");
    assert!(scene.command("U0VERA", "/approve", id(&first)).contains("is not an approver"));
    assert!(scene.command("U0BOB", "/approve", "").contains("Name the request"));
    assert!(scene.command("U0BOB", "/approve", "r999-0000").contains("There is no request"));
    assert!(scene.command("U0BOB", "/deny", id(&first)).contains("needs a reason"));
    assert!(scene.command("U0BOB", "/deny", &format!("{} not now", id(&first))).contains("is denied"));
    assert_eq!(scene.tidegate.request(&first)["decided"]["reason"], "not now");
    let again = scene.command("U0CAROL", "/approve", id(&first));
    assert!(again.contains("already denied, by bob: not now"), "{again}");

    assert!(scene.command("U0BOB", "/pause", "").contains("paused"));
    assert!(scene.command("U0CAROL", "/tidegate", "pause").contains("paused already, by \"bob\""));
    assert!(scene.command("U0BOB", "/resume", "").contains("is not an admin"));
    assert!(scene.command("U0DORA", "/resume", "").contains("go on"));
    let yes = scene.command("U0BOB", "/tidegate", &format!("approve `{}` looks right", id(&second)));
    assert!(yes.contains("is approved"), "{yes}");
    let decided = scene.tidegate.request_when(&second, "it is run", |r| r["execution"]["status"] == "finished");
    assert_eq!(decided["decided"]["by"], "bob");
    scene.slack.is_content();
}

#[test]
fn two_people_are_two_yeses_and_one_is_one() {
    let scene = Scene::start(&bot("quorum = 2\n"));
    let request = scene.asked("checkout");
    let message = scene.slack.message("C0OPS", &request, "waits for your decision");
    scene.press("U0BOB", "approve", &message, &json!({ "name": "bob" }));
    assert!(scene.slack.answer("bob").contains("Still needed: 1 more"));
    let message = scene.slack.message("C0OPS", &request, "has 1 of 2 yeses");
    assert_eq!(buttons(&message), ["approve", "deny"]);
    scene.press("U0BOB", "approve", &message, &json!({ "name": "again" }));
    assert!(scene.slack.answer("again").contains("has already said yes"));
    assert_eq!(status(&scene, &request), "pending");
    scene.press("U0CAROL", "approve", &message, &json!({ "name": "carol" }));
    assert!(scene.slack.answer("carol").contains("is approved"));
    let text = text(&scene.slack.message("C0OPS", &request, "*Yes* of carol (slack)"));
    assert!(text.contains("*Yes* of bob (slack)"), "{text}");
    scene.slack.is_content();
}

#[test]
fn a_user_group_says_who_decides() {
    let group = "\n[[group]]\nname = \"oncall\"\nslack_usergroup = \"S0CALL\"\nslack_channel = \"C0PAY\"\n";
    let config = format!("{}{group}", bot("approvers = [\"oncall\"]\n"));
    let scene = Scene::start(&config);
    scene.slack.control("set", &json!({ "usergroups": { "S0CALL": ["U0BOB", "U0STRANGER"] } }));
    // Read anew.
    scene.tidegate.hang_up();
    scene.tidegate.reaches("tidegate_journal_events_total", r#"kind="roster_changed""#, 1.0);
    let request = scene.asked("checkout");
    let (main, theirs) = (
        scene.slack.message("C0OPS", &request, "*Asked:* oncall"),
        scene.slack.message("C0PAY", &request, "waits for your decision"),
    );
    scene.press("U0CAROL", "approve", &main, &json!({ "name": "carol" }));
    let refused = scene.slack.answer("carol");
    assert!(refused.contains("is not among those who decide") && refused.contains("ask bob"), "{refused}");

    // The rotation goes on; then Slack cannot be asked, and who was read last stays.
    scene.slack.control("set", &json!({ "usergroups": { "S0CALL": ["U0CAROL"] } }));
    scene.tidegate.hang_up();
    scene.tidegate.reaches("tidegate_journal_events_total", r#"kind="roster_changed""#, 2.0);
    let broken = json!({ "conduct": { "usergroups.users.list": { "error": "missing_scope" } } });
    scene.slack.control("set", &broken);
    scene.tidegate.hang_up();
    eventually("the log says what to do", || {
        let log = scene.tidegate.log();
        (log.contains("missing_scope") && log.contains("add the scope")).then_some(())
    });
    scene.press("U0BOB", "approve", &theirs, &json!({ "name": "bob" }));
    assert!(scene.slack.answer("bob").contains("is not among those who decide"));
    scene.press("U0CAROL", "approve", &theirs, &json!({ "name": "carol-again" }));
    assert!(scene.slack.answer("carol-again").contains("is approved"));
    // Both messages know.
    for channel in ["C0OPS", "C0PAY"] {
        assert_eq!(buttons(&scene.slack.message(channel, &request, "*Yes* of carol")), Vec::<String>::new());
    }
    scene.slack.is_content();
}

//! Policies that misbehave on purpose, and answers to those that ask.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_workbench::test::{Purity, Status};

use crate::found::{PATIENT, check, check_case, of, test_case};

fn case(mode: &str, expect: &Value) -> Value {
    json!({ "what": "It restarts.", "settings": { "mode": mode }, "actions": ["restart"], "expect": expect })
}

#[test]
fn every_way_to_misbehave_gets_its_verdict() {
    use Status::{Error, Fail, Pass};
    let proposes = json!({ "propose": { "action": "restart", "arguments": {}, "summary": "Run restart" } });
    for (mode, expected) in [
        ("none", &[("cases/x", Pass, ""), ("contract/plans", Pass, ""), ("contract/no-actions", Pass, "")][..]),
        ("panic", &[("cases/x", Error, "hostile on purpose"), ("contract/empty-incident", Fail, "trapped")]),
        (
            "other-action",
            &[("cases/x", Fail, "rm-rf"), ("contract/plans", Fail, "rm-rf"), ("contract/attempts", Pass, "")],
        ),
        ("broken-arguments", &[("cases/x", Fail, "not JSON"), ("contract/plans", Fail, "not JSON")]),
        ("list-arguments", &[("cases/x", Fail, "no object"), ("contract/plans", Fail, "no object")]),
        ("foreign-arguments", &[("cases/x", Fail, "\"target\":\"everything\""), ("contract/plans", Pass, "")]),
        ("giant-plan", &[("cases/x", Fail, "more data")]),
        ("giant-reason", &[("cases/x", Fail, "more data")]),
        ("internal-error", &[("cases/x", Fail, "refused on purpose"), ("contract/huge-incident", Pass, "")]),
    ] {
        check_case("hostile-policy", &case(mode, &proposes), expected);
    }
}

#[test]
fn bad_plans_are_not_taken_for_impurity() {
    for mode in ["none", "other-action", "internal-error"] {
        let case = case(mode, &json!({ "propose": {} }));
        let report = test_case("hostile-policy", &case, PATIENT, Some("deterministic"));
        assert_eq!(report.purity, Purity::Pure, "{mode}");
    }
}

#[test]
fn a_policy_that_hangs_is_not_waited_for_check_after_check() {
    let report =
        test_case("hostile-policy", &case("loop", &json!({ "propose": {} })), Duration::from_millis(200), None);
    check(&report, "cases/x", Status::Error, "no answer in time");
    check(&report, "contract/huge-incident", Status::Skip, "did not end in time");
}

#[test]
fn a_difference_shows_both_sides() {
    let expect = json!({ "propose": { "action": "page", "arguments": { "who": "me" }, "rationale": "traffic" } });
    let ask = |mode, expect: Value| test_case("hostile-policy", &case(mode, &expect), PATIENT, Some("cases/"));
    let report = ask("none", expect);
    let difference = "action:\n  expected page\n  got      restart\n\
                      arguments:\n  expected {\"who\":\"me\"}\n  got      {}\n\
                      rationale:\n  expected a text with `traffic`\n  got      Because a test says so.";
    assert_eq!(of(&report, "cases/x").why, difference);
    let report = ask("none", json!({ "leave": "quiet" }));
    check(
        &report,
        "cases/x",
        Status::Fail,
        "expected leave, with `quiet` in the reason\ngot     propose restart with {}",
    );
    let report = ask("rude-plan", json!({ "leave": "" }));
    let why = &of(&report, "cases/x").why;
    assert!(!why.contains(['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}']), "{why:?}");
}

#[test]
fn questions_are_answered_by_the_case_alone() {
    for (metrics, expect, status, part) in [
        (json!({ "up": [1, { "labels": { "job": "a" }, "value": "NaN" }] }), "heard of 2 series", Status::Pass, ""),
        (json!({ "up": [] }), "heard of 0 series", Status::Pass, ""),
        (json!({ "up": { "error": "too busy" } }), "was refused: too busy", Status::Pass, ""),
        (json!({ "up": [] }), "heard of 1 series", Status::Fail, "leave: heard of 0 series"),
        // Even where the answer is the expected one: whoever writes a case should know what the policy asks.
        (json!({}), "was refused", Status::Fail, "write one under `metrics`, be it {\"error\": \"...\"}:\nup"),
    ] {
        let case = json!({
            "what": "It asks.", "settings": { "expr": "up" }, "metrics": metrics, "expect": { "leave": expect },
        });
        check_case("nosy-policy", &case, &[("cases/x", status, part)]);
    }
}

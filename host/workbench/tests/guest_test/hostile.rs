//! A detector that misbehaves on purpose, mode by mode: which test tells, and what it says.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_workbench::test::{Purity, Status};

use crate::found::{PATIENT, check, check_case, exit_code, of, test_case};

fn case(mode: &str) -> Value {
    json!({
        "what": "Ten samples are normal.", "settings": { "mode": mode }, "step_ms": 60_000,
        "values": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "expect": { "normal": [[0, 9]] },
    })
}

#[test]
fn every_way_to_misbehave_gets_its_verdict() {
    use Status::{Error, Fail, Pass};
    for (mode, expected) in [
        // Even when it behaves, it has no checksum, judges NaN, and scores 0 whatever the value.
        (
            "none",
            &[("cases/x", Pass, ""), ("contract/pure", Pass, ""), ("contract/missing-values", Fail, "expected NaN")][..],
        ),
        ("none", &[("contract/bands", Fail, "outside of the band from 0 to 2, and scores 0")]),
        ("none", &[("contract/damaged-state", Status::Warn, "checksum"), ("contract/foreign-state", Pass, "")]),
        (
            "panic",
            &[("cases/x", Error, "hostile on purpose, after 0 samples"), ("contract/one-sample", Fail, "trapped")],
        ),
        ("recurse", &[("cases/x", Error, "trapped"), ("contract/columns", Fail, "no answer")]),
        ("allocate", &[("cases/x", Error, "memory")]),
        ("short-columns", &[("cases/x", Fail, "9 scores for 10 samples"), ("contract/columns", Fail, "scores for")]),
        ("uneven-columns", &[("cases/x", Fail, "0 upper for 10 samples"), ("contract/columns", Fail, "upper for")]),
        ("negative-score", &[("cases/x", Fail, "below 0"), ("contract/columns", Fail, "below 0")]),
        ("nan-band", &[("cases/x", Fail, "from NaN to NaN")]),
        ("inverted-band", &[("cases/x", Fail, "from 2 to 0")]),
        ("infinite-score", &[("cases/x", Fail, "10 samples are not as expected"), ("contract/bands", Fail, "inside")]),
        ("giant-state", &[("cases/x", Fail, "more data")]),
        (
            "unreadable-state",
            &[("cases/x", Fail, "refused on purpose"), ("contract/resumes", Fail, "refused on purpose")],
        ),
        ("insufficient-data", &[("cases/x", Fail, "never enough"), ("contract/one-sample", Fail, "never enough")]),
        ("internal-error", &[("cases/x", Fail, "breaks the contract")]),
        ("greedy-needs", &[("cases/x", Fail, "history"), ("contract", Error, "nor with the settings of the case x")]),
        ("panic-in-open", &[("cases/x", Error, "in open"), ("contract", Error, "in open")]),
        ("forget-state", &[("cases/x", Pass, ""), ("contract/pure", Pass, ""), ("contract/resumes", Pass, "")]),
        ("log-flood", &[("cases/x", Pass, "")]),
    ] {
        check_case("hostile", &case(mode), expected);
    }
}

#[test]
fn a_guest_that_remembers_outside_of_its_state_is_named_impure() {
    let purity = |mode: &str| test_case("hostile", &case(mode), PATIENT, Some("contract/(pure|deterministic)")).purity;
    let report = test_case("hostile", &case("impure"), PATIENT, Some("contract/(pure|deterministic)"));
    check(&report, "contract/deterministic", Status::Fail, "other verdicts when it was repeated");
    check(&report, "contract/pure", Status::Fail, "than alone");
    assert!(matches!(&report.purity, Purity::Impure(why) if why.contains("repeated")), "{:?}", report.purity);
    assert_eq!(purity("none"), Purity::Pure);
    assert_eq!(purity("panic-in-open"), Purity::Untold);
}

#[test]
fn a_guest_that_hangs_is_not_waited_for_check_after_check() {
    let report = test_case("hostile", &case("loop"), Duration::from_millis(200), None);
    check(&report, "cases/x", Status::Error, "no answer in time");
    check(&report, "contract/deterministic", Status::Fail, "no answer in time");
    check(&report, "contract/foreign-state", Status::Skip, "did not end in time");
    let waited = report.tests.iter().filter(|test| test.why.contains("no answer in time")).count();
    assert_eq!(waited, 3, "the case, and the checks until patience ended");
    assert_eq!(exit_code(&report), 2);
}

#[test]
fn nothing_that_a_guest_says_steers_a_terminal() {
    let mut case = case("rude-note");
    case["expect"]["note"] = json!("polite");
    let report = test_case("hostile", &case, PATIENT, Some("cases/"));
    let why = &of(&report, "cases/x").why;
    assert!(why.contains("<script>"), "{why}");
    assert!(!why.contains(['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}']), "{why:?}");
}

#[test]
fn errors_can_be_what_is_expected() {
    for (mode, part, status) in [
        ("insufficient-data", "never enough", Status::Pass),
        ("insufficient-data", "far too little", Status::Fail),
        ("none", "never enough", Status::Fail),
        ("panic", "never enough", Status::Error),
    ] {
        let mut case = case(mode);
        case["expect"] = json!({ "fails": part });
        check_case("hostile", &case, &[("cases/x", status, "")]);
    }
}

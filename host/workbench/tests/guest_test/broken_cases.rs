//! Case files that cannot be used: which file, line and key is at fault, and what was meant.

use tidegate_workbench::test::Status;

use crate::found::{PATIENT, check, exit_code, folder, of, test};

/// The error of one case file of a guest, without the folder.
fn error_of(guest: &str, text: &str) -> String {
    let cases = folder(&[("x.json", text), ("s.csv", "timestamp,value\n0,1\n60,much\n")]);
    let report = test(guest, Some(cases.path()), PATIENT, Some("cases/"));
    assert_eq!(of(&report, "cases/x").status, Status::Error, "{text}");
    assert_eq!(exit_code(&report), 2);
    of(&report, "cases/x").why.replace(&format!("{}/", cases.path().display()), "")
}

#[test]
fn of_detectors() {
    for (text, error) in [
        ("", "x.json:1:0: EOF while parsing a value"),
        ("{\n  \"what\": }", "x.json:2:11: what: expected value"),
        ("[]", "x.json:1:1: is not a JSON object"),
        ("{}", "x.json:1:2: missing field `what`"),
        ("{\"what\": \"\", \"step_ms\": 1, \"expect\": {}} x", "x.json:1:42: trailing characters"),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"expect\": {\n\"anomalus\": [1]}}",
            "x.json:2:10: expect.anomalus: unknown field `anomalus`, expected one of `refused`, `fails`",
        ),
        ("{\"what\": \"\", \"step_ms\": 1, \"expect\": {\n\"anomalus\": [1]}}", "; the nearest is `anomalous`"),
        ("{\"what\": \"\", \"step_ms\": -1, \"expect\": {}}", "step_ms: invalid value: integer `-1`, expected u64"),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"values\": [1, \"Inf\"], \"expect\": {}}",
            "values[1]: `Inf` is not a number",
        ),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"values\": [1, null],\n\"expect\": {\"normal\": [0, 1]}}",
            "x.json:2:25: expect.normal[1]: there is no sample 1: the series has 0 to 1, 1 of them missing",
        ),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"expect\": {\"at\": [{\"sample\": [2, 1]}]}}",
            "expect.at[0]: ends before it begins",
        ),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"expect\": {\"normal\": [\"1\"]}}",
            "expected the index of a sample, or [first, last]",
        ),
        ("{\"what\": \"\", \"step_ms\": 1, \"expect\": {\"last\": {}}}", "expect.last: there is no sample"),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"values\": [], \"series\": \"s.csv\", \"expect\": {}}",
            "series: stands beside `values`",
        ),
        ("{\"what\": \"\", \"step_ms\": 1, \"series\": \"s.csv\", \"expect\": {}}", "s.csv:3:1: `much` is no value"),
        (
            "{\"what\": \"\", \"step_ms\": 1, \"series\": \"../s.csv\", \"expect\": {}}",
            "series: `../s.csv` does not lie beside",
        ),
        ("{\"what\": \"\", \"step_ms\": 1, \"series\": \"t.csv\", \"expect\": {}}", "t.csv: cannot be read"),
        ("{\"what\": \"\", \"actions\": [], \"expect\": {}}", "actions: unknown field `actions`"),
    ] {
        let found = error_of("zscore", text);
        assert!(found.contains(error), "{text}: {found}");
    }
}

#[test]
fn of_policies() {
    for (text, error) in [
        ("{\"what\": \"\", \"step_ms\": 1, \"expect\": {}}", "step_ms: unknown field `step_ms`"),
        ("{\"what\": \"\", \"expect\": {}}", "expect: "),
        ("{\"what\": \"\", \"expect\": {\"leve\": \"\"}}", "; the nearest is `leave`"),
        ("{\"what\": \"\", \"expect\": {\"leave\": \"\", \"propose\": {}}}", "expect"),
        (
            "{\"what\": \"\", \"incident\": {\"severity\": \"hihg\"}, \"expect\": {\"leave\": \"\"}}",
            "; the nearest is `high`",
        ),
        (
            "{\"what\": \"\", \"incident\": {\"alerts\": [1]}, \"expect\": {\"leave\": \"\"}}",
            "incident.alerts[0]: expected labels",
        ),
        (
            "{\"what\": \"\", \"incident\": {\"window\": {\"values\": [1], \"step_ms\": 1}}, \"expect\": {\"leave\": \"\"}}",
            "x.json:1:36: incident.window: give it start_ms and step_ms, or timestamps_ms",
        ),
        (
            "{\"what\": \"\", \"incident\": {\"window\": {\"values\": [1, 2], \"timestamps_ms\": [2, 1]}}, \"expect\": {\"leave\": \"\"}}",
            "its timestamps do not ascend",
        ),
        (
            "{\"what\": \"\", \"metrics\": {\"up\": 1}, \"expect\": {\"leave\": \"\"}}",
            "metrics.up: expected a list of numbers",
        ),
        (
            "{\"what\": \"\", \"actions\": [{}], \"expect\": {\"leave\": \"\"}}",
            "actions[0]: expected the name of an action",
        ),
    ] {
        let found = error_of("runbook", text);
        assert!(found.contains(error), "{text}: {found}");
    }
}

#[test]
fn one_broken_case_does_not_keep_the_others_from_running() {
    let good = r#"{"what": "x", "step_ms": 60000, "values": [1], "expect": {"not_judged": [0]}}"#;
    let cases = folder(&[("a.json", "{"), ("b.json", good), ("notes.txt", "not a case")]);
    let report = test("zscore", Some(cases.path()), PATIENT, None);
    check(&report, "cases/a", Status::Error, "a.json:1:1: EOF");
    check(&report, "cases/b", Status::Pass, "");
    check(&report, "contract/pure", Status::Pass, "");
    assert_eq!(report.cases_found, 2);
    assert_eq!(exit_code(&report), 2);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_one_without_cases_is_not() {
    let empty = folder(&[]);
    let report = test("zscore", Some(&empty.path().join("nowhere")), PATIENT, Some("cases"));
    check(&report, "cases", Status::Error, "cannot be listed");
    let report = test("zscore", Some(empty.path()), PATIENT, Some("contract/columns"));
    assert_eq!((exit_code(&report), report.cases_found, report.tests.len()), (0, 0, 1));
}

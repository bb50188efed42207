//! `tidegate guest test` as people and CI systems run it: exit codes, and reports that other programs can read.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::guest;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["guest", "test"])
        .args(arguments)
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("RUST_LOG")
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn case(mode: &str) -> Value {
    json!({
        "what": "Two samples are \"normal\" & <nothing> else.", "settings": { "mode": mode }, "step_ms": 60_000,
        "values": [1, 1], "expect": { "normal": [0, 1] },
    })
}

/// A folder with the hostile guest and these cases.
fn folder(cases: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(guest("hostile"), folder.path().join("hostile.wasm")).expect("a guest");
    fs::create_dir(folder.path().join("cases")).expect("a folder");
    for (name, text) in cases {
        fs::write(folder.path().join("cases").join(name), text).expect("a case");
    }
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("a name in UTF-8")
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let good = ("good.json", case("none").to_string());
    let bad = ("bad.json", case("infinite-score").to_string());
    let trapped = ("trapped.json", case("panic").to_string());
    let unread = ("unread.json", "{}".to_owned());
    for (cases, code, summary) in [
        (&[good.clone()][..], 0, "PASS: 1, FAIL: 0, ERROR: 0 ("),
        (&[good.clone(), bad.clone()], 1, "PASS: 1, FAIL: 1, ERROR: 0 ("),
        (&[good.clone(), bad.clone(), trapped], 2, "PASS: 1, FAIL: 1, ERROR: 1 ("),
        (&[good, unread], 2, "PASS: 1, FAIL: 0, ERROR: 1 ("),
    ] {
        let said = run(&[path(&folder(cases)), "-r", "/cases/"]);
        assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
        assert!(said.out.lines().last().is_some_and(|last| last.starts_with(summary)), "{}", said.out);
        assert_eq!(said.err, "");
    }
}

#[test]
fn what_is_wrong_with_the_command_line_is_told() {
    let folder = folder(&[]);
    let (hostile, zscore) = (guest("hostile").display().to_string(), guest("zscore").display().to_string());
    let nothing = tempfile::tempdir().expect("a folder");
    for (arguments, part) in [
        (&[][..], "required"),
        (&["nowhere.wasm"], "cannot look at nowhere.wasm"),
        (&[path(&nothing)], "holds no guest: looked for *.wasm in it"),
        (&[&zscore, "-r", "("], "unclosed group"),
        (&[&zscore, "-r", "no such test"], "no test has such a name"),
        (&[&hostile, &zscore, "--cases", path(&folder)], "--cases names one folder, and there are 2 guests"),
        (&[&zscore, "--call-timeout", "soon"], "soon"),
        (
            &[&zscore, "-r", "/columns", "--output", "json", "--report", "/no/such/folder/report"],
            "cannot write the report",
        ),
    ] {
        let said = run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(part), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn a_file_that_is_no_guest_is_an_error_beside_the_others() {
    let folder = folder(&[]);
    fs::write(folder.path().join("garbage.wasm"), "not a component").expect("a file");
    let said = run(&[path(&folder), "-r", "columns"]);
    assert_eq!(said.code, Some(2));
    assert!(said.out.contains("ERROR garbage/load ("), "{}", said.out);
    assert!(said.out.contains("is not a WebAssembly component"), "{}", said.out);
    assert!(said.out.contains("hostile/contract"), "{}", said.out);
}

#[test]
fn an_impure_guest_is_named() {
    let said = run(&[path(&folder(&[("impure.json", case("impure").to_string())])), "-r", "pure$|deterministic"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.contains("\nIMPURE hostile: "), "{}", said.out);
    assert!(said.out.contains(", IMPURE: 1 ("), "{}", said.out);
}

#[test]
fn reports_can_be_read_by_programs() {
    let folder = folder(&[
        ("bad.json", case("infinite-score").to_string()),
        ("good.json", case("none").to_string()),
        ("unread.json", "{}".to_owned()),
    ]);
    let said = run(&[path(&folder), "-r", "/cases/", "--output", "json"]);
    assert_eq!(said.code, Some(2));
    let json: Value = serde_json::from_str(&said.out).expect("JSON");
    let counts = ["pass", "fail", "error", "exit_code"].map(|count| json["summary"][count].as_u64());
    assert_eq!(counts, [1, 1, 1, 2].map(Some));
    let tests = json["guests"][0]["tests"].as_array().expect("tests");
    let told: Vec<_> = tests.iter().map(|test| (test["name"].as_str(), test["status"].as_str())).collect();
    assert_eq!(
        told,
        [("bad", "fail"), ("good", "pass"), ("unread", "error")]
            .map(|(name, status)| (format!("hostile/cases/{name}"), status))
            .each_ref()
            .map(|(name, status)| (Some(name.as_str()), Some(*status)))
    );
    assert!(tests[0]["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));

    let report = folder.path().join("report.xml");
    let file = report.to_str().expect("a name in UTF-8");
    let said = run(&[path(&folder), "-r", "/cases/", "--output", "junit", "--report", file]);
    assert_eq!(said.code, Some(2));
    assert!(said.out.starts_with("FAIL  hostile/cases/bad"), "{}", said.out);
    let xml = fs::read_to_string(&report).expect("a report");
    well_formed(&xml);
    for part in [
        "<testsuites name=\"tidegate guest test\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\"",
        "classname=\"hostile\" name=\"cases/good\"",
        "Two samples are &quot;normal&quot; &amp; &lt;nothing&gt; else.",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

/// Every element that opens closes, in order, and no text holds what only markup may.
fn well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    for part in rest.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("an open tag: {part}"));
        assert!(!text.contains('>'), "{text}");
        for reference in text.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|known| reference.starts_with(known)), "{text}");
        }
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{xml}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} never close");
}

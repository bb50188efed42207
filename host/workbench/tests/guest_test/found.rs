//! Built guests, and folders of cases made up for one test. A guest that is missing fails the test: it is never skipped.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate_sandbox::{Grants, Guest, Limits, QuarantineRules, Sandbox, SandboxOptions};
use tidegate_workbench::test::{Candidate, GuestReport, Plan, Report, Status, Tested, run};

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
        Sandbox::new(SandboxOptions { quarantine, ..SandboxOptions::default() }).expect("an engine on this machine")
    })
}

fn file(guest: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(ROOT).join("target"), PathBuf::from);
    let file = format!("{guest}.wasm");
    let places = ["guests", "guests-test"].map(|folder| target.join(folder).join(&file));
    let found = places.iter().find(|place| place.is_file());
    found.unwrap_or_else(|| panic!("{file} is in none of {places:?}: run `cargo xtask guests` first")).clone()
}

/// Longer than any honest call takes on a machine that has other things to do.
pub(crate) const PATIENT: Duration = Duration::from_secs(120);

/// A guest, compiled once for all tests, with this much time for a call.
pub(crate) fn load(guest: &str, call_timeout: Duration) -> Guest {
    static LOADED: Mutex<Option<HashMap<(String, Duration), Guest>>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_with(HashMap::new);
    let known = loaded.entry((guest.to_owned(), call_timeout)).or_insert_with(|| {
        let limits = Limits { call_timeout, open_timeout: PATIENT, ..Limits::default() };
        let grants = Grants::parse([Grants::HOST_METRICS]).expect("a known grant");
        let wasm = fs::read(file(guest)).expect("a guest");
        sandbox().load(guest, &wasm, &limits, &grants).unwrap_or_else(|error| panic!("{error}"))
    });
    known.clone()
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// Runs the tests of a built guest.
pub(crate) fn test(guest: &str, cases: Option<&Path>, call_timeout: Duration, only: Option<&str>) -> GuestReport {
    let loaded = load(guest, call_timeout);
    let only = only.map(|only| only.parse().expect("a regular expression"));
    let candidate = Candidate { name: guest, file: Path::new(guest), cases };
    run(&candidate, &Plan { only }, || Ok(loaded), &mut |_| ())
}

/// Runs tests of a guest with one case, `x.json`: all of them, or those that match.
pub(crate) fn test_case(guest: &str, case: &Value, call_timeout: Duration, only: Option<&str>) -> GuestReport {
    let cases = folder(&[("x.json", &case.to_string())]);
    test(guest, Some(cases.path()), call_timeout, only)
}

/// A test, how it is to end, and a part of why.
pub(crate) type Expected = (&'static str, Status, &'static str);

/// Runs the tests that something is expected of: some ways to misbehave take seconds a call.
pub(crate) fn check_case(guest: &str, case: &Value, expected: &[Expected]) {
    let names: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    let report = test_case(guest, case, PATIENT, Some(&format!("/({})", names.join("|"))));
    for (name, status, part) in expected {
        check(&report, name, *status, part);
    }
}

/// The test of this name.
#[track_caller]
pub(crate) fn of<'a>(report: &'a GuestReport, name: &str) -> &'a Tested {
    let name = format!("{}/{name}", report.name);
    let names = || report.tests.iter().map(|test| &test.name).collect::<Vec<_>>();
    report.tests.iter().find(|test| test.name == name).unwrap_or_else(|| panic!("no {name} among {:?}", names()))
}

/// How a test of this name ended, and why.
#[track_caller]
pub(crate) fn check(report: &GuestReport, name: &str, status: Status, part: &str) {
    let test = of(report, name);
    assert_eq!(test.status, status, "{name}: {}", test.why);
    assert!(test.why.contains(part), "{name}: `{}` says nothing of `{part}`", test.why);
}

/// The exit code of a run of this guest alone.
pub(crate) fn exit_code(report: &GuestReport) -> u8 {
    Report { guests: vec![report.clone()], took: Duration::ZERO }.exit_code()
}

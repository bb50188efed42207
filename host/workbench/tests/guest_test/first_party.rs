//! The guests that ship with tidegate, and the examples and templates in other languages: every case and every promise,
//! through the boundary.

use std::path::Path;

use tidegate_workbench::test::{Purity, Status};

use crate::found::{PATIENT, ROOT, exit_code, test};

fn passes(guest: &str, folder: &str) {
    passes_with(11, guest, folder);
}

fn passes_with(least: usize, guest: &str, folder: &str) {
    let cases = Path::new(ROOT).join(folder).join(guest).join("cases");
    let report = test(guest, Some(&cases), PATIENT, None);
    for test in &report.tests {
        assert_eq!(test.status, Status::Pass, "{}: {}", test.name, test.why);
    }
    assert!(report.cases_found >= least, "{} cases in {}", report.cases_found, cases.display());
    assert_eq!(report.purity, Purity::Pure);
    assert_eq!(exit_code(&report), 0);
}

#[test]
fn zscore() {
    passes("zscore", "guest-detectors");
}

#[test]
fn seasonal() {
    passes("seasonal", "guest-detectors");
}

#[test]
fn tide() {
    passes("tide", "guest-detectors");
}

#[test]
fn runbook() {
    passes("runbook", "guest-remediations");
}

#[test]
fn ewma() {
    passes("ewma", "examples/guests/python");
}

#[test]
fn mad() {
    passes("mad", "examples/guests/javascript");
}

/// Templates in Rust are tested where they are built, in `scaffold.rs`.
#[test]
fn templates() {
    for guest in ["javascript-detector", "javascript-remediation", "python-detector", "python-remediation"] {
        passes_with(5, guest, "host/workbench/templates");
    }
}

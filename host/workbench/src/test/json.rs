//! Test results as JSON, for other programs.

use serde_json::{Value, json};

use super::report::{GuestReport, Purity, Report, Status, Tested};

/// The whole report as one document.
#[must_use]
pub fn document(report: &Report) -> Value {
    let count = |status| report.count(status);
    json!({
        "summary": {
            "pass": count(Status::Pass),
            "warn": count(Status::Warn),
            "skip": count(Status::Skip),
            "fail": count(Status::Fail),
            "error": count(Status::Error),
            "seconds": report.took.as_secs_f64(),
            "exit_code": report.exit_code(),
        },
        "guests": report.guests.iter().map(guest).collect::<Vec<_>>(),
    })
}

fn guest(guest: &GuestReport) -> Value {
    json!({
        "name": guest.name,
        "file": guest.file.display().to_string(),
        "kind": guest.kind.map(|kind| kind.to_string()),
        "version": guest.version,
        "sha256": guest.digest,
        "cases": guest.cases.as_ref().map(|folder| folder.display().to_string()),
        "cases_found": guest.cases_found,
        "pure": match guest.purity {
            Purity::Pure => Some(true),
            Purity::Impure(_) => Some(false),
            Purity::Untold => None,
        },
        "contract_settings": guest.settings,
        "filtered": guest.filtered,
        "tests": guest.tests.iter().map(test).collect::<Vec<_>>(),
    })
}

fn test(test: &Tested) -> Value {
    json!({
        "name": test.name,
        "what": test.what,
        "file": test.file.as_ref().map(|file| file.display().to_string()),
        "status": test.status.name().to_lowercase(),
        "seconds": test.took.as_secs_f64(),
        "why": test.why,
    })
}

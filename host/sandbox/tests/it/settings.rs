//! Settings against a guest's own schema, through the guest.

use std::time::Duration;

use serde_json::json;
use tidegate_sandbox::{CallError, GuestError, GuestKind, OpenError};

use crate::found::{load, shared};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn what_does_not_fit_is_named_by_its_place() {
    let guest = load(&shared(), "zscore");
    let cases = [
        (json!({}), vec![]),
        (json!({"window": "2h", "threshold": 3.5}), vec![]),
        (json!({"threshold": "high"}), vec!["threshold"]),
        (json!({"threshold": 0}), vec!["threshold"]),
        (json!({"treshold": 3, "min_samples": 1}), vec!["min_samples", "treshold"]),
        (json!([]), vec![""]),
        (json!(null), vec![""]),
    ];
    for (settings, places) in cases {
        let errors = guest.check_settings(&settings).err().unwrap_or_default();
        let mut found: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, places, "{settings}: {errors:?}");
    }
}

#[test]
fn opening_checks_first_and_says_whose_words_it_hands_on() {
    let guest = load(&shared(), "zscore");
    let error = guest.open_detector(&json!({"threshold": -1}), MINUTE).expect_err("a threshold below zero");
    assert!(matches!(error, OpenError::Settings { .. }), "{error}");

    // Fits the schema and not the step: only the guest can know.
    let error = guest.open_detector(&json!({"window": "1m"}), MINUTE).expect_err("a window of one sample");
    assert!(
        matches!(
            &error,
            OpenError::Call { error: CallError::Guest(GuestError::InvalidSettings(text)), .. }
                if text.contains("window")
        ),
        "{error}"
    );
}

#[test]
fn a_detector_is_no_policy() {
    let guest = load(&shared(), "zscore");
    let error = guest.open_policy(&json!({}), &[]).expect_err("a detector");
    assert!(
        matches!(error, OpenError::WrongKind { found: GuestKind::Detector, wanted: GuestKind::Remediation, .. }),
        "{error}"
    );
}

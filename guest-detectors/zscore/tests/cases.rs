//! The detector through the code that the component exports: cases from files, and the promises of the contract.

use std::path::Path;

use tidegate_guest::testing::{Model, cases, contract};
use zscore::ZScore;

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let failures: Vec<String> = cases::read(&folder)
        .expect("cases")
        .iter()
        .filter_map(|case| case.check(Model::<ZScore>::open).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn contract_whatever_the_settings() {
    for (settings, step_ms, samples) in [
        ("{}", 60_000, 300),
        (r#"{"window": "5m"}"#, 60_000, 40),
        (r#"{"window": "480m"}"#, 60_000, 1100),
        (r#"{"window": "481m"}"#, 60_000, 1100),
        (r#"{"window": "1w"}"#, 15_000, 2000),
        (r#"{"window": "1y", "threshold": 0.001}"#, 1, 2000),
        (r#"{"window": "2h", "threshold": 1e300}"#, 1_000, 8000),
    ] {
        let mut model = Model::<ZScore>::open(settings, step_ms).expect(settings);
        let values: Vec<f64> = (0..samples).map(|i| f64::from(i * 7919 % 101) / 7.0).collect();
        contract::check(&mut model, 1_700_000_000_000, step_ms, &values)
            .unwrap_or_else(|broken| panic!("{settings}: {broken}"));
    }
}

#[test]
fn a_state_of_other_settings_is_unreadable() {
    let state_of = |settings: &str| {
        let model = Model::<ZScore>::open(settings, 60_000).expect(settings);
        let run = tidegate_guest::testing::samples(0, 60_000, (0..1500).map(f64::from));
        (model.score(vec![], &run).expect(settings).state, model)
    };
    let (two_hours, _) = state_of(r#"{"window": "2h"}"#);
    let (_, day) = state_of(r#"{"window": "24h"}"#);
    let nothing = tidegate_guest::testing::samples(0, 60_000, []);
    match day.score(two_hours.clone(), &nothing) {
        Err(tidegate_guest::Error::UnreadableState(why)) => {
            assert_eq!(why, "state: of a window of 120 x 1 samples, the settings ask for 120 x 12");
        }
        other => panic!("{other:?}"),
    }
    // The threshold is no part of what was learnt.
    let (_, stricter) = state_of(r#"{"window": "2h", "threshold": 2}"#);
    assert!(stricter.score(two_hours, &nothing).is_ok());
}

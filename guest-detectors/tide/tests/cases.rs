//! The detector through the code that the component exports: cases from files, and the promises of the contract.

use std::path::Path;

use tide::Tide;
use tidegate_guest::testing::{Model, cases, contract};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let failures: Vec<String> =
        cases::read(&folder).expect("cases").iter().filter_map(|case| case.check(Model::<Tide>::open).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn contract_whatever_the_settings() {
    for (settings, step_ms, samples) in [
        ("{}", 60_000, 1000),
        ("{}", 300_000, 3000),
        ("{}", 3_600_000, 3000),
        ("{}", 86_400_000, 400),
        ("{}", 1, 400),
        ("{}", u64::MAX, 400),
        (r#"{"false_alarms": "1000 per hour"}"#, 60_000, 400),
        (r#"{"false_alarms": "0.001 per 100y"}"#, 60_000, 1000),
        (r#"{"false_alarms": "1 per day"}"#, 15_000, 1000),
    ] {
        let mut model = Model::<Tide>::open(settings, step_ms).expect(settings);
        let values: Vec<f64> = (0..samples).map(|i| f64::from(i * 7919 % 101) / 7.0).collect();
        contract::check(&mut model, 1_700_000_000_000, step_ms, &values)
            .unwrap_or_else(|broken| panic!("{settings} at {step_ms} ms: {broken}"));
    }
}

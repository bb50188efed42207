//! The detector through the code that the component exports: cases from files, and the promises of the contract.

use std::path::Path;

use seasonal::Seasonal;
use tidegate_guest::testing::{Model, cases, contract};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let failures: Vec<String> = cases::read(&folder)
        .expect("cases")
        .iter()
        .filter_map(|case| case.check(Model::<Seasonal>::open).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn contract_whatever_the_settings() {
    for (settings, step_ms, samples) in [
        ("{}", 60_000, 3 * 1440),
        (r#"{"period": "1w"}"#, 300_000, 3 * 2016),
        (r#"{"period": "1h"}"#, 60_000, 300),
        (r#"{"period": "10m"}"#, 1_000, 2400),
        (r#"{"period": "10m"}"#, 7_000, 400),
        (r#"{"period": "4ms", "threshold": 0.001}"#, 1, 400),
        (r#"{"period": "366d", "min_periods": 14}"#, 86_400_000, 400),
        (r#"{"period": "1h", "threshold": 1e300}"#, 900_000, 400),
    ] {
        let mut model = Model::<Seasonal>::open(settings, step_ms).expect(settings);
        let values: Vec<f64> = (0..samples).map(|i| f64::from(i * 7919 % 101) / 7.0).collect();
        contract::check(&mut model, 1_700_000_000_000, step_ms, &values)
            .unwrap_or_else(|broken| panic!("{settings}: {broken}"));
    }
}

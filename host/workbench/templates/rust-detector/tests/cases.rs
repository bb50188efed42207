//! The detector without a host: the cases that `tidegate guest test` runs, and what every detector owes its host.

use std::path::Path;

use my_guest::Range;
use tidegate_guest::testing::{Model, cases, contract};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let failures: Vec<String> = cases::read(&folder)
        .expect("cases")
        .iter()
        .filter_map(|case| case.check(Model::<Range>::open).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn contract() {
    for settings in ["{}", r#"{"window": "10m", "margin": 0}"#] {
        let mut model = Model::<Range>::open(settings, 60_000).expect(settings);
        let values: Vec<f64> = (0..300).map(|i| f64::from(i * 7919 % 101)).collect();
        contract::check(&mut model, 1_700_000_000_000, 60_000, &values).expect(settings);
    }
}

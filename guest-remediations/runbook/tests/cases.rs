//! The policy through the code that the component exports, on cases from files.

use std::path::Path;

use runbook::Runbook;
use tidegate_guest::testing::{Configured, policy_cases};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let failures: Vec<String> = policy_cases::read(&folder)
        .expect("cases")
        .iter()
        .filter_map(|case| case.check(Configured::<Runbook>::open).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

//! The policy without a host, on the cases that `tidegate guest test` runs.

use std::path::Path;

use my_guest::Repeat;
use tidegate_guest::testing::{Configured, policy_cases};

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let failures: Vec<String> = policy_cases::read(&folder)
        .expect("cases")
        .iter()
        .filter_map(|case| case.check(Configured::<Repeat>::open).err())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

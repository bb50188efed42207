//! The published schemas are those of the types, and every case of the repository keeps to them.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::{ExpectFile, expect_file};
use jsonschema::Validator;
use serde_json::Value;
use tidegate_guest::testing::{cases, policy_cases};

use crate::found::ROOT;

/// A difference: run the tests with `UPDATE_EXPECT=1`, and look at what changed.
fn published(file: &ExpectFile, schema: &Value) -> Validator {
    file.assert_eq(&format!("{schema:#}\n"));
    jsonschema::draft202012::new(schema).expect("a schema")
}

fn detectors() -> Validator {
    published(&expect_file!["../../../../docs/schemas/detector-case.json"], &cases::schema())
}

fn policies() -> Validator {
    published(&expect_file!["../../../../docs/schemas/policy-case.json"], &policy_cases::schema())
}

/// Every `cases` folder below, but for what is built or brought in.
fn folders(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !path.is_dir() || name.starts_with('.') || ["target", "node_modules", "__pycache__"].contains(&name.as_str())
        {
            continue;
        }
        if name == "cases" { found.push(path) } else { folders(&path, found) }
    }
}

#[test]
fn every_case_keeps_to_its_schema_and_can_be_read() {
    let (detectors, policies) = (detectors(), policies());
    let mut all = Vec::new();
    folders(Path::new(ROOT), &mut all);
    let mut seen = 0;
    for path in all.iter().flat_map(|folder| cases::files(folder).expect("cases")) {
        let case: Value = serde_json::from_slice(&fs::read(&path).expect("a case")).expect("JSON");
        // Only a detector's case has a step.
        let of_detector = case.get("step_ms").is_some();
        let schema = if of_detector { &detectors } else { &policies };
        let faults: Vec<String> =
            schema.iter_errors(&case).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        let read = if of_detector {
            cases::Case::read(&path).map(drop)
        } else {
            policy_cases::PolicyCase::read(&path).map(drop)
        };
        read.unwrap_or_else(|error| panic!("{error}"));
        seen += 1;
    }
    assert!(seen > 80, "only {seen} cases found in {all:?}");
}

#[test]
fn the_examples_of_the_documentation_keep_to_the_schemas() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/cases.md")).expect("the documentation");
    let examples: Vec<Value> = text
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .map(|example| serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}")))
        .collect();
    let [detector, policy] = examples.as_slice() else { panic!("{} examples", examples.len()) };
    assert!(detectors().is_valid(detector));
    assert!(policies().is_valid(policy));
}

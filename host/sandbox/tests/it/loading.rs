//! What is let in, and what is turned away with which words.

use tidegate_sandbox::{
    CodeSource, DETECTOR, Grants, GuestKind, ImportNeed, Limits, LoadError, REMEDIATION, RefusedImport, Verdict,
    WhyRefused, inspect,
};

use crate::found::{bytes, load, sandbox, shared};

/// Loads the text of a component.
fn refusal(wat: &str, grants: &Grants) -> LoadError {
    let wasm = wat::parse_str(wat).expect("text of a component");
    sandbox().load("probe", &wasm, &Limits::default(), grants).expect_err("not to be loaded")
}

/// A component that exports an empty instance under each name.
fn exporting(names: &[&str]) -> String {
    let exports: String = names.iter().map(|name| format!("(export {name:?} (instance $empty))")).collect();
    format!("(component (instance $empty) {exports})")
}

/// A component of a kind that imports things.
fn importing(kind: &str, imports: &str) -> String {
    format!("(component {imports} (instance $empty) (export {kind:?} (instance $empty)))")
}

const HOST_METRICS: &str = r#"(import "tidegate:plugin/host-metrics@0.1.0" (instance
    (type $label' (record (field "name" string) (field "value" string)))
    (export "label" (type $label (eq $label')))
    (type $sample' (record (field "labels" (list $label)) (field "timestamp" s64) (field "value" f64)))
    (export "sample" (type $sample (eq $sample')))
    (export "query" (func (param "expr" string) (result (result (list $sample) (error string)))))
))"#;

#[test]
fn what_is_no_component_is_named_for_what_it_is() {
    let module = wat::parse_str("(module)").expect("text of a module");
    let cases: &[(&[u8], &str)] = &[
        (b"", "empty"),
        (b"#!/bin/sh\n", "does not begin as WebAssembly"),
        (b"(component)", "text format"),
        (b"\0asm", "unknown version"),
        (b"\0asm\xff\xff\xff\xff", "unknown version"),
        (b"\x7fELF\x02\x01\x01\xc8", "precompiled"),
        (&module, "core module"),
    ];
    for (wasm, why) in cases {
        let error = sandbox().load("probe", wasm, &Limits::default(), &Grants::none()).expect_err("not to be loaded");
        assert!(
            matches!(error, LoadError::NotAComponent { .. }) && error.to_string().contains(why),
            "{wasm:?}: {error}"
        );
    }
}

#[test]
fn a_broken_component_does_not_get_as_far_as_compiling() {
    let whole = bytes("zscore");
    let mut flipped = whole.clone();
    // In the middle lies code.
    for byte in &mut flipped[whole.len() / 2..whole.len() / 2 + 64] {
        *byte = !*byte;
    }
    for broken in [&whole[..whole.len() / 2], &whole[..9], &flipped] {
        let error = sandbox().load("probe", broken, &Limits::default(), &Grants::none()).expect_err("not to be loaded");
        assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
    }
}

#[test]
fn a_large_file_is_not_even_looked_at() {
    let limits = Limits { max_wasm_bytes: 1000, ..Limits::default() };
    let error = sandbox().load("probe", &[0; 1001], &limits, &Grants::none()).expect_err("too large");
    assert!(matches!(error, LoadError::TooLarge { bytes: 1001, limit: 1000, .. }), "{error}");
}

#[test]
fn a_guest_exports_exactly_one_contract() {
    let error = refusal(&exporting(&[]), &Grants::none());
    assert!(matches!(&error, LoadError::NoContract { exports, .. } if exports.is_empty()));

    let error = refusal(&exporting(&["wasi:cli/run@0.2.3"]), &Grants::none());
    assert!(matches!(&error, LoadError::NoContract { exports, .. } if exports == &["wasi:cli/run@0.2.3"]), "{error}");

    let error = refusal(&exporting(&[DETECTOR, REMEDIATION]), &Grants::none());
    assert!(matches!(error, LoadError::TwoContracts { .. }), "{error}");
}

#[test]
fn another_version_is_named_beside_those_supported() {
    for found in [
        "tidegate:plugin/detector@0.2.0",
        "tidegate:plugin/detector@0.1.1",
        "tidegate:plugin/remediation@1.0.0",
        "tidegate:plugin/detector",
    ] {
        let error = refusal(&exporting(&[found]), &Grants::none());
        assert!(matches!(&error, LoadError::UnsupportedVersion { found: named, .. } if named == found), "{error}");
        let message = error.to_string();
        assert!([found, DETECTOR, REMEDIATION].iter().all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn unknown_exports_and_other_versions_beside_ours_are_ignored() {
    let names = [DETECTOR, "tidegate:plugin/detector@0.2.0", "acme:x/y@1.0.0"];
    let error = refusal(&exporting(&names), &Grants::none());
    // It got past its kind: what is missing now is `describe`.
    assert!(matches!(&error, LoadError::Contract { .. }) && error.to_string().contains("describe"), "{error}");
}

#[test]
fn imports_are_held_against_the_grants() {
    let none = Grants::none();
    let metrics = Grants::parse(["host-metrics"]).expect("a known grant");
    let http = r#"(import "wasi:http/types@0.2.3" (instance (export "fields" (type (sub resource)))))"#;
    let old_wasi = r#"(import "wasi:cli/environment@0.2.0-rc-2023-12-05" (instance (export "get-arguments" (func))))"#;
    let new_wasi = r#"(import "wasi:cli/environment@0.3.0" (instance (export "get-arguments" (func))))"#;
    let newer = r#"(import "tidegate:plugin/host-log@0.2.0" (instance (export "log" (func))))"#;
    let function = r#"(import "panic-now" (func))"#;
    let resource = r#"(import "acme:x/y@1.0.0" (instance (export "file" (type (sub resource)))))"#;
    let nested = r#"(import "acme:x/z@1.0.0" (instance (export "in" (instance (export "f" (func))))))"#;

    let cases = [
        (DETECTOR, HOST_METRICS, &none, WhyRefused::NotForDetectors),
        (DETECTOR, HOST_METRICS, &metrics, WhyRefused::NotForDetectors),
        (REMEDIATION, HOST_METRICS, &none, WhyRefused::NotGranted("host-metrics")),
        (DETECTOR, http, &metrics, WhyRefused::OtherVersion("WASI 0.2 without HTTP")),
        (REMEDIATION, http, &metrics, WhyRefused::OtherVersion("WASI 0.2 without HTTP")),
        (DETECTOR, old_wasi, &none, WhyRefused::OtherVersion("WASI 0.2 without HTTP")),
        (REMEDIATION, new_wasi, &none, WhyRefused::OtherVersion("WASI 0.2 without HTTP")),
        (DETECTOR, newer, &none, WhyRefused::OtherVersion("tidegate:plugin/host-log@0.1.0")),
        (DETECTOR, function, &none, WhyRefused::NotOffered),
        (DETECTOR, resource, &none, WhyRefused::NotOffered),
        (DETECTOR, nested, &none, WhyRefused::NotOffered),
    ];
    for (kind, imports, grants, expected) in cases {
        let error = refusal(&importing(kind, imports), grants);
        let LoadError::Imports { imports: refused, .. } = &error else {
            panic!("{imports}: {error}");
        };
        let name = imports.split('"').nth(1).expect("a name in quotes");
        let expected = RefusedImport { name: name.to_owned(), why: expected };
        assert_eq!(refused, &[expected], "{error}");
    }
}

#[test]
fn every_refused_import_is_named_with_the_grant_it_wants() {
    let imports = format!(r#"{HOST_METRICS} (import "acme:db/query@0.2.3" (instance (export "query" (func))))"#);
    let message = refusal(&importing(REMEDIATION, &imports), &Grants::none()).to_string();
    assert_eq!(
        message,
        "guest \"probe\" imports what it may not use: \
         tidegate:plugin/host-metrics@0.1.0 (needs the grant \"host-metrics\" in the config); \
         acme:db/query@0.2.3 (this host offers no such interface)"
    );
}

#[test]
fn types_need_no_grant_and_a_granted_import_passes() {
    let metrics = Grants::parse(["host-metrics"]).expect("a known grant");
    let types = r#"(import "tidegate:plugin/types@0.1.0" (instance
        (type $ms s64) (export "timestamp" (type (eq $ms)))))"#;
    for (kind, imports) in [(DETECTOR, types), (REMEDIATION, types), (REMEDIATION, HOST_METRICS)] {
        let error = refusal(&importing(kind, imports), &metrics);
        assert!(matches!(error, LoadError::Contract { .. }), "{error}");
    }
}

#[test]
fn an_import_of_the_right_name_and_another_type_is_refused() {
    let log = r#"(import "tidegate:plugin/host-log@0.1.0" (instance
        (export "log" (func (param "message" u32)))))"#;
    let error = refusal(&importing(DETECTOR, log), &Grants::none());
    assert!(matches!(&error, LoadError::Contract { .. }) && error.to_string().contains("host-log"), "{error}");
}

#[test]
fn a_shipped_guest_says_who_it_is() {
    let guest = load(&shared(), "zscore");
    assert_eq!(guest.kind(), GuestKind::Detector);
    assert_eq!(guest.name(), "zscore");
    assert_eq!(guest.digest().len(), 64);
    let manifest = guest.manifest();
    assert_eq!(manifest.name, "zscore");
    assert!(!manifest.version.is_empty() && !manifest.summary.is_empty());
    assert!(manifest.settings_schema["properties"]["window"].is_object());
}

#[test]
fn the_same_bytes_are_compiled_once_and_counted_by_name() {
    let sandbox = sandbox();
    let first = load(&sandbox, "zscore");
    let again = sandbox.load("other", &bytes("zscore"), &Limits::default(), &Grants::none()).expect("a guest");
    assert_eq!(first.digest(), again.digest());
    let stats = sandbox.stats();
    let names: Vec<_> = stats.iter().map(|guest| guest.guest.as_str()).collect();
    assert_eq!(names, ["other", "zscore"]);
    assert!(stats.iter().all(|guest| guest.instances_made == 1 && guest.instances == 0));
}

#[test]
fn a_guest_larger_than_its_memory_is_refused_for_that() {
    let limits = Limits { memory_bytes: 64 << 10, ..Limits::default() };
    let error = shared()
        .load("zscore", &bytes("zscore"), &limits, &Grants::none())
        .expect_err("a Rust guest begins with more than a page");
    assert!(
        matches!(
            &error,
            LoadError::Describe { error, .. } if error.kind() == "out_of_memory"
        ),
        "{error}"
    );
}

#[test]
fn a_manifest_beyond_its_limit_is_refused() {
    let limits = Limits { max_manifest_bytes: 100, ..Limits::default() };
    let error = sandbox().load("zscore", &bytes("zscore"), &limits, &Grants::none()).expect_err("a schema is longer");
    assert!(
        matches!(
            &error,
            LoadError::Describe { error, .. } if error.kind() == "bad_answer"
        ),
        "{error}"
    );
}

#[test]
fn a_load_says_how_it_went() {
    let sandbox = sandbox();
    let first = load(&sandbox, "zscore");
    assert_eq!(first.load_report().code, CodeSource::Compiled);
    let again = sandbox.load("other", &bytes("zscore"), &Limits::default(), &Grants::none()).expect("a guest");
    assert_eq!(again.load_report().code, CodeSource::Loaded);
}

#[test]
fn a_shipped_guest_is_inspected() {
    let wasm = bytes("runbook");
    let found = inspect(&wasm);
    assert_eq!(found.verdict, Verdict::Guest(GuestKind::Remediation));
    assert_eq!(found.kind(), Some(GuestKind::Remediation));
    assert_eq!((found.bytes, found.digest.len()), (wasm.len(), 64));
    assert_eq!(
        (found.contracts.as_slice(), found.exports.as_slice()),
        (&[REMEDIATION.to_owned()][..], &[REMEDIATION.to_owned()][..])
    );
    let imports: Vec<_> = found.imports.iter().map(|import| (import.name.as_str(), import.need)).collect();
    assert_eq!(
        imports,
        [("tidegate:plugin/host-log@0.1.0", ImportNeed::Free), ("tidegate:plugin/types@0.1.0", ImportNeed::TypesOnly)]
    );
    // Stripping takes the compiler's own mark away; those of the tools after it stay.
    assert!(found.producers.iter().any(|producer| producer.name == "wit-bindgen-rust"), "{found:?}");
    assert!(found.refused(&Grants::none()).is_empty());
}

#[test]
fn anything_is_inspected_with_a_verdict() {
    let both = exporting(&[DETECTOR, REMEDIATION]);
    let newer = exporting(&["tidegate:plugin/detector@0.2.0"]);
    // What lies in an inner component is not exported.
    let nested = format!("(component {})", exporting(&[DETECTOR]));
    for (wat, name, words) in [
        ("(module (import \"env\" \"f\" (func)) (func (export \"run\")))", "core_module", "wasm-component-ld"),
        ("(component)", "foreign", "another kind"),
        (&nested, "foreign", "another kind"),
        (&both, "two_contracts", "split it"),
        (
            &newer,
            "other_version",
            "exports tidegate:plugin/detector@0.2.0, and this host offers tidegate:plugin/detector@0.1.0",
        ),
    ] {
        let found = inspect(&wat::parse_str(wat).expect("text of WebAssembly"));
        let sentence = found.verdict.to_string();
        assert!(
            found.verdict.name() == name && sentence.contains(words),
            "{wat}: {}: {sentence}",
            found.verdict.name()
        );
    }
    let module =
        inspect(&wat::parse_str("(module (import \"env\" \"f\" (func)) (func (export \"run\")))").expect("a module"));
    assert_eq!((module.imports[0].name.as_str(), module.imports[0].need), ("env.f", ImportNeed::NotOffered));
    assert_eq!(module.exports, ["run"]);
}

/// Bytes that were a guest once: cut off, with bits turned over, with pieces of it in other places. Nothing of it may
/// panic, and nothing but the unchanged bytes gets a digest that is the guest's.
#[test]
fn hostile_bytes_are_inspected_without_a_panic() {
    let whole = bytes("zscore");
    let digest = inspect(&whole).digest;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut verdicts = std::collections::BTreeMap::new();
    for round in 0..1200 {
        let mut hostile = whole.clone();
        match round % 4 {
            0 => hostile.truncate(dice.below(whole.len())),
            1 => {
                for _ in 0..=dice.below(4) {
                    let at = dice.below(whole.len());
                    hostile[at] ^= 1 << dice.below(8);
                }
            }
            // Most of a component's own structure lies at its two ends; the middle is one module's code.
            2 => {
                let at = if dice.below(2) == 0 { dice.below(3000) } else { whole.len() - 1 - dice.below(3000) };
                hostile[at] = u8::try_from(dice.below(256)).expect("a byte");
            }
            _ => {
                let (from, to, length) = (dice.below(whole.len()), dice.below(whole.len()), dice.below(200));
                let length = length.min(whole.len() - from).min(whole.len() - to);
                hostile.copy_within(from..from + length, to);
            }
        }
        let found = inspect(&hostile);
        assert!(hostile == whole || found.digest != digest);
        assert!(!found.verdict.to_string().is_empty());
        *verdicts.entry(found.verdict.name()).or_insert(0) += 1;
    }
    assert!(verdicts["broken"] > 300, "{verdicts:?}");
}

/// Numbers that look like chance and are the same in every run (Marsaglia, "Xorshift RNGs", 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).expect("a size")).expect("below a size")
    }
}

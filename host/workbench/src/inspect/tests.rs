//! What people read of a file, whatever the file is.

use expect_test::{Expect, expect};
use serde_json::json;
use tidegate_sandbox::{GuestKind, Import};

use super::*;

fn report(verdict: Verdict, imports: &[(&str, ImportNeed)], loading: Loading) -> Report {
    let contracts = match &verdict {
        Verdict::Guest(_) => vec!["tidegate:plugin/detector@0.1.0".to_owned()],
        Verdict::OtherVersion { found } => vec![found.clone()],
        _ => vec![],
    };
    let inspection = Inspection {
        bytes: 87_123,
        digest: "ab".repeat(32),
        exports: vec!["wasi:cli/run@0.2.0".to_owned()],
        imports: imports.iter().map(|&(name, need)| Import { name: name.to_owned(), need }).collect(),
        contracts,
        producers: vec![],
        verdict,
    };
    Report { file: "guests/some.wasm".to_owned(), inspection, loading }
}

fn described(granted: &[&'static str]) -> Loading {
    let settings_schema = json!({
        "type": "object",
        "required": ["rules"],
        "properties": {
            "rules": {
                "type": "array",
                "description": "What to do about which incident. The first rule that applies is proposed; when its attempt was \
                                ineffective, failed or denied, the next one that applies.",
                "items": { "type": "object", "properties": { "action": { "type": "string" } } },
            },
            "threshold": { "type": "number", "exclusiveMinimum": 0, "default": 3.0 },
        },
    });
    let manifest = Manifest {
        name: "some".to_owned(),
        version: "1.2.3".to_owned(),
        summary: "Does something.".to_owned(),
        settings_schema,
    };
    Loading::Described { manifest: Box::new(manifest), granted: granted.to_vec() }
}

fn check(report: &Report, expected: &Expect) {
    expected.assert_eq(&text(report));
    assert_eq!(document(report)["loads"], report.loads());
}

#[test]
fn a_guest_reads_well() {
    let imports = [
        ("tidegate:plugin/types@0.1.0", ImportNeed::TypesOnly),
        ("tidegate:plugin/host-metrics@0.1.0", ImportNeed::Grant("host-metrics")),
    ];
    let with_grant = report(Verdict::Guest(GuestKind::Remediation), &imports, described(&["host-metrics"]));
    assert!(!with_grant.loads());
    check(
        &with_grant,
        &expect![[r#"
        guests/some.wasm: a remediation policy that loads only where the config grants it host-metrics

        name:      some 1.2.3
        kind:      remediation policy
        summary:   Does something.
        contract:  tidegate:plugin/detector@0.1.0
        digest:    abababababababababababababababababababababababababababababababab
        size:      85.1 KiB (87,123 bytes)
        imports:   tidegate:plugin/types@0.1.0         types only, needs nothing
                   tidegate:plugin/host-metrics@0.1.0  needs the grant "host-metrics" in the config

        host-metrics was granted only for this look at it; a host grants it by `grants` in its config.

        settings:
          rules           list of objects, required
                          What to do about which incident. The first rule that applies is proposed; when its
                          attempt was ineffective, failed or denied, the next one that applies.
          rules[].action  text
          threshold       number, above 0, default 3.0
    "#]],
    );
    let without = report(Verdict::Guest(GuestKind::Detector), &[], described(&[]));
    assert!(without.loads());
    expect!["a detector that loads without any grant"].assert_eq(&without.verdict());
    expect![[r#"
        {
          "bytes": 87123,
          "contract": {
            "found": [
              "tidegate:plugin/detector@0.1.0"
            ],
            "offered": [
              "tidegate:plugin/detector@0.1.0",
              "tidegate:plugin/remediation@0.1.0"
            ]
          },
          "digest": "abababababababababababababababababababababababababababababababab",
          "exports": [
            "wasi:cli/run@0.2.0"
          ],
          "file": "guests/some.wasm",
          "imports": [],
          "kind": "detector",
          "loads": true,
          "name": "some",
          "needs_grants": [],
          "settings": [
            {
              "bounds": [],
              "default": null,
              "key": "rules",
              "meaning": "What to do about which incident. The first rule that applies is proposed; when its attempt was ineffective, failed or denied, the next one that applies.",
              "required": true,
              "type": "list of objects"
            },
            {
              "bounds": [],
              "default": null,
              "key": "rules[].action",
              "meaning": "",
              "required": false,
              "type": "text"
            },
            {
              "bounds": [
                "above 0"
              ],
              "default": "3.0",
              "key": "threshold",
              "meaning": "",
              "required": false,
              "type": "number"
            }
          ],
          "settings_schema": {
            "properties": {
              "rules": {
                "description": "What to do about which incident. The first rule that applies is proposed; when its attempt was ineffective, failed or denied, the next one that applies.",
                "items": {
                  "properties": {
                    "action": {
                      "type": "string"
                    }
                  },
                  "type": "object"
                },
                "type": "array"
              },
              "threshold": {
                "default": 3.0,
                "exclusiveMinimum": 0,
                "type": "number"
              }
            },
            "required": [
              "rules"
            ],
            "type": "object"
          },
          "summary": "Does something.",
          "text": "a detector that loads without any grant",
          "toolchain": [],
          "verdict": "guest",
          "version": "1.2.3"
        }
    "#]].assert_eq(&format!("{:#}\n", document(&without)));
}

#[test]
fn what_is_no_guest_reads_well() {
    let foreign = [("wasi:cli/stdin@0.2.0", ImportNeed::EmptyWasi)];
    check(
        &report(Verdict::Foreign, &foreign, Loading::NoGuest),
        &expect![[r#"
            guests/some.wasm: no guest: it is a component of another kind, which exports neither tidegate:plugin/detector@0.1.0 nor tidegate:plugin/remediation@0.1.0

            contract:  none
            digest:    abababababababababababababababababababababababababababababababab
            size:      85.1 KiB (87,123 bytes)
            imports:   wasi:cli/stdin@0.2.0
            exports:   wasi:cli/run@0.2.0
        "#]],
    );
    let other = Verdict::OtherVersion { found: "tidegate:plugin/detector@9.0.0".to_owned() };
    check(
        &report(other, &[], Loading::NoGuest),
        &expect![[r#"
            guests/some.wasm: a guest, but for another host: it exports tidegate:plugin/detector@9.0.0, and this host offers tidegate:plugin/detector@0.1.0 and tidegate:plugin/remediation@0.1.0

            contract:  tidegate:plugin/detector@9.0.0
            digest:    abababababababababababababababababababababababababababababababab
            size:      85.1 KiB (87,123 bytes)
            exports:   wasi:cli/run@0.2.0
        "#]],
    );
    let refused = Loading::Refused { why: "guest \"some\" imports what it may not use: a:b/c".to_owned() };
    let sockets = [("a:b/c", ImportNeed::NotOffered)];
    check(
        &report(Verdict::Guest(GuestKind::Detector), &sockets, refused),
        &expect![[r#"
        guests/some.wasm: a detector that does not load: guest "some" imports what it may not use: a:b/c

        kind:      detector
        contract:  tidegate:plugin/detector@0.1.0
        digest:    abababababababababababababababababababababababababababababababab
        size:      85.1 KiB (87,123 bytes)
        imports:   a:b/c  not offered by this host
    "#]],
    );
}

#[test]
fn thousands_of_imports_are_not_thousands_of_lines() {
    let names: Vec<String> = (0..5_000).map(|n| format!("env.f{n}\u{1b}")).collect();
    let imports: Vec<(&str, ImportNeed)> = names.iter().map(|name| (name.as_str(), ImportNeed::NotOffered)).collect();
    let told = text(&report(Verdict::CoreModule, &imports, Loading::NoGuest));
    assert!(told.lines().count() < 60 && told.contains("and 4,960 more") && !told.contains('\u{1b}'), "{told}");
}

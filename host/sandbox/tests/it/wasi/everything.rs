//! A component that imports every function of WASI that the empty machine answers: do the types agree, in each version?

use std::fmt::Write as _;

use serde_json::json;
use tidegate_sandbox::{CallError, Decision, Grants, Incident, Limits, LoadError};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{ManglingAndAbi, Resolve, ResourceIntrinsic, TypeDefKind, WasmImport, WorldId, WorldItem, WorldKey};

use crate::found::sandbox;
use crate::hostile::{Nobody, incident};

const PLAIN: ManglingAndAbi = ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync);

/// A detector whose `describe` runs these instructions and traps. Imported functions go by their WASI names, with `.` in
/// the place of brackets.
fn everything(version: &str, describe: &str) -> Vec<u8> {
    let exports = format!(
        r#"
            (func (export "tidegate:plugin/detector@0.1.0#describe") (result i32) {describe} unreachable)
            (func (export "tidegate:plugin/detector@0.1.0#[static]model.open") (param i32 i32 i64) (result i32)
                unreachable)
            (func (export "tidegate:plugin/detector@0.1.0#[method]model.needs") (param i32) (result i32) unreachable)
            (func (export "tidegate:plugin/detector@0.1.0#[method]model.score") (param i32 i32 i32 i32 i32 i32 i32)
                (result i32) unreachable)"#
    );
    component("everything", version, &exports)
}

/// A component of one of the worlds in `wasi.wit`.
fn component(world: &str, version: &str, exports: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1")).expect("the contract");
    let wit = include_str!("wasi.wit").replace("VERSION", version);
    let package = resolve.push_str("wasi.wit", &wit).unwrap_or_else(|error| panic!("{error:#}"));
    let world = resolve.select_world(&[package], Some(world)).expect("the world");
    let imports = imports(&resolve, world);
    let text = format!(
        r#"(module
            {imports}
            {exports}
            (memory (export "memory") 8)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))"#
    );
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("a module");
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Every function that the world imports, and what drops each of its resources.
fn imports(resolve: &Resolve, world: WorldId) -> String {
    let mut text = String::new();
    for (key, item) in &resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        // The contract's own functions are not what is looked at, and would need grants.
        if resolve.id_of(*id).is_none_or(|name| !name.starts_with("wasi:")) {
            continue;
        }
        let interface = &resolve.interfaces[*id];
        for func in interface.functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, func);
            let (module, name) = resolve.wasm_import_name(PLAIN, WasmImport::Func { interface: Some(key), func });
            let id = format!("{}.{}", interface.name.as_deref().unwrap_or_default(), name.replace(['[', ']'], "."));
            let (params, results) = (types(&signature.params), types(&signature.results));
            writeln!(text, r#"(import "{module}" "{name}" (func ${id} (param {params}) (result {results})))"#)
                .expect("a string grows");
        }
        for ty in interface.types.values() {
            if matches!(resolve.types[*ty].kind, TypeDefKind::Resource) {
                text.push_str(&drop_of(resolve, key, *ty));
            }
        }
    }
    text
}

fn drop_of(resolve: &Resolve, interface: &WorldKey, resource: wit_parser::TypeId) -> String {
    let (interface, intrinsic) = (Some(interface), ResourceIntrinsic::ImportedDrop);
    let (module, name) =
        resolve.wasm_import_name(PLAIN, WasmImport::ResourceIntrinsic { interface, resource, intrinsic });
    format!("(import \"{module}\" \"{name}\" (func (param i32)))\n")
}

fn types(types: &[WasmType]) -> String {
    let name = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64 ",
        WasmType::F32 => "f32 ",
        WasmType::F64 => "f64 ",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32 ",
    };
    types.iter().map(name).collect()
}

/// What `describe` of such a component ends with.
fn end(version: &str, describe: &str) -> CallError {
    let error = sandbox()
        .load("everything", &everything(version, describe), &Limits::default(), &Grants::none())
        .expect_err("it never describes itself");
    match error {
        LoadError::Describe { error, .. } => error,
        other => panic!("{version}: {other}"),
    }
}

#[test]
fn every_function_has_wasis_own_type_in_every_version() {
    for version in ["0.2.0", "0.2.12", "0.2.99"] {
        let error = end(version, "");
        assert!(matches!(&error, CallError::Trapped { what, .. } if what.contains("unreachable")), "{error}");
    }
}

#[test]
fn no_candidate_and_no_later_wasi_is_taken_for_it() {
    for version in ["0.2.0-rc-2023-12-05", "0.3.0", "0.1.0", "1.0.0"] {
        let loaded = sandbox().load("foreign", &everything(version, ""), &Limits::default(), &Grants::none());
        let error = loaded.expect_err("another WASI");
        assert!(matches!(error, LoadError::Imports { .. }), "{error}");
        assert!(error.to_string().contains("(this host has WASI 0.2 without HTTP)"), "{error}");
    }
}

#[test]
fn what_the_machine_does_not_have_traps_with_its_name() {
    for (describe, what) in [
        (
            "(call $environment.get-shell)",
            "called wasi:cli/environment@0.2.7#get-shell, which the empty machine does not",
        ),
        ("(drop (call $types.summon))", "called wasi:filesystem/types@0.2.7#summon, which the empty machine does not"),
        ("(call $exit.exit (i32.const 0))", "exited with success instead of returning"),
        ("(call $exit.exit-with-code (i32.const 7))", "exited with code 7 instead of returning"),
    ] {
        let error = end("0.2.7", describe);
        assert!(matches!(&error, CallError::Trapped { what: found, .. } if found.contains(what)), "{error}");
    }
}

/// Exits where the answer at 1024 does not begin with this byte: 0 for a success, 1 for an error.
fn expect(byte: u8, call: &str) -> String {
    format!(
        "{call} (if (i32.ne (i32.load8_u (i32.const 1024)) (i32.const {byte})) (then (call $exit.exit (i32.const 1))))"
    )
}

/// Exits where the pollable is not ready.
fn ready(pollable: &str) -> String {
    format!("(if (i32.eqz (call $poll..method.pollable.ready {pollable})) (then (call $exit.exit (i32.const 1))))")
}

#[test]
fn streams_have_ended_or_are_ready_and_the_network_denies() {
    const INPUT: &str = "(call $stdin.get-stdin)";
    const OUTPUT: &str = "(call $stdout.get-stdout)";
    const TO: &str = "(i32.const 1024)";
    let of_input = |method: &str| format!("(call $streams..method.input-stream.{method} {INPUT} (i64.const -1) {TO})");
    let of_output =
        |method: &str, with: &str| format!("(call $streams..method.output-stream.{method} {OUTPUT} {with} {TO})");
    let cases = [
        expect(1, &of_input("read")),
        expect(1, &of_input("blocking-read")),
        expect(1, &of_input("skip")),
        expect(1, &of_input("blocking-skip")),
        expect(1, &of_output("splice", &format!("{INPUT} (i64.const -1)"))),
        expect(0, &of_output("check-write", "")),
        expect(0, &of_output("write", "(i32.const 0) (i32.const 4096)")),
        expect(0, &of_output("write-zeroes", "(i64.const 4096)")),
        expect(0, &of_output("flush", "")),
        ready(&format!("(call $streams..method.input-stream.subscribe {INPUT})")),
        ready(&format!("(call $streams..method.output-stream.subscribe {OUTPUT})")),
        ready("(call $monotonic-clock.subscribe-instant (i64.const 0))"),
        expect(1, &format!("(call $tcp-create-socket.create-tcp-socket (i32.const 0) {TO})")),
        expect(1, &format!("(call $udp-create-socket.create-udp-socket (i32.const 1) {TO})")),
        expect(
            1,
            &format!(
                "(call $ip-name-lookup.resolve-addresses (call $instance-network.instance-network)
                    (i32.const 0) (i32.const 9) {TO})"
            ),
        ),
    ];
    for describe in cases {
        let error = end("0.2.3", &describe);
        // Got to the end, and did not exit on the way.
        assert!(
            matches!(&error, CallError::Trapped { what, .. } if what.contains("unreachable")),
            "{describe}: {error}"
        );
    }
}

/// Says of itself `p`, 1 and `{}`; leaves every incident, for the reason `p`, if `propose` gets to its end.
fn policy(propose: &str) -> Vec<u8> {
    let exports = format!(
        r#"
            (import "[export]tidegate:plugin/remediation@0.1.0" "[resource-new]policy"
                (func $new (param i32) (result i32)))
            (data (i32.const 16) "p1{{}}")
            (data (i32.const 32)
                "\10\00\00\00\01\00\00\00\11\00\00\00\01\00\00\00\10\00\00\00\01\00\00\00\12\00\00\00\02\00\00\00")
            (data (i32.const 96) "\00\00\00\00\00\00\00\00\10\00\00\00\01\00\00\00")
            (func (export "tidegate:plugin/remediation@0.1.0#describe") (result i32) (i32.const 32))
            (func (export "tidegate:plugin/remediation@0.1.0#[static]policy.open") (param i32 i32 i32 i32) (result i32)
                (i32.store offset=4 (i32.const 128) (call $new (i32.const 7)))
                (i32.const 128))
            (func (export "tidegate:plugin/remediation@0.1.0#[method]policy.propose") (param i32) (result i32)
                {propose}
                (i32.const 96))"#
    );
    component("policy", "0.2.0", &exports)
}

#[test]
fn a_policys_clock_shows_when_the_incident_began() {
    // Seconds, then nanoseconds.
    let propose = "
        (call $wall-clock.now (i32.const 1024))
        (if (i64.ne (i64.load (i32.const 1024)) (i64.const 1700000000)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 1032)) (i32.const 123000000)) (then unreachable))";
    let guest = sandbox()
        .load("policy", &policy(propose), &Limits::default(), &Grants::none())
        .unwrap_or_else(|error| panic!("{error}"));
    let policy = guest.open_policy(&json!({}), &[]).unwrap_or_else(|error| panic!("{error}"));
    let incident = Incident { since: 1_700_000_000_123, ..incident() };
    // Asked twice: the clock is set anew.
    for _ in 0..2 {
        let decision = policy.propose(&incident, &Nobody);
        assert!(matches!(&decision, Ok(Decision::Leave(reason)) if reason == "p"), "{decision:?}");
    }
}

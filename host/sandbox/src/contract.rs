//! Reads off a compiled component what it is and what it wants, before anything of it runs.

use wasmparser::{Validator, WasmFeatures};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use crate::error::{LoadError, RefusedImport, WhyRefused};
use crate::grants::Grants;
use crate::guest::GuestKind;

/// The interface that a detector exports.
pub const DETECTOR: &str = "tidegate:plugin/detector@0.1.0";
/// The interface that a remediation policy exports.
pub const REMEDIATION: &str = "tidegate:plugin/remediation@0.1.0";
pub(crate) const HOST_LOG: &str = "tidegate:plugin/host-log@0.1.0";
pub(crate) const HOST_METRICS: &str = "tidegate:plugin/host-metrics@0.1.0";

/// What a component is and which of the host's interfaces it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) kind: GuestKind,
    pub(crate) imports_metrics: bool,
}

/// The interfaces that make a component a guest, for messages.
pub(crate) fn supported() -> String {
    format!("{DETECTOR} and {REMEDIATION}")
}

/// Refuses what cannot be a component by its first bytes, with the reason a person needs.
pub(crate) fn check_header(guest: &str, wasm: &[u8]) -> Result<(), LoadError> {
    let what = match wasm {
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => "it is a core module, which has yet to be made a component",
        [b'\0', b'a', b's', b'm', ..] => "it is of an unknown version of the binary format",
        // Wasmtime's precompiled form is an object file. It is native code: running it would trust it wholly.
        [0x7f, b'E', b'L', b'F', ..] => "it is native or precompiled code, which is never accepted",
        [] => "the file is empty",
        [b'(', ..] => "it is the text format, which has yet to be assembled",
        _ => "it does not begin as WebAssembly does",
    };
    Err(LoadError::NotAComponent { guest: guest.to_owned(), what })
}

/// Validates the whole component, function bodies included, before a compiler sees any of it. The compiler validates once
/// more, but one function at a time, between compiling the others.
pub(crate) fn validate(guest: &str, wasm: &[u8]) -> Result<(), LoadError> {
    // At least what the engine accepts; what it does not, it refuses itself.
    let features = WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL;
    match Validator::new_with_features(features).validate_all(wasm) {
        Ok(_) => Ok(()),
        Err(error) => Err(LoadError::Invalid { guest: guest.to_owned(), reason: error.to_string() }),
    }
}

/// Finds the component's kind and holds its imports against what is granted.
pub(crate) fn inspect(
    guest: &str,
    component: &Component,
    engine: &Engine,
    grants: &Grants,
) -> Result<Inspected, LoadError> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    let kind = kind(guest, &exports)?;

    let mut imports_metrics = false;
    let mut refused = Vec::new();
    for (name, import) in ty.imports(engine) {
        if !wants_something(engine, &import.ty) {
            continue;
        }
        let why = match (name, kind) {
            (HOST_LOG, _) => continue,
            (HOST_METRICS, GuestKind::Detector) => WhyRefused::NotForDetectors,
            (HOST_METRICS, GuestKind::Remediation) => {
                if grants.contains(Grants::HOST_METRICS) {
                    imports_metrics = true;
                    continue;
                }
                WhyRefused::NotGranted(Grants::HOST_METRICS)
            }
            _ => [HOST_LOG, HOST_METRICS]
                .into_iter()
                .find(|ours| unversioned(ours) == unversioned(name))
                .map_or(WhyRefused::NotOffered, WhyRefused::OtherVersion),
        };
        refused.push(RefusedImport { name: name.to_owned(), why });
    }
    if !refused.is_empty() {
        return Err(LoadError::Imports { guest: guest.to_owned(), imports: refused });
    }
    Ok(Inspected { kind, imports_metrics })
}

fn kind(guest: &str, exports: &[&str]) -> Result<GuestKind, LoadError> {
    let guest = guest.to_owned();
    match (exports.contains(&DETECTOR), exports.contains(&REMEDIATION)) {
        (true, true) => Err(LoadError::TwoContracts { guest }),
        (true, false) => Ok(GuestKind::Detector),
        (false, true) => Ok(GuestKind::Remediation),
        (false, false) => {
            let ours = [DETECTOR, REMEDIATION].map(unversioned);
            let other_version = exports.iter().find(|export| ours.contains(&unversioned(export)));
            Err(match other_version {
                Some(found) => LoadError::UnsupportedVersion { guest, found: (*found).to_owned() },
                None => {
                    LoadError::NoContract { guest, exports: exports.iter().map(|&export| export.to_owned()).collect() }
                }
            })
        }
    }
}

fn unversioned(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

/// Types cost nothing and can do nothing. A function or a resource reaches into the host, a module or a component would
/// be code that nobody has seen.
fn wants_something(engine: &Engine, item: &ComponentItem) -> bool {
    match item {
        ComponentItem::Type(_) => false,
        ComponentItem::ComponentInstance(instance) => instance_wants_something(engine, instance),
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Resource(_) => true,
    }
}

fn instance_wants_something(engine: &Engine, instance: &ComponentInstance) -> bool {
    instance.exports(engine).any(|(_, export)| wants_something(engine, &export.ty))
}

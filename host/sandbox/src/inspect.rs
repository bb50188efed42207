//! Tells what a file is without trusting it: by its bytes alone, nothing compiled and nothing run.
//!
//! Works on anything, from an empty file to a guest of another contract. Must stay bounded on hostile bytes: no panic, no
//! recursion that the bytes can deepen, no more memory than a small multiple of the file.

use sha2::{Digest as _, Sha256};
use wasmparser::{KnownCustom, Parser, Payload, Validator, WasmFeatures};

use crate::contract::{DETECTOR, REMEDIATION, unversioned};
use crate::error::RefusedImport;
use crate::grants::Grants;
use crate::guest::GuestKind;
use crate::text::{hex, one_line};

mod imports;
mod nesting;

pub use imports::{Import, ImportNeed};

/// Longest text that is taken over from a file into a verdict, in bytes.
const MAX_TEXT: usize = 500;

/// Most entries of a file's own account of how it was built; a guest has about five.
const MAX_PRODUCERS: usize = 50;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// What it comes down to.
    pub verdict: Verdict,
    /// The size in bytes.
    pub bytes: usize,
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: String,
    /// The interfaces of tidegate's contract that it exports, of whatever version.
    pub contracts: Vec<String>,
    /// Everything that it imports, in its own order; of a core module as `module.name`.
    pub imports: Vec<Import>,
    /// Everything that it exports, in its own order.
    pub exports: Vec<String>,
    /// What it says of the tools that made it, its inner modules included. Nobody has checked that.
    pub producers: Vec<Producer>,
}

/// What a file comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A guest of a contract that this host speaks. Whether it may run depends on its imports and on what is granted.
    Guest(GuestKind),
    /// Not WebAssembly in its binary form.
    NotWasm {
        /// What it looks like instead, as the end of a sentence that begins with "it".
        what: &'static str,
    },
    /// WebAssembly, but a core module and no component.
    CoreModule,
    /// It begins as a component does and is none.
    Broken {
        /// The validator's words.
        reason: String,
    },
    /// A valid component that exports nothing of the contract.
    Foreign,
    /// A guest of a version of the contract that this host does not speak.
    OtherVersion {
        /// The interface with its version, as exported.
        found: String,
    },
    /// A detector and a policy at once, so that nobody could say what it is asked.
    TwoContracts,
}

impl Verdict {
    /// A stable name for programs: `guest`, `not_wasm`, `core_module`, `broken`, `foreign`, `other_version` or
    /// `two_contracts`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Guest(_) => "guest",
            Self::NotWasm { .. } => "not_wasm",
            Self::CoreModule => "core_module",
            Self::Broken { .. } => "broken",
            Self::Foreign => "foreign",
            Self::OtherVersion { .. } => "other_version",
            Self::TwoContracts => "two_contracts",
        }
    }
}

impl std::fmt::Display for Verdict {
    /// One sentence for people, without the full stop.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Guest(kind) => {
                let contract = match kind {
                    GuestKind::Detector => DETECTOR,
                    GuestKind::Remediation => REMEDIATION,
                };
                write!(f, "a {kind} for this host: it exports {contract}")
            }
            Self::NotWasm { what } => write!(f, "no guest: {what}"),
            Self::CoreModule => f.write_str(
                "no guest: it is a core module, which has yet to be made a component (wasm-component-ld as the linker \
                 does that, and so does `wasm-tools component new`)",
            ),
            Self::Broken { reason } => write!(f, "no guest: it is not a valid component: {reason}"),
            Self::Foreign => {
                write!(
                    f,
                    "no guest: it is a component of another kind, which exports neither {DETECTOR} nor {REMEDIATION}"
                )
            }
            Self::OtherVersion { found } => write!(
                f,
                "a guest, but for another host: it exports {found}, and this host offers {DETECTOR} and {REMEDIATION}"
            ),
            Self::TwoContracts => f.write_str("no guest: it is a detector and a policy at once; split it in two"),
        }
    }
}

/// One tool that took part in making a file, by the file's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// Which part it had: `language`, `sdk` or `processed-by`.
    pub field: String,
    /// Its name, for example `Rust`.
    pub name: String,
    /// Its version. May be empty.
    pub version: String,
}

impl Inspection {
    /// What it is, if it is a guest for this host.
    pub fn kind(&self) -> Option<GuestKind> {
        match self.verdict {
            Verdict::Guest(kind) => Some(kind),
            _ => None,
        }
    }

    /// The imports for which it would not be loaded with these grants.
    pub fn refused(&self, grants: &Grants) -> Vec<RefusedImport> {
        self.imports.iter().filter_map(|import| import.refused(grants)).collect()
    }
}

/// What a guest is known by: the SHA-256 of its bytes, in hexadecimal.
#[must_use]
pub fn digest(wasm: &[u8]) -> String {
    hex(&Sha256::digest(wasm))
}

/// Tells what the file with these bytes is.
pub fn inspect(wasm: &[u8]) -> Inspection {
    let mut inspection = Inspection {
        verdict: Verdict::CoreModule,
        bytes: wasm.len(),
        digest: digest(wasm),
        contracts: Vec::new(),
        imports: Vec::new(),
        exports: Vec::new(),
        producers: Vec::new(),
    };
    match wasm {
        [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => match read_component(wasm, &mut inspection) {
            Ok(verdict) => inspection.verdict = verdict,
            Err(reason) => inspection.verdict = Verdict::Broken { reason: one_line(&reason, MAX_TEXT) },
        },
        // What a module imports and exports is told as far as it can be read; whether it is valid matters to nobody.
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            let _ = read_module(wasm, &mut inspection);
        }
        _ => inspection.verdict = Verdict::NotWasm { what: looks_like(wasm) },
    }
    inspection
}

/// What bytes are that do not begin as WebAssembly of a known version does. Among them is what people really have in
/// their hands when a guest does not load: the wrong file of a build, or a download gone wrong.
fn looks_like(wasm: &[u8]) -> &'static str {
    match wasm {
        [] => "the file is empty",
        [b'\0', b'a', b's', b'm', ..] => "it is of an unknown version of the binary format",
        // Wasmtime's precompiled form is an object file. It is native code: running it would trust it wholly.
        [0x7f, b'E', b'L', b'F', ..] => "it is native or precompiled code, which is never accepted",
        [0x1f, 0x8b, ..] => "it is compressed with gzip",
        [b'A', b'G', b'F', b'z', b'b', ..] => "it is WebAssembly in base64, which has yet to be decoded",
        _ if wasm.starts_with(b"version https://git-lfs") => "it is a pointer of Git LFS and not the file itself",
        _ => match wasm.trim_ascii_start() {
            [b'(', ..] | [b';', b';', ..] => "it is the text format, which has yet to be assembled",
            [b'<', ..] => "it is a web page or another kind of markup",
            _ => "it does not begin as WebAssembly does",
        },
    }
}

/// Validates a whole component, function bodies included, and reads off it what it is. The error is the validator's.
fn read_component(wasm: &[u8], inspection: &mut Inspection) -> Result<Verdict, String> {
    nesting::check(wasm)?;
    // At least what the engine accepts; what it does not, it refuses itself.
    let features = WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL;
    let types = Validator::new_with_features(features).validate_all(wasm).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    // Only what lies in the outermost component is the component's own.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.map_err(|error| error.to_string())?.name.name;
                    found.push((name, imports::asks_something(types.as_ref(), name)));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let name = export.map_err(|error| error.to_string())?.name.name;
                    inspection.exports.push(one_line(name, MAX_TEXT));
                }
            }
            Payload::CustomSection(section) => note_producers(section.as_known(), &mut inspection.producers),
            _ => {}
        }
    }
    let ours = [DETECTOR, REMEDIATION].map(unversioned);
    let contracts = inspection.exports.iter().filter(|export| ours.contains(&unversioned(export)));
    inspection.contracts = contracts.cloned().collect();
    let verdict = verdict(&inspection.contracts);
    let kind = match verdict {
        Verdict::Guest(kind) => Some(kind),
        _ => None,
    };
    inspection.imports = found.into_iter().map(|(name, asks)| Import::new(name, asks, kind)).collect();
    Ok(verdict)
}

/// Which of the contracts found decides.
fn verdict(contracts: &[String]) -> Verdict {
    let exports = |contract| contracts.iter().any(|found| found == contract);
    match (exports(DETECTOR), exports(REMEDIATION)) {
        (true, true) => Verdict::TwoContracts,
        (true, false) => Verdict::Guest(GuestKind::Detector),
        (false, true) => Verdict::Guest(GuestKind::Remediation),
        (false, false) => match contracts.first() {
            Some(found) => Verdict::OtherVersion { found: found.clone() },
            None => Verdict::Foreign,
        },
    }
}

fn read_module(wasm: &[u8], inspection: &mut Inspection) -> wasmparser::Result<()> {
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let name = one_line(&format!("{}.{}", import.module, import.name), MAX_TEXT);
                    inspection.imports.push(Import { name, need: ImportNeed::NotOffered });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    inspection.exports.push(one_line(export?.name, MAX_TEXT));
                }
            }
            Payload::CustomSection(section) => note_producers(section.as_known(), &mut inspection.producers),
            _ => {}
        }
    }
    Ok(())
}

/// Takes over what one section says of the tools; of a section that cannot be read, as much as can be.
fn note_producers(section: KnownCustom<'_>, producers: &mut Vec<Producer>) {
    let KnownCustom::Producers(fields) = section else { return };
    for field in fields.into_iter().map_while(Result::ok) {
        for value in field.values.into_iter().map_while(Result::ok) {
            let producer = Producer {
                field: one_line(field.name, MAX_TEXT),
                name: one_line(value.name, MAX_TEXT),
                version: one_line(value.version, MAX_TEXT),
            };
            if producers.len() < MAX_PRODUCERS && !producers.contains(&producer) {
                producers.push(producer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, inspect};

    #[test]
    fn what_is_no_webassembly_is_named_for_what_it_is() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "empty"),
            (b"#!/bin/sh\n", "does not begin as WebAssembly"),
            (b"(component)", "text format"),
            (b"  \n ;; a comment\n(module)", "text format"),
            (b"\0asm", "unknown version"),
            (b"\0asm\xff\xff\xff\xff", "unknown version"),
            (b"\x7fELF\x02\x01\x01\xc8", "precompiled"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
            (b"AGFzbQ0AAQA=", "base64"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"\n<!DOCTYPE html>", "web page"),
        ];
        for (bytes, expected) in cases {
            let inspection = inspect(bytes);
            assert!(
                matches!(inspection.verdict, Verdict::NotWasm { what } if what.contains(expected)),
                "{inspection:?}"
            );
            assert_eq!((inspection.bytes, inspection.digest.len()), (bytes.len(), 64));
        }
    }
}

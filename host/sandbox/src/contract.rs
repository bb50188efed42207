//! The contract's names, and the decision whether an inspected file is let in as a guest.

use crate::error::LoadError;
use crate::grants::Grants;
use crate::guest::GuestKind;
use crate::inspect::{ImportNeed, Inspection, Verdict};

/// The interface that a detector exports.
pub const DETECTOR: &str = "tidegate:plugin/detector@0.1.0";
/// The interface that a remediation policy exports.
pub const REMEDIATION: &str = "tidegate:plugin/remediation@0.1.0";
pub(crate) const HOST_LOG: &str = "tidegate:plugin/host-log@0.1.0";
pub(crate) const HOST_METRICS: &str = "tidegate:plugin/host-metrics@0.1.0";

/// What a guest is and which of the host's interfaces it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) kind: GuestKind,
    pub(crate) imports_metrics: bool,
}

/// The interfaces that make a component a guest, for messages.
pub(crate) fn supported() -> String {
    format!("{DETECTOR} and {REMEDIATION}")
}

/// The name of an interface without its version.
pub(crate) fn unversioned(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

/// Decides on a file by what it is and what it imports. Nothing of it has been compiled yet.
pub(crate) fn admit(guest: &str, inspection: &Inspection, grants: &Grants) -> Result<Admitted, LoadError> {
    let guest = guest.to_owned();
    let kind = match &inspection.verdict {
        Verdict::Guest(kind) => *kind,
        Verdict::NotWasm { what } => return Err(LoadError::NotAComponent { guest, what }),
        Verdict::CoreModule => {
            let what = "it is a core module, which has yet to be made a component";
            return Err(LoadError::NotAComponent { guest, what });
        }
        Verdict::Broken { reason } => return Err(LoadError::Invalid { guest, reason: reason.clone() }),
        Verdict::Foreign => return Err(LoadError::NoContract { guest, exports: inspection.exports.clone() }),
        Verdict::OtherVersion { found } => return Err(LoadError::UnsupportedVersion { guest, found: found.clone() }),
        Verdict::TwoContracts => return Err(LoadError::TwoContracts { guest }),
    };
    let imports = inspection.refused(grants);
    if !imports.is_empty() {
        return Err(LoadError::Imports { guest, imports });
    }
    let imports_metrics = inspection.imports.iter().any(|import| matches!(import.need, ImportNeed::Grant(_)));
    Ok(Admitted { kind, imports_metrics })
}

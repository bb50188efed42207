//! What each import of a component would need before the component may run.

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;

use crate::contract::{HOST_LOG, HOST_METRICS, unversioned};
use crate::error::{RefusedImport, WhyRefused};
use crate::grants::Grants;
use crate::guest::GuestKind;
use crate::text::one_line;
use crate::wasi;

use super::MAX_TEXT;

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its full name, as in the file.
    pub name: String,
    /// What it needs before the guest may run.
    pub need: ImportNeed,
}

/// What an import needs before the guest may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportNeed {
    /// Nothing: it holds types alone, through which nothing can be done.
    TypesOnly,
    /// Nothing: every guest has it.
    Free,
    /// Nothing: it is a part of WASI, which answers as an empty machine does.
    EmptyWasi,
    /// This grant, by name, in the config.
    Grant(&'static str),
    /// It cannot be had: detectors never get it, granted or not.
    NotForDetectors,
    /// It cannot be had: the host has it in this version only.
    OtherVersion(&'static str),
    /// It cannot be had: the host has nothing of that name.
    NotOffered,
}

impl std::fmt::Display for ImportNeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TypesOnly => f.write_str("types only, needs nothing"),
            Self::Free => f.write_str("given to every guest"),
            Self::EmptyWasi => f.write_str("answers as an empty machine"),
            Self::Grant(grant) => write!(f, "needs the grant {grant:?} in the config"),
            Self::NotForDetectors => f.write_str("never open to detectors"),
            Self::OtherVersion(ours) => write!(f, "not offered: this host has {ours}"),
            Self::NotOffered => f.write_str("not offered by this host"),
        }
    }
}

impl Import {
    /// Judges an import of a guest of this kind, or of something that is no guest.
    pub(super) fn new(name: &str, asks_something: bool, kind: Option<GuestKind>) -> Self {
        let need = if asks_something { need(name, kind) } else { ImportNeed::TypesOnly };
        Self { name: one_line(name, MAX_TEXT), need }
    }

    /// What stands against it with these grants.
    pub(super) fn refused(&self, grants: &Grants) -> Option<RefusedImport> {
        let why = match self.need {
            ImportNeed::TypesOnly | ImportNeed::Free | ImportNeed::EmptyWasi => return None,
            ImportNeed::Grant(grant) if grants.contains(grant) => return None,
            ImportNeed::Grant(grant) => WhyRefused::NotGranted(grant),
            ImportNeed::NotForDetectors => WhyRefused::NotForDetectors,
            ImportNeed::OtherVersion(ours) => WhyRefused::OtherVersion(ours),
            ImportNeed::NotOffered => WhyRefused::NotOffered,
        };
        Some(RefusedImport { name: self.name.clone(), why })
    }
}

fn need(name: &str, kind: Option<GuestKind>) -> ImportNeed {
    match (name, kind) {
        (HOST_LOG, _) => ImportNeed::Free,
        (HOST_METRICS, Some(GuestKind::Detector)) => ImportNeed::NotForDetectors,
        (HOST_METRICS, _) => ImportNeed::Grant(Grants::HOST_METRICS),
        _ if wasi::offers(name) => ImportNeed::EmptyWasi,
        _ if wasi::is_wasi(name) => ImportNeed::OtherVersion(wasi::OFFERED),
        _ => [HOST_LOG, HOST_METRICS]
            .into_iter()
            .find(|ours| unversioned(ours) == unversioned(name))
            .map_or(ImportNeed::NotOffered, ImportNeed::OtherVersion),
    }
}

/// Types cost nothing and can do nothing. A function or a resource reaches into the host, a module or a component would
/// be code that nobody has seen, a value would be unknown data.
pub(super) fn asks_something(types: TypesRef<'_>, import: &str) -> bool {
    let Some(item) = types.component_item_for_import(import) else { return true };
    // The validator bounds how deep instances lie in instances, and how many there are.
    let mut open = vec![item.ty];
    while let Some(item) = open.pop() {
        match item {
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. } => return true,
            ComponentEntityType::Type { .. } => {}
            ComponentEntityType::Instance(instance) => {
                open.extend(types[instance].exports.values().map(|export| export.ty));
            }
            ComponentEntityType::Module(_)
            | ComponentEntityType::Func(_)
            | ComponentEntityType::Value(_)
            | ComponentEntityType::Component(_) => return true,
        }
    }
    false
}

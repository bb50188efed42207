//! A loaded guest: what it is and what it says of itself, and the way to open it with settings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::component::{InstancePre, Linker};

use crate::bindings::detector::DetectorGuestIndices;
use crate::bindings::detector::tidegate::plugin::types as wit;
use crate::bindings::remediation::RemediationGuestIndices;
use crate::compile::LoadReport;
use crate::contract::Admitted;
use crate::detector::Detector;
use crate::error::{CallError, LoadError, OpenError};
use crate::host_log;
use crate::host_metrics;
use crate::incident::ActionOffer;
use crate::ledger::Counters;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::quarantine::Quarantine;
use crate::sandbox::Compiled;
use crate::settings::{self, SettingsError};
use crate::store::{HostState, arm_with_questions};
use crate::text::one_line;
use crate::warden::Warden;
use crate::wasi;

/// What a guest is, by what it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuestKind {
    /// Judges the samples of one series.
    Detector,
    /// Proposes what to do about an incident.
    Remediation,
}

impl std::fmt::Display for GuestKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Detector => "detector",
            Self::Remediation => "remediation policy",
        })
    }
}

/// What a guest says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Short name in kebab case. The name that the config uses is the one the guest was loaded under, not this.
    pub name: String,
    /// The guest's own version.
    pub version: String,
    /// One sentence for people.
    pub summary: String,
    /// JSON Schema (draft 2020-12) of the settings.
    pub settings_schema: Value,
}

/// A loaded guest. Cheap to clone.
#[derive(Clone)]
pub struct Guest(Arc<Loaded>);

struct Loaded {
    warden: Arc<Warden>,
    code: Code,
    manifest: Manifest,
    schema: jsonschema::Validator,
    report: LoadReport,
}

enum Code {
    Detector(InstancePre<HostState>, DetectorGuestIndices),
    Remediation(Remediation),
}

/// A policy's code, and whether it may ask for metrics.
#[derive(Clone)]
pub(crate) struct Remediation {
    pub(crate) pre: InstancePre<HostState>,
    pub(crate) indices: RemediationGuestIndices,
    pub(crate) asks_metrics: bool,
}

/// Longest name or version in a manifest, in bytes: a label's worth.
const MAX_NAME: usize = 64;

impl Guest {
    /// Links the component with what it was granted, makes a first instance and has it describe itself.
    pub(crate) fn new(
        name: &str,
        compiled: Arc<Compiled>,
        admitted: Admitted,
        limits: &Limits,
        counters: Arc<Counters>,
        quarantine: Arc<Quarantine>,
        mut report: LoadReport,
    ) -> Result<Self, LoadError> {
        let began = Instant::now();
        let warden = Warden::new(name, compiled, limits, counters, quarantine);
        let broken =
            |error: wasmtime::Error| LoadError::Contract { guest: name.to_owned(), reason: format!("{error:#}") };
        // What is not granted is not even in the linker: the check of the imports is not the only thing in the way.
        let mut linker = Linker::new(warden.compiled.component.engine());
        host_log::offer(&mut linker).map_err(broken)?;
        if admitted.imports_metrics {
            host_metrics::offer(&mut linker).map_err(broken)?;
        }
        wasi::offer(&mut linker, &warden.compiled.component).map_err(broken)?;
        let pre = linker.instantiate_pre(&warden.compiled.component).map_err(broken)?;
        let code = match admitted.kind {
            GuestKind::Detector => {
                let indices = DetectorGuestIndices::new(&pre).map_err(broken)?;
                Code::Detector(pre, indices)
            }
            GuestKind::Remediation => Code::Remediation(Remediation {
                indices: RemediationGuestIndices::new(&pre).map_err(broken)?,
                pre,
                asks_metrics: admitted.imports_metrics,
            }),
        };
        let described = describe(&warden, &code)?;
        let manifest =
            manifest(described, limits).map_err(|reason| LoadError::Manifest { guest: name.to_owned(), reason })?;
        let schema = settings::compile(&manifest.settings_schema)
            .map_err(|reason| LoadError::Manifest { guest: name.to_owned(), reason })?;
        report.described = began.elapsed();
        Ok(Self(Arc::new(Loaded { warden: Arc::new(warden), code, manifest, schema, report })))
    }

    /// The name that it was loaded under.
    pub fn name(&self) -> &str {
        &self.0.warden.guest
    }

    /// What it is.
    pub fn kind(&self) -> GuestKind {
        match self.0.code {
            Code::Detector(..) => GuestKind::Detector,
            Code::Remediation(_) => GuestKind::Remediation,
        }
    }

    /// SHA-256 of its bytes, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.warden.compiled.digest
    }

    /// How loading it went.
    pub fn load_report(&self) -> &LoadReport {
        &self.0.report
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Holds settings against the guest's own schema.
    ///
    /// # Errors
    ///
    /// Every place that does not fit, at most twenty.
    pub fn check_settings(&self, settings: &Value) -> Result<(), Vec<SettingsError>> {
        settings::check(&self.0.schema, settings)
    }

    /// Opens the guest as a detector for series with a sample every `step`.
    ///
    /// # Errors
    ///
    /// When it is no detector, the settings do not fit, or the guest refuses them or fails.
    pub fn open_detector(&self, settings: &Value, step: Duration) -> Result<Detector, OpenError> {
        let Code::Detector(pre, indices) = &self.0.code else {
            return Err(self.wrong_kind(GuestKind::Detector));
        };
        self.check(settings)?;
        Detector::open(Arc::clone(&self.0.warden), pre, indices, settings, step).map_err(|error| self.not_opened(error))
    }

    /// As [`Guest::open_detector`], with settings that nobody held against the schema. For tests of what a guest itself
    /// says of settings; a host never opens one like this.
    ///
    /// # Errors
    ///
    /// When it is no detector, or refuses the settings or fails.
    pub fn open_detector_past_schema(&self, settings: &Value, step: Duration) -> Result<Detector, OpenError> {
        let Code::Detector(pre, indices) = &self.0.code else {
            return Err(self.wrong_kind(GuestKind::Detector));
        };
        Detector::open(Arc::clone(&self.0.warden), pre, indices, settings, step).map_err(|error| self.not_opened(error))
    }

    /// Opens the guest as a policy that may choose among `actions`.
    ///
    /// # Errors
    ///
    /// When it is no policy, the settings do not fit, or the guest refuses them or fails.
    pub fn open_policy(&self, settings: &Value, actions: &[ActionOffer]) -> Result<Policy, OpenError> {
        let Code::Remediation(code) = &self.0.code else {
            return Err(self.wrong_kind(GuestKind::Remediation));
        };
        self.check(settings)?;
        Policy::open(Arc::clone(&self.0.warden), code, settings, actions).map_err(|error| self.not_opened(error))
    }

    /// As [`Guest::open_policy`], with settings that nobody held against the schema. For tests of what a guest itself says
    /// of settings; a host never opens one like this.
    ///
    /// # Errors
    ///
    /// When it is no policy, or refuses the settings or fails.
    pub fn open_policy_past_schema(&self, settings: &Value, actions: &[ActionOffer]) -> Result<Policy, OpenError> {
        let Code::Remediation(code) = &self.0.code else {
            return Err(self.wrong_kind(GuestKind::Remediation));
        };
        Policy::open(Arc::clone(&self.0.warden), code, settings, actions).map_err(|error| self.not_opened(error))
    }

    fn check(&self, settings: &Value) -> Result<(), OpenError> {
        self.check_settings(settings).map_err(|errors| OpenError::Settings { guest: self.name().to_owned(), errors })
    }

    fn wrong_kind(&self, wanted: GuestKind) -> OpenError {
        OpenError::WrongKind { guest: self.name().to_owned(), found: self.kind(), wanted }
    }

    fn not_opened(&self, error: CallError) -> OpenError {
        OpenError::Call { guest: self.name().to_owned(), error }
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("name", &self.name())
            .field("kind", &self.kind())
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

fn describe(warden: &Warden, code: &Code) -> Result<wit::Manifest, LoadError> {
    let failed = |error| LoadError::Describe { guest: warden.guest.clone(), error };
    let broken =
        |error: wasmtime::Error| LoadError::Contract { guest: warden.guest.clone(), reason: format!("{error:#}") };
    warden.admit().map_err(failed)?;
    let timeout = warden.limits.open_timeout;
    let mut store = warden.store();
    arm_with_questions(&mut store, timeout, warden.limits.max_manifest_bytes);
    let answer = match code {
        Code::Detector(pre, indices) => {
            let instance = warden.instantiate(&mut store, pre).map_err(failed)?;
            let guest = indices.load(&mut store, &instance).map_err(broken)?;
            guest.tidegate_plugin_detector().call_describe(&mut store)
        }
        Code::Remediation(Remediation { pre, indices, .. }) => {
            let instance = warden.instantiate(&mut store, pre).map_err(failed)?;
            let guest = indices.load(&mut store, &instance).map_err(broken)?;
            guest.tidegate_plugin_remediation().call_describe(&mut store)
        }
    };
    answer.map_err(|error| failed(warden.judge(&store, &error, timeout)))
}

/// Takes a manifest over from the guest, or says what is wrong with it.
fn manifest(described: wit::Manifest, limits: &Limits) -> Result<Manifest, String> {
    let wit::Manifest { name, version, summary, settings_schema } = described;
    let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(kebab) {
        return Err(format!("name {:?} is not kebab case of at most {MAX_NAME} characters", one_line(&name, MAX_NAME)));
    }
    if version.is_empty() || version.len() > MAX_NAME || !version.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "version {:?} is not a version of at most {MAX_NAME} characters",
            one_line(&version, MAX_NAME)
        ));
    }
    let settings_schema =
        serde_json::from_str(&settings_schema).map_err(|error| format!("settings-schema is not JSON: {error}"))?;
    Ok(Manifest { name, version, summary: one_line(&summary, limits.max_text_bytes), settings_schema })
}

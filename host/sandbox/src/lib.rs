//! Loads, limits and calls guests: WebAssembly components that hold detectors and remediation policies.
//!
//! A guest computes and nothing else. It is checked before it is compiled, its imports are checked before it is
//! instantiated, and every call runs against a deadline, a memory cap and a cap on what comes back. What a guest does
//! wrong ends up in a [`CallError`] of its own kind; it never takes the host down and never reads as "no anomaly".
//!
//! This crate is the only one that names wasmtime, and none of wasmtime's types leave it. It knows the contract in
//! `wit/v0.1` and nothing of Prometheus, incidents' lives, configs or journals.

mod bindings;
mod compile;
mod contract;
mod detector;
mod engine;
mod error;
mod grants;
mod guest;
mod host_log;
mod host_metrics;
mod incident;
mod inspect;
mod ledger;
mod limits;
mod policy;
mod quarantine;
mod sandbox;
mod scored;
mod settings;
mod store;
mod text;
mod warden;
mod wasi;

pub use compile::{CodeSource, CompileError, CompilerProcess, Compiling, LoadReport, compile_in_child};
pub use contract::{DETECTOR, REMEDIATION};
pub use detector::Detector;
pub use error::{CallError, GuestError, LoadError, OpenError, RefusedImport, SandboxError, WhyRefused};
pub use grants::{Grants, UnknownGrant};
pub use guest::{Guest, GuestKind, Manifest};
pub use host_metrics::{InstantSample, MetricsSource, Question, Questions, Reply};
pub use incident::{ActionOffer, Alert, Attempt, Decision, Incident, Label, Outcome, Plan, Severity, Source};
pub use inspect::{Import, ImportNeed, Inspection, Producer, Verdict, digest, inspect};
pub use ledger::GuestStats;
pub use limits::{Limits, QuarantineRules, SandboxOptions};
pub use policy::{Consultation, Policy};
pub use sandbox::Sandbox;
pub use scored::{Needs, Scored, Verdicts};
pub use settings::SettingsError;

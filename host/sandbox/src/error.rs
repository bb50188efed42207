//! What can go wrong with a guest, one type a stage: starting the sandbox, loading, opening, calling.

use std::path::PathBuf;
use std::time::Duration;

use crate::settings::SettingsError;

/// The sandbox itself could not be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SandboxError {
    /// The WebAssembly engine refused to start, with and without reserved address space.
    #[error("cannot start the WebAssembly engine on this machine: {0}")]
    Engine(String),
    /// The thread that measures the guests' time could not be started.
    #[error("cannot start the thread that ends guests which run too long: {0}")]
    Ticker(#[source] std::sync::Arc<std::io::Error>),
    /// There is no folder for compiled guests that only this user can write to.
    #[error("cannot keep compiled guests in {}: {reason}", folder.display())]
    CodeCache {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a file is not a guest that this host runs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The file is larger than the limit.
    #[error("guest {guest:?} has {bytes} bytes, more than the {limit} allowed (max_wasm_bytes)")]
    TooLarge {
        /// The guest's name.
        guest: String,
        /// The size of the file.
        bytes: usize,
        /// The limit on it.
        limit: usize,
    },
    /// The bytes are no WebAssembly at all.
    #[error(
        "guest {guest:?} is not a WebAssembly component: {what}; build it with `cargo xtask guests` \
         or any toolchain that emits components"
    )]
    NotAComponent {
        /// The guest's name.
        guest: String,
        /// What the bytes look like instead.
        what: &'static str,
    },
    /// The component does not validate or does not compile.
    #[error("guest {guest:?} is not a valid component: {reason}")]
    Invalid {
        /// The guest's name.
        guest: String,
        /// The validator's or compiler's words.
        reason: String,
    },
    /// Compiling it took longer than it may.
    #[error("guest {guest:?} was still compiling after {after:?}, and the compiler was stopped (compile_timeout)")]
    CompileTimedOut {
        /// The guest's name.
        guest: String,
        /// How long it was given.
        after: Duration,
    },
    /// Compiling it took more memory than it may.
    #[error("guest {guest:?} takes more than {limit} bytes of memory to compile (compile_memory)")]
    CompileOutOfMemory {
        /// The guest's name.
        guest: String,
        /// The limit on the compiler's memory.
        limit: u64,
    },
    /// The compiler itself failed, which tells nothing about the guest.
    #[error("guest {guest:?} could not be compiled: {reason}")]
    CompileFailed {
        /// The guest's name.
        guest: String,
        /// What happened.
        reason: String,
    },
    /// It exports none of the interfaces that make a guest.
    #[error(
        "guest {guest:?} exports none of {supported}; it exports {found}",
        supported = crate::contract::supported(),
        found = listed(exports)
    )]
    NoContract {
        /// The guest's name.
        guest: String,
        /// What it exports.
        exports: Vec<String>,
    },
    /// It exports a guest's interface in a version that this host does not speak.
    #[error(
        "guest {guest:?} exports {found}; this host supports {supported}: rebuild the guest against wit/v0.1",
        supported = crate::contract::supported()
    )]
    UnsupportedVersion {
        /// The guest's name.
        guest: String,
        /// The interface with its version, as exported.
        found: String,
    },
    /// It is a detector and a policy at once, so that nobody could say what it is asked.
    #[error("guest {guest:?} exports both a detector and a remediation; split it into two components")]
    TwoContracts {
        /// The guest's name.
        guest: String,
    },
    /// It imports what it is not granted.
    #[error("guest {guest:?} imports what it may not use: {}", listed(imports))]
    Imports {
        /// The guest's name.
        guest: String,
        /// Every such import.
        imports: Vec<RefusedImport>,
    },
    /// An interface has the right name and other functions or types.
    #[error("guest {guest:?} does not keep to the contract of wit/v0.1: {reason}")]
    Contract {
        /// The guest's name.
        guest: String,
        /// Which item differs, and how.
        reason: String,
    },
    /// `describe` did not answer.
    #[error("guest {guest:?} could not be asked what it is (describe): {error}")]
    Describe {
        /// The guest's name.
        guest: String,
        /// What happened instead.
        error: CallError,
    },
    /// `describe` answered with something unusable.
    #[error("guest {guest:?} describes itself wrongly: {reason}")]
    Manifest {
        /// The guest's name.
        guest: String,
        /// What is wrong with the manifest.
        reason: String,
    },
}

/// One import that keeps a guest from being loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedImport {
    /// The import's full name, as in the component.
    pub name: String,
    /// What stands against it.
    pub why: WhyRefused,
}

/// What stands against an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyRefused {
    /// The config does not grant it; this is the grant it wants.
    NotGranted(&'static str),
    /// Detectors never get it, granted or not.
    NotForDetectors,
    /// The host has it in this version only.
    OtherVersion(&'static str),
    /// The host has nothing of that name.
    NotOffered,
}

impl std::fmt::Display for RefusedImport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, why } = self;
        match why {
            WhyRefused::NotGranted(grant) => {
                write!(f, "{name} (needs the grant {grant:?} in the config)")
            }
            WhyRefused::NotForDetectors => write!(f, "{name} (never open to detectors)"),
            WhyRefused::OtherVersion(ours) => write!(f, "{name} (this host has {ours})"),
            WhyRefused::NotOffered => write!(f, "{name} (this host offers no such interface)"),
        }
    }
}

/// Why a guest could not be opened with its settings.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The settings do not fit the guest's own schema.
    #[error("the settings do not fit guest {guest:?}: {}", listed(errors))]
    Settings {
        /// The guest's name.
        guest: String,
        /// Every place that does not fit.
        errors: Vec<SettingsError>,
    },
    /// A detector was wanted and a policy found, or the other way round.
    #[error("guest {guest:?} is a {found}, and a {wanted} is wanted here")]
    WrongKind {
        /// The guest's name.
        guest: String,
        /// What it is.
        found: crate::GuestKind,
        /// What it should be.
        wanted: crate::GuestKind,
    },
    /// The guest failed while opening, or refused the settings itself.
    #[error("guest {guest:?} could not be opened with its settings: {error}")]
    Call {
        /// The guest's name.
        guest: String,
        /// What it did.
        error: CallError,
    },
}

/// What a guest answered instead of a result. Texts are the guest's own, cut to `max_text_bytes`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// The settings are not usable.
    #[error("invalid settings: {0}")]
    InvalidSettings(String),
    /// The state bytes are not of this guest's layout: learn the series again from history.
    #[error("unreadable state: {0}")]
    UnreadableState(String),
    /// There is too little data to answer.
    #[error("insufficient data: {0}")]
    InsufficientData(String),
    /// Anything else.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Why a call to a guest brought no answer. None of these means "nothing found".
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The guest broke off: a panic, an access out of bounds, a broken answer. Its instance is gone, its state is not.
    #[error("trapped: {what}{}", last_words(said))]
    Trapped {
        /// The engine's words for it.
        what: String,
        /// The last error that the guest logged in this call: with the SDK, the panic's message.
        said: Option<String>,
    },
    /// The guest computed longer than it may.
    #[error("still running after {after:?} and stopped")]
    TimedOut {
        /// How long it was given.
        after: Duration,
    },
    /// The guest wanted more memory than it may have, and did not survive the refusal.
    #[error("out of memory: wanted more than {limit} bytes{}", last_words(said))]
    OutOfMemory {
        /// The cap on its memory.
        limit: usize,
        /// The last error that the guest logged in this call.
        said: Option<String>,
    },
    /// The guest trapped too often lately and is left alone for a while.
    #[error("quarantined after too many traps, for another {remaining:?}")]
    Quarantined {
        /// How long it is still left alone.
        remaining: Duration,
    },
    /// The guest answered with an error of its own.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The guest answered, and the answer breaks the contract.
    #[error("bad answer: {what}")]
    BadAnswer {
        /// What is wrong with it.
        what: String,
    },
    /// The caller handed over samples that are none: a fault of the host.
    #[error("bad call: {what}")]
    BadCall {
        /// What is wrong with them.
        what: String,
    },
    /// The host could not make an instance: too many alive, or the machine has no more to give. Not the guest's fault.
    #[error("no room for another instance: {why}")]
    NoRoom {
        /// What was short.
        why: String,
    },
}

impl CallError {
    /// Every value of [`CallError::kind`].
    pub const KINDS: [&str; 8] =
        ["trapped", "timed_out", "out_of_memory", "quarantined", "guest_error", "bad_answer", "bad_call", "no_room"];

    /// A stable name for labels of metrics: one of [`CallError::KINDS`].
    pub fn kind(&self) -> &'static str {
        Self::KINDS[self.index()]
    }

    /// The place of this kind in [`CallError::KINDS`].
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::Trapped { .. } => 0,
            Self::TimedOut { .. } => 1,
            Self::OutOfMemory { .. } => 2,
            Self::Quarantined { .. } => 3,
            Self::Guest(_) => 4,
            Self::BadAnswer { .. } => 5,
            Self::BadCall { .. } => 6,
            Self::NoRoom { .. } => 7,
        }
    }
}

fn last_words(said: &Option<String>) -> String {
    said.as_ref().map_or_else(String::new, |said| format!("; it said: {said}"))
}

/// Most things that a message lists: what a guest imports and exports can be any number.
const LISTED: usize = 20;

fn listed<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    let mut listed: Vec<_> = items.iter().take(LISTED).map(T::to_string).collect();
    if items.len() > LISTED {
        listed.push(format!("and {} more", items.len() - LISTED));
    }
    listed.join("; ")
}

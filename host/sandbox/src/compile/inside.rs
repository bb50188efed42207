//! What the compiling child does: limits itself, compiles what comes in, and leaves the code in a folder.

use std::io::{self, Read};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, nice, setrlimit};
#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};
use wasmtime::component::Component;

use crate::engine;
use crate::text::one_line;

/// How much less important than the host: it must not take the processors from the guests at work.
const NICENESS: i32 = 10;

/// Longest reason that is handed on, in bytes.
const MAX_REASON: usize = 2000;

/// Why a child compiled nothing. What is displayed is one line, for the host to read from standard error.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component is at fault.
    #[error("{0}")]
    Refused(String),
    /// It took more memory than it may.
    #[error("out of memory")]
    OutOfMemory,
    /// The machine or the host is at fault.
    #[error("{0}")]
    Failed(String),
}

impl CompileError {
    pub(super) const REFUSED: u8 = 10;
    pub(super) const OUT_OF_MEMORY: u8 = 11;

    /// The exit code by which the host tells the reasons apart.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => Self::REFUSED,
            Self::OutOfMemory => Self::OUT_OF_MEMORY,
            Self::Failed(_) => 1,
        }
    }
}

/// Compiles the component that `wasm` reads into the folder `cache`, within so many bytes of address space and seconds of
/// processor time. The limits hold for the whole process and for good: call this in a process that does nothing else.
///
/// # Errors
///
/// When there is no code in the folder afterwards.
pub fn compile_in_child(cache: &Path, memory: u64, cpu_seconds: u64, mut wasm: impl Read) -> Result<(), CompileError> {
    limit(memory, cpu_seconds).map_err(|error| failed("cannot limit itself", &error))?;
    let mut bytes = Vec::new();
    wasm.read_to_end(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::OutOfMemory => CompileError::OutOfMemory,
        _ => failed("cannot read the component", &error),
    })?;
    let kept = engine::cache(cache).map_err(|error| failed("cannot keep code", &error))?;
    let compiler = engine::compiler(Some(kept.clone())).map_err(|error| failed("cannot start", &error))?;
    Component::from_binary(&compiler, &bytes).map_err(|error| refused(&error))?;
    // Only what has been written to its end and renamed into place is counted.
    if kept.cache_misses() == 1 {
        Ok(())
    } else {
        Err(CompileError::Failed(format!("cannot write the code to {}", cache.display())))
    }
}

fn limit(memory: u64, cpu_seconds: u64) -> io::Result<()> {
    let bound = |current, maximum| Rlimit { current: Some(current), maximum: Some(maximum) };
    // The host gets its answer as one line; an image of the memory of a component that broke the compiler helps nobody.
    setrlimit(Resource::Core, bound(0, 0))?;
    setrlimit(Resource::As, bound(memory, memory))?;
    // The host stops it much earlier; this is for a child whose host has died, and on Linux it goes even before that.
    setrlimit(Resource::Cpu, bound(cpu_seconds, cpu_seconds.saturating_add(5)))?;
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Where the system refuses that, the child is merely as important as the host.
    let _ = nice(NICENESS);
    Ok(())
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> CompileError {
    CompileError::Failed(one_line(&format!("{what}: {error:#}"), MAX_REASON))
}

/// Whose fault it is that a component does not compile: its own, unless the memory ran out.
fn refused(error: &wasmtime::Error) -> CompileError {
    let out_of_memory = error.chain().any(|cause| {
        cause.downcast_ref::<Errno>() == Some(&Errno::NOMEM)
            || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
    });
    if out_of_memory {
        return CompileError::OutOfMemory;
    }
    CompileError::Refused(one_line(&format!("{error:#}"), MAX_REASON))
}

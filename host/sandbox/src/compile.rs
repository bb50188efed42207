//! From a component's bytes to its code: in this process, or in a child process whose work is kept on disk.
//!
//! Compiling cannot be cancelled and takes what memory it wants, so a host lets a child do it, within limits. With a child,
//! this process's engine has no compiler at all: whatever happens to the kept code, this process cannot end up compiling.
//! The child's code arrives through wasmtime's own cache, which checks that it fits this engine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;
use crate::error::{LoadError, SandboxError};
use crate::limits::{Limits, SandboxOptions};

mod cache;
mod child;
mod folder;
mod inside;
mod key;

pub use inside::{CompileError, compile_in_child};

use cache::CodeCache;
use child::Ended;

/// Where components are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compiling {
    /// In this process, without limits, and kept nowhere. For bytes that are trusted, such as a test's.
    #[default]
    Here,
    /// In a child process.
    InChild(CompilerProcess),
}

/// A program that compiles one component and ends, by calling [`compile_in_child`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerProcess {
    /// The program. Must be the same build as the host: code of another one is never found again.
    pub program: PathBuf,
    /// Its first arguments. `--cache DIR --memory BYTES --cpu SECONDS` follow.
    pub args: Vec<OsString>,
    /// Where the code is kept, a folder of its own. It is native code that the host trusts: the folder must belong to the
    /// user that the host runs as, and is made private. `None` keeps it for as long as the sandbox lives.
    pub cache_dir: Option<PathBuf>,
}

/// Where a guest's code came from when it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeSource {
    /// It was compiled.
    Compiled,
    /// It was compiled earlier and kept on disk.
    Kept,
    /// The same bytes were loaded already.
    Loaded,
}

/// How long each step of loading a guest took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// Reading what it is, which validates all of it.
    pub inspected: Duration,
    /// Getting at its code.
    pub compiled: Duration,
    /// How that was done.
    pub code: CodeSource,
    /// Linking it, making a first instance and having it describe itself.
    pub described: Duration,
}

/// The engine, and the way by which its code comes.
pub(crate) struct Compiler {
    engine: Engine,
    kept: Option<(CompilerProcess, CodeCache)>,
}

impl Compiler {
    /// Starts the engine that runs what is compiled here.
    pub(crate) fn start(options: &SandboxOptions) -> Result<Self, SandboxError> {
        let Compiling::InChild(process) = &options.compiling else {
            return Ok(Self { engine: engine::start(options, engine::Code::Compiled)?, kept: None });
        };
        let cache = CodeCache::open(process.cache_dir.as_deref(), &key::of_engine(&engine::compiler(None)?))?;
        let engine = engine::start(options, engine::Code::Kept(cache.folder()))?;
        Ok(Self { engine, kept: Some((process.clone(), cache)) })
    }

    /// The code of a component that has been inspected.
    pub(crate) fn component(
        &self,
        guest: &str,
        wasm: &[u8],
        limits: &Limits,
    ) -> Result<(Component, CodeSource), LoadError> {
        let Some((process, cache)) = &self.kept else {
            let component = Component::from_binary(&self.engine, wasm)
                .map_err(|error| LoadError::Invalid { guest: guest.to_owned(), reason: format!("{error:#}") })?;
            return Ok((component, CodeSource::Compiled));
        };
        let key = key::of_component(&self.engine, wasm);
        if cache.has_intact(&key) {
            match Component::from_binary(&self.engine, wasm) {
                Ok(component) => return Ok((component, CodeSource::Kept)),
                Err(error) => {
                    tracing::warn!(guest, error = %format_args!("{error:#}"), "kept code cannot be used, compiling again");
                    cache.remove(&key);
                }
            }
        }
        let failed = |reason| LoadError::CompileFailed { guest: guest.to_owned(), reason };
        let scratch = cache.scratch().map_err(|error| failed(format!("cannot make a folder for its code: {error}")))?;
        let began = Instant::now();
        match child::compile(process, scratch.path(), wasm, limits) {
            Ended::Done => tracing::info!(guest, took = ?began.elapsed(), "guest compiled"),
            Ended::Refused(reason) => return Err(LoadError::Invalid { guest: guest.to_owned(), reason }),
            Ended::TimedOut => {
                return Err(LoadError::CompileTimedOut { guest: guest.to_owned(), after: limits.compile_timeout });
            }
            Ended::OutOfMemory => {
                let limit = limits.compile_memory_bytes;
                return Err(LoadError::CompileOutOfMemory { guest: guest.to_owned(), limit });
            }
            Ended::Failed(reason) => return Err(failed(reason)),
        }
        cache.adopt(&scratch, &key).map_err(|error| failed(format!("cannot keep its code: {error}")))?;
        let component = Component::from_binary(&self.engine, wasm)
            .map_err(|error| LoadError::Invalid { guest: guest.to_owned(), reason: format!("{error:#}") })?;
        Ok((component, CodeSource::Compiled))
    }
}

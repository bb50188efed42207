//! The sandbox as a whole: one engine, the components that it has compiled, and the ledger of what guests did.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use wasmtime::component::Component;

use crate::compile::{CodeSource, Compiler, LoadReport};
use crate::contract;
use crate::error::{LoadError, SandboxError};
use crate::grants::Grants;
use crate::guest::Guest;
use crate::inspect::inspect;
use crate::ledger::{GuestStats, Ledger};
use crate::limits::{Limits, SandboxOptions};

/// Loads guests. Cheap to clone; all clones are one sandbox, and a process needs one.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    compiler: Compiler,
    options: SandboxOptions,
    ledger: Ledger,
    /// By digest. Weak, so that a component goes when the last guest made of it does.
    compiled: Mutex<HashMap<String, Weak<Compiled>>>,
}

/// One component's code.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) digest: String,
}

impl Sandbox {
    /// Starts the engine and its clock.
    ///
    /// # Errors
    ///
    /// When the machine runs no WebAssembly at all, has no thread to spare, or has no safe place for compiled guests.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        Ok(Self(Arc::new(Inner {
            compiler: Compiler::start(&options)?,
            options,
            ledger: Ledger::default(),
            compiled: Mutex::default(),
        })))
    }

    /// Checks, compiles and describes the guest in `wasm`, which takes seconds for a large guest; bytes that are already
    /// loaded, under whatever name, or were compiled before and kept, are not compiled again.
    ///
    /// # Errors
    ///
    /// Every reason for which the bytes are no guest, or none that may run here.
    pub fn load(&self, name: &str, wasm: &[u8], limits: &Limits, grants: &Grants) -> Result<Guest, LoadError> {
        if wasm.len() > limits.max_wasm_bytes {
            return Err(LoadError::TooLarge {
                guest: name.to_owned(),
                bytes: wasm.len(),
                limit: limits.max_wasm_bytes,
            });
        }
        let began = Instant::now();
        let inspection = inspect(wasm);
        let admitted = contract::admit(name, &inspection, grants)?;
        let inspected = began.elapsed();
        let began = Instant::now();
        let (compiled, code) = self.compile(name, wasm, &inspection.digest, limits)?;
        let report = LoadReport { inspected, compiled: began.elapsed(), code, described: Duration::ZERO };
        let counters = self.0.ledger.counters(name, &compiled.digest, admitted.kind);
        let quarantine = self.0.ledger.quarantine(&compiled.digest, &self.0.options.quarantine);
        Guest::new(name, compiled, admitted, limits, counters, quarantine, report)
    }

    /// What every guest did so far, ordered by name and digest.
    pub fn stats(&self) -> Vec<GuestStats> {
        self.0.ledger.stats()
    }

    fn compile(
        &self,
        name: &str,
        wasm: &[u8],
        digest: &str,
        limits: &Limits,
    ) -> Result<(Arc<Compiled>, CodeSource), LoadError> {
        let cached = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(digest).and_then(Weak::upgrade);
        if let Some(compiled) = cached {
            return Ok((compiled, CodeSource::Loaded));
        }
        // The lock is not held meanwhile: one slow guest must not keep others from loading. Compiling the same bytes
        // twice at once is rare and harmless.
        let (component, code) = self.0.compiler.component(name, wasm, limits)?;
        let compiled = Arc::new(Compiled { component, digest: digest.to_owned() });
        let mut all = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, weak| weak.strong_count() > 0);
        all.insert(digest.to_owned(), Arc::downgrade(&compiled));
        Ok((compiled, code))
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("options", &self.0.options).finish_non_exhaustive()
    }
}

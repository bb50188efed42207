//! The names under which wasmtime's cache keeps code.
//!
//! Wasmtime does not tell them, so they are computed here in the way that it computes them. If it ever changes that, the
//! host finds no code where it looks, loads nothing and says so; it never finds the wrong code, because the names are
//! digests. A test below holds the two ways together.

use std::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use crate::text::hex;

/// What an engine's compiler emits depends on this: wasmtime's version, the machine and every setting.
pub(super) fn of_engine(compiler: &Engine) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    compiler.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize()[..8])
}

/// The name under which an engine looks for a component's code.
pub(super) fn of_component(engine: &Engine, wasm: &[u8]) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    wasm.hash(&mut hasher);
    // Debug information of its own file, and an import of wasmtime's own intrinsics: a guest has neither.
    None::<&[u8]>.hash(&mut hasher);
    None::<&str>.hash(&mut hasher);
    URL_SAFE_NO_PAD.encode(hasher.0.finalize())
}

struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks for it: the digest is taken from the inside.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::component::Component;

    use crate::engine::{self, Code};
    use crate::limits::SandboxOptions;

    use super::super::cache::CodeCache;
    use super::{of_component, of_engine};

    /// Wasmtime's way of naming code is its own affair: this test is what tells when it changes.
    #[test]
    fn an_engine_without_a_compiler_finds_what_another_compiled() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = CodeCache::open(Some(folder.path()), "engine").expect("a cache");
        let wasm = b"\0asm\x0d\0\x01\0";
        let runner = engine::start(&SandboxOptions::default(), Code::Kept(cache.folder())).expect("an engine");
        assert!(Component::from_binary(&runner, wasm).is_err(), "nothing is there, and it compiles nothing");

        let scratch = cache.scratch().expect("a folder");
        let kept = engine::cache(scratch.path()).expect("a cache");
        let compiler = engine::compiler(Some(kept)).expect("an engine");
        Component::from_binary(&compiler, wasm).expect("an empty component");
        cache.adopt(&scratch, &of_component(&runner, wasm)).expect("its code");
        Component::from_binary(&runner, wasm).expect("found");
    }

    #[test]
    fn names_differ_by_bytes_and_by_engine() {
        let compiler = engine::compiler(None).expect("an engine");
        assert_ne!(of_component(&compiler, b"a"), of_component(&compiler, b"b"));
        let mut other = wasmtime::Config::new();
        let other = wasmtime::Engine::new(other.cranelift_nan_canonicalization(false)).expect("an engine");
        assert_ne!(of_engine(&compiler), of_engine(&other));
        assert_eq!(of_engine(&compiler).len(), 16);
    }
}

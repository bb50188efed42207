//! The folder of kept code. What lies in it is native code that the host trusts: the folder must be the host's alone, and
//! a file that is not exactly what was put there is not used.
//!
//! ```text
//! FOLDER/                          private
//!   ENGINE/                        one for each version of the compiler, its settings and the processor
//!     modules/VERSION/KEY          wasmtime's own cache
//!     sums/KEY                     the SHA-256 of that file; its time is when it was last used
//!   scratch-PID-N/                 where a child leaves its code
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::error::SandboxError;
use crate::text::hex;

use super::folder::{self, Scratch};

/// Most bytes of code that are kept; what has not been used for longest goes first. A Rust guest's code takes 0.2 MB, a
/// Python guest's about 20 MB.
const MAX_KEPT: u64 = 1 << 30;

/// Kept code, of every engine that ever worked in this folder.
pub(super) struct CodeCache {
    folder: PathBuf,
    ours: Entries,
    /// Present where nobody said where to keep code.
    _temporary: Option<Scratch>,
}

/// The code of one engine.
struct Entries(PathBuf);

impl CodeCache {
    /// Makes or takes over the folder, and in it the one of this engine. Without a folder, code is kept until this goes.
    pub(super) fn open(wanted: Option<&Path>, engine: &str) -> Result<Self, SandboxError> {
        let temporary = match wanted {
            Some(_) => None,
            None => {
                let parent = std::env::temp_dir();
                let made = Scratch::new(&parent, "tidegate");
                Some(made.map_err(|error| SandboxError::CodeCache { folder: parent, reason: error.to_string() })?)
            }
        };
        let wanted = temporary.as_ref().map(Scratch::path).or(wanted).unwrap_or(Path::new("."));
        let refuse = |reason: String| SandboxError::CodeCache { folder: wanted.to_owned(), reason };
        folder::claim(wanted).map_err(refuse)?;
        // The child works elsewhere, and wasmtime wants it so.
        let folder = wanted.canonicalize().map_err(|error| refuse(error.to_string()))?;
        folder::sweep(&folder);
        let ours = Entries(folder.join(engine));
        folder::make(&ours.sums()).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { folder, ours, _temporary: temporary })
    }

    /// Where wasmtime's cache looks.
    pub(super) fn folder(&self) -> &Path {
        &self.ours.0
    }

    /// Whether there is code under this name that is what was put there. What is not is removed.
    pub(super) fn has_intact(&self, key: &str) -> bool {
        let sum = self.ours.sum(key);
        let Ok(noted) = fs::read_to_string(&sum) else { return false };
        let intact = self.ours.code(key).and_then(|code| sum_of(&code)).is_ok_and(|found| found == noted);
        if intact {
            // Only the order in which code is forgotten depends on it.
            let _ = File::options().append(true).open(&sum).and_then(|file| file.set_modified(SystemTime::now()));
        } else {
            tracing::warn!(folder = %self.folder().display(), key, "kept code is damaged or gone, compiling again");
            self.remove(key);
        }
        intact
    }

    /// A folder for one child.
    pub(super) fn scratch(&self) -> io::Result<Scratch> {
        Scratch::new(&self.folder, folder::SCRATCH)
    }

    /// Takes over the code that a child has left, under the name by which this engine will look for it.
    pub(super) fn adopt(&self, scratch: &Scratch, key: &str) -> io::Result<()> {
        let (version, code) = left_in(scratch.path())?;
        let home = self.ours.0.join("modules").join(version);
        folder::make(&home)?;
        let noted = scratch.path().join("sum");
        fs::write(&noted, sum_of(&code)?)?;
        // Whoever reads in between finds a sum that does not fit, and compiles once more than needed.
        fs::rename(&code, home.join(key))?;
        fs::rename(&noted, self.ours.sum(key))?;
        self.forget_beyond(MAX_KEPT);
        Ok(())
    }

    /// Forgets the code under a name.
    pub(super) fn remove(&self, key: &str) {
        self.ours.remove(key);
    }

    /// Forgets what has not been used for longest, whichever engine's it is, until no more than `most` bytes are left.
    fn forget_beyond(&self, most: u64) {
        let engines = folder::entries(&self.folder).map(Entries);
        let mut kept: Vec<Kept> = engines.flat_map(|engine| engine.list()).collect();
        kept.sort_by_key(|kept| kept.used);
        let mut total: u64 = kept.iter().map(|kept| kept.bytes).sum();
        for kept in kept {
            if total <= most {
                break;
            }
            Entries(kept.engine).remove(&kept.key);
            total = total.saturating_sub(kept.bytes);
        }
    }
}

/// One piece of code, as it lies on disk.
struct Kept {
    engine: PathBuf,
    key: String,
    used: SystemTime,
    bytes: u64,
}

impl Entries {
    fn sums(&self) -> PathBuf {
        self.0.join("sums")
    }

    fn sum(&self, key: &str) -> PathBuf {
        self.sums().join(key)
    }

    /// The file of code under a name. Wasmtime has a folder for each of its versions, and an engine has one version.
    fn code(&self, key: &str) -> io::Result<PathBuf> {
        let mut files = folder::entries(&self.0.join("modules")).map(|version| version.join(key));
        files.find(|file| file.is_file()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self, key: &str) {
        // What is not there need not be removed, and what cannot be is overwritten.
        if let Ok(code) = self.code(key) {
            // Wasmtime's count of how often it was used lies beside it.
            let _ = fs::remove_file(code.with_extension("stats"));
            let _ = fs::remove_file(code);
        }
        let _ = fs::remove_file(self.sum(key));
    }

    fn list(&self) -> Vec<Kept> {
        let sums = folder::entries(&self.sums());
        let kept = sums.filter_map(|sum| {
            let key = sum.file_name()?.to_str()?.to_owned();
            let used = fs::metadata(&sum).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            let bytes = self.code(&key).and_then(fs::metadata).map_or(0, |meta| meta.len());
            Some(Kept { engine: self.0.clone(), key, used, bytes })
        });
        kept.collect()
    }
}

/// The one file of code that a child has left in its folder, and the name that wasmtime gives its version.
fn left_in(scratch: &Path) -> io::Result<(PathBuf, PathBuf)> {
    for version in folder::entries(&scratch.join("modules")) {
        // Beside the code there may be wasmtime's count of uses, with an extension.
        let code = folder::entries(&version).find(|file| file.extension().is_none() && file.is_file());
        if let (Some(code), Some(name)) = (code, version.file_name()) {
            return Ok((name.into(), code));
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the compiler left no code"))
}

/// SHA-256 of a file, in hexadecimal.
fn sum_of(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut sum = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&sum.finalize())),
            read => sum.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::CodeCache;

    /// Leaves code as a child does.
    fn put(cache: &CodeCache, key: &str, code: &[u8]) {
        let scratch = cache.scratch().expect("a folder");
        let version = scratch.path().join("modules/wasmtime-1.2.3");
        fs::create_dir_all(&version).expect("a folder");
        fs::write(version.join("its-own-name"), code).expect("code");
        fs::write(version.join("its-own-name.stats"), "usages = 0").expect("statistics");
        cache.adopt(&scratch, key).expect("code");
    }

    fn opened(folder: &Path) -> CodeCache {
        CodeCache::open(Some(folder), "engine").expect("a cache")
    }

    #[test]
    fn code_is_found_again_as_long_as_it_is_what_was_put_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = opened(folder.path());
        assert!(!cache.has_intact("key"));
        put(&cache, "key", b"code");
        assert!(cache.has_intact("key") && opened(folder.path()).has_intact("key"));
        assert!(!CodeCache::open(Some(folder.path()), "another").expect("a cache").has_intact("key"));

        let code = folder.path().join("engine/modules/wasmtime-1.2.3/key");
        let sum = folder.path().join("engine/sums/key");
        let damages: [&dyn Fn(); 5] = [
            &|| fs::write(&code, b"cod").expect("a file"),
            &|| fs::write(&code, b"").expect("a file"),
            &|| fs::remove_file(&code).expect("a file"),
            &|| fs::write(&sum, b"\xff").expect("a file"),
            &|| fs::write(&sum, b"").expect("a file"),
        ];
        for damage in damages {
            damage();
            assert!(!cache.has_intact("key"));
            put(&cache, "key", b"code");
            assert!(cache.has_intact("key"));
        }
        let left: Vec<_> =
            fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("scratch")), "{left:?}");
    }

    #[test]
    fn a_child_that_left_nothing_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = opened(folder.path());
        let scratch = cache.scratch().expect("a folder");
        let error = cache.adopt(&scratch, "key").expect_err("nothing to adopt");
        assert!(error.to_string().contains("left no code"), "{error}");
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cache, other) = (opened(folder.path()), CodeCache::open(Some(folder.path()), "other").expect("a cache"));
        let keys = ["a", "b", "c", "d"];
        for (age, key) in keys.iter().enumerate() {
            let cache = if *key == "b" { &other } else { &cache };
            put(cache, key, &[0; 1000]);
            let used = SystemTime::now() - Duration::from_secs(3600 * (age as u64 + 1));
            let sum = fs::File::options().append(true).open(cache.ours.sum(key)).expect("a sum");
            sum.set_modified(used).expect("a time");
        }
        assert!(cache.has_intact("d"), "its use makes it young");
        cache.forget_beyond(2500);
        assert_eq!(keys.map(|key| cache.has_intact(key) || other.has_intact(key)), [true, false, false, true]);
        cache.forget_beyond(0);
        assert_eq!(keys.map(|key| cache.has_intact(key)), [false; 4]);
    }

    #[test]
    fn without_a_folder_nothing_stays_behind() {
        let cache = CodeCache::open(None, "engine").expect("a cache");
        put(&cache, "key", b"code");
        let folder = cache.folder.clone();
        assert!(cache.has_intact("key") && folder.is_dir());
        drop(cache);
        assert!(!folder.exists());
    }
}

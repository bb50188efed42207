//! Files of the guest folder, as files: which there are, what is in them, and whether they look as they did.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file that changed this lately may change again without looking otherwise: file systems count time in steps.
const FRESH: Duration = Duration::from_secs(2);

/// Reads a file, and of one that is larger than `limit` no more than shows it.
pub(super) fn read_up_to(file: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut wasm = Vec::new();
    File::open(file)?.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut wasm)?;
    if wasm.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(wasm) }
}

/// The names of the guests in a folder, in order; none where it cannot be read.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wasm = paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    let mut names: Vec<String> = wasm.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}

/// How a file looks from outside, links followed. A cheap hint: what looks the same need not be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Cannot be set by whoever writes the file, as the time of modification can.
    changed: (i64, i64),
}

impl Look {
    /// None where there is nothing to be seen, or where what is seen is too fresh to be relied on.
    pub(super) fn at(file: &Path) -> Option<Look> {
        let seen = std::fs::metadata(file).ok()?;
        let changed = u64::try_from(seen.ctime()).map(Duration::from_secs).unwrap_or_default();
        let settled = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed).is_ok_and(|age| age > FRESH);
        settled.then(|| Look::of(&seen))
    }

    fn of(seen: &Metadata) -> Look {
        Look {
            device: seen.dev(),
            inode: seen.ino(),
            size: seen.size(),
            modified: (seen.mtime(), seen.mtime_nsec()),
            changed: (seen.ctime(), seen.ctime_nsec()),
        }
    }
}

//! Files that guest commands are given: read up to a bound, and never blamed without their name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::cli::exit::Failure;

/// Largest data file that is read. A year of samples every 15 s is 60 MB of CSV; with what is said of each, some
/// 500 MB of memory.
pub(super) const MAX_DATA: usize = 64 << 20;

/// Why a file is not there to work with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is larger than the bound.
    #[error("{file} is larger than the {limit} bytes that are read; take a part of it")]
    TooLarge { file: String, limit: usize },
    /// A folder where a file was wanted.
    #[error("{file} is a folder; name a file in it")]
    Folder { file: String },
    /// Anything that the system says.
    #[error("cannot read {file}: {cause}")]
    Io { file: String, cause: io::Error },
}

/// Reads a whole file of at most `limit` bytes; `-` is standard input.
pub(super) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let name = shown(path);
    if path.as_os_str() == "-" {
        return up_to(io::stdin().lock(), &name, limit);
    }
    let file = File::open(path).map_err(|cause| Unreadable::Io { file: name.clone(), cause })?;
    // Opening a folder works; only reading it does not, and the system's words for that are poor.
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(Unreadable::Folder { file: name });
    }
    up_to(file, &name, limit)
}

/// What a file is called in messages.
pub(super) fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

fn up_to(from: impl Read, name: &str, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    from.take(most).read_to_end(&mut bytes).map_err(|cause| Unreadable::Io { file: name.to_owned(), cause })?;
    if bytes.len() > limit { Err(Unreadable::TooLarge { file: name.to_owned(), limit }) } else { Ok(bytes) }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Failure {
        Failure::Usage(error.to_string())
    }
}

/// The name that a guest goes by: its file's, without the ending.
pub(super) fn guest_name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_a_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data.csv");
        std::fs::write(&file, "12345").expect("a file");
        assert_eq!(read(&file, 5).expect("a file"), b"12345");
        for (path, limit, said) in [
            (file.as_path(), 4, "larger than the 4 bytes"),
            (folder.path(), 10, "is a folder"),
            (Path::new("nowhere.csv"), 10, "cannot read nowhere.csv"),
        ] {
            let error = read(path, limit).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(guest_name(Path::new("guests/my.wasm")), "my");
        assert_eq!(guest_name(Path::new("..")), "..");
    }
}

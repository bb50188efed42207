//! The files of the data folder: nobody else's to read, and one process's to write.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::JournalError;

fn failed(path: &Path, cause: std::io::Error) -> JournalError {
    JournalError::Folder { path: path.to_owned(), cause }
}

/// Makes the folder where it is missing, for this user alone. An existing one keeps its permissions.
pub(super) fn make_private_folder(path: &Path) -> Result<(), JournalError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|cause| failed(path, cause))
}

/// Makes the file where it is missing, for this user alone: it names people and says what they decided.
pub(super) fn make_private_file(path: &Path) -> Result<(), JournalError> {
    open_private(path).map(drop)
}

fn open_private(path: &Path) -> Result<File, JournalError> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.map_err(|cause| failed(path, cause))
}

/// Takes the folder for this process.
pub(super) fn lock(data_dir: &Path) -> Result<File, JournalError> {
    let path = data_dir.join("lock");
    let file = open_private(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Held(data_dir.to_owned())),
        Err(TryLockError::Error(cause)) => Err(failed(&path, cause)),
    }
}

//! The data folder: made, kept private, and held by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::JournalError;

/// Makes the folder if it is not there, and takes its lock. The lock lasts as long as the file is open: it goes with
/// the process, however that ends.
pub(super) fn hold(data_dir: &Path) -> Result<File, JournalError> {
    let refuse = |cause| JournalError::Folder { path: data_dir.to_owned(), cause };
    if !data_dir.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(refuse)?;
    }
    // Truncated only once it is ours: until then it names the holder.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(data_dir.join("lock")).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who it is only helps a person; not being able to read it changes nothing.
            let _ = file.read_to_string(&mut holder);
            let holder = if holder.is_empty() { "unknown".to_owned() } else { holder.trim().to_owned() };
            return Err(JournalError::Held { path: data_dir.to_owned(), holder });
        }
        Err(TryLockError::Error(cause)) => return Err(refuse(cause)),
    }
    note_holder(&mut file).map_err(refuse)?;
    Ok(file)
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Makes the file with the right permissions before SQLite does; its companions (`-wal`, `-shm`) take them over.
pub(super) fn private_file(path: &Path) -> Result<(), JournalError> {
    let refuse = |cause| JournalError::Folder { path: path.to_owned(), cause };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).open(path).map_err(refuse)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(refuse)
}

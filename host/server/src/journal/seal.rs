//! The key of a journal, and the MACs it makes: what tells rows that this host wrote from rows that somebody else put
//! into the file, however well chained.
//!
//! Whoever has the key can forge. It lies beside the database unless its file is a symbolic link to somewhere else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::JournalError;
use super::chain::Head;
use crate::hex::{hex, unhex};

pub(super) const FILE: &str = "journal.key";
/// A key whose journal has not got all its MACs yet.
const UNFINISHED: &str = "journal.key.new";

/// The key. Its `Debug` prints nothing of it.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

/// A MAC.
pub(super) type Tag = [u8; 32];

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Key {
        // A key of the length of a hash is used as it is; `new` takes whole blocks, zeros behind the key.
        let mut block = [0; 64];
        block[..32].copy_from_slice(bytes);
        Key(Hmac::new(&block.into()))
    }

    /// Reads the key from a file; None where there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Key>, JournalError> {
        let refuse = |reason: String| JournalError::Key { path: path.to_owned(), reason };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            // A dangling link is a key that is kept elsewhere and not there now, never a reason to make another one.
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
                return Ok(None);
            }
            Err(error) => return Err(refuse(format!("it cannot be read: {error}"))),
        };
        if fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0) {
            tracing::warn!(?path, "others than this user can read the journal's key, and so forge rows; chmod 600 it");
        }
        let bytes = unhex(text.trim()).ok_or_else(|| refuse("it does not hold 64 hexadecimal digits".to_owned()))?;
        Ok(Some(Key::new(&bytes)))
    }

    /// The MAC of a row.
    pub(super) fn of_row(&self, hash: &[u8; 32], incident: Option<&str>) -> Tag {
        tag(self.row(hash, incident))
    }

    /// Is this the MAC of that row? The time taken tells nothing about the right one.
    pub(super) fn is_of_row(&self, mac: &[u8], hash: &[u8; 32], incident: Option<&str>) -> bool {
        self.row(hash, incident).verify_slice(mac).is_ok()
    }

    fn row(&self, hash: &[u8; 32], incident: Option<&str>) -> Hmac<Sha256> {
        let mac = self.0.clone().chain_update(b"row\0").chain_update(hash);
        match incident {
            None => mac.chain_update([0]),
            Some(incident) => mac.chain_update([1]).chain_update(incident),
        }
    }

    /// The MAC of a head.
    pub(super) fn of_head(&self, head: &Head) -> Tag {
        tag(self.head(head))
    }

    /// Is this the MAC of that head?
    pub(super) fn is_of_head(&self, mac: &Tag, head: &Head) -> bool {
        self.head(head).verify_slice(mac).is_ok()
    }

    fn head(&self, head: &Head) -> Hmac<Sha256> {
        self.0.clone().chain_update(b"head\0").chain_update(head.seq.to_be_bytes()).chain_update(head.hash)
    }

    /// The MAC of a note.
    pub(super) fn of_note(&self, seq: i64, at: i64, what: &str) -> Tag {
        tag(self.note(seq, at, what))
    }

    /// Is this the MAC of that note?
    pub(super) fn is_of_note(&self, mac: &[u8], seq: i64, at: i64, what: &str) -> bool {
        self.note(seq, at, what).verify_slice(mac).is_ok()
    }

    fn note(&self, seq: i64, at: i64, what: &str) -> Hmac<Sha256> {
        let mac = self.0.clone().chain_update(b"note\0");
        mac.chain_update(seq.to_be_bytes()).chain_update(at.to_be_bytes()).chain_update(what)
    }
}

fn tag(mac: Hmac<Sha256>) -> Tag {
    mac.finalize().into_bytes().into()
}

/// A new key on the disk, not yet the journal's: or the one that an earlier start left there when it was cut short.
pub(super) fn begin(data_dir: &Path) -> Result<Key, JournalError> {
    let path = data_dir.join(UNFINISHED);
    match Key::read(&path) {
        Ok(Some(key)) => return Ok(key),
        // Half-written: nothing was sealed with it yet.
        Ok(None) | Err(JournalError::Key { .. }) => {}
        Err(error) => return Err(error),
    }
    let failed = |reason: String| JournalError::Key { path: path.clone(), reason };
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| failed(format!("the system gives no randomness: {error}")))?;
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        writeln!(file, "{}", hex(&bytes))?;
        file.sync_all()?;
        sync_folder(data_dir)
    };
    write().map_err(|error| failed(format!("it cannot be made: {error}")))?;
    Ok(Key::new(&bytes))
}

/// From here on it is the journal's key.
pub(super) fn finish(data_dir: &Path) -> Result<(), JournalError> {
    let (from, to): (PathBuf, PathBuf) = (data_dir.join(UNFINISHED), data_dir.join(FILE));
    let renamed = fs::rename(from, &to).and_then(|()| sync_folder(data_dir));
    renamed.map_err(|error| JournalError::Key { path: to, reason: format!("it cannot be put in its place: {error}") })
}

/// A file's name is durable once its folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// True where an earlier start has begun to make the key.
pub(super) fn is_begun(data_dir: &Path) -> bool {
    data_dir.join(UNFINISHED).exists()
}

//! `journal.head`: the last row, kept outside the database, so that rows cut off at its end are missed.
//!
//! Written after each commit, so it never names a row that is not on the disk. After a crash it may lag behind, and a
//! journal that goes on from it by rows with right MACs is a good one; a journal that ends before it was cut.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::chain::Head;
use super::seal::{Key, sync_folder};
use crate::hex::{hex, unhex};

pub(super) const FILE: &str = "journal.head";

/// A reader beside a running host may see a line that is just being written; not this often.
const MOST_READS: usize = 20;

/// The open file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    path: PathBuf,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Testimony {
    /// The last row that it knows of.
    Head(Head),
    /// There is no file.
    Missing,
    /// Its MAC is not of this key.
    Forged,
}

impl Witness {
    /// Makes the file, or writes it anew. For a journal that begins, or whose end was accepted by a person.
    pub(super) fn put(data_dir: &Path, key: &Key, head: &Head) -> Result<(), JournalError> {
        let path = data_dir.join(FILE);
        let write = || {
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            file.write_all_at(line(key, head).as_bytes(), 0)?;
            file.set_len(LENGTH)?;
            file.sync_all()?;
            sync_folder(data_dir)
        };
        write().map_err(|cause| JournalError::Folder { path: path.clone(), cause })
    }

    /// Opens the file of an existing journal.
    pub(super) fn open(data_dir: &Path) -> Result<Witness, JournalError> {
        let path = data_dir.join(FILE);
        match OpenOptions::new().write(true).open(&path) {
            Ok(file) => Ok(Witness { file, path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(JournalError::Witness { path, reason: "it is not there".to_owned() })
            }
            Err(cause) => Err(JournalError::Folder { path, cause }),
        }
    }

    /// Takes note of a head. In place and in one write of less than a sector, which no crash leaves half done; and not
    /// synced: after a power cut it may lag behind, never be ahead, for the rows were on the disk before.
    pub(super) fn note(&self, key: &Key, head: &Head) -> Result<(), JournalError> {
        let written = self.file.write_all_at(line(key, head).as_bytes(), 0);
        written.map_err(|cause| JournalError::Folder { path: self.path.clone(), cause })
    }
}

/// Reads the file, whether a host is writing to it or not.
pub(super) fn read(data_dir: &Path, key: &Key) -> Result<Testimony, JournalError> {
    let path = data_dir.join(FILE);
    for _ in 0..MOST_READS {
        match fs::read(&path) {
            Ok(bytes) => {
                if let Some(head) = parse(key, &bytes) {
                    return Ok(Testimony::Head(head));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Testimony::Missing),
            Err(cause) => return Err(JournalError::Folder { path, cause }),
        }
    }
    Ok(Testimony::Forged)
}

/// Number, hash and MAC, in columns of fixed width: each line covers the one before it wholly.
fn line(key: &Key, head: &Head) -> String {
    format!("{:020} {} {}\n", head.seq, hex(&head.hash), hex(&key.of_head(head)))
}

const LENGTH: u64 = 20 + 1 + 64 + 1 + 64 + 1;

fn parse(key: &Key, bytes: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let mut words = text.split(' ');
    let head = Head { seq: words.next()?.parse().ok()?, hash: unhex(words.next()?)? };
    let mac = unhex(words.next()?)?;
    (words.next().is_none() && key.is_of_head(&mac, &head)).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::super::seal;
    use super::*;

    #[test]
    fn what_was_noted_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let key = seal::begin(folder.path()).unwrap();
        assert_eq!(read(folder.path(), &key).unwrap(), Testimony::Missing);
        assert!(matches!(Witness::open(folder.path()), Err(JournalError::Witness { .. })));
        let head = |seq| Head { seq, hash: [seq as u8; 32] };
        Witness::put(folder.path(), &key, &head(9)).unwrap();
        let witness = Witness::open(folder.path()).unwrap();
        for seq in [10, 200, 3] {
            witness.note(&key, &head(seq)).unwrap();
            assert_eq!(read(folder.path(), &key).unwrap(), Testimony::Head(head(seq)));
        }
    }

    #[test]
    fn a_line_that_is_not_of_this_key_is_no_testimony() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (key, another) = (seal::begin(folder.path()).unwrap(), seal::begin(other.path()).unwrap());
        Witness::put(folder.path(), &key, &Head::default()).unwrap();
        assert_eq!(read(folder.path(), &another).unwrap(), Testimony::Forged);
        let good = fs::read_to_string(folder.path().join(FILE)).unwrap();
        for bad in [
            "".to_owned(),
            good.replacen('0', "1", 1),
            good.trim_end().to_owned(),
            format!("{good} "),
            good.replace(' ', "  "),
        ] {
            fs::write(folder.path().join(FILE), &bad).unwrap();
            assert_eq!(read(folder.path(), &key).unwrap(), Testimony::Forged, "{bad:?}");
        }
    }
}

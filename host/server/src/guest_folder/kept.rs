//! The bytes of every guest that was ever loaded, in the data folder by digest: a replay needs the version of that day.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Below the data folder.
const FOLDER: &str = "guests";

/// Writes what is not there yet.
///
/// # Errors
///
/// When the folder cannot be written.
pub(crate) fn keep(data_dir: &Path, contents: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let folder = data_dir.join(FOLDER);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    for (digest, wasm) in contents {
        let file = folder.join(format!("{digest}.wasm"));
        // Written whole or not at all, so one that is there and as long is the one.
        if fs::metadata(&file).is_ok_and(|known| known.len() == wasm.len() as u64) {
            continue;
        }
        let part = folder.join(format!("{digest}.part"));
        let mut written = File::create(&part)?;
        written.write_all(wasm)?;
        written.sync_all()?;
        fs::rename(&part, &file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_stays_and_what_was_torn_is_written_again() {
        let data = tempfile::tempdir().unwrap();
        let file = |name: &str| data.path().join("guests").join(name);
        let contents = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(digest, bytes)| ((*digest).to_owned(), bytes.as_bytes().to_vec())).collect()
        };
        keep(data.path(), &contents(&[("aa", "one"), ("bb", "two")])).unwrap();
        fs::write(file("bb.wasm"), "t").unwrap();
        fs::write(file("cc.part"), "torn").unwrap();
        keep(data.path(), &contents(&[("bb", "two"), ("cc", "three")])).unwrap();
        for (name, text) in [("aa.wasm", "one"), ("bb.wasm", "two"), ("cc.wasm", "three")] {
            assert_eq!(fs::read_to_string(file(name)).unwrap(), text);
        }
        assert!(!file("cc.part").exists());
    }
}

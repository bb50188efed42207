//! Folders that hold code: made private, refused where they are another's, and swept of what dead hosts left.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::geteuid;

/// How the names of scratch folders begin.
pub(super) const SCRATCH: &str = "scratch";

/// How old a scratch folder is when its host must be gone. No compilation takes that long.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Numbers the scratch folders of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A private folder that goes when this does.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in `parent`, with a name that nobody else has.
    pub(super) fn new(parent: &Path, name: &str) -> io::Result<Self> {
        loop {
            let path = parent.join(format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed)));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // A host with the same number, in another container or before the machine started anew.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is swept a day later.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a private folder, and those above it, where there is none.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What lies in a folder; nothing where it cannot be read.
pub(super) fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Makes sure that the folder is there and that nobody else can put code into it. One that is another user's is refused.
/// One that others could write to is made private, and what lies in it is thrown away: nobody knows whose it is. That is
/// no reason to fail, because some container platforms open the folders of a volume to a group at every start.
pub(super) fn claim(folder: &Path) -> Result<(), String> {
    make(folder).map_err(|error| error.to_string())?;
    let meta = fs::metadata(folder).map_err(|error| error.to_string())?;
    let us = geteuid().as_raw();
    if meta.uid() != us {
        let owner = meta.uid();
        return Err(format!(
            "it belongs to user {owner} and this is user {us}, who would run whatever code the other puts there; remove \
             it or give it to user {us}"
        ));
    }
    let mode = meta.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))
        .map_err(|error| format!("cannot make it private: {error}"))?;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    tracing::warn!(
        folder = %folder.display(),
        mode = %format_args!("{:o}", mode & 0o7777),
        "others could write to the folder of compiled guests: it has been emptied and made private"
    );
    for entry in entries(folder) {
        let is_folder = fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed
            .map_err(|error| format!("others could write to it, and {} cannot be removed: {error}", entry.display()))?;
    }
    Ok(())
}

/// Removes the scratch folders of hosts that were killed in the middle.
pub(super) fn sweep(folder: &Path) {
    for entry in entries(folder) {
        let scratch = entry.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(SCRATCH));
        let age =
            fs::symlink_metadata(&entry).and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if scratch && age.is_some_and(|age| age >= STALE) {
            let _ = fs::remove_dir_all(&entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use super::{STALE, claim, sweep};

    #[test]
    fn a_folder_is_made_private_and_what_others_could_have_put_there_is_thrown_away() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a/b");
        for (mode, stays) in
            [(0o700, true), (0o755, true), (0o750, true), (0o770, false), (0o2775, false), (0o702, false)]
        {
            claim(&folder).expect("made");
            fs::create_dir_all(folder.join("engine/modules")).expect("a folder");
            fs::write(folder.join("engine/modules/planted"), "code").expect("a file");
            fs::write(folder.join("planted"), "code").expect("a file");
            fs::set_permissions(&folder, Permissions::from_mode(mode)).expect("its mode");
            claim(&folder).expect("taken over");
            assert_eq!(folder.join("planted").exists(), stays, "{mode:o}");
            assert_eq!(folder.join("engine/modules/planted").exists(), stays, "{mode:o}");
            assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777, 0o700, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let parent = tempfile::tempdir().expect("a folder");
        let file = parent.path().join("file");
        fs::write(&file, "").expect("a file");
        claim(&file).expect_err("a file");
        claim(&file.join("below")).expect_err("below a file");
    }

    #[test]
    fn only_old_scratch_folders_are_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let long_ago = SystemTime::now() - 2 * STALE;
        for (name, old) in [("scratch-1-1", true), ("scratch-2-1", false), ("0123456789abcdef", true)] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
            if old {
                let folder = File::open(folder.path().join(name)).expect("a folder");
                folder.set_modified(long_ago).expect("its time");
            }
        }
        sweep(folder.path());
        let left = ["scratch-1-1", "scratch-2-1", "0123456789abcdef"].map(|name| folder.path().join(name).exists());
        assert_eq!(left, [false, true, true]);
    }
}

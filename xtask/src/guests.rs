//! Builds every guest into a component and puts it where a host looks for guests.
//!
//! What a guest does is none of its business; a new crate under one of the folders below is built without being named.
//! Guests in other languages are [`foreign`]'s.

mod foreign;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{setup, shell};

/// Folders of guest crates, and where under the target folder their components go. Guests that misbehave on purpose stay
/// out of the folder that a host would be pointed at.
const FOLDERS: [(&str, &str); 3] =
    [("guest-detectors", "guests"), ("guest-remediations", "guests"), ("tests/guests", "guests-test")];

const TARGET: &str = "wasm32-unknown-unknown";
/// For crates that want an operating system.
const WASI_TARGET: &str = "wasm32-wasip2";
/// How the name of such a crate begins.
const WASI_PREFIX: &str = "wasip2-";
const PROFILE: &str = "guest";

/// A guest crate, named by its folder.
struct Guest {
    name: String,
    goes_to: &'static str,
}

impl Guest {
    fn target(&self) -> &'static str {
        if self.name.starts_with(WASI_PREFIX) { WASI_TARGET } else { TARGET }
    }
}

/// Builds all guests of the workspace at `root` and returns the components written, in the order of their names.
pub(crate) fn build(root: &Path) -> Result<Vec<PathBuf>> {
    let guests = find(root)?;
    for target in [TARGET, WASI_TARGET] {
        compile(root, target, guests.iter().filter(|guest| guest.target() == target))?;
    }
    let target = shell::target_dir(root);
    guests.iter().map(|guest| place(guest, &target)).collect()
}

/// As [`build`], and those in other languages that have changed.
pub(crate) fn build_all(root: &Path) -> Result<Vec<PathBuf>> {
    setup::other_languages_are_there()?;
    let mut built = build(root)?;
    built.extend(foreign::build(root)?);
    Ok(built)
}

/// The tests that guests in other languages have in their own; those in Rust are tests of the workspace.
pub(crate) fn test_foreign(root: &Path) -> Result<()> {
    foreign::test(root)
}

fn compile<'a>(root: &Path, target: &str, guests: impl Iterator<Item = &'a Guest>) -> Result<()> {
    let mut guests = guests.peekable();
    // Without a package named, cargo would build the host for this target.
    if guests.peek().is_none() {
        return Ok(());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--profile", PROFILE, "--target", target, "--lib"]);
    for guest in guests {
        cargo.args(["--package", &guest.name]);
    }
    let status = cargo.status().context("cannot start cargo to build the guests")?;
    if !status.success() {
        bail!(
            "building the guests failed ({status}); its output is above. \
             If the target {target} is missing, `cargo xtask setup` installs it"
        );
    }
    Ok(())
}

fn find(root: &Path) -> Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for (folder, goes_to) in FOLDERS {
        let path = root.join(folder);
        let entries = fs::read_dir(&path).with_context(|| format!("cannot list the guests in {}", path.display()))?;
        for entry in entries {
            let crate_dir = entry.with_context(|| format!("cannot list the guests in {}", path.display()))?.path();
            if !crate_dir.join("Cargo.toml").is_file() {
                continue;
            }
            let Some(name) = crate_dir.file_name().and_then(|name| name.to_str()) else {
                bail!("{}: the name of a guest's folder must be UTF-8", crate_dir.display());
            };
            guests.push(Guest { name: name.to_owned(), goes_to });
        }
    }
    if guests.is_empty() {
        bail!("found no guest crate under {}; is that the root of the workspace?", root.display());
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

/// Puts a crate's component in its place.
fn place(guest: &Guest, target: &Path) -> Result<PathBuf> {
    let built = target.join(guest.target()).join(PROFILE);
    let from = built.join(format!("{}.wasm", guest.name.replace('-', "_")));
    let to = target.join(guest.goes_to).join(format!("{}.wasm", guest.name));
    put(&from, &to).with_context(|| format!("is the crate `{}` a cdylib?", guest.name))?;
    Ok(to)
}

/// Copies a component to its place under another name first: a host that watches the folder never sees half a file.
fn put(from: &Path, to: &Path) -> Result<()> {
    let (Some(folder), Some(name)) = (to.parent(), to.file_name()) else {
        bail!("{} is no place for a file", to.display());
    };
    // By process: two builds at once must not take each other's half-written file.
    let half = folder.join(format!(".{}.{}", name.display(), std::process::id()));
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::copy(from, &half).with_context(|| format!("cannot copy {} to {}", from.display(), half.display()))?;
    fs::rename(&half, to).with_context(|| format!("cannot rename {} to {}", half.display(), to.display()))
}

//! Secrets come from a file or the environment, never from the config's text, and are never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::{Findings, Spot};
use super::section::{At, Section};
use crate::http_client::{Secret, SecretError, SecretSource};

/// A path that was written in a config: relative to the file it stands in.
pub(super) fn path_in(text: &At<String>) -> PathBuf {
    relative_to(&text.spot.place.file, &text.value)
}

/// `path`, seen from the folder that `file` lies in.
pub(super) fn relative_to(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// Reads the secret that `NAME_file` or `NAME_env` point to. Exactly one of them must be there.
pub(super) fn read(section: &Section<'_>, name: &str) -> Option<At<Secret>> {
    let (file, env) = (format!("{name}_file"), format!("{name}_env"));
    match one_of(section, &[&file, &env])? {
        key if key == env => {
            let name = section.text(&env)?;
            open(&SecretSource::Env(name.value), name.spot, section.findings)
        }
        _ => from_file(&section.text(&file)?, section.findings),
    }
}

/// The same where neither need be there.
pub(super) fn optional(section: &Section<'_>, name: &str) -> Option<At<Secret>> {
    if is_given(section, name) { read(section, name) } else { None }
}

/// True where at least one of the two is there, sound or not.
pub(super) fn is_given(section: &Section<'_>, name: &str) -> bool {
    ["file", "env"].iter().any(|kind| section.has(&format!("{name}_{kind}")))
}

/// The one key that is there, of several of which there must be exactly one.
pub(super) fn one_of<'k>(section: &Section<'_>, keys: &[&'k str]) -> Option<&'k str> {
    let choice = keys.join(" or ");
    let mut given = keys.iter().copied().filter(|key| section.has(key));
    match (given.next(), given.next()) {
        (Some(key), None) => Some(key),
        (None, _) => {
            section.error(keys[0], "missing", format!("set {choice}"));
            None
        }
        (Some(_), Some(second)) => {
            section.error(second, format!("more than one of {choice}"), "keep one of them");
            None
        }
    }
}

/// Reads a secret's file, to see that it is there.
pub(super) fn from_file(path: &At<String>, findings: &Findings) -> Option<At<Secret>> {
    let file = path_in(path);
    warn_of_readers(&file, &path.spot, findings);
    open(&SecretSource::File(file), path.spot.clone(), findings)
}

fn open(source: &SecretSource, spot: Spot, findings: &Findings) -> Option<At<Secret>> {
    let what = match source.read() {
        Ok(value) => return Some(At { value, spot }),
        Err(SecretError::Unreadable { path, cause }) => format!("cannot read {}: {cause}", path.display()),
        Err(SecretError::Unset { name }) => format!("the environment variable {name} is not set, or not UTF-8"),
        Err(error) => error.to_string(),
    };
    let remedy = match source {
        SecretSource::File(_) => "write the secret to that file and nothing else, readable by this program's user",
        SecretSource::Env(_) => "set it where this program is started",
    };
    findings.error(&spot, what, remedy);
    None
}

/// A secret's file that everybody can read is allowed, and probably not meant.
pub(super) fn warn_of_readers(file: &Path, spot: &Spot, findings: &Findings) {
    let open_to_all = fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0);
    if open_to_all {
        let what = format!("every user of this machine can read {}", file.display());
        findings.warning(spot, what, format!("chmod 600 {}", file.display()));
    }
}

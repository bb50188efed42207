//! Secrets: read from a file or the environment when they are used, never printed.

use std::fmt;
use std::fs;
use std::path::PathBuf;

/// A password, a token, or a URL that opens a door. Its `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where a secret is kept. The config holds this and never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// A file that holds the secret and nothing else; white space around it does not count.
    File(PathBuf),
    /// A variable of this process' environment.
    Env(String),
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret in {path:?}: {cause}; make it a file that this process may read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The variable is not there.
    #[error("cannot read the secret in the environment variable {name}: it is not set, or not UTF-8")]
    Unset {
        /// The variable.
        name: String,
    },
    /// There is nothing in it. An empty token would be sent as if it were one.
    #[error("the secret in {place} is empty")]
    Empty {
        /// The file or variable.
        place: String,
    },
    /// It holds a line break or another character that no header may hold.
    #[error("the secret in {place} cannot be sent: it holds a line break or a control character")]
    NotAHeader {
        /// The file or variable.
        place: String,
    },
}

impl SecretSource {
    /// Reads the secret anew, so that a rotated one counts from its next use on.
    pub(crate) fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            SecretSource::File(path) => {
                fs::read_to_string(path).map_err(|cause| SecretError::Unreadable { path: path.clone(), cause })?
            }
            SecretSource::Env(name) => std::env::var(name).map_err(|_| SecretError::Unset { name: name.clone() })?,
        };
        match text.trim() {
            "" => Err(SecretError::Empty { place: self.to_string() }),
            secret => Ok(Secret(secret.to_owned())),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "the file {path:?}"),
            SecretSource::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_anew_each_time_and_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let source = SecretSource::File(folder.path().join("token"));
        assert!(matches!(source.read(), Err(SecretError::Unreadable { .. })));
        fs::write(folder.path().join("token"), "  \n").unwrap();
        assert!(matches!(source.read(), Err(SecretError::Empty { .. })));
        fs::write(folder.path().join("token"), "first\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "first");
        fs::write(folder.path().join("token"), "second").unwrap();
        let secret = source.read().unwrap();
        assert_eq!(secret.expose(), "second");
        assert_eq!(format!("{secret:?} {secret:#?}"), "<secret> <secret>");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let said = SecretSource::Env("TIDEGATE_NOT_SET".into()).read().unwrap_err().to_string();
        assert!(said.contains("TIDEGATE_NOT_SET"), "{said}");
    }
}

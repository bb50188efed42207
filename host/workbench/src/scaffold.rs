//! A folder for a new guest that builds, has cases, and passes them.
//!
//! Everything that is written is in the binary, see `build.rs`: whoever has it needs nothing of this repository. What a
//! language's compiler is and how it is called is the template's business and stands in its README.

mod name;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::{fs, process};

pub use name::{GuestName, WrongName};

// WIT, SDK and TEMPLATES, each file as its path and its text.
include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// What the guest is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Judges the samples of a series.
    Detector,
    /// Proposes what to do about an incident.
    Remediation,
}

/// What the guest is to be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Built by cargo alone.
    Rust,
    /// Built by componentize-py.
    Python,
    /// Built by componentize-js.
    JavaScript,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Detector => "detector",
            Kind::Remediation => "remediation",
        })
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lang::Rust => "Rust",
            Lang::Python => "Python",
            Lang::JavaScript => "JavaScript",
        })
    }
}

/// A guest to begin.
#[derive(Clone, Debug)]
pub struct Scaffold {
    /// What it is called: the folder, the guest, and the file that the host will load.
    pub name: GuestName,
    /// What it is to be.
    pub kind: Kind,
    /// What it is to be written in.
    pub lang: Lang,
    /// The `guest-sdk` folder of a checkout to depend on, instead of a copy of the SDK. For Rust.
    pub sdk: Option<PathBuf>,
}

/// A guest that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The new folder.
    pub folder: PathBuf,
    /// How to build and test it: the first block of commands of its README.
    pub commands: String,
}

/// Why there is no new folder. Nothing was left behind.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// There is something already.
    #[error("{} exists and is not an empty folder; nothing is overwritten: choose another name, or move it away", .0.display())]
    Occupied(PathBuf),
    /// Only Rust guests depend on the SDK.
    #[error("a guest in {0} does not use the SDK, which is for Rust; leave --sdk out")]
    SdkForRust(Lang),
    /// The given SDK is none.
    #[error("{}: {why}; --sdk takes the folder `guest-sdk` of a checkout of tidegate", .path.display())]
    NoSdk {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such template.
    #[error("there is no template for a {kind} in {lang}; there are: {known}")]
    NoTemplate {
        /// What was asked for.
        kind: Kind,
        /// In which language.
        lang: Lang,
        /// What there is.
        known: String,
    },
    /// A folder or file could not be made.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
}

impl Scaffold {
    /// Writes the folder below `parent`, whole or not at all.
    ///
    /// # Errors
    /// [`ScaffoldError`]; then `parent` is as it was.
    pub fn write_into(&self, parent: &Path) -> Result<Begun, ScaffoldError> {
        let files = self.files()?;
        let commands = files.iter().find(|(path, _)| path == "README.md").map_or("", |(_, text)| first_block(text));
        let commands = commands.to_owned();

        let folder = parent.join(self.name.as_str());
        if !is_free(&folder) {
            return Err(ScaffoldError::Occupied(folder));
        }
        // Filled under another name and then renamed; a folder that is filled in the meantime is not renamed over.
        let half = parent.join(format!(".{}.new-{}", self.name, process::id()));
        make("make the folder", &half, |path| fs::create_dir(path))?;
        let done = write_all(&half, &files).and_then(|()| {
            fs::rename(&half, &folder).map_err(|source| match source.kind() {
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                    ScaffoldError::Occupied(folder.clone())
                }
                _ => ScaffoldError::Io { doing: "rename the finished folder to", path: folder.clone(), source },
            })
        });
        match done {
            Ok(()) => Ok(Begun { folder, commands }),
            Err(error) => {
                // What could not be written is the news; that some of it could not be removed either is not.
                let _ = fs::remove_dir_all(&half);
                Err(error)
            }
        }
    }

    /// Every file of the folder, as its path in there and its text.
    ///
    /// # Errors
    /// [`ScaffoldError`] where there is no such template, or no SDK at the given place.
    pub fn files(&self) -> Result<Vec<(String, String)>, ScaffoldError> {
        let checkout = self.checkout()?;
        let wanted = format!("{}-{}", self.lang, self.kind).to_lowercase();
        let template = TEMPLATES.iter().find(|(name, _)| *name == wanted).map(|(_, files)| *files);
        let template = template.ok_or_else(|| ScaffoldError::NoTemplate {
            kind: self.kind,
            lang: self.lang,
            known: TEMPLATES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
        })?;
        let mut files: Vec<(String, String)> =
            template.iter().map(|(path, text)| (self.name.put_into(path), self.name.put_into(text))).collect();
        let copied = |files: &[(&str, &str)]| -> Vec<(String, String)> {
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
        };
        match checkout {
            Some(path) => {
                let depends = format!("tidegate-guest = {{ path = {} }}", quoted(&path));
                if let Some((_, manifest)) = files.iter_mut().find(|(path, _)| path == "Cargo.toml") {
                    *manifest = manifest.replace(DEPENDS_ON_COPY, &depends);
                }
            }
            None => {
                files.extend(copied(WIT));
                if self.lang == Lang::Rust {
                    files.extend(copied(SDK));
                }
            }
        }
        Ok(files)
    }

    /// The SDK to depend on, where one was given: a relative path would be read from the new folder.
    fn checkout(&self) -> Result<Option<String>, ScaffoldError> {
        let Some(path) = &self.sdk else { return Ok(None) };
        if self.lang != Lang::Rust {
            return Err(ScaffoldError::SdkForRust(self.lang));
        }
        let no_sdk = |why: String| ScaffoldError::NoSdk { path: path.clone(), why };
        let manifest = path.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|e| no_sdk(format!("its Cargo.toml cannot be read: {e}")))?;
        if !text.lines().any(|line| line.trim() == "name = \"tidegate-guest\"") {
            return Err(no_sdk("its Cargo.toml is not that of tidegate-guest".to_owned()));
        }
        let path = path.canonicalize().map_err(|e| no_sdk(format!("cannot be found: {e}")))?;
        path.to_str().map(|path| Some(path.to_owned())).ok_or_else(|| no_sdk("its path is not UTF-8".to_owned()))
    }
}

/// How the Rust templates depend on the copy of the SDK.
const DEPENDS_ON_COPY: &str = "tidegate-guest = { path = \"sdk\" }";

/// A text as TOML and JSON write it; control characters do not occur in paths that anybody types.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Nothing there, or an empty folder.
fn is_free(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(folder).is_err(),
    }
}

fn write_all(folder: &Path, files: &[(String, String)]) -> Result<(), ScaffoldError> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            make("make the folder", parent, |path| fs::create_dir_all(path))?;
        }
        make("write", &path, |path| fs::write(path, text))?;
    }
    Ok(())
}

fn make(doing: &'static str, path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), ScaffoldError> {
    make(path).map_err(|source| ScaffoldError::Io { doing, path: path.to_owned(), source })
}

/// What stands in the first fenced block of a page.
fn first_block(page: &str) -> &str {
    let Some((_, after)) = page.split_once("\n```") else { return "" };
    let Some((_, after)) = after.split_once('\n') else { return "" };
    after.split_once("\n```").map_or("", |(block, _)| block)
}

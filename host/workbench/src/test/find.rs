//! Where guests and their cases lie, from what a person names. The rules stand in `docs/cases.md`, and nothing beyond them
//! is searched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One guest that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is called: its file without the ending.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The folder of its cases, where there is one.
    pub cases: Option<PathBuf>,
}

/// Why there is nothing to test.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// The path cannot be looked at.
    #[error("cannot look at {}: {cause}", path.display())]
    Unreadable {
        /// What was looked at.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// There is no guest.
    #[error(
        "{} holds no guest: looked for *.wasm in it, in its folder target/wasm32-*/release, and in its direct \
         subfolders; build the guest, or name its file",
        path.display()
    )]
    None {
        /// The folder.
        path: PathBuf,
    },
    /// A crate was built more than once.
    #[error("{} was built more than once: name one of {}", path.display(), listed(built))]
    Several {
        /// The crate's folder.
        path: PathBuf,
        /// What was built.
        built: Vec<PathBuf>,
    },
    /// More than anybody wants to test at once.
    #[error("{} holds more than {MAX_ENTRIES} entries; name the guests themselves", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

/// Most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 10_000;

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Finds the guests that `path` names.
///
/// # Errors
/// When there is none, or no telling which.
pub fn find(path: &Path) -> Result<Vec<Found>, NotFound> {
    let about = fs::metadata(path).map_err(|cause| NotFound::Unreadable { path: path.to_owned(), cause })?;
    if !about.is_dir() {
        return Ok(vec![with_cases(path, Alone::Yes)]);
    }
    let found = in_folder(path)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let mut below = Vec::new();
    for folder in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
        below.extend(in_folder(&folder)?);
    }
    if below.is_empty() { Err(NotFound::None { path: path.to_owned() }) } else { Ok(below) }
}

/// The guests of one folder.
fn in_folder(folder: &Path) -> Result<Vec<Found>, NotFound> {
    let here = components(folder)?;
    if !here.is_empty() {
        let alone = if here.len() == 1 { Alone::Yes } else { Alone::No };
        return Ok(here.iter().map(|file| with_cases(file, alone)).collect());
    }
    if !folder.join("Cargo.toml").is_file() {
        return Ok(vec![]);
    }
    let built = built(&folder.join("target"))?;
    match built.as_slice() {
        [] => Ok(vec![]),
        [file] => Ok(vec![Found { cases: existing(folder.join("cases")), ..with_cases(file, Alone::No) }]),
        _ => Err(NotFound::Several { path: folder.to_owned(), built }),
    }
}

/// What cargo built for WebAssembly.
fn built(target: &Path) -> Result<Vec<PathBuf>, NotFound> {
    if !target.is_dir() {
        return Ok(vec![]);
    }
    let for_wasm = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("wasm32-"));
    let mut built = Vec::new();
    for triple in entries(target)?.into_iter().filter(for_wasm) {
        let release = triple.join("release");
        if release.is_dir() {
            built.extend(components(&release)?);
        }
    }
    Ok(built)
}

fn components(folder: &Path) -> Result<Vec<PathBuf>, NotFound> {
    let wasm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm") && path.is_file();
    Ok(entries(folder)?.into_iter().filter(wasm).collect())
}

/// What lies in a folder, by name. What is hidden is somebody's half-written file.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, NotFound> {
    let unreadable = |cause| NotFound::Unreadable { path: folder.to_owned(), cause };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
        if paths.len() > MAX_ENTRIES {
            return Err(NotFound::TooMany { path: folder.to_owned() });
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether a guest is the only one in its folder, or was named itself: then `cases/` can only be its own.
#[derive(Clone, Copy, PartialEq)]
enum Alone {
    Yes,
    No,
}

fn with_cases(file: &Path, alone: Alone) -> Found {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = file.parent().unwrap_or(Path::new(""));
    let own = [beside.join(format!("{name}.cases")), beside.join(&name).join("cases")];
    let shared = (alone == Alone::Yes).then(|| beside.join("cases"));
    let cases = own.into_iter().chain(shared).find_map(existing);
    Found { name, file: file.to_owned(), cases }
}

fn existing(folder: PathBuf) -> Option<PathBuf> {
    folder.is_dir().then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, all empty, and the guests found from `path` in it as lines of text.
    fn found(files: &[&str], path: &str) -> Result<Vec<String>, String> {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, "").expect("a file");
        }
        let short = |path: &Path| path.strip_prefix(root.path()).unwrap_or(path).display().to_string();
        let found = find(&root.path().join(path)).map_err(|error| error.to_string())?;
        Ok(found
            .iter()
            .map(|Found { name, file, cases }| {
                let cases = cases.as_deref().map_or("none".to_owned(), short);
                format!("{name} = {} with {cases}", short(file))
            })
            .collect())
    }

    #[test]
    fn a_file_has_the_cases_beside_it() {
        for (files, expected) in [
            (&["a.wasm"][..], "a = a.wasm with none"),
            (&["a.wasm", "cases/x.json"], "a = a.wasm with cases"),
            (&["a.wasm", "b.wasm", "cases/x.json"], "a = a.wasm with cases"),
            (&["a.wasm", "cases/x.json", "a/cases/x.json"], "a = a.wasm with a/cases"),
            (&["a.wasm", "a/cases/x.json", "a.cases/x.json"], "a = a.wasm with a.cases"),
            (&["a.wasm", "a.cases"], "a = a.wasm with none"),
        ] {
            assert_eq!(found(files, "a.wasm"), Ok(vec![expected.to_owned()]), "{files:?}");
        }
    }

    #[test]
    fn a_folder_has_one_guest_or_many() {
        for (files, expected) in [
            (&["a.wasm", "cases/x.json"][..], &["a = a.wasm with cases"][..]),
            (
                &["a.wasm", "b.wasm", "cases/x.json", "b/cases/x.json", ".c.wasm", "d.wasm/x", "README.md"],
                &["a = a.wasm with none", "b = b.wasm with b/cases"],
            ),
            (
                &["one/a.wasm", "one/cases/x.json", "two/b.wasm", "three/four/c.wasm"],
                &["a = one/a.wasm with one/cases", "b = two/b.wasm with none"],
            ),
            (
                &[
                    "Cargo.toml",
                    "cases/x.json",
                    "target/wasm32-wasip2/release/a.wasm",
                    "target/wasm32-wasip2/release/deps/a.wasm",
                ],
                &["a = target/wasm32-wasip2/release/a.wasm with cases"],
            ),
            (
                &[
                    "c/Cargo.toml",
                    "c/cases/x.json",
                    "c/target/wasm32-unknown-unknown/release/a.wasm",
                    "c/target/release/x.wasm",
                ],
                &["a = c/target/wasm32-unknown-unknown/release/a.wasm with c/cases"],
            ),
        ] {
            assert_eq!(found(files, ""), Ok(expected.iter().map(|&line| line.to_owned()).collect()), "{files:?}");
        }
    }

    #[test]
    fn where_there_is_none_it_says_where_it_looked() {
        for (files, path, said) in [
            (&["x"][..], "nowhere", "cannot look at"),
            (&["cases/x.json"], "", "target/wasm32-*/release"),
            (&["a/b/c/d.wasm"], "", "holds no guest"),
            (&["target/wasm32-wasip2/release/a.wasm"], "", "holds no guest"),
            (
                &["Cargo.toml", "target/wasm32-wasip2/release/a.wasm", "target/wasm32-unknown-unknown/release/a.wasm"],
                "",
                "was built more than once",
            ),
        ] {
            let error = found(files, path).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
    }
}

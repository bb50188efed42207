//! Collects what `tidegate guest new` writes, as constants of text for `src/scaffold.rs`: the templates, the contract, and
//! for Rust the SDK's sources with a manifest and a lock file that stand without this workspace.
//!
//! It copies from the workspace's own manifest and lock file, so that a new guest cannot drift away from them. Manifests
//! are read line by line: here every dependency stands on one line, and a line that does not fails this build.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A file of the new folder: its path in there, and its text.
type File = (String, String);

/// What a new guest is called in templates; as in `src/scaffold.rs`.
const PLACEHOLDER: &str = "my-guest";

fn main() -> Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.join("../..");
    let workspace = read(&root.join("Cargo.toml"))?;
    let lock = read(&root.join("Cargo.lock"))?;

    let mut out = String::new();
    constant(&mut out, "WIT", &texts(&root.join("wit/v0.1"), "wit/v0.1")?)?;
    constant(&mut out, "SDK", &sdk(&root, &workspace)?)?;

    let templates = here.join("templates");
    println!("cargo::rerun-if-changed={}", templates.display());
    let mut folders = vec![];
    for entry in fs::read_dir(&templates)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    writeln!(out, "const TEMPLATES: &[(&str, &[(&str, &str)])] = &[")?;
    for folder in folders {
        let name = folder.file_name().and_then(|name| name.to_str()).ok_or("a template's name must be UTF-8")?;
        let mut files = texts(&folder, "")?;
        if let Some((_, manifest)) = files.iter_mut().find(|(path, _)| path == "Cargo.toml") {
            *manifest = standalone(manifest, &workspace).map_err(|e| format!("templates/{name}/Cargo.toml: {e}"))?;
            let locked = locked(&lock, manifest).map_err(|e| format!("Cargo.lock for templates/{name}: {e}"))?;
            files.push(("Cargo.lock".to_owned(), locked));
        }
        writeln!(out, "({name:?}, &{files:?}),")?;
    }
    writeln!(out, "];")?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("embedded.rs"), out)?;
    Ok(())
}

fn constant(out: &mut String, name: &str, files: &[File]) -> Result<()> {
    Ok(writeln!(out, "const {name}: &[(&str, &str)] = &{files:?};")?)
}

/// The SDK without its own tests' dependencies, and with a manifest of its own.
fn sdk(root: &Path, workspace: &str) -> Result<Vec<File>> {
    let folder = root.join("guest-sdk");
    let mut files = texts(&folder.join("src"), "sdk/src")?;
    let manifest = read(&folder.join("Cargo.toml"))?;
    let manifest = standalone(&manifest, workspace).map_err(|e| format!("guest-sdk/Cargo.toml: {e}"))?;
    files.push(("sdk/Cargo.toml".to_owned(), manifest));
    files.push(("sdk/README.md".to_owned(), read(&folder.join("README.md"))?));
    // So that `cargo fmt --all` leaves the copy alone.
    files.push(("sdk/rustfmt.toml".to_owned(), read(&root.join("rustfmt.toml"))?));
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    println!("cargo::rerun-if-changed={}", path.display());
    let no_text = |e| format!("cannot read {} as text: {e}; if a build left it there, remove it", path.display());
    fs::read_to_string(path).map_err(|e| no_text(e).into())
}

/// Every file below a folder, in the order of the paths.
fn texts(folder: &Path, prefix: &str) -> Result<Vec<File>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = vec![];
    for entry in fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{name:?}: a name must be UTF-8"))?;
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.file_type()?.is_dir() {
            files.extend(texts(&entry.path(), &path)?);
        } else {
            files.push((path, read(&entry.path())?));
        }
    }
    files.sort();
    Ok(files)
}

/// A manifest with what it inherits written out. Lints and the dependencies of tests are for work on this repository.
fn standalone(manifest: &str, workspace: &str) -> Result<String> {
    let mut out = String::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if matches!(section, "[lints]" | "[dev-dependencies]") {
            continue;
        }
        let Some(key) = line.strip_suffix(".workspace = true") else {
            if line.contains("workspace = true") {
                return Err(format!("`{line}`: write it as KEY.workspace = true").into());
            }
            writeln!(out, "{line}")?;
            continue;
        };
        let theirs = if section == "[package]" { "[workspace.package]" } else { "[workspace.dependencies]" };
        let value = workspace
            .lines()
            .skip_while(|line| *line != theirs)
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
            .ok_or_else(|| format!("{key}: nothing about it in {theirs} of the root manifest"))?;
        writeln!(out, "{key} = {value}")?;
    }
    Ok(format!("{}\n", out.trim_end()))
}

/// The workspace's lock file without what a guest does not use, and with the guest in it.
fn locked(lock: &str, manifest: &str) -> Result<String> {
    let mut parts = lock.split("[[package]]\n");
    let head = parts.next().unwrap_or_default();
    let packages: Vec<Package> = parts.map(Package::of).collect();

    let mut direct: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    direct.sort_unstable();

    // A package is named with its version only where there are several of that name.
    let mut wanted: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<&str> = direct.clone();
    while let Some(name) = open.pop() {
        let (name, version) = name.split_once(' ').map_or((name, None), |(name, version)| (name, Some(version)));
        let place = packages
            .iter()
            .position(|package| package.name == name && version.is_none_or(|version| package.version == version))
            .ok_or_else(|| format!("it holds no {name} {}", version.unwrap_or_default()))?;
        if wanted.insert(place) {
            open.extend(&packages[place].dependencies);
        }
    }

    let dependencies: String = direct.iter().map(|name| format!(" \"{name}\",\n")).collect();
    let own = format!("name = \"{PLACEHOLDER}\"\nversion = \"0.1.0\"\ndependencies = [\n{dependencies}]\n");
    let packages = wanted.iter().map(|&place| packages[place].text.trim_end());
    let blocks: String = packages.chain([own.trim_end()]).map(|text| format!("\n[[package]]\n{text}\n")).collect();
    Ok(format!("{}\n{blocks}", head.trim_end()))
}

/// One package of a lock file.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    dependencies: Vec<&'a str>,
    text: &'a str,
}

impl<'a> Package<'a> {
    fn of(text: &'a str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().trim_matches('"')
        };
        let dependencies = text
            .lines()
            .skip_while(|line| *line != "dependencies = [")
            .skip(1)
            .take_while(|line| *line != "]")
            .map(|line| line.trim_matches([' ', '"', ',']))
            .collect();
        Package { name: value("name = "), version: value("version = "), dependencies, text }
    }
}

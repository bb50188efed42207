//! Puts the main file and what it includes together into one tree. Knows which tables may stand in several files, and
//! nothing of what they mean.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::{Findings, Spot};
use super::locate::{self, Node, Place, Table, Value, join};

/// Lists that every file adds to.
const LISTS: [&str; 7] = ["approver", "sender", "group", "maintenance", "known_event", "watch", "alert_route"];
/// Tables of names that every file adds to.
const NAMED: [&str; 3] = ["detector", "action", "guest"];

/// Reads the main file and every file that its `include` names. None where a file could not be read at all.
pub(super) fn read(main: &Path, findings: &Findings) -> Option<Node> {
    let start = Spot { place: Place::start_of(&main.into()), key: String::new() };
    let mut root = read_file(main, &start, findings)?;
    let mut whole = true;
    for (path, included_at) in included(main, &root, findings) {
        match read_file(&path, &included_at, findings) {
            Some(node) => merge(&mut root, node, &included_at, findings),
            None => whole = false,
        }
    }
    whole.then_some(root)
}

/// Reads the file that `named_at` names.
fn read_file(path: &Path, named_at: &Spot, findings: &Findings) -> Option<Node> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let what = format!("cannot read the config file {}: {error}", path.display());
            findings.error(named_at, what, "name a TOML file that this program's user may read");
            return None;
        }
    };
    match locate::parse(&path.into(), &text) {
        Ok(node) => Some(node),
        Err(faults) => {
            for fault in faults {
                findings.error(&fault.spot, fault.what, fault.remedy);
            }
            None
        }
    }
}

/// The files that the globs name, each once, in the order of the globs and of their names.
fn included(main: &Path, root: &Node, findings: &Findings) -> Vec<(PathBuf, Spot)> {
    let Value::Table(table) = &root.value else { return Vec::new() };
    let Some(node) = table.get("include") else { return Vec::new() };
    let spot = Spot { place: node.place.clone(), key: "include".to_owned() };
    let Value::List(globs) = &node.value else {
        let what = format!("expected a list of texts, found {}", node.value.kind());
        findings.error(&spot, what, "write it as a list, for example [\"watches.d/*.toml\"]");
        return Vec::new();
    };
    let mut seen: BTreeSet<PathBuf> = main.canonicalize().into_iter().collect();
    let mut files = Vec::new();
    for (at, element) in globs.iter().enumerate() {
        let spot = Spot { place: element.place.clone(), key: format!("include[{at}]") };
        let Value::Text(glob) = &element.value else {
            let what = format!("expected a text, found {}", element.value.kind());
            findings.error(&spot, what, "write a path or a glob in quotes, for example \"watches.d/*.toml\"");
            continue;
        };
        for path in expand(main, glob, &spot, findings) {
            // The same file by two globs, or a glob that catches the main file, is no second file.
            if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                files.push((path, spot.clone()));
            }
        }
    }
    files
}

fn expand(main: &Path, glob: &str, spot: &Spot, findings: &Findings) -> Vec<PathBuf> {
    let folder = main.parent().unwrap_or(Path::new(""));
    if !glob.contains(['*', '?', '[']) {
        return vec![folder.join(glob)];
    }
    let pattern = if Path::new(glob).is_absolute() || folder.as_os_str().is_empty() {
        glob.to_owned()
    } else {
        format!("{}/{glob}", glob::Pattern::escape(&folder.to_string_lossy()))
    };
    // A mounted Kubernetes ConfigMap keeps its older versions in hidden folders.
    let options =
        glob::MatchOptions { require_literal_leading_dot: true, require_literal_separator: true, ..Default::default() };
    let found = match glob::glob_with(&pattern, options) {
        Ok(found) => found,
        Err(error) => {
            findings.error(
                spot,
                format!("{glob:?} is not a glob: {}", error.msg),
                "write for example \"watches.d/*.toml\"",
            );
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for path in found {
        match path {
            Ok(path) => files.push(path),
            Err(error) => {
                let what = format!("cannot look into {}: {}", error.path().display(), error.error());
                findings.error(spot, what, "let this program's user read the folder");
            }
        }
    }
    if files.is_empty() {
        findings.warning(spot, format!("{glob:?} matches no file"), "add a file, or take the glob out");
    }
    files
}

/// Adds an included file to the tree.
fn merge(root: &mut Node, included: Node, included_at: &Spot, findings: &Findings) {
    let (Value::Table(into), Value::Table(from)) = (&mut root.value, included.value) else { return };
    for (key, node) in from {
        let spot = Spot { place: node.place.clone(), key: key.clone() };
        if key == "include" {
            let what = format!("a file that is included ({}) cannot include others", included_at.place);
            findings.error(&spot, what, "name the file in the main file's include");
            continue;
        }
        let Some(there) = into.get_mut(&key) else {
            into.insert(key, node);
            continue;
        };
        match (&mut there.value, node.value) {
            (Value::List(into), Value::List(from)) if LISTS.contains(&key.as_str()) => into.extend(from),
            (Value::Table(into), Value::Table(from)) if NAMED.contains(&key.as_str()) => {
                add_names(into, from, &key, findings);
            }
            _ => {
                let what = format!("stands in {} already", there.place);
                findings.error(&spot, what, "keep it in one file");
            }
        }
    }
}

fn add_names(into: &mut Table, from: Table, key: &str, findings: &Findings) {
    for (name, node) in from {
        match into.get(&name) {
            None => {
                into.insert(name, node);
            }
            Some(there) => {
                let spot = Spot { place: node.place.clone(), key: join(key, &name) };
                findings.error(&spot, format!("the name {name:?} is taken, by {}", there.place), "choose another name");
            }
        }
    }
}

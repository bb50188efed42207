//! What `tidegate guest new` writes: that it builds without this repository, passes its cases, and is written whole or not
//! at all.
//!
//! Builds go on without the network, with the versions of this workspace, in a folder below `target` that stays warm.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tidegate_sandbox::{Grants, GuestKind, Limits, Sandbox, SandboxOptions};
use tidegate_workbench::inspect::{Loading, examine, text};
use tidegate_workbench::scaffold::{Kind, Lang, Scaffold, ScaffoldError};
use tidegate_workbench::test;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn scaffold(name: &str, kind: Kind, lang: Lang) -> Scaffold {
    Scaffold { name: name.parse().expect("a name"), kind, lang, sdk: None }
}

/// Always the same place: a folder of its own for each run would leave its artefacts behind.
fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaffold").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("an empty place");
    }
    fs::create_dir_all(&folder).expect("a place");
    folder
}

/// Both targets that a README names.
const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

fn built() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaffold/target")
}

/// What was built loads without a grant, is the guest that was asked for, and passes its cases and the contract.
fn passes(folder: &Path, target: &str, name: &str, kind: GuestKind) {
    let file = built().join(target).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    let wasm = fs::read(&file).expect("a component");
    let limits = Limits::default();
    let sandbox = Sandbox::new(SandboxOptions::default()).expect("a sandbox");

    let report = examine(&sandbox, name, name, &wasm, &limits);
    let described = format!("{target}: {}", text(&report));
    assert!(report.loads(), "{described}");
    assert_eq!(report.inspection.kind(), Some(kind), "{described}");
    let Loading::Described { manifest, .. } = &report.loading else { panic!("{described}") };
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), (name, "0.1.0"));
    let wasi = report.inspection.imports.iter().any(|import| import.name.starts_with("wasi:"));
    assert_eq!(wasi, target == "wasm32-wasip2", "{described}");

    let cases = folder.join("cases");
    let candidate = test::Candidate { name, file: &file, cases: Some(&cases) };
    let load = || sandbox.load(name, &wasm, &limits, &Grants::default()).map_err(|error| error.to_string());
    let report = test::run(&candidate, &test::Plan { only: None }, load, &mut |_| ());
    assert!(report.cases_found > 3, "{target}: {} cases", report.cases_found);
    assert_eq!(report.purity, test::Purity::Pure, "{target}");
    for tested in &report.tests {
        assert_eq!(tested.status, test::Status::Pass, "{target}: {}: {}", tested.name, tested.why);
    }
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).args(arguments).arg("--offline").env("CARGO_TARGET_DIR", built());
    let output = cargo.output().expect("cargo starts");
    let status = output.status;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(status.success(), "cargo {arguments:?} in {}:\n{said}", folder.display());
    assert!(!said.contains("warning:"), "cargo {arguments:?} in {}:\n{said}", folder.display());
}

#[test]
fn a_rust_detector_builds_for_both_targets_and_passes() {
    let parent = place("detector");
    let begun = scaffold("tide-range", Kind::Detector, Lang::Rust).write_into(&parent).expect("begun");
    cargo(&begun.folder, &["test"]);
    for target in TARGETS {
        cargo(&begun.folder, &["build", "--release", "--target", target]);
        passes(&begun.folder, target, "tide-range", GuestKind::Detector);
    }
}

#[test]
fn a_rust_policy_builds_with_the_sdk_of_a_checkout_and_passes() {
    let parent = place("remediation");
    let mut new = scaffold("restart-twice", Kind::Remediation, Lang::Rust);
    new.sdk = Some(Path::new(ROOT).join("guest-sdk"));
    let begun = new.write_into(&parent).expect("begun");
    assert!(!begun.folder.join("sdk").exists(), "no copy beside a checkout");
    cargo(&begun.folder, &["test"]);
    for target in TARGETS {
        cargo(&begun.folder, &["build", "--release", "--target", target]);
        passes(&begun.folder, target, "restart-twice", GuestKind::Remediation);
    }
}

#[test]
fn every_folder_says_how_to_build_and_test_it_and_carries_the_contract() {
    let langs = [(Lang::Rust, "src/lib.rs"), (Lang::Python, "app.py"), (Lang::JavaScript, "package.json")];
    let all = langs.iter().flat_map(|of| [Kind::Detector, Kind::Remediation].map(|kind| (kind, of)));
    for (kind, &(lang, file)) in all {
        let what = format!("{kind} in {lang}");
        let folder = tempfile::tempdir().expect("a folder");
        let begun = scaffold("tide-range", kind, lang).write_into(folder.path()).expect(&what);
        let all = files(&begun.folder);
        for path in ["README.md", ".gitignore", "wit/v0.1/types.wit", "wit/v0.1/worlds.wit", file] {
            assert!(all.iter().any(|(name, _)| name == path), "{what}: no {path}");
        }
        assert!(all.iter().any(|(name, _)| name.starts_with("cases/") && name.ends_with(".json")), "{what}: no case");
        for (name, text) in &all {
            let left = ["my-guest", "my_guest", ".workspace = true"].iter().find(|word| text.contains(*word));
            assert!(name.starts_with("sdk/") || left.is_none(), "{what}: {left:?} in {name}");
        }
        assert!(begun.commands.ends_with("tidegate guest test ."), "{what}: {}", begun.commands);
        let readme = fs::read_to_string(begun.folder.join("README.md")).expect("a README");
        assert!(readme.contains("tide-range.wasm"), "{what}: its README does not say how to drop it in");
        assert!(readme.lines().count() <= 80, "{what}: its README is longer than a page");
    }
}

#[test]
fn the_copy_of_the_sdk_is_what_is_tested_here() {
    let files = scaffold("tide-range", Kind::Detector, Lang::Rust).files().expect("files");
    let copied = |path: &str| files.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str());
    for (name, text) in self::files(&Path::new(ROOT).join("guest-sdk/src")) {
        assert_eq!(copied(&format!("sdk/src/{name}")), Some(text.as_str()), "{name}");
    }
    for (name, text) in self::files(&Path::new(ROOT).join("wit/v0.1")) {
        assert_eq!(copied(&format!("wit/v0.1/{name}")), Some(text.as_str()), "{name}");
    }

    // Its manifest names what cargo itself reads in the SDK's, and the lock file holds what the workspace's does.
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).expect(path);
    let table = |text: &str| text.parse::<toml::Table>().expect("TOML");
    let workspace = table(&read("Cargo.toml"));
    let theirs = table(&read("guest-sdk/Cargo.toml"));
    let ours = table(copied("sdk/Cargo.toml").expect("a manifest"));
    for (section, inherited) in [("package", "package"), ("dependencies", "dependencies")] {
        let theirs = theirs[section].as_table().expect("a table");
        let ours = ours[section].as_table().expect("a table");
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{section}");
        for (key, value) in theirs {
            let inherits = value.get("workspace").is_some();
            let wanted = if inherits { &workspace["workspace"][inherited][key] } else { value };
            assert_eq!(&ours[key], wanted, "{section}.{key}");
        }
    }
    let packages = |lock: &str| -> Vec<toml::Value> { table(lock)["package"].as_array().expect("packages").clone() };
    let known = packages(&read("Cargo.lock"));
    let locked = packages(copied("Cargo.lock").expect("a lock file"));
    assert!(locked.iter().any(|package| package["name"].as_str() == Some("wit-bindgen")));
    for package in locked {
        let own = package["name"].as_str() == Some("tide-range");
        assert!(own || known.contains(&package), "{package}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = scaffold("tide-range", Kind::Detector, Lang::Rust);
    let target = folder.path().join("tide-range");

    fs::write(&target, "a file").expect("a file");
    assert!(matches!(new.write_into(folder.path()), Err(ScaffoldError::Occupied(path)) if path == target));
    assert_eq!(fs::read_to_string(&target).expect("the file"), "a file");
    fs::remove_file(&target).expect("no file");

    fs::create_dir(&target).expect("a folder");
    fs::write(target.join("mine"), "x").expect("a file");
    assert!(matches!(new.write_into(folder.path()), Err(ScaffoldError::Occupied(path)) if path == target));
    assert_eq!(files(folder.path()), [("tide-range/mine".to_owned(), "x".to_owned())], "nothing else was written");
    fs::remove_file(target.join("mine")).expect("no file");

    let begun = new.write_into(folder.path()).expect("an empty folder is free");
    assert_eq!(begun.folder, target);
    let error = new.write_into(folder.path()).expect_err("a second time").to_string();
    assert!(error.contains("tide-range exists and is not an empty folder; nothing is overwritten"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_is_never_written_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("another");
    for end in [elsewhere.path().to_owned(), elsewhere.path().join("missing")] {
        let link = folder.path().join("tide-range");
        std::os::unix::fs::symlink(&end, &link).expect("a link");
        let refused = scaffold("tide-range", Kind::Detector, Lang::Rust).write_into(folder.path());
        assert!(matches!(refused, Err(ScaffoldError::Occupied(_))), "{refused:?}");
        assert_eq!(fs::read_dir(folder.path()).expect("a list").count(), 1, "only the link");
        fs::remove_file(link).expect("no link");
    }
    assert_eq!(files(elsewhere.path()), []);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let error = scaffold("tide-range", Kind::Detector, Lang::Rust).write_into(&missing).expect_err("no such folder");
    assert!(error.to_string().starts_with("cannot make the folder"), "{error}");
    assert_eq!(files(folder.path()), []);
}

#[test]
fn an_sdk_must_be_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut new = scaffold("tide-range", Kind::Detector, Lang::Rust);
    for (sdk, says) in [
        (folder.path().join("missing"), "its Cargo.toml cannot be read"),
        (Path::new(ROOT).join("host/domain"), "not that of tidegate-guest"),
    ] {
        new.sdk = Some(sdk);
        let error = new.write_into(folder.path()).expect_err("no SDK").to_string();
        assert!(error.contains(says) && error.contains("the folder `guest-sdk`"), "{error}");
    }
    let mut python = scaffold("tide-range", Kind::Detector, Lang::Python);
    python.sdk = Some(Path::new(ROOT).join("guest-sdk"));
    let error = python.write_into(folder.path()).expect_err("not for Python").to_string();
    assert!(error.contains("leave --sdk out"), "{error}");
    assert_eq!(files(folder.path()), []);
}

/// Every file below a folder as its path in there and its text, in order.
fn files(folder: &Path) -> Vec<(String, String)> {
    fn walk(folder: &Path, prefix: &str, into: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("a list") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_str().expect("UTF-8"));
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), into);
            } else {
                into.push((name, fs::read_to_string(entry.path()).expect("a text")));
            }
        }
    }
    let mut found = vec![];
    walk(folder, "", &mut found);
    found.sort();
    found
}

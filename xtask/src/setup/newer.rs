//! A newer Prometheus and Alertmanager than an old Debian has, beside its own, for tests that run with both; and vmalert,
//! which it does not have at all.
//!
//! They are unpacked from a later suite of the same archive, never installed. Tests find them, wherever they come from, as
//! links in `tools/newer/bin` under the target folder.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};

use super::archive::Archive;
use crate::{shell, test_tools};

/// A folder with programs of one's own, for a machine that has no apt or no such archive.
const VARIABLE: &str = "TIDEGATE_NEWER_TOOLS";
/// The first Debian that has all of [`PROGRAMS`].
const SUITE: &str = "trixie";
const PACKAGES: [&str; 3] = ["prometheus", "prometheus-alertmanager", "victoria-metrics"];

/// A program, and what makes it a newer one.
struct Program {
    /// What tests call it.
    name: &'static str,
    /// What its own project calls it.
    other_name: &'static str,
    /// The first two numbers of a version that is new enough. None: any will do.
    least: Option<(u32, u32)>,
}

/// Label names beyond ASCII came with these, as far as they are in both.
const PROGRAMS: [Program; 4] = [
    Program { name: "prometheus", other_name: "prometheus", least: Some((2, 53)) },
    Program { name: "prometheus-alertmanager", other_name: "alertmanager", least: Some((0, 28)) },
    Program { name: "amtool", other_name: "amtool", least: Some((0, 28)) },
    // Debian's does not say which version it is.
    Program { name: "vmalert", other_name: "vmalert-prod", least: None },
];

/// Makes sure that tests find them; quick where they do.
pub(crate) fn install(root: &Path) -> anyhow::Result<()> {
    let (tools, _lock) = test_tools::locked_folder(root)?;
    let folder = tools.join("newer");
    let links = folder.join("bin");
    if PROGRAMS.iter().all(|program| program.is_new_enough(&links.join(program.name))) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&links).with_context(|| format!("cannot make the folder {}", links.display()))?;

    let sources: Vec<PathBuf> = match env::var_os(VARIABLE) {
        Some(own) => vec![env::current_dir().unwrap_or_default().join(own)],
        None => match on_the_path() {
            Some(installed) => installed,
            None => vec![unpacked(&folder).map_err(lacking)?.join("usr/bin")],
        },
    };
    for program in &PROGRAMS {
        let found = program.find(&sources).map_err(lacking)?;
        let link = links.join(program.name);
        symlink(&found, &link).with_context(|| format!("cannot make the link {}", link.display()))?;
    }
    Ok(())
}

/// The folders of the PATH, where this machine's own programs are new enough.
fn on_the_path() -> Option<Vec<PathBuf>> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    PROGRAMS.iter().all(|program| program.find(&folders).is_ok()).then_some(folders)
}

fn lacking(why: anyhow::Error) -> anyhow::Error {
    let wanted = PROGRAMS.iter().map(Program::wanted).collect::<Vec<_>>().join(", ");
    anyhow!(
        "{why:#}\ntests also run with newer programs than an old Debian has: {wanted}. Where they cannot be \
         downloaded, get them from their projects and say which folder holds them: {VARIABLE}=FOLDER"
    )
}

/// Downloads the packages and unpacks them into a folder of `folder`, which it returns.
fn unpacked(folder: &Path) -> anyhow::Result<PathBuf> {
    for needed in ["apt-get", "dpkg-deb"] {
        if shell::find(needed).is_none() {
            bail!("there is no {needed} to download and unpack Debian's packages with");
        }
    }
    let downloads = folder.join("download");
    let lists = downloads.join("lists");
    fs::create_dir_all(lists.join("partial")).with_context(|| format!("cannot make the folder {}", lists.display()))?;
    let archive = Archive::of_this_machine()?.source_file(SUITE, &downloads)?;

    // Nothing of this machine's own apt is touched: it has lists and caches of its own.
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(&downloads);
        for (option, value) in [
            ("Dir::Etc::sourcelist", archive.as_os_str()),
            ("Dir::Etc::sourceparts", "/dev/null".as_ref()),
            ("Dir::State::lists", lists.as_os_str()),
            ("Dir::Cache::pkgcache", "".as_ref()),
            ("Dir::Cache::srcpkgcache", "".as_ref()),
            ("Acquire::Languages", "none".as_ref()),
            // The user that apt would become may not write into this folder.
            ("APT::Sandbox::User", "root".as_ref()),
        ] {
            let mut setting = std::ffi::OsString::from(format!("{option}="));
            setting.push(value);
            apt.arg("-o").arg(setting);
        }
        shell::run(apt.arg("--quiet=2").args(arguments))
    };
    apt(&["update"])?;
    apt(&[&["download"][..], &PACKAGES].concat())?;

    let unpacked = folder.join("debian");
    let entries = fs::read_dir(&downloads).with_context(|| format!("cannot list {}", downloads.display()))?;
    for entry in entries {
        let file = entry.with_context(|| format!("cannot list {}", downloads.display()))?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            shell::run(Command::new("dpkg-deb").arg("-x").arg(file).arg(&unpacked))?;
        }
    }
    fs::remove_dir_all(&downloads).with_context(|| format!("cannot remove {}", downloads.display()))?;
    Ok(unpacked)
}

impl Program {
    /// The first that is new enough.
    fn find(&self, folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
        let files = folders.iter().flat_map(|folder| [folder.join(self.name), folder.join(self.other_name)]);
        files
            .into_iter()
            .find(|file| self.is_new_enough(file))
            .with_context(|| format!("there is no {} in {}", self.wanted(), shown(folders)))
    }

    fn wanted(&self) -> String {
        match self.least {
            Some((major, minor)) => format!("{} {major}.{minor} or later", self.name),
            None => self.name.to_owned(),
        }
    }

    fn is_new_enough(&self, file: &Path) -> bool {
        let Ok(output) = Command::new(file).arg("--version").output() else { return false };
        // Which of the two streams it goes to has changed.
        let text = [output.stdout, output.stderr].concat();
        match self.least {
            Some(least) => version(&String::from_utf8_lossy(&text)).is_some_and(|version| version >= least),
            None => output.status.success(),
        }
    }
}

/// The first two numbers in `alertmanager, version 0.28.1+ds (branch: ...`.
fn version(told: &str) -> Option<(u32, u32)> {
    let (_, rest) = told.split_once(" version ")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn shown(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_tell_them() {
        let debian = "alertmanager, version 0.25.0 (branch: debian/sid, revision: 0.25.0-1+b3)\n  build user: ...";
        assert_eq!(version(debian), Some((0, 25)));
        assert_eq!(version("prometheus, version 2.53.3+ds1 (branch: debian/sid, ...)"), Some((2, 53)));
        assert_eq!(version("prometheus, version 3.5.0-rc.0"), Some((3, 5)));
        assert!((0, 100) > (0, 28) && (1, 0) > (0, 28));
        for nonsense in ["", "version", "alertmanager, version x", "no such file"] {
            assert_eq!(version(nonsense), None, "{nonsense}");
        }
    }
}

//! Programs run in the open: each command line is printed before it starts, its output goes to the terminal, and a
//! failure names the command.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The cargo that runs this chore, so that a chosen toolchain stays chosen.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    command
}

/// Runs `command` to its end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// What `command` prints to its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let line = line(command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` did not print UTF-8"))
}

/// Where `program` is on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    // A relative path counts from where cargo was called; joining keeps an absolute one as it is.
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// The command as a person would type it here: a program on the PATH by its name, one below here by its way from here.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let here = env::current_dir().unwrap_or_default();
    let shown = match program.file_name().and_then(OsStr::to_str) {
        Some(name) if !program.starts_with(&here) && find(name).is_some() => Path::new(name),
        _ => program.strip_prefix(&here).unwrap_or(program),
    };
    let words = std::iter::once(shown.as_os_str()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let mut command = Command::new("/no/such/folder/tidegate");
        command.args(["deny", "r1", "--reason", "it isn't so", ""]);
        assert_eq!(line(&command), r"/no/such/folder/tidegate deny r1 --reason 'it isn'\''t so' ''");
        assert_eq!(line(Command::new("/usr/bin/sh").arg("-c")), "sh -c");
    }
}

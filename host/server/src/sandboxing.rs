//! The sandbox, as this program makes it: guests are compiled by a child that is this program once more, and their code is
//! kept where the next start finds it.

use std::env;
use std::path::{Path, PathBuf};

use tidegate_sandbox::{CompilerProcess, Compiling, QuarantineRules, Sandbox, SandboxError, SandboxOptions};

use crate::config::Config;

/// The hidden command that compiles one guest; see `cli/compile.rs`.
pub(crate) const COMPILE_COMMAND: &str = "compile-guest";

/// The folder of compiled guests, in `data_dir` and in a user's cache.
const FOLDER: &str = "compiled";

/// The sandbox of the service.
///
/// # Errors
///
/// When this machine cannot run guests, or `data_dir` has no safe place for compiled ones.
pub(crate) fn of_service(config: &Config) -> Result<Sandbox, SandboxError> {
    make(Some(config.server.data_dir.join(FOLDER)), &SandboxOptions::default())
}

/// The sandbox of a command that knows the config and must change nothing of the service's: it shares what the service has
/// compiled, if there is such a thing and it is this user's. A folder made here could belong to the wrong user.
///
/// # Errors
///
/// When this machine cannot run guests.
pub(crate) fn beside_service(config: &Config) -> Result<Sandbox, SandboxError> {
    let kept = config.server.data_dir.join(FOLDER);
    if kept.is_dir()
        && let Ok(sandbox) = make(Some(kept), &SandboxOptions::default())
    {
        return Ok(sandbox);
    }
    of_command()
}

/// The sandbox of a command that knows no config. Compiled guests go to the user's cache; where there is none, they are
/// compiled every time.
///
/// # Errors
///
/// When this machine cannot run guests.
pub(crate) fn of_command() -> Result<Sandbox, SandboxError> {
    of_user(&SandboxOptions::default())
}

/// As [`of_command`], for a command that tries guests until they break: however often one traps, it is called again.
///
/// # Errors
///
/// When this machine cannot run guests.
pub(crate) fn of_tests() -> Result<Sandbox, SandboxError> {
    let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
    of_user(&SandboxOptions { quarantine, ..SandboxOptions::default() })
}

/// As [`of_command`], with nothing compiled before and nothing kept after it: to measure what compiling takes.
///
/// # Errors
///
/// When this machine cannot run guests.
pub(crate) fn of_measurement() -> Result<Sandbox, SandboxError> {
    make(None, &SandboxOptions::default())
}

fn of_user(options: &SandboxOptions) -> Result<Sandbox, SandboxError> {
    let cache = user_cache(env::var_os("XDG_CACHE_HOME").as_deref(), env::home_dir().as_deref());
    match make(cache, options) {
        Err(error @ SandboxError::CodeCache { .. }) => {
            tracing::warn!("{error}; guests are compiled every time");
            make(None, options)
        }
        made => made,
    }
}

fn make(cache_dir: Option<PathBuf>, options: &SandboxOptions) -> Result<Sandbox, SandboxError> {
    let compiler = CompilerProcess { program: itself(), args: vec![COMPILE_COMMAND.into()], cache_dir };
    Sandbox::new(SandboxOptions { compiling: Compiling::InChild(compiler), ..options.clone() })
}

/// This program. By its file alone it could be another by now: it may have been replaced while it runs.
fn itself() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    if running.symlink_metadata().is_ok() {
        return running.to_owned();
    }
    env::current_exe().unwrap_or_else(|_| PathBuf::from("tidegate"))
}

/// Where compiled guests go in a user's cache, by the XDG Base Directory Specification: a relative path counts as none.
fn user_cache(xdg: Option<&std::ffi::OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute()).map(|home| home.join(".cache"));
    Some(xdg.or(home)?.join("tidegate").join(FOLDER))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    use super::user_cache;

    #[test]
    fn the_users_cache_is_where_the_desktop_says() {
        let home = Some(Path::new("/home/alice"));
        for (xdg, home, expected) in [
            (None, home, Some("/home/alice/.cache/tidegate/compiled")),
            (Some("/var/cache"), home, Some("/var/cache/tidegate/compiled")),
            (Some("/var/cache"), None, Some("/var/cache/tidegate/compiled")),
            (Some("cache"), home, Some("/home/alice/.cache/tidegate/compiled")),
            (Some(""), None, None),
            (None, Some(Path::new("")), None),
            (None, None, None),
        ] {
            assert_eq!(user_cache(xdg.map(OsStr::new), home), expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }
}

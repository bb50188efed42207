//! `amtool`, as somebody with a token.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::version::Version;

/// How to call it.
pub(crate) struct Amtool {
    version: Version,
    address: SocketAddr,
    folder: TempDir,
}

impl Amtool {
    /// Asks whoever listens there.
    pub(crate) fn new(version: Version, address: SocketAddr, token: &str) -> Amtool {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("http.yml"), "authorization: { credentials_file: token }\n").expect("a config");
        fs::write(folder.path().join("token"), token).expect("a token");
        Amtool { version, address, folder }
    }

    /// What one call of it says, whatever that is.
    pub(crate) fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.version.program("amtool"));
        command.arg(format!("--alertmanager.url=http://{}", self.address));
        // It has a config of its own in the user's home.
        command.args(["--http.config.file=http.yml", "--no-version-check"]).env("HOME", self.folder.path());
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).output().expect("amtool runs")
    }

    /// What one call says that must succeed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(output.status.success(), "amtool {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The same as JSON.
    pub(crate) fn lists(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.says(&[arguments, &["--output=json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("amtool {arguments:?}: {error} in {text:?}"))
    }

    /// Why one call fails that must not succeed.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(!output.status.success(), "amtool {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Writes a file that calls may name.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).expect("a file");
    }
}

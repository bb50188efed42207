//! An authority that signs whatever certificate it is asked for.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// Its own certificate is `ca.pem` in its folder.
pub(crate) struct Authority {
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let authority = Authority { folder: tempfile::tempdir().expect("a folder") };
        authority.openssl("ca", &["-subj", "/CN=an authority for tests"]);
        authority
    }

    /// A certificate for 127.0.0.1 and its key, as files.
    pub(crate) fn sign(&self, name: &str) -> [PathBuf; 2] {
        self.sign_with(name, &["subjectAltName=IP:127.0.0.1"])
    }

    /// One with these extensions; `name` is its subject.
    pub(crate) fn sign_with(&self, name: &str, extensions: &[&str]) -> [PathBuf; 2] {
        let subject = format!("/CN={name}");
        let mut arguments = vec!["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", &subject];
        for extension in extensions.iter().chain([&"basicConstraints=critical,CA:FALSE"]) {
            arguments.extend(["-addext", extension]);
        }
        self.openssl(name, &arguments);
        [self.file(&format!("{name}.pem")), self.file(&format!("{name}.key"))]
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, name: &str, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]);
        openssl.args(["-days", "30", "-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        let output = openssl.args(arguments).current_dir(self.folder.path()).output().expect("openssl runs");
        assert!(output.status.success(), "{output:?}");
    }
}

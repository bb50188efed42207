//! A real vmalert, which evaluates rules on a Prometheus and alerts a tidegate as if that were its Alertmanager.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use super::http::Client;
use super::program::Program;
use super::tidegate::SENDER_TOKEN;
use super::version::Version;
use super::{eventually, free_address};

/// A running vmalert.
pub(crate) struct Vmalert {
    // Ended before its folder goes.
    _program: Program,
    _folder: TempDir,
}

impl Vmalert {
    /// Looks at these rules every second: `{ alert: Slow, expr: 'queue_length > 50' }`.
    pub(crate) fn start(prometheus: SocketAddr, tidegate: SocketAddr, rules: &str) -> Vmalert {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("rules.yml"), format!("groups: [{{ name: tests, rules: [{rules}] }}]\n"))
            .expect("rules");
        fs::write(folder.path().join("token"), SENDER_TOKEN).expect("a token");
        let address = free_address();
        let mut command = Command::new(Version::Newer.program("vmalert"));
        command.current_dir(folder.path());
        // By default it looks at half a minute ago.
        command.args(["-rule=rules.yml", "-evaluationInterval=1s", "-rule.evalDelay=0s"]);
        // The link to the rule is the only place where its expression goes along.
        command.arg("-external.alert.source=vmui/#/?g0.expr={{.Expr|queryEscape}}");
        command.arg("-notifier.bearerTokenFile=token").arg(format!("-notifier.url=http://{tidegate}"));
        command.arg(format!("-datasource.url=http://{prometheus}")).arg(format!("-httpListenAddr={address}"));
        let program = Program::start("vmalert", command, folder.path().join("vmalert.log"));
        let client = Client::new(address);
        eventually("vmalert answers", || client.try_get("/health").filter(|answer| answer.status == 200));
        Vmalert { _program: program, _folder: folder }
    }
}

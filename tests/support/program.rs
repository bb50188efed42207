//! One running program: its log goes to a file, and it ends with the test, whatever becomes of the test.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::eventually;

/// How much of a log a failing test shows.
const TAIL_LINES: usize = 40;

/// A program that this test started.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it; its log is appended to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> Program {
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        let errors = file.try_clone().expect("a log file");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{name} ({}) cannot be started: {error}; see `cargo xtask setup`", command.get_program().display())
        });
        Program { name, child, log }
    }

    /// SIGKILL: it gets to do nothing more.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("it can be told to read its config");
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it can be told to end");
        eventually(&format!("{} ends after SIGTERM", self.name), || self.child.try_wait().expect("its status"))
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its status")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            eprintln!("-- the end of the log of {}\n{}", self.name, tail.join("\n"));
        }
    }
}

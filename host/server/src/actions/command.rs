//! An action that is one program: no shell, an environment of its own, and an end.

use std::collections::BTreeMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tidegate_domain::event::RunResult;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::{MOST_OUTPUT, tail};

/// How long the last output is waited for once the program has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// Runs it. Past its time the whole process group is killed, and what it did is unknown.
pub(super) async fn run(
    program: &str,
    args: &[String],
    env: &BTreeMap<String, String>,
    timeout: Duration,
) -> RunResult {
    let spawned = Command::new(program)
        .args(args)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: what it starts ends with it, and Ctrl-C in the host's terminal is not for it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return RunResult::Failed { error: format!("{program} could not be started: {error}") },
    };
    let group = Group::of(&child);
    match tokio::time::timeout(timeout, finish(&mut child)).await {
        Ok(Ok((status, output))) => {
            group.leave();
            ended(program, status, output)
        }
        Ok(Err(error)) => RunResult::Unknown { error: format!("{program} was lost from sight: {error}") },
        Err(_) => {
            drop(group);
            // Killed just now; this only takes its entry off the system's table.
            let _ = child.wait().await;
            RunResult::Unknown { error: format!("{program} was killed after {timeout:?}, its time limit") }
        }
    }
}

fn ended(program: &str, status: ExitStatus, output: String) -> RunResult {
    let said = if output.is_empty() { String::new() } else { format!(": {output}") };
    match status.code() {
        Some(0) => RunResult::Succeeded { output },
        Some(_) => RunResult::Failed { error: format!("{program} ended with {status}{said}") },
        // Somebody killed it in the middle: what it had done by then, nobody can say.
        None => RunResult::Unknown { error: format!("{program} was ended by {status}{said}") },
    }
}

/// The program's process group. Unless it is left in peace it is killed when this goes, also when nobody waits for the
/// program any more because the host stops.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The program ended by itself; what it left running, a restarted service for example, is meant to run.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(group) = self.0 else { return };
        if let Err(error) = kill_process_group(group, Signal::KILL) {
            tracing::warn!(?group, %error, "the process group of an action could not be killed");
        }
    }
}

/// Waits for its end and keeps the last part of both outputs.
async fn finish(child: &mut Child) -> io::Result<(ExitStatus, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = {
        let reading = async { tokio::join!(drain(stdout, &mut out), drain(stderr, &mut err)) };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await?,
            status = child.wait() => {
                // What it left running may hold the pipes open for ever.
                let _ = tokio::time::timeout(LAST_OUTPUT, &mut reading).await;
                status?
            }
        }
    };
    out.extend(err);
    Ok((status, tail(&out)))
}

/// Reads to the end, or to an error: an output that breaks off changes nothing about how the program ends.
async fn drain(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut chunk = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * MOST_OUTPUT {
            kept.drain(..kept.len() - MOST_OUTPUT);
        }
    }
}

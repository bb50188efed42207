//! An action that is one program: no shell, an environment of its own, and an end.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tidegate_domain::event::RunResult;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::{MOST_OUTPUT, tail};

/// Runs it. Past its time the whole process group is killed, and what it did is unknown.
pub(super) async fn run(program: &str, args: &[String], env: &BTreeMap<String, String>, timeout: Duration) -> RunResult {
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
    let group = child.id();
    match tokio::time::timeout(timeout, finish(&mut child)).await {
        Ok(Ok((status, output))) if status.success() => RunResult::Succeeded { output },
        Ok(Ok((status, output))) => RunResult::Failed { error: format!("{program} ended with {status}: {output}") },
        Ok(Err(error)) => {
            kill_group(group).await;
            RunResult::Unknown { error: format!("{program} was lost from sight: {error}") }
        }
        Err(_) => {
            kill_group(group).await;
            let _ = child.wait().await;
            RunResult::Unknown { error: format!("{program} was killed after {timeout:?}, its time limit") }
        }
    }
}

/// Reads both outputs to their end, keeping the last part of each, and waits.
async fn finish(child: &mut Child) -> std::io::Result<(ExitStatus, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(drain(stdout), drain(stderr))?;
    let status = child.wait().await?;
    let both = [stdout, stderr].concat();
    Ok((status, tail(&both)))
}

async fn drain(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let Some(mut from) = from else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * MOST_OUTPUT {
            kept.drain(..kept.len() - MOST_OUTPUT);
        }
    }
}

/// By `kill`, because a signal to a group is a system call that this crate, being without unsafe code, cannot make.
async fn kill_group(group: Option<u32>) {
    let Some(group) = group else { return };
    let killed = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status().await;
    if let Err(error) = killed {
        tracing::warn!(group, %error, "the process group of an action could not be killed");
    }
}

//! The host's side of a compiling child: starts it, feeds it, waits for so long and no longer, and makes sense of its end.

use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::limits::Limits;
use crate::text::one_line;

use super::CompilerProcess;
use super::inside::CompileError;

/// How often the host looks whether its child has ended. A short wait beside the quickest compilation.
const LOOK: Duration = Duration::from_millis(5);

/// Most threads that compile. Each takes address space, which is limited, and more than a few hardly help.
const MAX_THREADS: usize = 4;

/// Most bytes of its words that are read; a child says one line.
const MAX_WORDS: u64 = 16 << 10;

/// Longest reason that is handed on, in bytes.
const MAX_REASON: usize = 2000;

/// How a compiling child ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The code is there.
    Done,
    /// The component does not compile.
    Refused(String),
    /// It took too long and was stopped.
    TimedOut,
    /// It wanted more memory than it may have.
    OutOfMemory,
    /// Anything else.
    Failed(String),
}

/// Has a child compile a component into a folder.
pub(super) fn compile(process: &CompilerProcess, folder: &Path, wasm: &[u8], limits: &Limits) -> Ended {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS);
    let mut command = Command::new(&process.program);
    command.arg0("tidegate-compiler").args(&process.args);
    command.arg("--cache").arg(folder);
    command.arg("--memory").arg(limits.compile_memory_bytes.to_string());
    command.arg("--cpu").arg(cpu_seconds(limits.compile_timeout, threads).to_string());
    command.env_clear().env("RAYON_NUM_THREADS", threads.to_string());
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ended::Failed(format!("cannot start {}: {error}", process.program.display())),
    };
    let (status, words) = attend(&mut child, wasm, limits.compile_timeout);
    match status {
        Ok(status) => judge(status, &words),
        Err(Unfinished::TimedOut) => Ended::TimedOut,
        Err(Unfinished::Lost(error)) => Ended::Failed(format!("cannot wait for the compiler: {error}")),
    }
}

enum Unfinished {
    TimedOut,
    Lost(std::io::Error),
}

/// Feeds the child and listens to it, until it has ended by itself or by force. It is gone when this returns.
fn attend(child: &mut Child, wasm: &[u8], timeout: Duration) -> (Result<ExitStatus, Unfinished>, String) {
    let (input, output) = (child.stdin.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            // A child that ends early does not read on; how it ended says more than this error.
            let _ = input.map(|mut input| input.write_all(wasm));
        });
        let words = scope.spawn(move || {
            let mut words = Vec::new();
            if let Some(mut output) = output {
                let _ = output.by_ref().take(MAX_WORDS).read_to_end(&mut words);
                // What more it has to say must not stall it.
                let _ = std::io::copy(&mut output, &mut std::io::sink());
            }
            String::from_utf8_lossy(&words).into_owned()
        });
        let status = wait(child, timeout);
        (status, words.join().unwrap_or_default())
    })
}

fn wait(child: &mut Child, timeout: Duration) -> Result<ExitStatus, Unfinished> {
    let began = Instant::now();
    let unfinished = loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if began.elapsed() >= timeout => break Unfinished::TimedOut,
            Ok(None) => thread::sleep(LOOK),
            Err(error) => break Unfinished::Lost(error),
        }
    };
    // It may have ended meanwhile; then there is nothing to kill, and it is reaped all the same.
    let _ = child.kill();
    let _ = child.wait();
    Err(unfinished)
}

/// Processor time for a child: what all its threads can use up until it is stopped, and a little more.
fn cpu_seconds(timeout: Duration, threads: usize) -> u64 {
    let threads = u64::try_from(threads).unwrap_or(u64::MAX);
    timeout.as_secs().saturating_add(1).saturating_mul(threads).saturating_add(1)
}

/// What the end of a child means.
fn judge(status: ExitStatus, words: &str) -> Ended {
    let said = one_line(&words.split_whitespace().collect::<Vec<_>>().join(" "), MAX_REASON);
    if let Some(code) = status.code() {
        return match u8::try_from(code) {
            Ok(0) => Ended::Done,
            Ok(CompileError::REFUSED) => Ended::Refused(said),
            Ok(CompileError::OUT_OF_MEMORY) => Ended::OutOfMemory,
            _ => Ended::Failed(format!("the compiler ended with exit code {code}: {said}")),
        };
    }
    match status.signal() {
        Some(signal) if signal == Signal::XCPU.as_raw() => Ended::TimedOut,
        // How a Rust program ends when an allocation fails.
        Some(signal) if signal == Signal::ABORT.as_raw() && words.contains("memory allocation of") => {
            Ended::OutOfMemory
        }
        Some(signal) if signal == Signal::KILL.as_raw() => {
            Ended::Failed("the system killed the compiler, which it does when memory is short".to_owned())
        }
        Some(signal) => Ended::Failed(format!("the compiler ended by signal {signal}: {said}")),
        None => Ended::Failed(format!("the compiler ended as {status}: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn every_end_of_a_child_has_its_meaning() {
        let failed = |reason: &str| Ended::Failed(reason.to_owned());
        let cases = [
            (exit(0), "", Ended::Done),
            (exit(10), "unknown instruction\n", Ended::Refused("unknown instruction".to_owned())),
            (exit(11), "out of memory", Ended::OutOfMemory),
            (exit(1), "cannot start: no\n", failed("the compiler ended with exit code 1: cannot start: no")),
            (
                exit(101),
                "\nthread 'main' panicked at x.rs:1:1:\nindex out of bounds\n",
                failed(
                    "the compiler ended with exit code 101: thread 'main' panicked at x.rs:1:1: index out of bounds",
                ),
            ),
            (ExitStatus::from_raw(24), "", Ended::TimedOut),
            (ExitStatus::from_raw(6), "memory allocation of 4096 bytes failed\n", Ended::OutOfMemory),
            (ExitStatus::from_raw(6), "fatal\n", failed("the compiler ended by signal 6: fatal")),
            (ExitStatus::from_raw(11), "", failed("the compiler ended by signal 11: ")),
            (ExitStatus::from_raw(9), "", failed("the system killed the compiler, which it does when memory is short")),
        ];
        for (status, words, expected) in cases {
            assert_eq!(judge(status, words), expected, "{status}");
        }
    }

    #[test]
    fn processor_time_is_never_what_stops_a_child_in_time() {
        assert_eq!(cpu_seconds(Duration::from_secs(120), 4), 485);
        assert_eq!(cpu_seconds(Duration::from_millis(10), 1), 2);
        assert_eq!(cpu_seconds(Duration::MAX, 4), u64::MAX);
    }
}

//! Carrying out an approved action. The caller has made its start durable; here it happens, once.
//!
//! What matters in a result is what is known: `Failed` is only said where it is certain that nothing more will come of
//! the attempt, `Unknown` where it may or may not have worked.

use tidegate_domain::event::{ResolvedAction, RunResult};
use tidegate_domain::rules::ActionKind;

mod command;
mod http;

/// How much of an action's output is kept, in bytes.
const MOST_OUTPUT: usize = 64 << 10;

/// Runs an action to its end or its time limit. The key names the attempt for receivers that can tell repeats apart.
pub(crate) async fn run(action: &ResolvedAction, idempotency_key: &str) -> RunResult {
    if action.dry_run {
        return RunResult::DryRun;
    }
    match &action.spec {
        ActionKind::Http { url, method, headers, bearer_token_file } => {
            let call = http::Call { url, method, headers, bearer_token_file: bearer_token_file.as_deref() };
            http::run(&call, action, idempotency_key).await
        }
        ActionKind::Command { program, env, .. } => match action.program_args() {
            Ok(args) => command::run(program, &args, env, action.timeout).await,
            Err(error) => RunResult::Failed { error: format!("{program} was not started: {error}") },
        },
    }
}

/// Text of untrusted bytes, cut to what is kept; the end, where errors are.
fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(MOST_OUTPUT);
    String::from_utf8_lossy(&bytes[from..]).trim_end().to_owned()
}

#[cfg(test)]
mod tests;

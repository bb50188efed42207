//! Carrying out an approved action. The caller has made its start durable; here it happens, once.
//!
//! What matters in a result is what is known: `Failed` is only said where it is certain that nothing more will come of
//! the attempt, `Unknown` where it may or may not have worked.

use serde_json::Value;
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
        ActionKind::Command { program, args, env } => {
            let args = args.iter().map(|arg| fill(arg, action)).collect::<Result<Vec<String>, String>>();
            match args {
                Ok(args) => command::run(program, &args, env, action.timeout).await,
                Err(error) => RunResult::Failed { error: format!("{program} was not started: {error}") },
            }
        }
    }
}

/// Puts target labels and arguments in for `{name}`, within one argument of the program whatever they hold. One pass:
/// what is put in is not looked at again.
fn fill(template: &str, action: &ResolvedAction) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, tail)| Some((name, value_of(name, action)?, tail)));
        let Some((name, value, tail)) = known else {
            filled.push('{');
            rest = after;
            continue;
        };
        // Whoever names a service must not get to choose an option of the program.
        if filled.is_empty() && value.starts_with('-') && action.target.get(name).is_some() {
            return Err(format!("{name} is {value:?}, which it would take for an option"));
        }
        filled.push_str(&value);
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Labels before arguments: the target is the host's to name, and no argument of a plan may stand in for it.
fn value_of(name: &str, action: &ResolvedAction) -> Option<String> {
    let label = action.target.get(name).map(str::to_owned);
    label.or_else(|| match action.arguments.get(name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    })
}

/// Text of untrusted bytes, cut to what is kept; the end, where errors are.
fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(MOST_OUTPUT);
    String::from_utf8_lossy(&bytes[from..]).trim_end().to_owned()
}

#[cfg(test)]
mod tests;

//! What to do about a guest that is not there, is refused, or does not take its settings.

use serde_json::Value;
use tidegate_domain::defaults::DEFAULT_GUEST;
use tidegate_sandbox::{Guest, LoadError, WhyRefused};

use crate::config::suggest;

/// There is no such file; `there` are the guests that there are. The one that nobody has to name is told apart: whoever
/// misses it may never have heard of it.
pub(super) fn of_absence(name: &str, there: &[String]) -> String {
    if name == DEFAULT_GUEST {
        return format!(
            "it judges what names no detectors: put {name}.wasm there, from a release or from target/guests, where `cargo xtask \
             guests` builds it; or name others, detectors = [...], each of which has a [detector.NAME]"
        );
    }
    suggest(name, "guest", there.iter().map(String::as_str))
}

/// A misspelt setting gets the nearest one; whatever is wrong deeper, only the guest's own documentation can tell.
pub(super) fn of_setting(guest: &Guest, below: &[&str]) -> String {
    let known = guest.manifest().settings_schema.get("properties").and_then(Value::as_object);
    let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    match below {
        [name] if !known.contains(name) => suggest(name, "setting", known),
        _ => format!("guest {:?} takes these settings: {}", guest.name(), known.join(", ")),
    }
}

/// It is there and may not run.
pub(super) fn of_refusal(error: &LoadError, name: &str) -> String {
    match error {
        LoadError::Imports { imports, .. } => {
            let grant = imports.iter().find_map(|import| match import.why {
                WhyRefused::NotGranted(grant) => Some(grant),
                _ => None,
            });
            match grant {
                Some(grant) => format!("if you trust it with that, set grants = [{grant:?}] in [guest.{name}]"),
                None => "use a guest that asks for no more than a host gives".to_owned(),
            }
        }
        LoadError::CompileTimedOut { .. } => {
            format!("if it is meant to be so large, set a longer compile_timeout in [guest.{name}]")
        }
        LoadError::CompileOutOfMemory { .. } => {
            format!("if it is meant to be so large, set a larger compile_memory in [guest.{name}]")
        }
        LoadError::CompileFailed { .. } => "see to what the message says; the guest may be sound".to_owned(),
        _ => "build the guest again, or take the file from where it was released".to_owned(),
    }
}

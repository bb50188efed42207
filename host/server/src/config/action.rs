//! `[action.NAME]`: the repairs that the host can carry out, and how their success is judged.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use tidegate_domain::arguments::ArgumentBounds;
use tidegate_domain::rules::{Action, ActionKind, Verify};
use tidegate_domain::terms::Terms;
use tidegate_domain::time::format_duration;

use super::endpoints::{SEVERITIES, absolute_url};
use super::error::suggest;
use super::people::Named;
use super::secret::{self, path_in};
use super::section::{At, Section};
use super::{guards, terms};

pub(super) const COMMON_KEYS: &[&str] = &[
    "kind",
    "summary",
    "target",
    "risk",
    "timeout",
    "cooldown",
    "max_per_hour",
    "idempotent",
    "dry_run",
    "arguments",
    "verify",
    "gate",
    "blast_radius",
    "circuit_breaker",
];
pub(super) const HTTP_KEYS: &[&str] = &["url", "method", "headers", "bearer_token_file"];
pub(super) const COMMAND_KEYS: &[&str] = &["program", "args", "env"];
pub(super) const VERIFY_KEYS: &[&str] = &["settle", "within", "healthy_for", "require"];
pub(super) const ARGUMENT_KEYS: &[&str] = &["type", "min", "max", "one_of"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Http,
    Command,
}

/// On which terms a request is decided where its action does not say otherwise.
pub(super) struct GateTerms<'a> {
    /// As they stand in `[gate]`, for an action to fill in its own from.
    pub(super) keys: &'a terms::Keys,
    /// As they are with their defaults.
    pub(super) settled: &'a Terms,
    /// Whom an action may name.
    pub(super) named: &'a Named,
}

pub(super) fn read(root: &Section<'_>, gate: &GateTerms<'_>) -> BTreeMap<String, Action> {
    root.named("action", None)
        .into_iter()
        .filter_map(|(name, section)| {
            let action = action(&name, &section, gate)?;
            Some((name, action))
        })
        .collect()
}

fn action(name: &str, section: &Section<'_>, gate: &GateTerms<'_>) -> Option<Action> {
    let kind = section.choice("kind", &[("http", Kind::Http), ("command", Kind::Command)]);
    let kind = section.require(kind, "kind", "set kind = \"http\" or kind = \"command\"");
    refuse_foreign_keys(section, kind.as_ref().map(|kind| kind.value));
    let target = section.some_texts("target", "name the labels of the incident that say what is repaired");
    let target =
        section.require(target, "target", "name the labels that say what is repaired, for example [\"service\"]");
    let risk = section.choice("risk", &SEVERITIES);
    let risk = section.require(risk, "risk", "say how risky it is: low, medium, high or critical");
    let arguments = arguments(section);
    let verify = verify(section);
    let target: Vec<String> =
        target.map(|list| list.value.into_iter().map(|label| label.value).collect()).unwrap_or_default();
    let terms = terms_of(section, gate);
    let blast_radius = guards::blast_radius(section, &target);
    let breaker = guards::breaker(section);
    let kind = match kind?.value {
        Kind::Http => http(section),
        Kind::Command => command(section, &target, &arguments),
    };
    Some(Action {
        name: name.to_owned(),
        summary: section.text("summary").map_or_else(String::new, |text| text.value),
        kind: kind?,
        target,
        risk: risk?.value,
        timeout: section.positive_duration("timeout").map_or(Duration::from_secs(30), |length| length.value),
        cooldown: section.duration("cooldown").map_or(Duration::from_secs(15 * 60), |length| length.value),
        max_per_hour: section.count("max_per_hour", 1).map_or(4, |count| count.value),
        idempotent: section.flag("idempotent").is_some_and(|flag| flag.value),
        dry_run: section.flag("dry_run").is_some_and(|flag| flag.value),
        arguments,
        verify,
        terms,
        blast_radius,
        breaker,
    })
}

fn terms_of(section: &Section<'_>, gate: &GateTerms<'_>) -> Terms {
    match section.section("gate", Some(terms::KEYS)) {
        Some(own) => terms::Keys::read(&own, gate.named).or(gate.keys).settle(&own, gate.named),
        None => gate.settled.clone(),
    }
}

/// A key of the other kind is no typing error, so it gets an answer of its own.
fn refuse_foreign_keys(section: &Section<'_>, kind: Option<Kind>) {
    section.refuse_unknown(&[COMMON_KEYS, HTTP_KEYS, COMMAND_KEYS].concat());
    let (foreign, theirs) = match kind {
        Some(Kind::Http) => (COMMAND_KEYS, "command"),
        Some(Kind::Command) => (HTTP_KEYS, "http"),
        None => return,
    };
    for key in foreign.iter().filter(|key| section.has(key)) {
        section.error(
            key,
            format!("only an action with kind = {theirs:?} has this key"),
            "take it out, or change the kind",
        );
    }
}

fn http(section: &Section<'_>) -> Option<ActionKind> {
    let url = section.text("url");
    let url = section.require(url, "url", "write the URL to call, for example \"http://127.0.0.1:8080/restart\"");
    let url = url.and_then(|text| absolute_url(section, &text));
    let methods = [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE"), ("GET", "GET")];
    let method = section.choice("method", &methods).map_or("POST", |method| method.value);
    let headers = headers(section);
    let bearer_token_file = section.text("bearer_token_file").map(|path| {
        // Read again at each run; a token that is missing should not be found out in the middle of an outage.
        secret::from_file(&path, section.findings);
        path_in(&path).to_string_lossy().into_owned()
    });
    Some(ActionKind::Http { url: url?.into(), method: method.to_owned(), headers, bearer_token_file })
}

fn headers(section: &Section<'_>) -> BTreeMap<String, String> {
    let Some(map) = section.map("headers") else { return BTreeMap::new() };
    let mut headers = BTreeMap::new();
    for (name, value) in map.value {
        let valid = HeaderName::try_from(&name).is_ok() && HeaderValue::try_from(&value.value).is_ok();
        if !valid {
            section.findings.error(
                &value.spot,
                "not a valid HTTP header",
                "use ASCII letters, digits and -; no line breaks",
            );
        } else if ["authorization", "proxy-authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str()) {
            let remedy = "use bearer_token_file: what stands in the config is shown and kept in the journal";
            section.findings.error(&value.spot, "a secret has no place in the config", remedy);
        }
        headers.insert(name, value.value);
    }
    headers
}

fn command(
    section: &Section<'_>,
    target: &[String],
    arguments: &BTreeMap<String, ArgumentBounds>,
) -> Option<ActionKind> {
    let program = section.text("program");
    let program = section.require(program, "program", "name the program to run, for example \"/usr/bin/systemctl\"");
    let program = program.and_then(|program| find_program(section, &program));
    let args = section.texts("args").map(|list| list.value).unwrap_or_default();
    for arg in &args {
        for name in placeholders(&arg.value) {
            if !arguments.contains_key(name) && !target.iter().any(|label| label == name) {
                let known = arguments.keys().chain(target).map(String::as_str);
                let what = format!("{{{name}}} is neither an argument nor a label of the target");
                section.findings.error(&arg.spot, what, suggest(name, "name", known));
            }
        }
    }
    let env = section.map("env").map(|map| map.value).unwrap_or_default();
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) || value.value.contains('\0') {
            section.findings.error(
                &value.spot,
                "not a valid environment variable",
                "use letters, digits and _ in its name",
            );
        }
    }
    Some(ActionKind::Command {
        program: program?.to_string_lossy().into_owned(),
        args: args.into_iter().map(|arg| arg.value).collect(),
        env: env.into_iter().map(|(name, value)| (name, value.value)).collect(),
    })
}

/// The names in `{name}`. Other braces, those of JSON for example, are text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!name.is_empty() && name.chars().all(plain)).then_some(name)
    })
}

/// A program by its path, or by its name in one of the folders of `PATH`, as it is when the config is read.
fn find_program(section: &Section<'_>, program: &At<String>) -> Option<PathBuf> {
    if program.value.contains('/') {
        let path = path_in(program);
        let path = std::path::absolute(&path).unwrap_or(path);
        if is_program(&path) {
            return Some(path);
        }
        let what = format!("{} is not a program that can be run", path.display());
        section.error("program", what, "name an executable file");
        return None;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(&program.value)).find(|path| is_program(path));
    if found.is_none() {
        let what = format!("there is no program {:?} in any folder of PATH", program.value);
        section.error("program", what, "install it, or write its whole path");
    }
    found
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn arguments(section: &Section<'_>) -> BTreeMap<String, ArgumentBounds> {
    let bounds = section.named("arguments", Some(ARGUMENT_KEYS)).into_iter();
    bounds.filter_map(|(name, section)| Some((name, bounds_of(&section)?))).collect()
}

#[derive(Clone, Copy)]
enum ArgumentType {
    Integer,
    Number,
    Boolean,
}

fn bounds_of(section: &Section<'_>) -> Option<ArgumentBounds> {
    if section.has("one_of") {
        for key in ["type", "min", "max"].iter().filter(|key| section.has(key)) {
            section.error(key, "does not go together with one_of", "keep one_of alone");
        }
        let list = section.some_texts("one_of", "name at least one text; an empty list does not mean any text")?;
        return Some(ArgumentBounds::OneOf(list.value.into_iter().map(|text| text.value).collect()));
    }
    let types =
        [("integer", ArgumentType::Integer), ("number", ArgumentType::Number), ("boolean", ArgumentType::Boolean)];
    let chosen = section.choice("type", &types);
    let chosen = section.require(
        chosen,
        "type",
        "set type = \"integer\", \"number\" or \"boolean\", or one_of = [\"a\", \"b\"]",
    )?;
    let bound = "there is no unbounded argument: set it";
    match chosen.value {
        ArgumentType::Boolean => {
            for key in ["min", "max"].iter().filter(|key| section.has(key)) {
                section.error(key, "true or false has no bounds", "take it out");
            }
            Some(ArgumentBounds::Boolean)
        }
        ArgumentType::Integer => {
            let (min, max) = (section.integer("min", i64::MIN..=i64::MAX), section.integer("max", i64::MIN..=i64::MAX));
            let (min, max) = (section.require(min, "min", bound), section.require(max, "max", bound));
            let (min, max) = (min?.value, max?.value);
            in_order(section, min <= max)?;
            Some(ArgumentBounds::Integer { min, max })
        }
        ArgumentType::Number => {
            let number = |key| section.number(key, "a finite number", f64::is_finite);
            let (min, max) =
                (section.require(number("min"), "min", bound), section.require(number("max"), "max", bound));
            let (min, max) = (min?.value, max?.value);
            in_order(section, min <= max)?;
            Some(ArgumentBounds::Number { min, max })
        }
    }
}

fn in_order(section: &Section<'_>, holds: bool) -> Option<()> {
    if !holds {
        section.error("min", "min is larger than max", "choose min <= max");
    }
    holds.then_some(())
}

fn verify(section: &Section<'_>) -> Verify {
    let defaults = Verify::default();
    let Some(section) = section.section("verify", Some(VERIFY_KEYS)) else { return defaults };
    let settle = section.duration("settle").map_or(defaults.settle, |length| length.value);
    let within = section.positive_duration("within").map_or(defaults.within, |length| length.value);
    if within <= settle {
        let key = if section.has("within") { "within" } else { "settle" };
        let what = format!(
            "nothing is judged before settle ({}), and everything is over within {}",
            format_duration(settle),
            format_duration(within)
        );
        section.error(key, what, "choose within longer than settle");
    }
    Verify {
        settle,
        within,
        healthy_for: section.count("healthy_for", 1).map_or(defaults.healthy_for, |count| count.value),
        require: section
            .texts("require")
            .map_or(defaults.require, |list| list.value.into_iter().map(|expr| expr.value).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::placeholders;

    #[test]
    fn placeholders_are_names_in_braces() {
        for (text, names) in [
            ("--service={service}", vec!["service"]),
            ("{a}{b-c}.{d.e}", vec!["a", "b-c", "d.e"]),
            (r#"{"json": {"a": 1}}"#, vec![]),
            ("{}", vec![]),
            ("{open", vec![]),
            ("{{service}}", vec!["service"]),
        ] {
            assert_eq!(placeholders(text).collect::<Vec<_>>(), names, "{text}");
        }
    }
}

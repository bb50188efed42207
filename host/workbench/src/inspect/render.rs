//! A report as text for people and as JSON for programs.

use serde_json::{Value, json};
use tidegate_sandbox::{DETECTOR, ImportNeed, Producer, REMEDIATION, Verdict};

use super::settings::{Setting, list};
use super::{Loading, Report};
use crate::text::{bytes, fields, grouped, printable};

/// Most imports and exports listed for people. A guest has a few; a module of another kind may have thousands.
const MOST: usize = 40;
/// Longest name in a list, in characters.
const MAX_NAME: usize = 160;
/// Where lines of prose are broken.
const WIDTH: usize = 100;

/// For people.
#[must_use]
pub fn text(report: &Report) -> String {
    let inspection = &report.inspection;
    let mut text = format!("{}: {}\n\n", printable(&report.file, 400), report.verdict());
    let (name, summary) = match &report.loading {
        Loading::Described { manifest, .. } => {
            (format!("{} {}", manifest.name, manifest.version), printable(&manifest.summary, 1_000))
        }
        _ => Default::default(),
    };
    let exports = if inspection.kind().is_some() { Vec::new() } else { inspection.exports.clone() };
    text.push_str(&fields(&[
        ("name", name),
        ("kind", inspection.kind().map_or_else(String::new, |kind| kind.to_string())),
        ("summary", summary),
        ("contract", contract(report)),
        ("digest", inspection.digest.clone()),
        ("size", format!("{} ({} bytes)", bytes(inspection.bytes as u64), grouped(inspection.bytes as u64))),
        ("toolchain", toolchain(&inspection.producers)),
        ("imports", imports(report)),
        ("exports", shortened(exports.iter().map(|name| printable(name, MAX_NAME)).collect())),
    ]));
    if let Loading::Described { manifest, granted } = &report.loading {
        if !granted.is_empty() {
            text.push_str(&format!(
                "\n{} was granted only for this look at it; a host grants it by `grants` in its config.\n",
                granted.join(", ")
            ));
        }
        text.push_str(&settings(&list(&manifest.settings_schema)));
    }
    text
}

/// What was found. Where nothing was, and the verdict does not say so, also what would do.
fn contract(report: &Report) -> String {
    let found: Vec<String> = report.inspection.contracts.iter().map(|name| printable(name, MAX_NAME)).collect();
    match report.inspection.verdict {
        _ if !found.is_empty() => found.join(", "),
        Verdict::Foreign => "none".to_owned(),
        _ => format!("none; this host has {DETECTOR} and {REMEDIATION}"),
    }
}

fn toolchain(producers: &[Producer]) -> String {
    let mut tools: Vec<String> = Vec::new();
    for Producer { name, version, .. } in producers {
        let tool = printable(&format!("{name} {version}"), 80);
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    tools.join(", ")
}

fn imports(report: &Report) -> String {
    let imports = &report.inspection.imports;
    if imports.is_empty() {
        return if report.inspection.kind().is_some() { "none".to_owned() } else { String::new() };
    }
    let widest = imports.iter().take(MOST).map(|import| import.name.chars().count()).max().unwrap_or(0).min(MAX_NAME);
    let is_guest = report.inspection.kind().is_some();
    let lines = imports
        .iter()
        .map(|import| {
            let name = printable(&import.name, MAX_NAME);
            // What a file that is no guest asks for needs no judgement.
            if is_guest { format!("{name:widest$}  {}", import.need) } else { name }
        })
        .collect();
    shortened(lines)
}

fn shortened(mut lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("and {} more", grouped(more as u64)));
    }
    lines.join("\n")
}

fn settings(settings: &[Setting]) -> String {
    if settings.is_empty() {
        return "\nIt takes no settings.\n".to_owned();
    }
    let widest = settings.iter().map(|setting| setting.key.chars().count()).max().unwrap_or(0).min(40);
    let mut text = "\nsettings:\n".to_owned();
    for Setting { key, kind, default, required, bounds, meaning } in settings {
        let mut facts = vec![kind.clone()];
        facts.extend(bounds.iter().cloned());
        facts.extend(default.as_ref().map(|default| format!("default {default}")));
        if *required {
            facts.push("required".to_owned());
        }
        text.push_str(&format!("  {key:widest$}  {}\n", facts.join(", ")));
        for line in wrapped(meaning, WIDTH.saturating_sub(widest + 4)) {
            text.push_str(&format!("  {:widest$}  {line}\n", ""));
        }
    }
    text
}

/// Prose in lines of about so many characters; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// For programs.
#[must_use]
pub fn document(report: &Report) -> Value {
    let inspection = &report.inspection;
    let imports = inspection.imports.iter().map(|import| {
        let grant = match import.need {
            ImportNeed::Grant(grant) => Some(grant),
            _ => None,
        };
        json!({ "name": import.name, "need": need(import.need), "grant": grant, "text": import.need.to_string() })
    });
    let tools = inspection
        .producers
        .iter()
        .map(|Producer { field, name, version }| json!({ "field": field, "name": name, "version": version }));
    let mut shape = json!({
        "file": report.file,
        "loads": report.loads(),
        "verdict": inspection.verdict.name(),
        "text": report.verdict(),
        "kind": inspection.kind().map(|kind| match kind {
            tidegate_sandbox::GuestKind::Detector => "detector",
            tidegate_sandbox::GuestKind::Remediation => "remediation",
        }),
        "contract": { "found": inspection.contracts, "offered": [DETECTOR, REMEDIATION] },
        "digest": inspection.digest,
        "bytes": inspection.bytes,
        "imports": imports.collect::<Vec<_>>(),
        "exports": inspection.exports,
        "toolchain": tools.collect::<Vec<_>>(),
    });
    match &report.loading {
        Loading::NoGuest => {}
        Loading::Refused { why } => shape["error"] = why.as_str().into(),
        Loading::Described { manifest, granted } => {
            shape["name"] = manifest.name.as_str().into();
            shape["version"] = manifest.version.as_str().into();
            shape["summary"] = manifest.summary.as_str().into();
            shape["needs_grants"] = json!(granted);
            shape["settings"] = list(&manifest.settings_schema).iter().map(setting).collect();
            shape["settings_schema"] = manifest.settings_schema.clone();
        }
    }
    shape
}

fn setting(Setting { key, kind, default, required, bounds, meaning }: &Setting) -> Value {
    json!({
        "key": key, "type": kind, "default": default, "required": required, "bounds": bounds, "meaning": meaning,
    })
}

fn need(need: ImportNeed) -> &'static str {
    match need {
        ImportNeed::TypesOnly => "types_only",
        ImportNeed::Free => "free",
        ImportNeed::EmptyWasi => "empty_wasi",
        ImportNeed::Grant(_) => "grant",
        ImportNeed::NotForDetectors => "not_for_detectors",
        ImportNeed::OtherVersion(_) => "other_version",
        ImportNeed::NotOffered => "not_offered",
    }
}

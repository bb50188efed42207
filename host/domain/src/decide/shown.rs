//! The card: what the person who decides is shown, one line a fact. An approval is bound to these lines, so they say all
//! that it is to be for: what will run, why, what happened the last times, and what happens when nobody acts.

use super::attempts::{attempts, outcome_of, tally};
use super::{Context, autonomy, untouched};
use crate::book::{Approval, Consult, Incident, Request};
use crate::event::{Evidence, Origin, ResolvedAction};
use crate::input::Silence;
use crate::number::short;
use crate::rules::{ActionKind, Verify};
use crate::text::one_line;
use crate::time::{Timestamp, format_duration};

mod opinions;

/// How many characters of a line are shown. Text from outside may be of any length.
const MOST_OF_LINE: usize = 300;
/// And of those that say what will run, on what: nothing of an ordinary command line may be left out.
const MOST_OF_RUNS: usize = 2000;
/// How many alerts, detectors, requirements, earlier attempts and other incidents are shown of each.
const MOST_OF_EACH: usize = 5;
/// How many earlier attempts are counted, the latest first.
const MOST_COUNTED: usize = 50;

/// The whole card, in the order shown.
pub(super) fn card(
    context: &Context<'_>,
    incident: &Incident,
    action: &ResolvedAction,
    silence: &Silence,
) -> Vec<String> {
    let runs = what_runs(action).into_iter().map(|line| one_line(&line, MOST_OF_RUNS));
    let lines = [
        why(incident),
        alerts(incident),
        opinions::lines(incident),
        not_asked(silence),
        before(context, incident, action),
        autonomy::line(context, incident, action).into_iter().collect(),
        around(context, incident, action),
    ];
    runs.chain(lines.iter().flatten().map(|line| one_line(line, MOST_OF_LINE))).collect()
}

/// Exactly what will run, on what, how long it may take, and how it will be judged.
fn what_runs(action: &ResolvedAction) -> Vec<String> {
    let mut lines = Vec::new();
    match &action.spec {
        ActionKind::Http { url, method, headers, bearer_token_file } => {
            lines.push(format!("runs: {method} {url}"));
            let own = headers.iter().map(|(name, value)| format!("{name}: {value}"));
            let token = bearer_token_file.as_ref().map(|file| format!("a bearer token from {file}"));
            let headers: Vec<String> = own.chain(token).collect();
            lines.extend((!headers.is_empty()).then(|| format!("with: {}", headers.join(", "))));
        }
        ActionKind::Command { program, env, .. } => {
            let args = action.program_args().unwrap_or_else(|error| vec![error.to_string()]);
            let words: Vec<String> = std::iter::once(program).chain(&args).map(|word| quoted(word)).collect();
            lines.push(format!("runs: {}", words.join(" ")));
            let env: Vec<String> = env.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
            lines.extend((!env.is_empty()).then(|| format!("with: {}", env.join(" "))));
        }
    }
    lines.push(format!("on: {}", action.target));
    if !action.arguments.is_empty() {
        let arguments: Vec<String> = action.arguments.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        lines.push(format!("arguments: {}", arguments.join(", ")));
    }
    lines.push(format!("risk: {}", action.risk.name()));
    let again = if action.idempotent { ", and after a crash it may be run again" } else { "" };
    lines.push(format!("takes: at most {}{again}", format_duration(action.timeout)));
    if action.dry_run {
        lines.push("dry run: nothing will be carried out".to_owned());
    }
    lines.extend(judged_by(&action.verify));
    lines
}

fn judged_by(verify: &Verify) -> Vec<String> {
    let fixed = format!(
        "fixed if: healthy {} times in a row, from {} to {} after it ran",
        verify.healthy_for,
        format_duration(verify.settle),
        format_duration(verify.within)
    );
    let required = shortened(&verify.require, |expr| format!("and if: {expr}"), "expressions");
    std::iter::once(fixed).chain(required).collect()
}

/// The incident, and what was seen.
fn why(incident: &Incident) -> Vec<String> {
    let source = match &incident.origin {
        Origin::Anomaly { watch, .. } => format!("watch {watch}"),
        Origin::Absence { watch, .. } => format!("watch {watch}, no samples: the group stopped coming"),
        Origin::Alert { route, .. } if route.is_empty() => "no alert route".to_owned(),
        Origin::Alert { route, .. } => format!("alert route {route}"),
    };
    let mut lines = vec![
        format!("why: {source}, {}", incident.labels),
        format!("since: {}, severity {}", time(incident.since), incident.severity.name()),
    ];
    if let Some(worst) = incident.worst() {
        lines.extend(evidence(worst, incident.members.len()));
    }
    let causers: Vec<&str> = incident.caused_by.iter().take(MOST_OF_EACH).map(String::as_str).collect();
    lines.extend((!causers.is_empty()).then(|| format!("caused by: {}", causers.join(", "))));
    lines
}

fn evidence(worst: &Evidence, series: usize) -> Vec<String> {
    let mut lines = vec![worst.finding()];
    let counts = if worst.cold_start { ", which does not count yet" } else { "" };
    let opinions = shortened(
        &worst.opinions,
        |opinion| {
            let note = opinion.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
            if opinion.score.0.is_nan() {
                return format!("{} has not judged it{note}", opinion.detector);
            }
            format!("{} scores {}{counts}{note}", opinion.detector, short(opinion.score.0))
        },
        "detectors",
    );
    lines.extend(opinions);
    lines.push(if series > 1 {
        format!("worst of {series} series: {}", worst.series)
    } else {
        format!("series: {}", worst.series)
    });
    lines
}

fn alerts(incident: &Incident) -> Vec<String> {
    let mut alerts: Vec<_> = incident.alerts.values().collect();
    // What still fires matters more.
    alerts.sort_by_key(|alert| !alert.firing);
    shortened(
        &alerts,
        |alert| {
            let text = alert.annotations.get("summary").or(alert.annotations.get("description")).unwrap_or("");
            let resolved = if alert.firing { "" } else { " resolved" };
            format!("alert{resolved}: {} {text}", alert.labels)
        },
        "alerts",
    )
}

/// Nobody is to take what is not known for a no.
fn not_asked(silence: &Silence) -> Vec<String> {
    match silence {
        Silence::Unknown(error) => {
            vec![format!("silenced: not known, Alertmanager did not answer; asked again before it runs ({error})")]
        }
        Silence::None | Silence::By(_) => Vec::new(),
    }
}

/// What happened the last times, and when nobody did anything.
fn before(context: &Context<'_>, incident: &Incident, action: &ResolvedAction) -> Vec<String> {
    let latest: Vec<&Request> = attempts(context.book, incident).rev().take(MOST_COUNTED).collect();
    let same = |request: &&&Request| {
        request.proposal.action.name == action.name && request.proposal.action.target == action.target
    };
    let here: Vec<&Request> = latest.iter().filter(same).copied().collect();
    let mut lines = Vec::new();
    if !here.is_empty() {
        lines.push(format!("before: {} here {}: {}", action.name, times(here.len()), tally(&here).join(", ")));
    }
    lines.extend(latest.iter().take(MOST_OF_EACH).map(|request| attempt(request)));
    lines.push(when_nobody_acted(context, incident));
    lines
}

fn attempt(request: &Request) -> String {
    let (outcome, reason) = outcome_of(request);
    let by = match &request.approval {
        Approval::Denied { by, .. } => format!(" by {}", by.approver),
        _ => String::new(),
    };
    let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let (at, action) = (time(request.opened_at), &request.proposal.action.name);
    format!("before: {action} at {at}: {outcome}{by}{because}")
}

fn when_nobody_acted(context: &Context<'_>, incident: &Incident) -> String {
    let found = untouched::like(context, incident);
    if found.ended == 0 {
        return "untouched: no incident here has ended yet without a repair".to_owned();
    }
    let times = if found.ended == 1 { "time" } else { "times" };
    let median = found.median.map(|median| format!(", median {}", spoken(median))).unwrap_or_default();
    format!("untouched: recovered {} of {} {times}{median}", found.recovered, found.ended)
}

/// How often this incident was asked about, and who else is waiting for the same target.
fn around(context: &Context<'_>, incident: &Incident, action: &ResolvedAction) -> Vec<String> {
    let mut lines = Vec::new();
    if !incident.requests.is_empty() {
        lines.push(format!("asked before: {} in this incident", times(incident.requests.len())));
    }
    let waits = |other: &&Incident| {
        other.id != incident.id && other.consult != Consult::Done && action.target.within(&other.labels)
    };
    let others: Vec<&Incident> = context.book.open_incidents().filter(waits).collect();
    let also = |other: &&Incident| {
        let name = if other.origin.name().is_empty() { "no route" } else { other.origin.name() };
        format!("also about it: incident {}, {} {} {}", other.id, other.origin.kind(), name, other.labels)
    };
    lines.extend(shortened(&others, also, "incidents"));
    lines
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// The first few, and how many are left out.
fn shortened<T>(all: &[T], line: impl Fn(&T) -> String, what: &str) -> Vec<String> {
    let left_out = all.len().saturating_sub(MOST_OF_EACH);
    let rest = (left_out > 0).then(|| format!("and {left_out} more {what}"));
    all.iter().take(MOST_OF_EACH).map(line).chain(rest).collect()
}

/// One word of a command line: in quotes where a reader could not tell where it ends.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("{word:?}") }
}

/// RFC 3339 in UTC, to the second.
fn time(at: Timestamp) -> String {
    let second =
        jiff::Timestamp::from_millisecond(at.0).ok().and_then(|at| jiff::Timestamp::new(at.as_second(), 0).ok());
    second.map_or_else(|| at.0.to_string(), |second| second.to_string())
}

/// A length of time as people say it: one unit, or two where the second one matters.
fn spoken(length: std::time::Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{quoted, spoken, time};
    use crate::time::Timestamp;

    #[test]
    fn lengths_and_times_are_written_for_people() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (360, "6 min"), (3599, "59 min"), (7500, "2 h 5 min")] {
            assert_eq!(spoken(Duration::from_secs(seconds)), text);
        }
        assert_eq!(spoken(Duration::from_secs(183_600)), "2 d 3 h");
        assert_eq!(time(Timestamp(1_700_000_000_999)), "2023-11-14T22:13:20Z");
        assert_eq!(time(Timestamp(i64::MAX)), i64::MAX.to_string(), "no such day");
    }

    #[test]
    fn words_of_a_command_line_end_where_they_end() {
        for (word, text) in [
            ("restart", "restart"),
            ("--unit=a@b.service", "--unit=a@b.service"),
            ("check out; rm", "\"check out; rm\""),
            ("", "\"\""),
            ("a\nb", "\"a\\nb\""),
            ("$HOME", "\"$HOME\""),
        ] {
            assert_eq!(quoted(word), text);
        }
    }
}

//! `incident` and `approval`: what the host knows, for people or as it came.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::ValueEnum as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidegate_domain::terms::more;

use super::client::Client;
use super::exit::Failure;
use super::found::{found, opinion, said};
use super::table::{columns, fields, plain_json};
use super::wire::{Alert, Approval, Approvals, Decided, Incident, Incidents, Moment, Request, Sample, Silencing};
use super::{ApprovalStatus, IncidentStatus, Output};
use crate::clock::{self, rfc3339};

pub(super) fn incidents(
    client: &Client,
    all: bool,
    status: Option<IncidentStatus>,
    output: Output,
) -> Result<(), Failure> {
    let answer = match status {
        None => client.list("incidents", None, all)?,
        Some(IncidentStatus::Open) => client.list("incidents", Some("open"), true)?,
        Some(IncidentStatus::Closed) => {
            let mut answer = client.list("incidents", None, true)?;
            keep(&mut answer, "incidents", "closed");
            answer
        }
    };
    print(answer, output, |incidents| listed_incidents(&incidents))
}

pub(super) fn listed_incidents(Incidents { incidents, more }: &Incidents) -> String {
    let row = |incident: &Incident| {
        vec![
            incident.id.clone(),
            stands(incident),
            incident.severity.clone(),
            incident.watch.clone(),
            incident.since.clone(),
            clipped(selector(&incident.labels), MOST_AT_THE_END),
        ]
    };
    let rows: Vec<Vec<String>> = incidents.iter().map(row).collect();
    columns(&["ID", "STATUS", "SEVERITY", "WATCH", "SINCE", "LABELS"], &rows) + there_are_more(*more)
}

pub(super) fn incident(client: &Client, id: &str, output: Output) -> Result<(), Failure> {
    print(client.get_one("incidents", id)?, output, |incident| describe_incident(&incident))
}

pub(super) fn approvals(
    client: &Client,
    all: bool,
    status: Option<ApprovalStatus>,
    output: Output,
) -> Result<(), Failure> {
    print(listed(client, all, status)?, output, |Approvals { approvals, more }| {
        let row = |approval: &Approval| {
            vec![
                approval.id.clone(),
                progress(approval),
                approval.action.risk.clone(),
                approval.action.name.clone(),
                clipped(selector(&approval.action.target), MOST_IN_A_CELL),
                approval.incident.clone(),
                match approval.status.as_str() {
                    "pending" => approval.deadline.clone().unwrap_or_default(),
                    _ => String::new(),
                },
            ]
        };
        let rows: Vec<Vec<String>> = approvals.iter().map(row).collect();
        columns(&["ID", "STATUS", "RISK", "ACTION", "TARGET", "INCIDENT", "WAITS UNTIL"], &rows) + there_are_more(more)
    })
}

pub(super) fn approval(client: &Client, id: &str, output: Output) -> Result<(), Failure> {
    print(client.get_one("approvals", id)?, output, |approval| describe_approval(&approval))
}

/// The approvals that are asked for, in the order in which they are shown.
pub(super) fn listed(client: &Client, all: bool, status: Option<ApprovalStatus>) -> Result<Value, Failure> {
    let status = status.and_then(|status| status.to_possible_value()).map(|value| value.get_name().to_owned());
    let mut answer = match status.as_deref() {
        Some("pending") => client.list("approvals", Some("pending"), true)?,
        Some(other) => {
            let mut answer = client.list("approvals", None, true)?;
            keep(&mut answer, "approvals", other);
            answer
        }
        None => waiting_first(client, all)?,
    };
    if let Some(waiting) = answer["approvals"].as_array_mut() {
        // The most urgent first; what waits for nobody stays in its order.
        waiting.sort_by_key(|one| if one["status"] == "pending" { (0, urgency(one)) } else { (1, String::new()) });
    }
    Ok(answer)
}

/// What waits is never left out, however much has happened since.
fn waiting_first(client: &Client, all: bool) -> Result<Value, Failure> {
    let mut answer = client.list("approvals", None, all)?;
    if !all {
        let waiting = client.list("approvals", Some("pending"), true)?;
        if let (Some(known), Some(waiting)) = (answer["approvals"].as_array_mut(), waiting["approvals"].as_array()) {
            let missed = waiting.iter().filter(|one| !known.iter().any(|other| other["id"] == one["id"]));
            let missed: Vec<Value> = missed.cloned().collect();
            known.extend(missed);
        }
    }
    Ok(answer)
}

fn keep(answer: &mut Value, kind: &str, status: &str) {
    if let Some(things) = answer[kind].as_array_mut() {
        things.retain(|thing| thing["status"] == status);
    }
}

/// Deadlines are written so that their order is that of their texts.
fn urgency(approval: &Value) -> String {
    approval["deadline"].as_str().unwrap_or_default().to_owned()
}

fn there_are_more(more: bool) -> &'static str {
    if more { "older ones are left out: --all shows them\n" } else { "" }
}

/// Longest cell of a list: labels of any length come from outside, and one must not push the others off the screen.
const MOST_IN_A_CELL: usize = 60;

/// The same where nothing stands behind it: the labels of an alert say what it is about only together.
const MOST_AT_THE_END: usize = 300;

fn clipped(cell: String, most: usize) -> String {
    if cell.chars().count() <= most {
        return cell;
    }
    cell.chars().take(most - 1).chain(['\u{2026}']).collect()
}

/// The status, and why nobody may be asked about it.
fn stands(incident: &Incident) -> String {
    let usual = incident.second_opinion.as_ref().is_some_and(|opinion| opinion.verdict == "usual");
    let notes = [
        (incident.cold_start.is_some(), "by a static bound"),
        (incident.held.is_some(), "held back"),
        (incident.handling.is_some(), "in hand"),
        (usual, "usual"),
    ];
    let notes = notes.iter().filter(|(holds, _)| *holds && incident.status == "open").map(|(_, note)| *note);
    std::iter::once(incident.status.as_str()).chain(notes).collect::<Vec<_>>().join(", ")
}

/// The status, and how many have said yes where that was not enough.
fn progress(approval: &Approval) -> String {
    match approval.yeses.len() {
        0 => approval.status.clone(),
        count if approval.status == "pending" => format!("pending, {count} yes"),
        _ => approval.status.clone(),
    }
}

/// Writes to standard output. A reader who has seen enough (`| head`) is no failure.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write the answer: {error}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn print<T: DeserializeOwned>(
    answer: Value,
    output: Output,
    text: impl Fn(T) -> String,
) -> Result<(), Failure> {
    match output {
        Output::Json => say(&as_json(&answer)),
        Output::Text => say(&text(understood(answer)?)),
    }
}

/// The host's own answer.
pub(super) fn as_json(answer: &Value) -> String {
    plain_json(&format!("{answer:#}\n"))
}

/// An answer as what it should be.
pub(super) fn understood<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(answer).map_err(|error| {
        let text = "the host's answer is not what this program expects; are they of the same version?";
        Failure::Failed(format!("{text} ({error})"))
    })
}

pub(super) fn describe_incident(incident: &Incident) -> String {
    let mut text = fields(&[
        ("incident", incident.id.clone()),
        ("status", incident.status.clone()),
        ("severity", incident.severity.clone()),
        ("source", incident.source.clone()),
        ("watch", incident.watch.clone()),
        ("labels", selector(&incident.labels)),
        ("since", incident.since.clone()),
        ("opened", incident.opened_at.clone()),
        ("found", found(incident)),
        ("detectors", said(&incident.detectors)),
        ("alerts", alerts(&incident.alerts)),
        ("opinion", incident.second_opinion.as_ref().map(opinion).unwrap_or_default()),
        ("held back", held(incident)),
        ("silences", incident.silences.iter().map(silencing).collect::<Vec<_>>().join("\n")),
        ("in hand", incident.handling.as_ref().map(|id| format!("by request {id}")).unwrap_or_default()),
        ("approvals", incident.requests.iter().map(request).collect::<Vec<_>>().join("\n")),
        ("closed", incident.closed.as_ref().map(|end| with_reason(&end.at, end.reason.as_deref())).unwrap_or_default()),
    ]);
    if !incident.timeline.is_empty() {
        let rows: Vec<Vec<String>> = incident.timeline.iter().flat_map(moment).collect();
        text.push('\n');
        text.push_str(&columns(&["AT", "WHAT", ""], &rows));
    }
    text
}

fn alerts(alerts: &[Alert]) -> String {
    let firing = alerts.iter().filter(|alert| alert.firing).count();
    match (firing, alerts.len() - firing) {
        (0, 0) => String::new(),
        (firing, 0) => format!("{firing} firing"),
        (firing, resolved) => format!("{firing} firing, {resolved} resolved"),
    }
}

fn held(incident: &Incident) -> String {
    incident.held.as_ref().map(|held| format!("by {}, since {}", held.by, held.at)).unwrap_or_default()
}

fn silencing(silencing: &Silencing) -> String {
    // Times are written so that their order is that of their texts.
    let when = if silencing.until <= rfc3339(clock::now()) { "was until" } else { "until" };
    format!("{when} {} by {} ({}): silence {}", silencing.until, silencing.by, silencing.surface, silencing.id)
}

/// Most series of one answer that are shown to people; the rest is in the JSON.
const SHOWN_SAMPLES: usize = 10;

/// One row for what happened, and below it one for each thing that a policy asked and each thing that it was told.
fn moment(moment: &Moment) -> Vec<Vec<String>> {
    let below = |text: String| vec![String::new(), String::new(), text];
    let mut rows = vec![vec![moment.at.clone(), moment.kind.clone(), moment.text.clone()]];
    for question in &moment.questions {
        let cut = question.cut_from.map(|bytes| format!("... ({bytes} bytes)")).unwrap_or_default();
        let told = match (&question.error, question.samples.len()) {
            (Some(error), _) => format!("{}, {error}", question.reply),
            (None, 0) => "no series".to_owned(),
            (None, count) => format!("{count} series"),
        };
        rows.push(below(format!("  {}{cut}: {told}", question.expr)));
        let sample = |sample: &Sample| below(format!("    {} {}", selector(&sample.labels), sample.value.0));
        rows.extend(question.samples.iter().take(SHOWN_SAMPLES).map(sample));
        if question.samples.len() > SHOWN_SAMPLES {
            rows.push(below(format!("    and {} more", question.samples.len() - SHOWN_SAMPLES)));
        }
    }
    if moment.unlisted > 0 {
        rows.push(below(format!("  and {} more, all refused", moment.unlisted)));
    }
    rows
}

fn request(request: &Request) -> String {
    match request {
        Request::Id(id) => id.clone(),
        Request::Whole(approval) => format!("{} ({}): {}", approval.id, approval.status, approval.summary),
    }
}

/// What a person needs to see before deciding.
pub(super) fn describe_approval(approval: &Approval) -> String {
    let action = &approval.action;
    let pending = approval.status == "pending";
    let said_yes = |yes: &Decided| with_reason(&format!("{} at {}", whom(yes), yes.at), yes.reason.as_deref());
    let needed = match (pending, approval.missing.is_empty()) {
        (true, false) => more(&approval.missing),
        _ => String::new(),
    };
    let wants_reason = pending && approval.terms.as_ref().is_some_and(|terms| terms.require_reason);
    let escalated =
        approval.escalated.as_ref().map(|escalated| format!("to {} at {}", escalated.to.join(", "), escalated.at));
    let arguments = action.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let decided = approval.decided.as_ref().map(|decided| {
        let by = if decided.by.is_some() { format!("by {} ", whom(decided)) } else { String::new() };
        with_reason(&format!("{by}at {}", decided.at), decided.reason.as_deref())
    });
    let execution = approval.execution.as_ref().map(|execution| {
        let ended = execution.outcome.as_deref().unwrap_or(&execution.status);
        let output = execution.output.as_deref().filter(|output| !output.is_empty());
        let lines = [Some(with_reason(ended, execution.reason.as_deref())), output.map(str::to_owned)];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    });
    let verification = approval.verification.as_ref().map(|verification| {
        with_reason(verification.outcome.as_deref().unwrap_or("being watched"), verification.reason.as_deref())
    });
    fields(&[
        ("approval", approval.id.clone()),
        (
            "status",
            match &approval.stage {
                Some(stage) if !pending && *stage != approval.status => format!("{}, {stage}", approval.status),
                _ => approval.status.clone(),
            },
        ),
        ("incident", approval.incident.clone()),
        ("asked", approval.opened_at.clone()),
        ("action", if action.dry_run { format!("{} (dry run)", action.name) } else { action.name.clone() }),
        ("target", selector(&action.target)),
        ("arguments", arguments.join(" ")),
        ("risk", action.risk.clone()),
        ("summary", approval.summary.clone()),
        ("rationale", approval.rationale.clone()),
        ("evidence", approval.shown.join("\n")),
        ("deadline", approval.deadline.clone().unwrap_or_default()),
        ("yes", approval.yeses.iter().map(said_yes).collect::<Vec<_>>().join("\n")),
        ("needed", if wants_reason { format!("{needed}, each with a reason") } else { needed }),
        ("may decide", if pending { approval.deciders.join(", ") } else { String::new() }),
        ("escalated", escalated.unwrap_or_default()),
        ("digest", approval.digest.clone()),
        ("decided", decided.unwrap_or_default()),
        ("execution", execution.unwrap_or_default()),
        ("outcome", verification.unwrap_or_default()),
    ])
}

/// Who, by which surface and from where.
fn whom(decided: &Decided) -> String {
    let name = decided.by.as_deref().unwrap_or("nobody");
    match (&decided.surface, &decided.address) {
        (Some(surface), Some(address)) => format!("{name} ({surface}, {address})"),
        (Some(surface), None) => format!("{name} ({surface})"),
        _ => name.to_owned(),
    }
}

fn with_reason(what: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) if !reason.is_empty() => format!("{what}: {reason}"),
        _ => what.to_owned(),
    }
}

fn selector(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>();
    format!("{{{}}}", pairs.join(", "))
}

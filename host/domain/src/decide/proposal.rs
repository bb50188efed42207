//! From a policy's answer to a request: everything a guest said is checked against what the config allows.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Context, guards};
use crate::arguments;
use crate::book::{Approval, Book, Consult, Incident, Request, Run};
use crate::event::{Asked, Fact, Guard, IncidentId, Origin, Proposal, Refusal, ResolvedAction, RunResult};
use crate::input::{Plan, PolicyAnswer};
use crate::labels::Labels;
use crate::rules::{Action, Mode};
use crate::time::Timestamp;

/// The pause before a policy that failed is asked again.
const RETRY_POLICY: Duration = Duration::from_secs(60);

/// What a policy asked is evidence, even where its answer came too late to count.
pub(super) fn asked(context: &Context<'_>, id: &IncidentId, policy_digest: &str, asked: &Asked) -> Option<Fact> {
    let known = context.book.incident(id).is_some() && !asked.is_empty();
    let (incident, policy_digest, asked) = (id.clone(), policy_digest.to_owned(), asked.clone());
    known.then_some(Fact::PolicyAsked { incident, policy_digest, asked })
}

pub(super) fn answered(
    context: &Context<'_>,
    id: &IncidentId,
    policy_digest: &str,
    answer: &PolicyAnswer,
    last_sample: Option<Timestamp>,
) -> Vec<Fact> {
    // The incident may have ended, or been asked about twice, while the policy was thinking.
    let due = |i: &&Incident| matches!(i.consult, Consult::Due(from) if from <= context.now);
    let Some(incident) = context.book.incident(id).filter(due) else {
        return Vec::new();
    };
    match answer {
        PolicyAnswer::Leave(reason) => vec![Fact::PolicyLeft {
            incident: id.clone(),
            reason: reason.clone(),
            policy_digest: policy_digest.to_owned(),
        }],
        PolicyAnswer::Failed(error) => vec![Fact::PolicyFailed {
            incident: id.clone(),
            error: error.clone(),
            retry_at: context.now.plus(RETRY_POLICY),
        }],
        PolicyAnswer::Propose(plan) => proposed(context, incident, policy_digest, plan, last_sample),
    }
}

fn proposed(
    context: &Context<'_>,
    incident: &Incident,
    policy_digest: &str,
    plan: &Plan,
    last_sample: Option<Timestamp>,
) -> Vec<Fact> {
    let refuse = |refusal: Refusal, retry_at: Option<Timestamp>| {
        let (incident, action) = (incident.id.clone(), plan.action.clone());
        vec![Fact::ProposalRefused { incident, action, refusal, retry_at }]
    };
    let (action, resolved) = match resolve(context, incident, plan) {
        Ok(resolved) => resolved,
        Err(refusal) => return refuse(refusal, None),
    };
    let proposal = propose(context, incident, policy_digest, plan, resolved);
    if incident.mode == Mode::Observe {
        return vec![Fact::ProposalObserved { incident: incident.id.clone(), proposal: Box::new(proposal) }];
    }
    if context.book.storm.is_some() {
        // It began while the policy was thinking; nobody is asked before it ends.
        return refuse(Refusal::Guarded { guard: Guard::Storm }, Some(context.now));
    }
    let again = context.now.plus(context.rules.gate.ask_again);
    if guards::is_late(context, incident, last_sample) {
        return refuse(Refusal::Guarded { guard: Guard::Late }, Some(again));
    }
    match guards::on_target(context, action, &proposal.action.target, None) {
        None => {}
        Some(Guard::TargetBusy { request }) => {
            return vec![Fact::IncidentJoined { incident: incident.id.clone(), request }];
        }
        Some(guard) => {
            let retry = match &guard {
                Guard::Cooldown { until } | Guard::Rate { until } => *until,
                _ => again,
            };
            return refuse(Refusal::Guarded { guard }, Some(retry));
        }
    }
    let request = context.book.next_request(&proposal.digest);
    let passes = passes_by_itself(context, incident, &proposal.action);
    let opened =
        Fact::RequestOpened { request: request.clone(), incident: incident.id.clone(), proposal: Box::new(proposal) };
    [Some(opened), passes.map(|(level, limit)| Fact::RequestAutoApproved { request, level, limit })]
        .into_iter()
        .flatten()
        .collect()
}

/// Fills in everything that the guest may not choose.
fn resolve<'a>(
    context: &Context<'a>,
    incident: &Incident,
    plan: &Plan,
) -> Result<(&'a Action, ResolvedAction), Refusal> {
    let unknown = || Refusal::UnknownAction { action: plan.action.clone() };
    if !context.offered(incident).contains(&plan.action) {
        return Err(unknown());
    }
    let action = context.rules.actions.get(&plan.action).ok_or_else(unknown)?;
    let arguments = arguments::check(&action.arguments, &plan.arguments)
        .map_err(|error| Refusal::BadArguments { error: error.to_string() })?;
    let target = target_of(action, incident)?;
    Ok((action, resolved(action, target, arguments, incident.dry_run || context.rules.gate.dry_run)))
}

/// The target comes from the incident's labels, never from the guest. Empty means nothing, never "all".
fn target_of(action: &Action, incident: &Incident) -> Result<Labels, Refusal> {
    let mut pairs = Vec::new();
    for name in &action.target {
        match incident.labels.get(name).filter(|value| !value.is_empty()) {
            Some(value) => pairs.push((name.clone(), value.to_owned())),
            None => {
                return Err(Refusal::NoTarget { label: name.clone() });
            }
        }
    }
    Ok(Labels::new(pairs))
}

fn resolved(
    action: &Action,
    target: Labels,
    arguments: serde_json::Map<String, serde_json::Value>,
    dry_run: bool,
) -> ResolvedAction {
    ResolvedAction {
        name: action.name.clone(),
        spec: action.kind.clone(),
        target,
        arguments,
        risk: action.risk,
        timeout: action.timeout,
        idempotent: action.idempotent,
        dry_run: dry_run || action.dry_run,
        verify: action.verify.clone(),
    }
}

/// The action, if what was shown is still what the config says. Unrelated config does not matter.
pub(super) fn unchanged<'a>(context: &Context<'a>, incident: &Incident, shown: &ResolvedAction) -> Option<&'a Action> {
    let action = context.rules.actions.get(&shown.name).filter(|_| context.offered(incident).contains(&shown.name))?;
    let dry_run = incident.dry_run || context.rules.gate.dry_run;
    let same = *shown == resolved(action, shown.target.clone(), shown.arguments.clone(), dry_run);
    let same_target = shown.target == shown.target.only(&action.target)
        && action.target.iter().all(|name| shown.target.get(name).is_some());
    (same && same_target && arguments::admit(&action.arguments, &shown.arguments).is_ok()).then_some(action)
}

fn propose(
    context: &Context<'_>,
    incident: &Incident,
    policy_digest: &str,
    plan: &Plan,
    action: ResolvedAction,
) -> Proposal {
    let shown = evidence_lines(context.book, incident, &action);
    let digest = digest(incident, &action, plan, policy_digest, &shown);
    Proposal {
        action,
        summary: plan.summary.clone(),
        rationale: plan.rationale.clone(),
        policy_digest: policy_digest.to_owned(),
        shown,
        digest,
        deadline: context.now.plus(context.rules.gate.deadline),
        start_within: context.rules.gate.start_within,
        earlier: incident.requests.len(),
    }
}

/// What an approval is bound to: the action with its slice of the config, the policy, the group, and what was shown.
fn digest(incident: &Incident, action: &ResolvedAction, plan: &Plan, policy_digest: &str, shown: &[String]) -> String {
    let bound = serde_json::json!({
        "incident": incident.id,
        "origin": incident.origin,
        "labels": incident.labels,
        "action": action,
        "summary": plan.summary,
        "rationale": plan.rationale,
        "policy": policy_digest,
        "shown": shown,
    });
    Sha256::digest(bound.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The evidence as the person sees it, one line a fact.
fn evidence_lines(book: &Book, incident: &Incident, action: &ResolvedAction) -> Vec<String> {
    let mut lines = vec![format!("{} {}", incident.origin.name(), incident.labels)];
    if let Some(worst) = incident.worst() {
        let by = if worst.cold_start { " by static bounds, the series is still being learnt" } else { "" };
        lines.push(format!(
            "value {}, expected {} ({} to {}), score {}{by}",
            short(worst.value.0),
            short(worst.expected.0),
            short(worst.lower.0),
            short(worst.upper.0),
            short(worst.score.0),
        ));
        for opinion in &worst.opinions {
            let note = opinion.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
            lines.push(format!("{} scores {}{note}", opinion.detector, short(opinion.score.0)));
        }
        if incident.members.len() > 1 {
            lines.push(format!("{} series of the group are anomalous", incident.members.len()));
        }
    }
    if let Origin::Absence { .. } = incident.origin {
        lines.push("no samples: the group stopped coming".to_owned());
    }
    for alert in incident.alerts.values().take(5) {
        let text = alert.annotations.get("summary").or(alert.annotations.get("description")).unwrap_or("");
        lines.push(format!("alert {} {text}", alert.labels).trim_end().to_owned());
    }
    for attempt in attempts(book, incident).rev().take(5) {
        let (outcome, reason) = outcome_of(attempt);
        let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        lines.push(format!("before: {} on {} was {outcome}{because}", attempt.proposal.action.name, action.target));
    }
    lines
}

/// Earlier requests that came to an end, on this incident or on the same target, oldest first.
pub fn attempts<'a>(book: &'a Book, incident: &'a Incident) -> impl DoubleEndedIterator<Item = &'a Request> {
    let mut ids: Vec<_> = incident.requests.iter().collect();
    let targets = book.index.by_target.iter().filter(|(target, _)| target.within(&incident.labels));
    ids.extend(targets.flat_map(|(_, ids)| ids));
    let mut requests: Vec<&Request> = ids.into_iter().filter_map(|id| book.request(id)).collect();
    requests.sort_by_key(|request| (request.opened_at, request.id.0.len(), &request.id));
    requests.dedup_by_key(|request| &request.id);
    requests.into_iter().filter(|request| !request.is_active() && outcome_of(request).0 != "withdrawn")
}

/// How an ended request ended, in the words of the contract, and why.
#[must_use]
pub fn outcome_of(request: &Request) -> (&'static str, String) {
    use crate::event::Verified;
    match (&request.approval, &request.run, &request.verification) {
        (Approval::Denied { reason, .. }, ..) => ("denied", reason.clone()),
        (Approval::Expired { .. }, ..) => ("expired", String::new()),
        (Approval::Withdrawn { .. }, ..) => ("withdrawn", String::new()),
        (_, Run::Refused { guard, .. }, _) => ("refused", guard.name().to_owned()),
        (_, Run::Finished { result: RunResult::Failed { error }, .. }, _) => ("failed", error.clone()),
        (_, Run::Finished { result: RunResult::Unknown { error }, .. }, _) => ("unknown", error.clone()),
        (_, Run::Finished { result: RunResult::DryRun, .. }, _) => ("refused", "dry run".to_owned()),
        (_, _, Some(verification)) => match &verification.outcome {
            Some((_, Verified::Fixed, _)) if verification.revoked => ("ineffective", "it broke again soon".to_owned()),
            Some((_, Verified::Fixed, reason)) => ("fixed", reason.clone()),
            Some((_, Verified::Ineffective, reason)) => ("ineffective", reason.clone()),
            Some((_, Verified::Inconclusive, reason)) => ("inconclusive", reason.clone()),
            None => ("running", String::new()),
        },
        _ => ("running", String::new()),
    }
}

/// In mode `auto`, and nowhere else: the higher of the severity and the action's risk decides. A person's no, a run
/// whose outcome nobody knows, and one that did not help put a person back in charge of the incident.
fn passes_by_itself(
    context: &Context<'_>,
    incident: &Incident,
    action: &ResolvedAction,
) -> Option<(crate::rules::Severity, crate::rules::Severity)> {
    let (level, limit) = (incident.severity.max(action.risk), context.rules.gate.auto_approve);
    let in_doubt = context.book.requests_of(incident).any(|earlier| {
        let ran = matches!(&earlier.run, Run::Finished { result, .. } if *result != RunResult::DryRun);
        ran || matches!(earlier.approval, Approval::Denied { .. })
    });
    (incident.mode == Mode::Auto && level <= limit && !in_doubt).then_some((level, limit))
}

/// Four significant digits: enough to judge by, short enough to read.
fn short(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "unknown"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if !(-4..15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_are_short_and_keep_their_size() {
        for (value, text) in [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (41.0, "41"),
            (1234.5, "1234"),
            (123_456.0, "123456"),
            (-0.5, "-0.5"),
            (1e-9, "1.000e-9"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}

//! From a policy's answer to a request: everything a guest said is checked against what the config allows.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::guards::Candidate;
use super::passing::{self, Pass};
use super::{Context, guards, shown, silences};
use crate::arguments;
use crate::book::{Consult, Incident};
use crate::event::{Asked, Fact, Guard, IncidentId, Proposal, Refusal, ResolvedAction};
use crate::input::{Plan, PolicyAnswer, Silence};
use crate::labels::Labels;
use crate::rules::{Action, Mode};
use crate::terms::{AskedTerms, Escalation, Terms};
use crate::time::Timestamp;

/// The pause before a policy that failed is asked again; twice as long after each further failure in a row.
const RETRY_POLICY: Duration = Duration::from_secs(60);

/// What was seen of the incident when the policy was asked.
pub(super) struct Seen<'a> {
    pub(super) last_sample: Option<Timestamp>,
    pub(super) silence: &'a Silence,
}

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
    seen: &Seen<'_>,
) -> Vec<Fact> {
    // The incident may have ended, or been asked about twice, while the policy was thinking.
    let due = |i: &&Incident| matches!(i.consult, Consult::Due(from) if from <= context.now);
    let Some(incident) = context.book.incident(id).filter(due) else {
        return Vec::new();
    };
    let held = silences::asked(incident, seen.silence);
    let follows = match answer {
        PolicyAnswer::Leave(reason) => vec![Fact::PolicyLeft {
            incident: id.clone(),
            reason: reason.clone(),
            policy_digest: policy_digest.to_owned(),
        }],
        PolicyAnswer::Failed(error) => vec![Fact::PolicyFailed {
            incident: id.clone(),
            error: error.clone(),
            retry_at: context.now.plus(retry_policy(context, incident)),
        }],
        PolicyAnswer::Propose(plan) => proposed(context, incident, policy_digest, plan, seen),
    };
    held.into_iter().chain(follows).collect()
}

/// Asking may cost much, and what has failed ten times in a row will likely fail again: at most as rarely as after a
/// refusal.
fn retry_policy(context: &Context<'_>, incident: &Incident) -> Duration {
    RETRY_POLICY.saturating_mul(2_u32.saturating_pow(incident.stumbles)).min(context.rules.gate.ask_again)
}

fn proposed(
    context: &Context<'_>,
    incident: &Incident,
    policy_digest: &str,
    plan: &Plan,
    seen: &Seen<'_>,
) -> Vec<Fact> {
    let refuse = |refusal: Refusal, retry_at: Option<Timestamp>| {
        let (incident, action) = (incident.id.clone(), plan.action.clone());
        vec![Fact::ProposalRefused { incident, action, refusal, retry_at }]
    };
    let (action, resolved) = match resolve(context, incident, plan) {
        Ok(resolved) => resolved,
        Err(refusal) => return refuse(refusal, None),
    };
    let card = shown::card(context, incident, &resolved, seen.silence);
    let proposal = propose(context, incident, policy_digest, plan, &action.terms, resolved, card);
    if incident.mode == Mode::Observe {
        return vec![Fact::ProposalObserved { incident: incident.id.clone(), proposal: Box::new(proposal) }];
    }
    match guard(context, incident, action, &proposal.action.target, seen) {
        None => {}
        Some(Guard::TargetBusy { request }) => {
            return vec![Fact::IncidentJoined { incident: incident.id.clone(), request }];
        }
        Some(guard) => {
            let retry = guards::retry_at(context, &guard);
            return refuse(Refusal::Guarded { guard }, Some(retry));
        }
    }
    let request = context.book.next_request(&proposal.digest);
    let passes = passing::by_itself(context, incident, &proposal.action, &action.terms);
    let opened =
        Fact::RequestOpened { request: request.clone(), incident: incident.id.clone(), proposal: Box::new(proposal) };
    let passed =
        passes.map(|Pass { level, limit, earned }| Fact::RequestAutoApproved { request, level, limit, earned });
    [Some(opened), passed].into_iter().flatten().collect()
}

/// The first reason not to ask, as far as the book and the calendar tell. It may have come up while the policy was
/// thinking.
fn guard(
    context: &Context<'_>,
    incident: &Incident,
    action: &Action,
    target: &Labels,
    seen: &Seen<'_>,
) -> Option<Guard> {
    // Alertmanager that could not be asked keeps nobody from being asked; it is looked at again before anything runs.
    let silenced = silences::holder(incident, seen.silence).map(|by| Guard::Silenced { by: by.to_owned() });
    let late = guards::is_late(context, incident, seen.last_sample).then_some(Guard::Late);
    guards::on_everything(context)
        .or_else(|| guards::in_maintenance(context, incident))
        .or(silenced)
        .or_else(|| guards::is_usual(context, incident))
        .or(late)
        .or_else(|| guards::on_target(context, &Candidate { action, target, request: None, populations: None }))
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
    let resolved = resolved(action, target, arguments, incident.dry_run || context.rules.gate.dry_run);
    // Nobody is asked about what could not be run.
    resolved.program_args().map_err(|error| Refusal::BadArguments { error: error.to_string() })?;
    Ok((action, resolved))
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
    terms: &Terms,
    action: ResolvedAction,
    shown: Vec<String>,
) -> Proposal {
    let mut proposal = Proposal {
        shown,
        action,
        summary: plan.summary.clone(),
        rationale: plan.rationale.clone(),
        policy_digest: policy_digest.to_owned(),
        digest: String::new(),
        deadline: context.now.plus(terms.deadline),
        start_within: context.rules.gate.start_within,
        earlier: incident.requests.len(),
        terms: asked_terms(terms, incident, context.now),
    };
    proposal.digest = digest(incident, &proposal);
    proposal
}

fn asked_terms(terms: &Terms, incident: &Incident, now: Timestamp) -> AskedTerms {
    let before = |lead: Duration| now.plus(terms.deadline.saturating_sub(lead));
    AskedTerms {
        approvers: terms.approvers.clone(),
        quorum: terms.quorum.clone(),
        require_reason: terms.require_reason,
        allow_own: terms.allow_own,
        remind_at: terms.remind_before.map(before),
        escalate: terms.escalate.as_ref().map(|e| Escalation { at: now.plus(e.after), to: e.to.clone() }),
        labels: Some(incident.labels.clone()),
    }
}

/// What an approval is bound to: the incident's group, and everything that is asked: the action with its slice of the
/// config, the plan, the policy, what was shown, and on which terms it is decided.
fn digest(incident: &Incident, proposal: &Proposal) -> String {
    let bound = serde_json::json!({
        "incident": incident.id,
        "origin": incident.origin,
        "labels": incident.labels,
        "proposal": proposal,
    });
    Sha256::digest(bound.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Events in plain words: for the log, the timeline and the terminal.

use tidegate_domain::book::Book;
use tidegate_domain::event::{
    Alert, CloseReason, DecidedBy, Fact, Guard, Health, IncidentId, MemberEnd, OpinionVerdict, Refusal, RequestId,
    RunResult, SecondOpinion, Verified, WithdrawReason,
};
use tidegate_domain::terms::Quorum;
use tidegate_domain::text::is_obeyed;
use tidegate_domain::time::Timestamp;

use crate::{clock, questions};

/// How many alerts and opinions a sentence names.
const MOST_NAMED: usize = 3;

/// The snake-case name of a fact, as in the journal.
pub(crate) fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::HostStarted { .. } => "host_started",
        Fact::IncidentOpened { .. } => "incident_opened",
        Fact::MemberJoined { .. } => "member_joined",
        Fact::MemberEnded { .. } => "member_ended",
        Fact::AlertsChanged { .. } => "alerts_changed",
        Fact::EndsSeen { .. } => "ends_seen",
        Fact::AlertsLeftOut { .. } => "alerts_left_out",
        Fact::AlertsCompleted { .. } => "alerts_completed",
        Fact::IncidentHeld { .. } => "incident_held",
        Fact::IncidentReleased { .. } => "incident_released",
        Fact::SilenceMade { .. } => "silence_made",
        Fact::SilenceEnded { .. } => "silence_ended",
        Fact::SecondOpinionGiven { .. } => "second_opinion_given",
        Fact::SeriesTraced { .. } => "series_traced",
        Fact::SeverityRaised { .. } => "severity_raised",
        Fact::IncidentClosed { .. } => "incident_closed",
        Fact::PolicyAsked { .. } => "policy_asked",
        Fact::PolicyLeft { .. } => "policy_left",
        Fact::PolicyFailed { .. } => "policy_failed",
        Fact::ProposalObserved { .. } => "proposal_observed",
        Fact::ProposalRefused { .. } => "proposal_refused",
        Fact::IncidentJoined { .. } => "incident_joined",
        Fact::RequestOpened { .. } => "request_opened",
        Fact::RequestAnnounced { .. } => "request_announced",
        Fact::RequestTold { .. } => "request_told",
        Fact::RequestReminded { .. } => "request_reminded",
        Fact::RequestEscalated { .. } => "request_escalated",
        Fact::ApprovalGiven { .. } => "approval_given",
        Fact::RequestApproved { .. } => "request_approved",
        Fact::RequestAutoApproved { .. } => "request_auto_approved",
        Fact::RequestDenied { .. } => "request_denied",
        Fact::RequestExpired { .. } => "request_expired",
        Fact::RequestWithdrawn { .. } => "request_withdrawn",
        Fact::ExecutionRefused { .. } => "execution_refused",
        Fact::ExecutionStarted { .. } => "execution_started",
        Fact::ExecutionFinished { .. } => "execution_finished",
        Fact::VerificationObserved { .. } => "verification_observed",
        Fact::RequirementsChecked { .. } => "requirements_checked",
        Fact::VerificationFinished { .. } => "verification_finished",
        Fact::FixRevoked { .. } => "fix_revoked",
        Fact::StormStarted { .. } => "storm_started",
        Fact::StormContinued {} => "storm_continued",
        Fact::StormEnded {} => "storm_ended",
        Fact::RosterChanged { .. } => "roster_changed",
        Fact::Paused { .. } => "paused",
        Fact::Resumed { .. } => "resumed",
    }
}

/// What a fact is about.
pub(crate) fn subject(fact: &Fact) -> (Option<&IncidentId>, Option<&RequestId>) {
    match fact {
        Fact::IncidentOpened { incident, .. }
        | Fact::MemberJoined { incident, .. }
        | Fact::MemberEnded { incident, .. }
        | Fact::AlertsChanged { incident, .. }
        | Fact::AlertsLeftOut { incident, .. }
        | Fact::AlertsCompleted { incident, .. }
        | Fact::IncidentHeld { incident, .. }
        | Fact::IncidentReleased { incident }
        | Fact::SecondOpinionGiven { incident, .. }
        | Fact::SeriesTraced { incident, .. }
        | Fact::SeverityRaised { incident, .. }
        | Fact::IncidentClosed { incident, .. }
        | Fact::PolicyAsked { incident, .. }
        | Fact::PolicyLeft { incident, .. }
        | Fact::PolicyFailed { incident, .. }
        | Fact::ProposalObserved { incident, .. }
        | Fact::ProposalRefused { incident, .. } => (Some(incident), None),
        Fact::IncidentJoined { incident, request }
        | Fact::RequestOpened { incident, request, .. }
        | Fact::FixRevoked { incident, request } => (Some(incident), Some(request)),
        Fact::RequestAnnounced { request, .. }
        | Fact::RequestTold { request, .. }
        | Fact::RequestReminded { request }
        | Fact::RequestEscalated { request, .. }
        | Fact::ApprovalGiven { request, .. }
        | Fact::RequestApproved { request, .. }
        | Fact::RequestAutoApproved { request, .. }
        | Fact::RequestDenied { request, .. }
        | Fact::RequestExpired { request, .. }
        | Fact::RequestWithdrawn { request, .. }
        | Fact::ExecutionRefused { request, .. }
        | Fact::ExecutionStarted { request, .. }
        | Fact::ExecutionFinished { request, .. }
        | Fact::VerificationObserved { request, .. }
        | Fact::RequirementsChecked { request, .. }
        | Fact::VerificationFinished { request, .. } => (None, Some(request)),
        Fact::SilenceMade { incident, .. } | Fact::SilenceEnded { incident, .. } => (incident.as_ref(), None),
        Fact::HostStarted { .. }
        | Fact::EndsSeen { .. }
        | Fact::StormStarted { .. }
        | Fact::StormContinued {}
        | Fact::StormEnded {}
        | Fact::RosterChanged { .. }
        | Fact::Paused { .. }
        | Fact::Resumed { .. } => (None, None),
    }
}

/// As [`tell`], for the log: control characters are written as escapes, so that nothing that a guest, an alert or a person
/// says can look like a line of the host's own.
pub(crate) fn line(book: &Book, fact: &Fact) -> String {
    escaped(tell(book, fact))
}

/// Text with its control characters, and the marks that deceive a reader, written as escapes.
pub(crate) fn escaped(text: String) -> String {
    if !text.contains(is_obeyed) {
        return text;
    }
    text.chars().flat_map(|c| if is_obeyed(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// One sentence. The book is the one after the fact.
pub(crate) fn tell(book: &Book, fact: &Fact) -> String {
    match fact {
        Fact::HostStarted { version } => format!("tidegate {version} started"),
        Fact::IncidentOpened { incident, origin, labels, severity, since, evidence, .. } => format!(
            "incident {incident} opened: {} on {} {labels}, severity {}, since {}{}",
            origin.kind(),
            if origin.name().is_empty() { "no route" } else { origin.name() },
            severity.name(),
            clock::rfc3339(*since),
            evidence.as_ref().map(|evidence| format!(": {}", evidence.finding())).unwrap_or_default(),
        ),
        Fact::MemberJoined { incident, evidence, .. } => {
            format!("incident {incident}: {} is anomalous as well: {}", evidence.series, evidence.finding())
        }
        Fact::MemberEnded { incident, series, how } => format!(
            "incident {incident}: {series} {}",
            match how {
                MemberEnd::Recovered => "recovered",
                MemberEnd::Accepted => "has lasted so long that it is accepted as the new normal",
                MemberEnd::Vanished => "is gone for good",
            }
        ),
        Fact::AlertsChanged { incident, alerts, .. } => {
            let (firing, resolved): (Vec<&Alert>, Vec<&Alert>) = alerts.iter().partition(|alert| alert.firing);
            let changed = [(firing, "began to fire"), (resolved, "resolved")];
            let changed = changed.iter().filter(|(alerts, _)| !alerts.is_empty());
            let changed: Vec<String> = changed.map(|(alerts, how)| format!("{} {how}", named(alerts))).collect();
            format!("incident {incident}: {}", changed.join(", "))
        }
        Fact::EndsSeen { alerts } => {
            let them = if alerts.len() == 1 { "it was" } else { "they were" };
            format!("{} ended before {them} known to fire", self::alerts(alerts.len() as u64))
        }
        Fact::AlertsLeftOut { incident, left_out, .. } => format!(
            "incident {incident}: the delivery left out {} of the group {}; to be fetched from Alertmanager",
            alerts(left_out.count),
            left_out.group_labels
        ),
        Fact::AlertsCompleted { incident, found: 0 } => {
            format!("incident {incident}: the alerts that were left out were not to be had")
        }
        Fact::AlertsCompleted { incident, found } => {
            format!("incident {incident}: the alerts that were left out were fetched; {} in the group", alerts(*found))
        }
        Fact::IncidentHeld { incident, by } => {
            format!("incident {incident}: Alertmanager holds it back ({by}); nothing is asked or done about it")
        }
        Fact::IncidentReleased { incident } => {
            format!("incident {incident}: Alertmanager does not hold it back any more")
        }
        Fact::SilenceMade { incident, silence, matchers, until, by, comment } => {
            let what =
                incident.as_ref().map_or_else(|| format!("{{{}}}", matchers.join(", ")), |id| format!("incident {id}"));
            format!("{what} was silenced until {} by {}: {comment} (silence {silence})", at(until), who(by))
        }
        Fact::SilenceEnded { silence, by, incident } => {
            let of = incident.as_ref().map(|id| format!(" of incident {id}")).unwrap_or_default();
            format!("silence {silence}{of} was ended by {}", who(by))
        }
        Fact::SecondOpinionGiven { incident, opinions } => {
            format!("incident {incident}: second opinion: {}", second(opinions))
        }
        Fact::SeriesTraced { incident, series, points } => {
            format!("incident {incident}: {} more samples of {series}", points.len())
        }
        Fact::SeverityRaised { incident, severity } => {
            format!("incident {incident} got worse: severity {}", severity.name())
        }
        Fact::IncidentClosed { incident, reason } => format!(
            "incident {incident} closed: {}",
            match reason {
                CloseReason::Recovered => "it recovered by itself",
                CloseReason::Fixed => "it was fixed",
                CloseReason::Accepted => "its level is the new normal",
                CloseReason::Resolved => "all its alerts resolved",
                CloseReason::Returned => "the group came back",
                CloseReason::Vanished => "its series are gone for good",
            }
        ),
        Fact::PolicyAsked { incident, asked, .. } => {
            format!("the policy asked Prometheus about incident {incident}: {}", questions::summary(asked))
        }
        Fact::PolicyLeft { incident, reason, .. } => format!("the policy leaves incident {incident} alone: {reason}"),
        Fact::PolicyFailed { incident, error, retry_at } => {
            format!("the policy could not answer incident {incident}: {error}; asked again at {}", at(retry_at))
        }
        Fact::ProposalObserved { incident, proposal } => format!(
            "incident {incident}: would have proposed {} on {} ({}); mode is observe",
            proposal.action.name, proposal.action.target, proposal.summary
        ),
        Fact::ProposalRefused { incident, action, refusal, retry_at } => {
            let again = retry_at.map(|retry| format!("; asked again at {}", at(&retry))).unwrap_or_default();
            format!("incident {incident}: the proposal {action} was refused: {}{again}", refused(refusal))
        }
        Fact::IncidentJoined { incident, request } => {
            format!("incident {incident} waits for request {request}, which holds the same target")
        }
        Fact::RequestOpened { request, incident, proposal } => format!(
            "request {request} for incident {incident} waits for a decision until {}: {} on {} ({})",
            at(&proposal.deadline),
            proposal.action.name,
            proposal.action.target,
            proposal.summary
        ),
        Fact::RequestAnnounced { request, via, .. } => format!("request {request} was announced by {via}"),
        Fact::RequestTold { request, via, stage } => {
            format!("what {via} says about request {request} was brought up to date: {stage}")
        }
        Fact::RequestReminded { request } => format!("people were reminded of request {request}"),
        Fact::RequestEscalated { request, to } => {
            format!("request {request} was escalated: {} may decide as well", to.join(", "))
        }
        Fact::ApprovalGiven { request, by, reason, missing, .. } => format!(
            "request {request} has a yes of {}{}; still needed: {}",
            who(by),
            because(reason.as_deref()),
            missing.iter().map(needed).collect::<Vec<_>>().join(", ")
        ),
        Fact::RequestApproved { request, by, reason, .. } => {
            format!("request {request} was approved by {}{}", who(by), because(reason.as_deref()))
        }
        Fact::RequestAutoApproved { request, level, limit, earned } => {
            let why = earned.map(|fixes| format!(" after {fixes} verified fixes in a row")).unwrap_or_default();
            format!("request {request} passed by itself{why}: {} is at most {}", level.name(), limit.name())
        }
        Fact::RequestDenied { request, by, reason, .. } => {
            format!("request {request} was denied by {}: {reason}", who(by))
        }
        Fact::RequestExpired { request, .. } => format!("request {request} expired: nobody answered in time"),
        Fact::RequestWithdrawn { request, reason, .. } => {
            format!("request {request} was withdrawn: {}", withdrawn(*reason))
        }
        Fact::ExecutionRefused { request, guard, .. } => {
            format!("request {request} was not carried out: {}", guarded(guard))
        }
        Fact::ExecutionStarted { request, run } => {
            let action = book.request(request).map_or("", |open| open.proposal.action.name.as_str());
            let again = if *run > 1 { format!(" (run {run})") } else { String::new() };
            format!("request {request}: {action} started{again}")
        }
        Fact::ExecutionFinished { request, result } => format!(
            "request {request}: {}",
            match result {
                RunResult::Succeeded { .. } => "the action ran and reported success".to_owned(),
                RunResult::Failed { error } => format!("the action failed: {error}"),
                RunResult::Unknown { error } => format!("nobody knows whether the action worked: {error}"),
                RunResult::DryRun => "dry run, nothing was carried out".to_owned(),
            }
        ),
        Fact::VerificationObserved { request, health, .. } => format!(
            "request {request}: the group looks {}",
            match health {
                Health::Healthy => "healthy",
                Health::Unhealthy => "unhealthy",
                Health::Unjudged => "like nothing that can be judged",
            }
        ),
        Fact::RequirementsChecked { request, unmet } if unmet.is_empty() => {
            format!("request {request}: everything required holds")
        }
        Fact::RequirementsChecked { request, unmet } => {
            let all: Vec<String> = unmet.iter().map(|(expr, why)| format!("{expr} ({why})")).collect();
            format!("request {request}: required and not met: {}", all.join("; "))
        }
        Fact::VerificationFinished { request, outcome, reason } => format!(
            "request {request}: the repair is {}: {reason}",
            match outcome {
                Verified::Fixed => "verified, fixed",
                Verified::Ineffective => "ineffective",
                Verified::Inconclusive => "inconclusive",
            }
        ),
        Fact::FixRevoked { request, incident } => {
            format!("request {request} is no longer called fixed: incident {incident} is the same trouble again")
        }
        Fact::StormStarted { reason } => format!("storm: {reason}; every proposal is held"),
        Fact::StormContinued {} => "the storm goes on".to_owned(),
        Fact::StormEnded {} => "the storm is over; proposals go on".to_owned(),
        Fact::RosterChanged { group, members } => {
            let names: Vec<&str> = members.iter().map(String::as_str).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            format!("in group {group} there is now, from elsewhere: {names}")
        }
        Fact::Paused { by } => format!("all repairs paused by {}", who(by)),
        Fact::Resumed { by } => format!("repairs resumed by {}", who(by)),
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// How many more must say yes, in words.
pub(crate) fn needed(quorum: &Quorum) -> String {
    match &quorum.of {
        Some(group) => format!("{} of {group}", quorum.count),
        None => format!("{} of all who may decide", quorum.count),
    }
}

fn alerts(count: u64) -> String {
    if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") }
}

/// The first few by `alertname`.
fn named(alerts: &[&Alert]) -> String {
    if alerts.len() > MOST_NAMED {
        return format!("{} alerts", alerts.len());
    }
    let names: Vec<&str> = alerts.iter().map(|alert| alert.labels.get("alertname").unwrap_or("an alert")).collect();
    names.join(" and ")
}

/// What the detectors say, those opinions first that tell most.
fn second(opinions: &[SecondOpinion]) -> String {
    let mut told: Vec<String> = opinions.iter().take(MOST_NAMED).map(opinion).collect();
    match opinions.len().saturating_sub(MOST_NAMED) {
        0 if opinions.is_empty() => "none".to_owned(),
        0 => told.join("; "),
        more => {
            told.push(format!("and {more} more"));
            told.join("; ")
        }
    }
}

fn opinion(opinion: &SecondOpinion) -> String {
    match &opinion.verdict {
        OpinionVerdict::Usual => format!("{} is usual for this time", opinion.expr),
        OpinionVerdict::Unusual => format!("{} is unusual for this time", opinion.expr),
        OpinionVerdict::Unknown { why } => format!("not known, because {why}"),
    }
}

fn who(by: &DecidedBy) -> String {
    format!("{} ({} from {})", by.approver, by.surface, by.address)
}

fn at(time: &Timestamp) -> String {
    clock::rfc3339(*time)
}

/// Why a plan was refused, in words.
pub(crate) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownAction { action } => format!("no action {action:?} is offered here"),
        Refusal::BadArguments { error } => error.clone(),
        Refusal::NoTarget { label } => format!("no_target: the incident has no label {label:?}"),
        Refusal::Guarded { guard } => guarded(guard),
    }
}

/// Why nobody is asked any more.
pub(crate) fn withdrawn(reason: WithdrawReason) -> &'static str {
    match reason {
        WithdrawReason::IncidentClosed => "the incident is over",
        WithdrawReason::HeldBack => "Alertmanager holds the incident back",
    }
}

/// A guard in words, its name first.
pub(crate) fn guarded(guard: &Guard) -> String {
    let why = match guard {
        Guard::NotActive => "the incident is over".to_owned(),
        Guard::Silenced { by } => format!("Alertmanager holds it back ({by})"),
        Guard::Usual => "the detectors find it usual for this time, and its route leaves such alone".to_owned(),
        Guard::SilencesUnknown { error } => format!("Alertmanager could not be asked for silences: {error}"),
        Guard::DigestChanged => {
            "the action's config, the policy, or what let it pass by itself is no longer what was shown".to_owned()
        }
        Guard::Stale => "the approval was not started in time".to_owned(),
        Guard::Late => "there are no samples fresh enough to act on".to_owned(),
        Guard::TargetBusy { request } => format!("request {request} holds the target"),
        Guard::Cooldown { until } => format!("this target was treated so lately; free from {}", at(until)),
        Guard::Rate { until } => format!("too many runs on this target in an hour; free from {}", at(until)),
        Guard::BlastRadius { targets, label: None } => format!("{targets} targets are under repair already"),
        Guard::BlastRadius { targets, label: Some(label) } => {
            format!("{targets} values of {label} are under repair already")
        }
        Guard::BlastRadiusUnknown { error } => format!("how many there are is not known: {error}"),
        Guard::Maintenance { window, until } => {
            format!("the maintenance window {window} is open until {}", at(until))
        }
        Guard::CircuitOpen { runs, until } => {
            let times = if *runs == 1 { "run" } else { "runs" };
            format!("{runs} {times} of it in a row did not help; one more is let through from {}", at(until))
        }
        Guard::Paused { by } => format!("{by} paused all repairs"),
        Guard::Storm => "many things are breaking at once".to_owned(),
    };
    format!("{}: {why}", guard.name())
}

#[cfg(test)]
mod tests;

//! Folding one event into the book. Total: an event that names something unknown changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Announcement, Approval, Book, Consult, Held, Incident, Member, Missing, Request, Run, Silencing, Storm,
    Verification, Yes,
};
use crate::event::{Alert, Event, Evidence, Fact, Guard, Health, IncidentId, RequestId, RunResult, Verified};
use crate::time::Timestamp;

/// How long the ends of unknown alerts are kept: no copy of an alert is under way for longer.
const ENDS_KEPT: Duration = Duration::from_secs(24 * 3600);

impl Book {
    /// Folds one event.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.fact {
            Fact::HostStarted { .. } => self.lose_running(),
            Fact::IncidentOpened { .. } => self.open_incident(at, &event.fact),
            Fact::MemberJoined { incident, evidence, caused_by } => self.with_incident(incident, |i| {
                join(i, evidence);
                i.caused_by.extend(caused_by.iter().cloned());
            }),
            Fact::MemberEnded { incident, series, how } => self.with_incident(incident, |i| {
                if let Some(member) = i.members.get_mut(series) {
                    member.ended = Some((at, *how));
                }
            }),
            Fact::AlertsChanged { incident, alerts, caused_by } => {
                self.change_alerts(at, incident, alerts);
                self.with_incident(incident, |i| i.caused_by.extend(caused_by.iter().cloned()));
            }
            Fact::EndsSeen { alerts } => {
                self.ends.retain(|_, (seen, _)| at.since(*seen) <= ENDS_KEPT);
                self.ends.extend(alerts.iter().map(|alert| (alert.fingerprint.clone(), (at, alert.starts_at))));
            }
            Fact::AlertsLeftOut { incident, group_key, left_out } => self.with_incident(incident, |i| {
                i.left_out = Some(Missing { at, group_key: group_key.clone(), left_out: left_out.clone() });
            }),
            Fact::AlertsCompleted { incident, .. } => self.with_incident(incident, |i| i.left_out = None),
            Fact::IncidentHeld { incident, by } => self.with_incident(incident, |i| {
                let since = i.held.as_ref().map_or(at, |held| held.at);
                i.held = Some(Held { at: since, noted_at: at, by: by.clone() });
            }),
            Fact::IncidentReleased { incident } => self.with_incident(incident, |i| i.held = None),
            Fact::SilenceMade { incident: Some(incident), silence, until, by, .. } => {
                self.with_incident(incident, |i| {
                    i.silences.push(Silencing { at, silence: silence.clone(), until: *until, by: by.clone() });
                });
            }
            Fact::SilenceEnded { incident: Some(incident), silence, .. } => self.with_incident(incident, |i| {
                for made in i.silences.iter_mut().filter(|made| made.silence == *silence) {
                    made.until = made.until.min(at);
                }
            }),
            Fact::SecondOpinionGiven { incident, opinions } => {
                self.with_incident(incident, |i| i.opinions = Some((at, opinions.clone())));
            }
            Fact::SeverityRaised { incident, severity } => self.with_incident(incident, |i| {
                i.severity = *severity;
                // Worse than when the policy or the person last said no: worth another look.
                if i.consult == Consult::Done && i.has_policy {
                    i.consult = Consult::Due(at);
                }
            }),
            Fact::IncidentClosed { incident, reason } => {
                self.open.remove(incident);
                self.index.closed.insert((at, incident.clone()));
                self.with_incident(incident, |i| {
                    i.closed = Some((at, *reason));
                    i.consult = Consult::Done;
                    i.left_out = None;
                    i.held = None;
                    // What is needed to judge a repair is not needed any more; the journal still has it.
                    for member in i.members.values_mut() {
                        member.evidence.opinions.iter_mut().for_each(|opinion| opinion.state.0 = Vec::new());
                    }
                    i.alerts.values_mut().for_each(|alert| alert.firing = false);
                });
            }
            Fact::PolicyLeft { incident, .. } | Fact::ProposalObserved { incident, .. } => {
                self.with_incident(incident, |i| i.answered(Consult::Done));
            }
            Fact::PolicyFailed { incident, retry_at, .. } => self.with_incident(incident, |i| {
                i.consult = Consult::Due(*retry_at);
                i.stumbles = i.stumbles.saturating_add(1);
            }),
            Fact::ProposalRefused { incident, refusal, retry_at, .. } => {
                self.with_incident(incident, |i| {
                    i.answered(retry_at.map_or(Consult::Done, Consult::Due));
                    i.refused = refusal.guard().cloned();
                });
            }
            Fact::IncidentJoined { incident, request } => {
                self.with_incident(incident, |i| i.answered(Consult::Joined(request.clone())));
            }
            Fact::RequestOpened { request, incident, proposal } => {
                self.with_incident(incident, |i| {
                    i.requests.push(request.clone());
                    i.answered(Consult::Waiting(request.clone()));
                });
                self.active.insert(request.clone());
                self.index.asked.push(request.clone());
                let target = proposal.action.target.clone();
                self.index.target_names.insert(target.iter().map(|(name, _)| name.to_owned()).collect());
                self.index.by_target.entry(target).or_default().push(request.clone());
                self.requests.insert(
                    request.clone(),
                    Request {
                        id: request.clone(),
                        incident: incident.clone(),
                        proposal: (**proposal).clone(),
                        opened_at: at,
                        announced: BTreeMap::new(),
                        reminded: None,
                        escalated: None,
                        yeses: Vec::new(),
                        approval: Approval::Pending,
                        run: Run::NotStarted,
                        last_start: None,
                        verification: None,
                    },
                );
            }
            Fact::StormStarted { reason } => {
                self.storm = Some(Storm { since: at, fed_at: at, reason: reason.clone() });
            }
            Fact::StormContinued {} => {
                if let Some(storm) = &mut self.storm {
                    storm.fed_at = at;
                }
            }
            Fact::StormEnded {} => self.storm = None,
            Fact::RosterChanged { group, members } => {
                self.rosters.insert(group.clone(), members.clone());
                self.rostered.entry(group.clone()).or_default().extend(members.iter().cloned());
            }
            Fact::Paused { by } => self.paused = Some(by.clone()),
            Fact::Resumed { .. } => self.paused = None,
            fact => self.apply_to_request(at, fact),
        }
    }

    fn apply_to_request(&mut self, at: Timestamp, fact: &Fact) {
        match fact {
            Fact::RequestAnnounced { request, via, message, stage } => self.with_request(request, |r| {
                r.announced.insert(via.clone(), Announcement { message: message.clone(), stage: stage.clone() });
            }),
            Fact::RequestTold { request, via, stage } => self.with_request(request, |r| {
                if let Some(told) = r.announced.get_mut(via) {
                    told.stage = Some(stage.clone());
                }
            }),
            Fact::RequestReminded { request } => self.with_request(request, |r| r.reminded = Some(at)),
            Fact::RequestEscalated { request, to } => {
                self.with_request(request, |r| r.escalated = Some((at, to.clone())));
            }
            Fact::ApprovalGiven { request, by, reason, .. } => self.with_request(request, |r| {
                r.yeses.push(Yes { at, by: by.clone(), reason: reason.clone() });
            }),
            Fact::RequestApproved { request, by, reason, .. } => {
                self.with_request(request, |r| {
                    r.yeses.push(Yes { at, by: by.clone(), reason: reason.clone() });
                    r.approval = Approval::Approved { at, by: Some(by.clone()) };
                });
            }
            Fact::RequestAutoApproved { request, .. } => {
                self.with_request(request, |r| r.approval = Approval::Approved { at, by: None });
            }
            Fact::RequestDenied { request, by, reason, .. } => {
                self.with_request(request, |r| {
                    r.approval = Approval::Denied { at, by: by.clone(), reason: reason.clone() };
                });
                // A person said no; asking again at once would be nagging. A worse severity asks again.
                self.release(request, Consult::Done, Consult::Done);
            }
            Fact::RequestExpired { request, retry_at } => {
                self.with_request(request, |r| r.approval = Approval::Expired { at });
                self.release(request, Consult::Due(*retry_at), Consult::Due(*retry_at));
            }
            Fact::RequestWithdrawn { request, reason, retry_at } => {
                self.with_request(request, |r| r.approval = Approval::Withdrawn { at, reason: *reason });
                self.release(request, retry_at.map_or(Consult::Done, Consult::Due), Consult::Due(at));
            }
            Fact::ExecutionRefused { request, guard, retry_at } => {
                self.with_request(request, |r| r.run = Run::Refused { at, guard: guard.clone() });
                self.release(request, Consult::Due(*retry_at), Consult::Due(*retry_at));
                if let Some(incident) = self.requests.get(request).map(|request| request.incident.clone()) {
                    self.with_incident(&incident, |i| i.refused = Some(guard.clone()));
                }
            }
            Fact::ExecutionStarted { request, run } => {
                self.with_request(request, |r| {
                    r.run = Run::Running { at, run: *run };
                    r.last_start = Some(at);
                });
                self.touch(at, request);
            }
            Fact::ExecutionFinished { request, result } => self.finish(request, at, result),
            Fact::VerificationObserved { request, sample_at, health } => {
                self.with_verification(request, |v| {
                    v.last_sample = Some(*sample_at);
                    match health {
                        Health::Healthy => v.healthy += 1,
                        Health::Unhealthy => {
                            v.healthy = 0;
                            v.was_unhealthy = true;
                        }
                        Health::Unjudged => return,
                    }
                    v.last_health = Some(*health);
                });
            }
            Fact::RequirementsChecked { request, unmet } => {
                self.with_verification(request, |v| v.unmet = Some(unmet.clone()));
                self.set_unmet(request, !unmet.is_empty(), false);
            }
            Fact::VerificationFinished { request, outcome, reason } => {
                self.with_verification(request, |v| v.outcome = Some((at, *outcome, reason.clone())));
                self.judge(request, *outcome == Verified::Fixed);
                if *outcome != Verified::Inconclusive {
                    self.note_end(at, request);
                }
                let unmet = self.requests.get(request).and_then(|r| r.verification.as_ref()?.unmet.as_ref());
                let unmet = *outcome != Verified::Fixed && unmet.is_some_and(|unmet| !unmet.is_empty());
                self.set_unmet(request, unmet, true);
                let next = if *outcome == Verified::Fixed { Consult::Done } else { Consult::Due(at) };
                self.release(request, next, Consult::Due(at));
            }
            Fact::FixRevoked { request, .. } => {
                self.with_verification(request, |v| v.revoked = true);
                self.judge(request, false);
                self.note_end(at, request);
            }
            _ => {}
        }
    }

    fn open_incident(&mut self, at: Timestamp, fact: &Fact) {
        let Fact::IncidentOpened {
            incident,
            origin,
            labels,
            severity,
            since,
            mode,
            has_policy,
            dry_run,
            evidence,
            alerts,
            caused_by,
            wants_opinion,
        } = fact
        else {
            return;
        };
        let mut opened = Incident {
            id: incident.clone(),
            origin: origin.clone(),
            labels: labels.clone(),
            severity: *severity,
            since: *since,
            opened_at: at,
            mode: *mode,
            has_policy: *has_policy,
            dry_run: *dry_run,
            members: BTreeMap::new(),
            alerts: alerts.iter().map(|alert| (alert.fingerprint.clone(), alert.clone())).collect(),
            alerts_at: at,
            left_out: None,
            held: None,
            silences: Vec::new(),
            wants_opinion: *wants_opinion,
            opinions: None,
            caused_by: caused_by.clone(),
            consult: if *has_policy { Consult::Due(at) } else { Consult::Done },
            refused: None,
            stumbles: 0,
            requests: Vec::new(),
            touched: None,
            unmet: false,
            closed: None,
        };
        let under_repair = self.active_requests().filter(|r| r.last_start.is_some() && is_touched_by(&opened, r));
        opened.touched = under_repair.map(|_| at).next();
        if let Some(evidence) = evidence {
            join(&mut opened, evidence);
        }
        if let Some(storm) = &mut self.storm {
            storm.fed_at = at;
        }
        self.open.insert(incident.clone());
        self.index.opened.push(incident.clone());
        self.index.by_origin.entry(origin.clone()).or_default().push(incident.clone());
        let name = (origin.kind(), origin.name().to_owned());
        self.index.by_name.entry(name).or_default().push(incident.clone());
        self.index.by_alert.extend(alerts.iter().map(|alert| (alert.fingerprint.clone(), incident.clone())));
        self.index.due.extend(opened.due().map(|at| (at, incident.clone())));
        self.incidents.insert(incident.clone(), opened);
        self.note_rest(incident);
    }

    fn change_alerts(&mut self, at: Timestamp, incident: &IncidentId, alerts: &[Alert]) {
        self.index.by_alert.extend(alerts.iter().map(|alert| (alert.fingerprint.clone(), incident.clone())));
        self.with_incident(incident, |i| {
            i.alerts_at = at;
            let unjudged = i.unjudged();
            for alert in alerts {
                i.labels = i.labels.common(&alert.labels);
                i.since = i.since.min(alert.starts_at);
                i.alerts.insert(alert.fingerprint.clone(), alert.clone());
            }
            // What is left alone because it is usual is not any more, once there is more to it.
            if i.refused == Some(Guard::Usual) && i.unjudged() > unjudged && matches!(i.consult, Consult::Due(_)) {
                i.consult = Consult::Due(at);
            }
        });
    }

    /// A repair was started: no open incident that it may help is left to itself any more.
    fn touch(&mut self, at: Timestamp, request: &RequestId) {
        let Some(request) = self.requests.get(request) else { return };
        for id in &self.open {
            if let Some(incident) = self.incidents.get_mut(id)
                && incident.touched.is_none()
                && is_touched_by(incident, request)
            {
                incident.touched = Some(at);
            }
        }
    }

    /// The host came up again. A run that was going on is lost from sight: an idempotent one may be run again, any
    /// other keeps its place until it is recorded as unknown.
    fn lose_running(&mut self) {
        for id in &self.active {
            if let Some(request) = self.requests.get_mut(id)
                && let Run::Running { run, .. } = request.run
            {
                request.run = Run::Lost { runs: run };
            }
        }
    }

    fn finish(&mut self, request: &RequestId, at: Timestamp, result: &RunResult) {
        self.with_request(request, |r| {
            r.run = Run::Finished { started: r.last_start.unwrap_or(at), at, result: result.clone() };
            if matches!(result, RunResult::Succeeded { .. }) {
                let verify = &r.proposal.action.verify;
                r.verification = Some(Verification {
                    settled: at.plus(verify.settle),
                    until: at.plus(verify.within),
                    healthy: 0,
                    was_unhealthy: false,
                    last_sample: None,
                    last_health: None,
                    unmet: None,
                    outcome: None,
                    revoked: false,
                });
            }
        });
        match result {
            RunResult::Succeeded { .. } => {}
            RunResult::DryRun => self.release(request, Consult::Done, Consult::Due(at)),
            RunResult::Failed { .. } | RunResult::Unknown { .. } => {
                self.judge(request, false);
                self.note_end(at, request);
                self.release(request, Consult::Due(at), Consult::Due(at));
            }
        }
    }

    /// A request came to its end: its target is free, its incident goes on as `next` says, and the incidents that
    /// joined it as `joined` says.
    fn release(&mut self, request: &RequestId, next: Consult, joined: Consult) {
        self.active.remove(request);
        let concerned = self.open_incidents().filter_map(|incident| match &incident.consult {
            Consult::Waiting(own) if own == request => Some((incident.id.clone(), next.clone())),
            Consult::Joined(other) if other == request => Some((incident.id.clone(), joined.clone())),
            _ => None,
        });
        for (id, consult) in concerned.collect::<Vec<_>>() {
            self.with_incident(&id, |i| i.consult = consult);
        }
    }

    /// Notes whether something required does not hold. While a repair is verified only its end may set the mark.
    fn set_unmet(&mut self, request: &RequestId, unmet: bool, finished: bool) {
        let Some(request) = self.requests.get(request) else {
            return;
        };
        if finished || !request.is_verifying() {
            let id = request.incident.clone();
            self.with_incident(&id, |i| i.unmet = unmet);
        }
    }
}

impl Incident {
    /// The policy answered, and this is what comes of it.
    fn answered(&mut self, next: Consult) {
        self.consult = next;
        self.refused = None;
        self.stumbles = 0;
    }
}

/// Is what a request repairs what the incident is about, or a part of it, or does it have a part of it?
fn is_touched_by(incident: &Incident, request: &Request) -> bool {
    let target = &request.proposal.action.target;
    // An incident without labels is about everything, and no repair is of that.
    let overlaps = target.within(&incident.labels) || (!incident.labels.is_empty() && incident.labels.within(target));
    !request.proposal.action.dry_run && (request.incident == incident.id || overlaps)
}

fn join(incident: &mut Incident, evidence: &Evidence) {
    incident.since = incident.since.min(evidence.since);
    let earlier = incident.members.remove(&evidence.series).map(|member| member.streaks).unwrap_or_default();
    let streaks = earlier.into_iter().filter(|since| *since != evidence.since).chain([evidence.since]).collect();
    incident.members.insert(evidence.series.clone(), Member { evidence: evidence.clone(), streaks, ended: None });
}

//! What every policy owes its host, whatever it decides, as a list of checks with names.
//!
//! A policy's own error is an answer; what these checks hold against it is not answering, answering otherwise the second
//! time, and plans that a host cannot take.

use serde_json::Value;

use super::answers::Answers;
use super::policy_cases::{PolicySubject, incident};
use super::{Ending, Fault, samples};
use crate::metrics::Sample;
use crate::{ActionInfo, Alert, Attempt, Decision, Error, Incident, Label, Outcome, Severity, Source};

/// One promise of the contract, and how it is tried.
#[derive(Clone, Copy, Debug)]
pub struct PolicyCheck {
    /// Short, in kebab case.
    pub name: &'static str,
    /// The promise, in one sentence.
    pub what: &'static str,
    run: fn(&mut PolicyTrial<'_>) -> Ending,
}

/// The checks of purity: the same answer whenever and wherever the same question is asked.
pub const PURITY: [&str; 1] = ["deterministic"];

const fn check_of(name: &'static str, what: &'static str, run: fn(&mut PolicyTrial<'_>) -> Ending) -> PolicyCheck {
    PolicyCheck { name, what, run }
}

/// All checks, in the order in which a reader wants to see them fail.
pub const CHECKS: [PolicyCheck; 9] = [
    check_of("deterministic", "the same question gets the same answer, on every instance", deterministic),
    check_of("plans", "a plan names an offered action, with a JSON object for arguments and a line for people", plans),
    check_of("no-actions", "with no action on offer nothing is proposed", no_actions),
    check_of("empty-incident", "an incident without labels, numbers, alerts and attempts is answered", empty_incident),
    check_of("unknown-labels", "labels that nobody thought of do no harm", unknown_labels),
    check_of("severities-and-sources", "every severity and source is answered", severities_and_sources),
    check_of("attempts", "every outcome of every earlier attempt is answered", attempts),
    check_of("wild-numbers", "NaN, infinities and the largest numbers do no harm", wild_numbers),
    check_of("huge-incident", "an incident as large as a host would send is answered", huge_incident),
];

/// Opens the policy with these actions on offer.
pub type Open<'a> = dyn FnMut(&[ActionInfo]) -> Result<Box<dyn PolicySubject>, Fault> + 'a;

/// A policy on trial.
pub struct PolicyTrial<'a> {
    open: &'a mut Open<'a>,
    offered: Vec<ActionInfo>,
    /// What it can decide on: the incident of a case, where there is one.
    ordinary: Incident,
}

impl PolicyCheck {
    /// Tries the policy.
    pub fn run(&self, trial: &mut PolicyTrial<'_>) -> Ending {
        (self.run)(trial)
    }
}

type Answer = Result<Decision, Error>;

impl<'a> PolicyTrial<'a> {
    /// A trial with these actions on offer. `ordinary` is an incident that the policy knows what to do about, if any.
    pub fn new(open: &'a mut Open<'a>, offered: Vec<ActionInfo>, ordinary: Option<Incident>) -> Self {
        let ordinary = ordinary.unwrap_or_else(|| incident(&[("service", "checkout")]));
        PolicyTrial { open, offered, ordinary }
    }

    fn opened(&mut self) -> Result<Box<dyn PolicySubject>, Ending> {
        (self.open)(&self.offered).map_err(|fault| Ending::Fail(format!("open: {fault}")))
    }

    /// Asks about some incidents, each with a name, and takes whatever is an answer.
    fn ask(&mut self, incidents: impl IntoIterator<Item = (String, Incident)>) -> Ending {
        let mut policy = match self.opened() {
            Ok(policy) => policy,
            Err(ending) => return ending,
        };
        for (what, incident) in incidents {
            // What Prometheus would say is unknown, so it refuses, has nothing, and has too much.
            for answers in metrics() {
                match policy.propose(&incident, &answers) {
                    // Which plans can be taken is a check of its own.
                    Ok(_) | Err(Fault::Guest(_) | Fault::BadAnswer(_)) => {}
                    Err(fault) => return Ending::Fail(format!("{what}: {fault}")),
                }
            }
        }
        Ending::Pass
    }
}

fn metrics() -> [Answers; 3] {
    let sample = |value| Sample { labels: labels(&[("service", "checkout")]), timestamp: 0, value };
    let strange = [f64::NAN, f64::INFINITY, 0.0, -1.0].map(sample).to_vec();
    [Answers::always(Err("refused by the test".to_owned())), Answers::always(Ok(vec![])), Answers::always(Ok(strange))]
}

fn labels(pairs: &[(&str, &str)]) -> Vec<Label> {
    pairs.iter().map(|(name, value)| Label { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
}

fn deterministic(trial: &mut PolicyTrial<'_>) -> Ending {
    let incidents = [trial.ordinary.clone(), incident(&[]), every_attempt(trial)];
    let mut first: Vec<Answer> = Vec::new();
    // Two instances; the first is asked in two orders.
    for round in 0..3 {
        let mut policy = match trial.opened() {
            Ok(policy) => policy,
            Err(ending) => return ending,
        };
        let mut order: Vec<usize> = (0..incidents.len()).collect();
        if round == 1 {
            order.reverse();
        }
        for at in order {
            let [answers, ..] = metrics();
            let answer = match policy.propose(&incidents[at], &answers) {
                Ok(decision) => Ok(decision),
                Err(Fault::Guest(error)) => Err(error),
                // An answer for once: that it cannot be taken is a check of its own.
                Err(Fault::BadAnswer(text)) => Err(Error::Internal(text)),
                Err(fault) => return Ending::Fail(fault.to_string()),
            };
            match first.get(at) {
                None => first.push(answer),
                Some(before) if *before == answer => {}
                Some(before) => {
                    return Ending::Fail(format!("the same incident got two answers:\n{before:?}\n{answer:?}"));
                }
            }
        }
    }
    Ending::Pass
}

fn plans(trial: &mut PolicyTrial<'_>) -> Ending {
    let mut policy = match trial.opened() {
        Ok(policy) => policy,
        Err(ending) => return ending,
    };
    let mut incidents = vec![trial.ordinary.clone(), incident(&[]), every_attempt(trial)];
    incidents.extend(all_severities_and_sources(&trial.ordinary).into_iter().map(|(_, incident)| incident));
    let mut doubt = None;
    for incident in incidents {
        for answers in metrics() {
            let plan = match policy.propose(&incident, &answers) {
                Ok(Decision::Propose(plan)) => plan,
                Ok(Decision::Leave(_)) | Err(Fault::Guest(_)) => continue,
                Err(fault) => return Ending::Fail(fault.to_string()),
            };
            if !trial.offered.iter().any(|offer| offer.name == plan.action) {
                return Ending::Fail(format!("proposed the action `{}`, which was not offered", plan.action));
            }
            if !matches!(serde_json::from_str(&plan.arguments), Ok(Value::Object(_))) {
                return Ending::Fail(format!("the arguments are not a JSON object: {}", plan.arguments));
            }
            if plan.summary.trim().is_empty() || plan.summary.contains('\n') {
                doubt = Some(format!("the summary is not one line for people: {:?}", plan.summary));
            }
            if plan.rationale.trim().is_empty() {
                doubt = Some("the rationale is empty; it is what a person decides by".to_owned());
            }
        }
    }
    doubt.map_or(Ending::Pass, Ending::Warn)
}

fn no_actions(trial: &mut PolicyTrial<'_>) -> Ending {
    let mut policy = match (trial.open)(&[]) {
        Ok(policy) => policy,
        Err(Fault::Guest(_)) => return Ending::Pass,
        Err(fault) => return Ending::Fail(format!("open with no action on offer: {fault}")),
    };
    for incident in [trial.ordinary.clone(), incident(&[])] {
        match policy.propose(&incident, &Answers::default()) {
            Ok(Decision::Leave(_)) | Err(Fault::Guest(_)) => {}
            Ok(Decision::Propose(plan)) => {
                return Ending::Fail(format!("proposed `{}`, and nothing was on offer", plan.action));
            }
            Err(fault) => return Ending::Fail(fault.to_string()),
        }
    }
    Ending::Pass
}

fn empty_incident(trial: &mut PolicyTrial<'_>) -> Ending {
    let mut empty = incident(&[]);
    (empty.id, empty.watch, empty.since) = (String::new(), String::new(), 0);
    trial.ask([("an empty incident".to_owned(), empty)])
}

fn unknown_labels(trial: &mut PolicyTrial<'_>) -> Ending {
    let strange = ["", " ", "\u{0}", "\u{202e}", "日本", "{{service}}", "${x}", "\"", "a\nb", "%s", "../..", "🌊"];
    let mut incident = trial.ordinary.clone();
    incident.labels = strange
        .iter()
        .enumerate()
        .map(|(at, value)| Label { name: format!("label_{at:02}"), value: (*value).to_owned() })
        .chain(strange.iter().map(|name| Label { name: (*name).to_owned(), value: String::new() }))
        .collect();
    incident.labels.sort_by(|one, other| one.name.cmp(&other.name));
    trial.ask([("strange labels".to_owned(), incident)])
}

fn all_severities_and_sources(ordinary: &Incident) -> Vec<(String, Incident)> {
    let mut all = Vec::new();
    for severity in [Severity::Low, Severity::Medium, Severity::High, Severity::Critical] {
        for source in [Source::Anomaly, Source::Absence, Source::Alert] {
            all.push((format!("{severity:?} by {source:?}"), Incident { severity, source, ..ordinary.clone() }));
        }
    }
    all
}

fn severities_and_sources(trial: &mut PolicyTrial<'_>) -> Ending {
    trial.ask(all_severities_and_sources(&trial.ordinary.clone()))
}

const OUTCOMES: [Outcome; 8] = [
    Outcome::Fixed,
    Outcome::Ineffective,
    Outcome::Inconclusive,
    Outcome::Failed,
    Outcome::Unknown,
    Outcome::Denied,
    Outcome::Expired,
    Outcome::Refused,
];

fn attempt(action: &str, outcome: Outcome, this_incident: bool) -> Attempt {
    Attempt {
        proposed_at: 1_699_999_000_000,
        this_incident,
        action: action.to_owned(),
        arguments: "{}".to_owned(),
        outcome,
        reason: "of the test".to_owned(),
    }
}

/// The most attempts that a host sends, of all outcomes.
fn every_attempt(trial: &PolicyTrial<'_>) -> Incident {
    let first = trial.offered.first().map_or("restart", |offer| offer.name.as_str());
    let all = OUTCOMES.into_iter().flat_map(|outcome| {
        [attempt(first, outcome, true), attempt(first, outcome, false), attempt("gone", outcome, true)]
    });
    Incident { attempts: all.take(20).collect(), ..trial.ordinary.clone() }
}

fn attempts(trial: &mut PolicyTrial<'_>) -> Ending {
    let mut incidents = vec![("twenty attempts".to_owned(), every_attempt(trial))];
    let names: Vec<String> =
        trial.offered.iter().map(|offer| offer.name.clone()).chain(["gone".to_owned(), String::new()]).collect();
    for outcome in OUTCOMES {
        for name in &names {
            for this in [true, false] {
                let attempts = vec![attempt(name, outcome, this)];
                let what = format!("`{name}`, {outcome:?}, {}", if this { "in this incident" } else { "in another" });
                incidents.push((what, Incident { attempts, ..trial.ordinary.clone() }));
            }
        }
    }
    trial.ask(incidents)
}

fn wild_numbers(trial: &mut PolicyTrial<'_>) -> Ending {
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 0.0, -0.0, 5e-324];
    let mut incidents = Vec::new();
    for number in wild {
        let mut incident = trial.ordinary.clone();
        (incident.value, incident.expected, incident.lower, incident.upper) = (number, number, -number, number);
        incident.window = samples(0, 60_000, wild);
        incidents.push((format!("numbers that are {number:e}"), incident));
    }
    for since in [i64::MIN, -1, i64::MAX] {
        incidents.push((format!("trouble since {since}"), Incident { since, ..trial.ordinary.clone() }));
    }
    trial.ask(incidents)
}

fn huge_incident(trial: &mut PolicyTrial<'_>) -> Ending {
    let long = "x".repeat(500);
    let many = |count: usize| -> Vec<Label> {
        (0..count).map(|at| Label { name: format!("label_{at:04}"), value: long.clone() }).collect()
    };
    let mut incident = every_attempt(trial);
    incident.labels = many(60);
    incident.window = samples(0, 60_000, (0..10_000).map(f64::from));
    incident.alerts = (0..100)
        .map(|at| Alert {
            labels: many(20),
            annotations: many(5),
            starts_at: at,
            fingerprint: format!("{at:016x}"),
            firing: at % 2 == 0,
        })
        .collect();
    incident.attempts.iter_mut().for_each(|attempt| attempt.reason = long.clone());
    trial.ask([("100 alerts, 10,000 samples and 20 attempts".to_owned(), incident)])
}

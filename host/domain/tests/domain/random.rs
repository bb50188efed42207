//! Whatever happens in whatever order, crashes included: the promises of the gate hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_domain::book::{Approval, Run};
use tidegate_domain::decide::{decide, deciders};
use tidegate_domain::event::{
    Alert, Asked, Event, Fact, Health, IncidentId, LeftOut, OpinionVerdict, Origin, RequestId, RunResult,
    SecondOpinion, Verified,
};
use tidegate_domain::input::{Input, Look, Plan, PolicyAnswer, Silence, Verdict, WatchChange};
use tidegate_domain::labels::{Labels, Matcher};
use tidegate_domain::owed::{Duty, owed};
use tidegate_domain::rules::{Mode, Severity, WhenUsual};
use tidegate_domain::terms::Terms;
use tidegate_domain::time::Timestamp;

use crate::script::{by, evidence, start_of, steps_of};
use crate::steps::{ACTIONS, NAMES, Step, step, terms};
use crate::world::{START, World, group, minutes, rules, series, teams};
use crate::{autonomy, held, upstream, votes};

/// The world, and what it did to the outside: that is not undone by a crash.
struct Life {
    world: World,
    all: tidegate_domain::rules::Rules,
    /// How often each request was attempted.
    attempts: BTreeMap<RequestId, u32>,
    /// What is being attempted now.
    running: BTreeSet<RequestId>,
}

impl Life {
    fn new(mode: Mode, terms: &Terms) -> Life {
        let mut rules = rules();
        rules.people = teams();
        for (group, service) in [("shop", "a"), ("bank", "b")] {
            let matcher = Matcher::parse(&format!("service={service}")).expect("a matcher");
            rules.people.groups.get_mut(group).expect("configured").matchers = vec![matcher];
        }
        rules.actions.values_mut().for_each(|action| action.terms = terms.clone());
        held::configure(&mut rules);
        rules.storm.incidents = 5;
        rules.routes[0].mode = mode;
        rules.routes[0].second_opinion = true;
        rules.routes[0].when_usual = WhenUsual::Leave;
        let web = rules.watches.get_mut("web").expect("there is one watch");
        web.mode = mode;
        // Restarting has proved itself, for as long as it goes on helping.
        let mut earlier = crate::world::rules();
        autonomy::earning(Mode::Ask)(&mut earlier);
        let world = World { rules: rules.clone(), ..steps_of(earlier, autonomy::PROVEN) };
        Life { world, all: rules, attempts: BTreeMap::new(), running: BTreeSet::new() }
    }

    fn live(&mut self, step: &Step) {
        match step {
            Step::Pass(length) => {
                self.world.now = self.world.now.plus(minutes(*length));
                self.world.give(&Input::Tick);
            }
            Step::Reconfigure { restart_risk, watch } => {
                self.world.rules = self.all.clone();
                self.world.rules.people = self.all.people.clone();
                let restart = self.world.rules.actions.get_mut("restart").expect("configured");
                restart.risk = if *restart_risk { Severity::High } else { Severity::Medium };
                if !watch {
                    self.world.rules.watches.clear();
                }
                self.world.give(&Input::Tick);
            }
            Step::Staff { who, change } => {
                votes::staff(&mut self.all.people, NAMES[*who], *change);
                self.world.rules.people = self.all.people.clone();
                self.world.give(&Input::Tick);
            }
            Step::Crash => self.crash(self.world.journal.len()),
            Step::CrashWithin { step, kept } => {
                if let Some(input) = self.input(step) {
                    let events = decide(&self.world.book, &self.world.rules, &input, self.world.now);
                    let lines = events.iter().take(*kept).map(|event| serde_json::to_string(event).expect("JSON"));
                    self.world.journal.extend(lines);
                }
                self.crash(self.world.journal.len());
            }
            other => {
                if let Some(input) = self.input(other) {
                    let before = matches!(input, Input::Decided { .. }).then(|| self.world.clone());
                    let book = self.world.book.clone();
                    let events = self.world.give(&input);
                    self.act(&input, &events);
                    upstream::check(book, &input, &events);
                    if let Some(before) = before {
                        votes::check(&before, &events);
                    }
                }
            }
        }
        self.check();
    }

    fn crash(&mut self, lines: usize) {
        self.running.clear();
        self.world.crash(lines);
    }

    /// What the shell does to the outside, after the events are stored.
    fn act(&mut self, input: &Input, events: &[Event]) {
        for event in events {
            match &event.fact {
                Fact::ExecutionStarted { request, .. } => {
                    *self.attempts.entry(request.clone()).or_default() += 1;
                    held::check(&self.world, request);
                    assert!(self.running.insert(request.clone()), "{request} runs twice at once");
                }
                Fact::ExecutionFinished { request, .. } => {
                    self.running.remove(request);
                }
                Fact::VerificationFinished { outcome: Verified::Fixed, request, .. } => {
                    assert!(!says_nothing(input), "{request} was fixed by {input:?}");
                }
                _ => {}
            }
        }
    }

    fn input(&self, step: &Step) -> Option<Input> {
        let (book, now) = (&self.world.book, self.world.now);
        let service = |number: &u8| ["a", "b", "c"][usize::from(*number)];
        let pod = |number: &u8| ["x", "y"][usize::from(*number)];
        let watched = |change| Some(Input::Watched { watch: "web".to_owned(), change });
        let opened = |name: &u8, pod_name: &u8, severity: Severity, since: Timestamp| {
            let evidence = evidence(series(service(name), pod(pod_name)), since, now);
            watched(WatchChange::Opened { group: group(service(name)), severity, evidence: Box::new(evidence) })
        };
        let incident = |pick: usize| {
            let open: Vec<IncidentId> = book.open_incidents().map(|incident| incident.id.clone()).collect();
            (!open.is_empty()).then(|| open[pick % open.len()].clone())
        };
        let request = |pick: usize, wanted: &dyn Fn(&tidegate_domain::book::Request) -> bool| {
            let all: Vec<RequestId> = book.requests().iter().filter(|r| wanted(r)).map(|r| r.id.clone()).collect();
            (!all.is_empty()).then(|| all[all.len() - 1 - pick % all.len()].clone())
        };
        let policy_digest = "77aa".to_owned();
        match step {
            Step::Opened { service, pod, severe } => {
                opened(service, pod, if *severe { Severity::High } else { Severity::Medium }, now)
            }
            Step::Again { service, pod, back } => opened(service, pod, Severity::Medium, now.minus(minutes(*back))),
            Step::Ended { service: name, pod: pod_name, how } => watched(WatchChange::Ended {
                group: group(service(name)),
                series: series(service(name), pod(pod_name)),
                how: *how,
            }),
            Step::Worse { service: name } => {
                watched(WatchChange::Worsened { group: group(service(name)), severity: Severity::Critical })
            }
            Step::Absent { service: name } => {
                watched(WatchChange::Absent { group: group(service(name)), since: now.minus(minutes(5)) })
            }
            Step::Returned { service: name } => watched(WatchChange::Returned { group: group(service(name)) }),
            Step::Look { service: name, health } => {
                watched(WatchChange::Observed { group: group(service(name)), sample_at: now, health: *health })
            }
            Step::Survey { anomalous } => watched(WatchChange::Surveyed { anomalous: *anomalous, total: 100 }),
            Step::Alerts { key, alerts, by, left_out } => Some(Input::AlertsDelivered {
                group_key: format!("g{key}"),
                alerts: delivered(alerts),
                by: by.map(|who| NAMES[who].to_owned()),
                left_out: left_out.map(|count| {
                    let (receiver, group_labels) = ("tidegate".to_owned(), Labels::empty());
                    LeftOut { count, receiver, group_labels }
                }),
            }),
            Step::Fetched { pick, alerts } => {
                Some(Input::LeftOutFetched { incident: incident(*pick)?, alerts: delivered(alerts) })
            }
            Step::LookedUp { pick, age, firing, gone, silence } => {
                let names = |alerts: &[u8]| alerts.iter().map(|name| service(name).to_owned()).collect();
                let look = Look { firing: names(firing), gone: names(gone), silence: silenced(*silence) };
                Some(Input::Looked { asked_at: now.minus(minutes(*age)), looks: [(incident(*pick)?, look)].into() })
            }
            Step::Judged { pick, verdicts } => Some(Input::OpinionsFormed {
                incident: incident(*pick)?,
                opinions: verdicts
                    .iter()
                    .zip(["a", "b", "c", "z"])
                    .map(|(verdict, name)| opinion(name, *verdict))
                    .collect(),
            }),
            Step::Silenced { name, ended: true, .. } => {
                Some(Input::SilenceExpired { silence: format!("s{name}"), by: by("bob") })
            }
            Step::Silenced { pick, name, ended: false } => Some(Input::Silenced {
                incident: incident(*pick),
                silence: format!("s{name}"),
                matchers: vec!["service=\"a\"".to_owned()],
                until: now.plus(minutes(30)),
                by: by("alice"),
                comment: "known".to_owned(),
            }),
            Step::Answer { pick, action, fresh, silence } => Some(Input::PolicyAnswered {
                incident: incident(*pick)?,
                policy_digest,
                asked: Asked::default(),
                answer: plan(*action),
                last_sample: fresh.then_some(now),
                silence: silenced(*silence),
            }),
            Step::Leave { pick } => Some(Input::PolicyAnswered {
                incident: incident(*pick)?,
                policy_digest,
                asked: Asked::default(),
                answer: PolicyAnswer::Leave("no".to_owned()),
                last_sample: Some(now),
                silence: Silence::None,
            }),
            Step::Decide { pick, who, yes, reason } => Some(Input::Decided {
                request: request(*pick, &|_| true)?,
                by: by(NAMES[*who]),
                verdict: if *yes {
                    Verdict::Approve { digest: None, reason: reason.then(|| "yes".to_owned()) }
                } else {
                    Verdict::Deny { reason: "no".to_owned() }
                },
            }),
            Step::Start { pick, silenced } => Some(Input::StartRequested {
                request: request(*pick, &|_| true)?,
                silence: if *silenced { Silence::By("somebody".to_owned()) } else { Silence::None },
                last_sample: Some(now),
                policy_digest: Some(policy_digest.clone()),
                populations: [].into(),
            }),
            Step::Ran { pick, result } => Some(Input::Ran {
                request: request(*pick, &|request| self.running.contains(&request.id))?,
                result: match result {
                    0 => RunResult::Failed { error: String::new() },
                    1 => RunResult::Unknown { error: String::new() },
                    2 => RunResult::DryRun,
                    _ => RunResult::Succeeded { output: String::new() },
                },
            }),
            Step::Required { pick, met } => {
                let unmet = [("traffic > 0".to_owned(), "0".to_owned())].into();
                let request = request(*pick, &|request| request.verification.is_some())?;
                Some(Input::RequirementsChecked { request, unmet: if *met { BTreeMap::new() } else { unmet } })
            }
            Step::Pause(true) => Some(Input::Pause { by: by("alice") }),
            Step::Pause(false) => Some(Input::Resume { by: by("alice") }),
            Step::Remind { pick } => Some(Input::Reminded { request: request(*pick, &|_| true)? }),
            Step::Roster { members } => Some(Input::RosterRead {
                group: "oncall".to_owned(),
                members: members.iter().map(|who| NAMES[*who].to_owned()).collect(),
            }),
            Step::Follow { pick, action, well } => {
                let mut next = self.awaited(*action, *well);
                (!next.is_empty()).then(|| next.swap_remove(pick % next.len()))
            }
            Step::Pass(_) | Step::Reconfigure { .. } | Step::Staff { .. } | Step::Crash | Step::CrashWithin { .. } => {
                None
            }
        }
    }

    /// Alertmanager lists all alerts of an incident, or none.
    fn look(&self, incident: &IncidentId, gone: bool) -> Input {
        let alerts = self.world.book.incident(incident).map(|incident| incident.alerts.keys().cloned().collect());
        let (firing, gone) = if gone { (None, alerts) } else { (alerts, None) };
        let look = Look { firing: firing.unwrap_or_default(), gone: gone.unwrap_or_default(), silence: Silence::None };
        Input::Looked { asked_at: self.world.now, looks: [(incident.clone(), look)].into() }
    }

    fn awaited(&self, action: usize, well: bool) -> Vec<Input> {
        let (book, now) = (&self.world.book, self.world.now);
        let mut next = Vec::new();
        for duty in owed(book, now) {
            match duty {
                Duty::Consult(incident) => next.push(Input::PolicyAnswered {
                    incident,
                    policy_digest: "77aa".to_owned(),
                    asked: Asked::default(),
                    answer: plan(action),
                    last_sample: Some(now),
                    silence: Silence::None,
                }),
                Duty::Start(request) => {
                    next.push(start_of(request, Some(now)));
                }
                Duty::CheckRequirements(request) => {
                    let unmet = [("traffic > 0".to_owned(), "0".to_owned())].into();
                    let unmet = if well { BTreeMap::new() } else { unmet };
                    next.push(Input::RequirementsChecked { request, unmet });
                }
                Duty::FetchLeftOut(incident) => {
                    let alerts = delivered(&[(0, 0, true), (1, 1, true)]);
                    next.push(Input::LeftOutFetched { incident, alerts: if well { alerts } else { Vec::new() } });
                }
                Duty::FormOpinion(incident) => {
                    let opinions = ["a", "b", "c"].map(|name| opinion(name, u8::from(well)));
                    next.push(Input::OpinionsFormed { incident, opinions: opinions.into() });
                }
            }
        }
        for request in book.active_requests() {
            let id = request.id.clone();
            let incident = book.incident(&request.incident);
            if request.announced.is_empty() {
                let request = id.clone();
                next.push(Input::Announced {
                    request,
                    via: "slack".to_owned(),
                    message: None,
                    stage: Some("pending".to_owned()),
                });
            }
            if request.wants_reminder(now) {
                next.push(Input::Reminded { request: id.clone() });
            }
            if request.approval == Approval::Pending {
                for name in deciders(book, &self.world.rules, &id) {
                    let verdict = Verdict::Approve { digest: None, reason: Some("yes".to_owned()) };
                    next.push(Input::Decided { request: id.clone(), by: by(name), verdict });
                }
            } else if self.running.contains(&id) {
                next.push(Input::Ran { request: id, result: RunResult::Succeeded { output: String::new() } });
            } else if let (true, Some(incident)) = (request.is_verifying(), incident) {
                let health = if well { Health::Healthy } else { Health::Unhealthy };
                next.push(match &incident.origin {
                    Origin::Anomaly { watch, group } => Input::Watched {
                        watch: watch.clone(),
                        change: WatchChange::Observed { group: group.clone(), sample_at: now, health },
                    },
                    Origin::Absence { watch, group } => {
                        Input::Watched { watch: watch.clone(), change: WatchChange::Returned { group: group.clone() } }
                    }
                    Origin::Alert { .. } => self.look(&incident.id, well),
                });
            }
        }
        next
    }

    /// What must hold at any time.
    fn check(&self) {
        let book = &self.world.book;
        let requests = book.requests();
        let active: BTreeSet<&RequestId> = book.active_requests().map(|request| &request.id).collect();
        for request in &requests {
            assert_eq!(active.contains(&request.id), request.is_active(), "{} is or is not active", request.id);
            let attempts = self.attempts.get(&request.id).copied().unwrap_or(0);
            let most = if request.proposal.action.idempotent { 3 } else { 1 };
            assert!(attempts <= most, "{} was attempted {attempts} times", request.id);
            let approved = matches!(request.approval, Approval::Approved { .. });
            assert!(approved || attempts == 0, "{} was attempted without an approval", request.id);
            assert!(approved || request.run == Run::NotStarted, "{}: {:?}", request.id, request.run);
        }
        let held: Vec<_> = book.active_requests().map(|request| &request.proposal.action.target).collect();
        for (at, target) in held.iter().enumerate() {
            assert!(held[..at].iter().all(|other| !other.overlaps(target)), "{target} is held twice");
        }
        upstream::check_owed(&self.world);
        for duty in owed(book, self.world.now) {
            if let Duty::Start(request) = duty {
                let start = start_of(request, None);
                let follows = decide(book, &self.world.rules, &start, self.world.now);
                assert!(!follows.is_empty(), "a duty that nothing follows from would be owed for ever: {start:?}");
            }
        }
    }

    /// What must hold in the end: the journal says the same as the book, one outcome a request, and no lock for ever.
    fn end(mut self, mode: Mode) {
        self.world.check_journal();
        let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
        let lines: Vec<serde_json::Value> =
            self.world.journal.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for line in &lines {
            let kind = line["kind"].as_str().unwrap_or_default();
            let decided = ["approved", "auto_approved", "denied", "expired", "withdrawn"];
            if kind.strip_prefix("request_").is_some_and(|kind| decided.contains(&kind)) {
                *outcomes.entry(line["request"].as_str().unwrap_or_default()).or_default() += 1;
            }
            assert!(mode == Mode::Auto || kind != "request_auto_approved");
        }
        assert!(outcomes.values().all(|count| *count == 1), "{outcomes:?}");
        let events = self.world.journal.iter().map(|line| serde_json::from_str(line).expect("an event"));
        let events: Vec<Event> = events.collect();
        votes::check_journal(&events);
        votes::check_earned(&events);

        // Whatever runs ends, and time passes.
        for request in std::mem::take(&mut self.running) {
            self.world.give(&Input::Ran { request, result: RunResult::Succeeded { output: String::new() } });
        }
        for _ in 0..3 {
            self.world.now = self.world.now.plus(minutes(24 * 60));
            self.world.give(&Input::Tick);
            for duty in owed(&self.world.book, self.world.now) {
                if let Duty::Start(request) = duty {
                    self.world.give(&start_of(request, None));
                }
            }
        }
        let held: Vec<_> = self.world.book.active_requests().collect();
        assert!(held.is_empty(), "held for ever: {held:#?}");
    }
}

fn plan(action: usize) -> PolicyAnswer {
    PolicyAnswer::Propose(Plan {
        summary: "run it".to_owned(),
        rationale: String::new(),
        action: ACTIONS[action].to_owned(),
        arguments: if ACTIONS[action] == "scale" { r#"{"replicas":2}"# } else { "" }.to_owned(),
    })
}

/// Inputs that bring no news of anybody's health.
fn says_nothing(input: &Input) -> bool {
    match input {
        Input::Watched { change: WatchChange::Observed { health, .. }, .. } => *health != Health::Healthy,
        Input::Looked { looks, .. } => looks.values().all(|look| look.gone.is_empty()),
        Input::RequirementsChecked { unmet, .. } => !unmet.is_empty(),
        Input::Watched { change: WatchChange::Returned { .. }, .. } => false,
        _ => true,
    }
}

fn alert(name: &str, start: u8, firing: bool) -> Alert {
    Alert {
        fingerprint: name.to_owned(),
        labels: Labels::new([("alertname", name), ("team", "web"), ("service", name), ("severity", "warning")]),
        annotations: Labels::empty(),
        starts_at: START.plus(minutes(20 * u64::from(start))),
        firing,
        generator_url: None,
    }
}

/// What a delivery holds: names, starts, and whether they fire.
fn delivered(alerts: &[(u8, u8, bool)]) -> Vec<Alert> {
    let service = |number: u8| ["a", "b", "c"][usize::from(number)];
    alerts.iter().map(|(name, start, firing)| alert(service(*name), *start, *firing)).collect()
}

fn opinion(name: &str, verdict: u8) -> SecondOpinion {
    let verdict = match verdict {
        0 => OpinionVerdict::Unusual,
        1 => OpinionVerdict::Unknown { why: "no rule".to_owned() },
        _ => OpinionVerdict::Usual,
    };
    SecondOpinion { fingerprint: name.to_owned(), verdict, expr: "up".to_owned(), evidence: None }
}

fn silenced(silence: u8) -> Silence {
    match silence {
        0 | 1 => Silence::None,
        2 => Silence::By("somebody".to_owned()),
        _ => Silence::Unknown("no answer".to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_holds_in_any_order(
        mode in prop_oneof![2 => Just(Mode::Ask), 2 => Just(Mode::Auto), 1 => Just(Mode::Observe)],
        terms in terms(),
        steps in vec(step(), 1..120),
    ) {
        let mut life = Life::new(mode, &terms);
        life.world.give(&Input::Started { version: "0.1.0".to_owned() });
        for step in &steps {
            life.live(step);
        }
        life.end(mode);
    }
}

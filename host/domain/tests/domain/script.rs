//! Scenarios as text: one line a step, `minute verb arguments`, and what came of it.
//!
//! Requests are called `r1`, `r2`, ... without the part of the digest that their full names end in.

use std::fmt::Write as _;

use expect_test::Expect;
use serde_json::Value;
use tidegate_domain::decide::{check_decision, check_pause, check_resume, deciders, may_decide, missing};
use tidegate_domain::event::{
    Alert, Asked, DecidedBy, Event, Evidence, Health, IncidentId, LeftOut, MemberEnd, Opinion, OpinionVerdict,
    RequestId, RunResult, SecondOpinion,
};
use tidegate_domain::input::{INHIBITED_BY, Input, Look, Plan, PolicyAnswer, Silence, Verdict, WatchChange};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::{Bytes, Number};
use tidegate_domain::owed::{Duty, next_deadline, owed};
use tidegate_domain::rules::{Rules, Severity};
use tidegate_domain::terms::{Quorum, Terms, more};
use tidegate_domain::time::Timestamp;

use crate::world::{START, World, group, rules, series};

/// A transcript: steps, each followed by what came of it, further in. Plays the steps and compares all of it.
pub(crate) fn check(transcript: Expect) {
    check_with(|_| {}, transcript);
}

/// The same with other rules.
pub(crate) fn check_with(change: impl FnOnce(&mut Rules), transcript: Expect) {
    check_after("", change, transcript);
}

/// The same after other steps, of which nothing is said.
pub(crate) fn check_after(earlier: &str, change: impl FnOnce(&mut Rules), transcript: Expect) {
    let mut rules = rules();
    change(&mut rules);
    let mut world = steps_of(rules, earlier);
    let mut said = String::new();
    for line in steps(transcript.data()) {
        play(&mut world, line, &mut said);
    }
    transcript.assert_eq(&said);
}

/// The world after steps of which nothing is compared but that they are steps.
pub(crate) fn steps_of(rules: Rules, script: &str) -> World {
    let mut world = World::new(rules);
    more_steps(&mut world, script);
    world
}

/// Goes on with further such steps.
pub(crate) fn more_steps(world: &mut World, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        play(world, line, &mut String::new());
    }
}

/// The lines that are furthest out.
fn steps(transcript: &str) -> impl Iterator<Item = &str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines = || transcript.lines().filter(|line| !line.trim().is_empty());
    let outermost = lines().map(indent).min().unwrap_or(0);
    lines().filter(move |line| indent(line) == outermost).map(str::trim)
}

fn play(world: &mut World, line: &str, said: &mut String) {
    let (minute, step) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?} is not `minute verb`"));
    world.now = at(minute);
    writeln!(said, "{line}").expect("memory");
    for event in run(world, step, said) {
        writeln!(said, "    {}", told(&event)).expect("memory");
    }
    let duties: Vec<String> = owed(&world.book, world.now).iter().map(duty).collect();
    if !duties.is_empty() {
        writeln!(said, "    -> {}", duties.join(", ")).expect("memory");
    }
    world.check_journal();
}

fn run(world: &mut World, step: &str, said: &mut String) -> Vec<Event> {
    match step.split_whitespace().collect::<Vec<_>>()[..] {
        ["crash"] => world.crash(world.journal.len()),
        ["config", change] => {
            reconfigure(&mut world.rules, change);
            world.give(&Input::Tick)
        }
        ["config", change, who, what] => {
            repeople(&mut world.rules, change, who, what);
            world.give(&Input::Tick)
        }
        ["who", request] => {
            writeln!(said, "    {}", standing(world, &full(world, request))).expect("memory");
            Vec::new()
        }
        ["next"] => {
            let next = next_deadline(&world.book, &world.rules, world.now);
            let minutes = next.map(|at| (at.0 - START.0) as f64 / 60_000.0);
            writeln!(said, "    next at {minutes:?}").expect("memory");
            Vec::new()
        }
        ["pause" | "resume", who] => {
            let by = by(who);
            let pauses = step.starts_with("pause");
            let checked = if pauses {
                check_pause(&world.book, &world.rules, &by)
            } else {
                check_resume(&world.book, &world.rules, &by)
            };
            let events = world.give(&if pauses { Input::Pause { by } } else { Input::Resume { by } });
            assert_eq!(checked.is_ok(), !events.is_empty(), "the check and the decision differ");
            if let Err(error) = checked {
                writeln!(said, "    refused: {error}").expect("memory");
            }
            events
        }
        ["approve" | "deny", ..] => {
            let Input::Decided { request, by, verdict } = input(world, step) else { unreachable!() };
            let checked = check_decision(&world.book, &world.rules, &request, &by, &verdict, world.now);
            if let Err(error) = &checked {
                let text = error.to_string().replace(&request.0, short(&request.0));
                writeln!(said, "    refused: {text}").expect("memory");
            }
            let events = world.give(&Input::Decided { request, by, verdict });
            assert_eq!(checked.is_ok(), events.iter().any(is_decision), "the check and the decision differ");
            events
        }
        _ => {
            let input = input(world, step);
            world.give(&input)
        }
    }
}

fn is_decision(event: &Event) -> bool {
    use tidegate_domain::event::Fact;
    matches!(event.fact, Fact::ApprovalGiven { .. } | Fact::RequestApproved { .. } | Fact::RequestDenied { .. })
}

/// Who may decide about a request now, what it still needs, and whether people are to be reminded of it.
fn standing(world: &World, request: &RequestId) -> String {
    let deciders = deciders(&world.book, &world.rules, request);
    for name in world.rules.people.persons.keys() {
        let may = may_decide(&world.book, &world.rules, request, name).is_ok();
        assert_eq!(may, deciders.contains(&name.as_str()), "whether {name} may decide is told in two ways");
    }
    let needs = more(&missing(&world.book, &world.rules, request));
    let due = world.book.request(request).is_some_and(|open| open.wants_reminder(world.now));
    let due = if due { ", and a reminder is due" } else { "" };
    let stage = world.book.request(request).map(|open| open.stage()).unwrap_or_default();
    format!("{stage}, asked: {}; needs {needs}{due}", deciders.join(" "))
}

fn repeople(rules: &mut Rules, change: &str, who: &str, what: &str) {
    let members = |rules: &mut Rules| rules.people.groups.get_mut(what).map(|group| std::mem::take(&mut group.members));
    match change {
        "role" => {
            let role = serde_json::from_value(Value::String(what.to_owned())).expect("a role");
            rules.people.persons.get_mut(who).expect("a person").role = role;
        }
        "in" | "out" => {
            let mut names = members(rules).expect("a group");
            if change == "in" {
                names.insert(who.to_owned())
            } else {
                names.remove(who)
            };
            rules.people.groups.get_mut(what).expect("a group").members = names;
        }
        _ => panic!("no change of people is called {change:?}"),
    }
}

fn reconfigure(rules: &mut Rules, change: &str) {
    let action = |rules: &mut Rules| rules.actions.remove("restart").expect("restart is configured once");
    match change {
        "url" => {
            let mut changed = action(rules);
            changed.kind = tidegate_domain::rules::ActionKind::Command {
                program: "/bin/false".to_owned(),
                args: Vec::new(),
                env: [].into(),
            };
            rules.actions.insert("restart".to_owned(), changed);
        }
        "target" => {
            let mut changed = action(rules);
            changed.target.push("pod".to_owned());
            rules.actions.insert("restart".to_owned(), changed);
        }
        "bounds" => {
            let bounds = tidegate_domain::arguments::ArgumentBounds::Integer { min: 1, max: 2 };
            rules.actions.get_mut("scale").expect("configured").arguments.insert("replicas".to_owned(), bounds);
        }
        "unrelated" => rules.actions.get_mut("flush").expect("configured").risk = Severity::Critical,
        "not-offered" => rules.watches.get_mut("web").expect("configured").actions.clear(),
        "lenient" => rules.actions.values_mut().for_each(|action| action.terms = Terms::default()),
        "no-watch" => rules.watches.clear(),
        "dry-run" => rules.gate.dry_run = true,
        _ => panic!("no change of the config is called {change:?}"),
    }
}

/// Reads one step. `world` gives the time and the full names of requests.
fn input(world: &World, step: &str) -> Input {
    let now = world.now;
    let watched = |change| Input::Watched { watch: "web".to_owned(), change };
    let decided = |name: &str, who: &str, verdict| Input::Decided { request: full(world, name), by: by(who), verdict };
    match step.split_whitespace().collect::<Vec<_>>()[..] {
        ["tick"] => Input::Tick,
        ["anomaly", service, pod] => watched(opened(world, service, pod, Severity::Medium, now)),
        ["anomaly", service, pod, severity] => watched(opened(world, service, pod, level(severity), now)),
        // The same streak told again, as after a crash.
        ["again", service, pod, minute] => {
            let since = at(minute);
            watched(opened(world, service, pod, Severity::Medium, since))
        }
        ["worse", service, severity] => {
            watched(WatchChange::Worsened { group: group(service), severity: level(severity) })
        }
        ["ended", service, pod, how] => watched(WatchChange::Ended {
            group: group(service),
            series: series(service, pod),
            how: match how {
                "recovered" => MemberEnd::Recovered,
                "accepted" => MemberEnd::Accepted,
                _ => MemberEnd::Vanished,
            },
        }),
        ["absent", service] => watched(WatchChange::Absent { group: group(service), since: now }),
        ["absent", service, minute] => watched(WatchChange::Absent { group: group(service), since: at(minute) }),
        ["returned", service] => watched(WatchChange::Returned { group: group(service) }),
        ["look", service, health] => watched(WatchChange::Observed {
            group: group(service),
            sample_at: now,
            health: match health {
                "healthy" => Health::Healthy,
                "unhealthy" => Health::Unhealthy,
                _ => Health::Unjudged,
            },
        }),
        ["survey", anomalous, total] => {
            watched(WatchChange::Surveyed { anomalous: number(anomalous), total: number(total) })
        }
        ["targets", down, total] => Input::TargetsSurveyed { down: number(down), total: number(total) },
        ["leave", incident] => answered(incident, PolicyAnswer::Leave("not mine".to_owned()), Some(now)),
        ["stumble", incident] => answered(incident, PolicyAnswer::Failed("it trapped".to_owned()), Some(now)),
        ["propose", incident, action] => answered(incident, plan(action, "{}"), Some(now)),
        ["propose", incident, action, "late"] => {
            answered(incident, plan(action, "{}"), Some(now.minus(crate::world::minutes(11))))
        }
        ["propose", incident, action, "blind"] => answered(incident, plan(action, "{}"), None),
        ["propose", incident, action, "silenced" | "unasked"] => {
            let said = step.rsplit(' ').next().unwrap_or_default();
            answered_with(incident, plan(action, "{}"), Some(now), silence(&[said]))
        }
        ["propose", incident, action, arguments] => answered(incident, plan(action, arguments), Some(now)),
        ["announced", request] => {
            let request = full(world, request);
            let stage = world.book.request(&request).map(|request| request.stage());
            Input::Announced { request, via: "slack".to_owned(), message: None, stage }
        }
        ["approve", request, who] => decided(request, who, Verdict::Approve { digest: None, reason: None }),
        ["approve", request, who, digest] => {
            let shown = world.book.request(&full(world, request)).map(|r| r.proposal.digest.clone());
            let digest = if digest == "shown" { shown } else { Some("something else".to_owned()) };
            decided(request, who, Verdict::Approve { digest, reason: None })
        }
        ["approve", request, who, "because", reason] => {
            decided(request, who, Verdict::Approve { digest: None, reason: Some(reason.to_owned()) })
        }
        ["deny", request, who] => decided(request, who, Verdict::Deny { reason: " ".to_owned() }),
        ["deny", request, who, reason] => decided(request, who, Verdict::Deny { reason: reason.to_owned() }),
        ["start", request] => start(world, request, Silence::None, Some(now)),
        ["start", request, "silenced"] => start(world, request, Silence::By("silence 7".to_owned()), Some(now)),
        ["start", request, "unasked"] => start(world, request, Silence::Unknown("refused".to_owned()), Some(now)),
        ["start", request, "late"] => start(world, request, Silence::None, Some(now.minus(crate::world::minutes(11)))),
        ["start", request, "blind"] => start(world, request, Silence::None, None),
        ["start", request, "other-policy"] => start_with(world, request, Some("88bb".to_owned()), []),
        ["start", request, "no-policy"] => start_with(world, request, None, []),
        // So many values of a label, or a reason why that is not known.
        ["start", request, label, count] => {
            let count = count.parse().map_err(|_| format!("{count} to ask"));
            start_with(world, request, policy_digest(), [(label.to_owned(), count)])
        }
        ["ran", request, how] => Input::Ran {
            request: full(world, request),
            result: match how {
                "well" => RunResult::Succeeded { output: "done".to_owned() },
                "failed" => RunResult::Failed { error: "exit code 1".to_owned() },
                "unknown" => RunResult::Unknown { error: "timed out".to_owned() },
                _ => RunResult::DryRun,
            },
        },
        ["required", request] => Input::RequirementsChecked { request: full(world, request), unmet: [].into() },
        ["required", request, unmet] => Input::RequirementsChecked {
            request: full(world, request),
            unmet: [("traffic > 0".to_owned(), unmet.to_owned())].into(),
        },
        ["alerts", key, ref alerts @ ..] => Input::AlertsDelivered {
            group_key: key.to_owned(),
            alerts: alerts.iter().map(|text| alert(text)).collect(),
            by: None,
            left_out: None,
        },
        ["deliver", who, key, ref alerts @ ..] => Input::AlertsDelivered {
            group_key: key.to_owned(),
            alerts: alerts.iter().map(|text| alert(text)).collect(),
            by: Some(who.to_owned()),
            left_out: None,
        },
        ["remind", request] => Input::Reminded { request: full(world, request) },
        ["roster", group, ref names @ ..] => Input::RosterRead {
            group: group.to_owned(),
            members: names.iter().map(|name| (*name).to_owned()).collect(),
        },
        // As many alerts more than these, which a delivery left out for length.
        ["truncated", count, key, ref alerts @ ..] => Input::AlertsDelivered {
            group_key: key.to_owned(),
            alerts: alerts.iter().map(|text| alert(text)).collect(),
            by: None,
            left_out: Some(left_out(count)),
        },
        ["fetched", incident, ref alerts @ ..] => Input::LeftOutFetched {
            incident: IncidentId(incident.to_owned()),
            alerts: alerts.iter().map(|text| alert(text)).collect(),
        },
        ["gone", incident] => look(world, incident, true),
        ["firing", incident] => look(world, incident, false),
        // `Slow!` fires, `Slow-` has gone; of others it is not known. `@2`: Alertmanager was asked at minute 2.
        ["looked", incident, ref said @ ..] => {
            let asked_at = said.iter().find_map(|word| word.strip_prefix('@')).map_or(now, at);
            let alerts = |sign: char| {
                let names = said.iter().filter_map(|word| word.strip_suffix(sign));
                names.map(|name| format!("{name}-fingerprint")).collect()
            };
            let look = Look { firing: alerts('!'), gone: alerts('-'), silence: silence(said) };
            Input::Looked { asked_at, looks: [(IncidentId(incident.to_owned()), look)].into() }
        }
        // What was found of each alert: `Slow=usual`.
        ["judged", incident, ref opinions @ ..] => Input::OpinionsFormed {
            incident: IncidentId(incident.to_owned()),
            opinions: opinions.iter().map(|text| opinion(text)).collect(),
        },
        ["silence", name, who, until, ref incident @ ..] => Input::Silenced {
            incident: incident.first().map(|id| IncidentId((*id).to_owned())),
            silence: name.to_owned(),
            matchers: vec!["service=\"shop\"".to_owned()],
            until: at(until),
            by: by(who),
            comment: "known".to_owned(),
        },
        ["unsilence", name, who] => Input::SilenceExpired { silence: name.to_owned(), by: by(who) },
        _ => panic!("no step is called {step:?}"),
    }
}

/// `silenced`, `unasked` or `inhibited=NAME` among the words; else nothing holds it back.
fn silence(said: &[&str]) -> Silence {
    if let Some(by) = said.iter().find_map(|word| word.strip_prefix("inhibited=")) {
        return Silence::By(format!("{INHIBITED_BY}{by}"));
    }
    if said.contains(&"silenced") {
        Silence::By("silence 7".to_owned())
    } else if said.contains(&"unasked") {
        Silence::Unknown("refused".to_owned())
    } else {
        Silence::None
    }
}

fn left_out(count: &str) -> LeftOut {
    let count = number(count) as u64;
    LeftOut { count, receiver: "tidegate".to_owned(), group_labels: Labels::new([("team", "web")]) }
}

fn opinion(text: &str) -> SecondOpinion {
    let (name, verdict) = text.split_once('=').unwrap_or_else(|| panic!("{text:?} is not an opinion"));
    let verdict = match verdict {
        "usual" => OpinionVerdict::Usual,
        "unusual" => OpinionVerdict::Unusual,
        why => OpinionVerdict::Unknown { why: why.to_owned() },
    };
    let judged = !matches!(verdict, OpinionVerdict::Unknown { .. });
    SecondOpinion {
        fingerprint: format!("{name}-fingerprint"),
        verdict,
        expr: name.to_lowercase(),
        evidence: judged.then(|| {
            let mut seen = evidence(series("shop", "a"), START, START);
            // One that judged, beside one that did not.
            let daily = Opinion { detector: "daily".to_owned(), score: Number(0.4), ..seen.opinions[0].clone() };
            seen.opinions.push(daily);
            Box::new(seen)
        }),
    }
}

fn opened(world: &World, service: &str, pod: &str, severity: Severity, since: Timestamp) -> WatchChange {
    let evidence = evidence(series(service, pod), since, world.now);
    WatchChange::Opened { group: group(service), severity, evidence: Box::new(evidence) }
}

pub(crate) fn evidence(series: Labels, since: Timestamp, at: Timestamp) -> Evidence {
    Evidence {
        series,
        since,
        at,
        value: Number(9.5),
        expected: Number(2.0),
        lower: Number(f64::NEG_INFINITY),
        upper: Number(3.25),
        score: Number(2.5),
        cold_start: false,
        learning: None,
        during: None,
        opinions: vec![Opinion {
            detector: "spike".to_owned(),
            digest: "5f2c".to_owned(),
            score: Number::NAN,
            note: Some("high".to_owned()),
            state: Bytes(vec![0, 255, 7]),
        }],
        window: vec![(since, Number(9.0)), (at, Number(f64::INFINITY))],
    }
}

/// `name!2` fires since minute 2, `name-2` has resolved since it did; behind a slash stands the severity label.
fn alert(text: &str) -> Alert {
    let (text, severity) = text.split_once('/').unwrap_or((text, "warning"));
    let sign = text.find(['!', '-']).unwrap_or_else(|| panic!("{text:?} is not an alert"));
    let (name, minute) = (&text[..sign], &text[sign + 1..]);
    let labels = Labels::new([
        ("alertname", name),
        ("team", if name == "Stray" { "other" } else { "web" }),
        ("service", if name.ends_with("Other") { "other" } else { "shop" }),
        ("severity", severity),
    ]);
    Alert {
        fingerprint: format!("{name}-fingerprint"),
        labels,
        annotations: Labels::new([("summary", "it burns")]),
        starts_at: at(minute),
        firing: text.as_bytes()[sign] == b'!',
        generator_url: None,
    }
}

fn plan(action: &str, arguments: &str) -> PolicyAnswer {
    PolicyAnswer::Propose(Plan {
        summary: format!("run {action}"),
        rationale: "it helped before".to_owned(),
        action: action.to_owned(),
        arguments: arguments.to_owned(),
    })
}

fn answered(incident: &str, answer: PolicyAnswer, last_sample: Option<Timestamp>) -> Input {
    answered_with(incident, answer, last_sample, Silence::None)
}

fn answered_with(incident: &str, answer: PolicyAnswer, last_sample: Option<Timestamp>, silence: Silence) -> Input {
    let (incident, policy_digest) = (IncidentId(incident.to_owned()), "77aa".to_owned());
    let asked = Asked::default();
    Input::PolicyAnswered { incident, policy_digest, asked, answer, last_sample, silence }
}

/// Alertmanager lists all alerts of an incident, or none.
fn look(world: &World, incident: &str, gone: bool) -> Input {
    let incident = IncidentId(incident.to_owned());
    let alerts = world.book.incident(&incident).map(|incident| incident.alerts.keys().cloned().collect());
    let (firing, gone) = if gone { (None, alerts) } else { (alerts, None) };
    let look = Look { firing: firing.unwrap_or_default(), gone: gone.unwrap_or_default(), silence: Silence::None };
    Input::Looked { asked_at: world.now, looks: [(incident, look)].into() }
}

fn start_with<const N: usize>(
    world: &World,
    request: &str,
    policy_digest: Option<String>,
    populations: [(String, Result<u64, String>); N],
) -> Input {
    let (request, populations) = (full(world, request), populations.into());
    let last_sample = Some(world.now);
    Input::StartRequested { request, silence: Silence::None, last_sample, policy_digest, populations }
}

fn start(world: &World, request: &str, silence: Silence, last_sample: Option<Timestamp>) -> Input {
    Input::StartRequested {
        request: full(world, request),
        silence,
        last_sample,
        policy_digest: policy_digest(),
        populations: [].into(),
    }
}

/// The policy that every script has.
pub(crate) fn policy_digest() -> Option<String> {
    Some("77aa".to_owned())
}

/// Nothing outside stands in the way of starting this request.
pub(crate) fn start_of(request: RequestId, last_sample: Option<Timestamp>) -> Input {
    let (silence, policy_digest, populations) = (Silence::None, policy_digest(), [].into());
    Input::StartRequested { request, silence, last_sample, policy_digest, populations }
}

pub(crate) fn by(who: &str) -> DecidedBy {
    DecidedBy { approver: who.to_owned(), surface: "http".to_owned(), address: "10.0.0.1:9".to_owned() }
}

fn at(minute: &str) -> Timestamp {
    let minutes: f64 = minute.parse().unwrap_or_else(|_| panic!("{minute:?} is not a minute"));
    Timestamp(START.0 + (minutes * 60_000.0) as i64)
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number"))
}

fn level(name: &str) -> Severity {
    serde_json::from_value(Value::String(name.to_owned())).unwrap_or_else(|error| panic!("{error}"))
}

fn full(world: &World, name: &str) -> RequestId {
    let requests = world.book.requests();
    let known = requests.iter().find(|request| short(&request.id.0) == name);
    known.map_or_else(|| RequestId(name.to_owned()), |request| request.id.clone())
}

/// A request's name without the start of its digest.
fn short(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

fn duty(duty: &Duty) -> String {
    match duty {
        Duty::Consult(incident) => format!("consult {incident}"),
        Duty::Start(request) => format!("start {}", short(&request.0)),
        Duty::CheckRequirements(request) => format!("check {}", short(&request.0)),
        Duty::FetchLeftOut(incident) => format!("fetch for {incident}"),
        Duty::FormOpinion(incident) => format!("judge {incident}"),
    }
}

/// One event in one line: its kind, then what matters of its fields.
fn told(event: &Event) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(event) else { panic!("an event is an object") };
    let kind = fields.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
    let mut line = kind;
    for (name, value) in &fields {
        match (name.as_str(), value) {
            (
                "at" | "digest" | "has_policy" | "policy_digest" | "version" | "labels" | "watch" | "group_key" | "via",
                _,
            ) => {}
            (_, Value::Null | Value::Bool(false)) => {}
            ("evidence", value) => write!(line, " {}", value["series"]["pod"].as_str().unwrap_or("?")).expect("memory"),
            ("proposal", value) => {
                let action = &value["action"];
                let dry = if action["dry_run"] == true { " (dry run)" } else { "" };
                let name = action["name"].as_str().unwrap_or("?");
                write!(line, " {name} on {}{dry}", action["target"]["service"].as_str().unwrap_or("?"))
                    .expect("memory");
            }
            ("alerts", Value::Array(alerts)) => {
                for alert in alerts {
                    let sign = if alert["firing"] == true { '!' } else { '-' };
                    let fingerprint = alert["fingerprint"].as_str().unwrap_or("?");
                    write!(line, " {}{sign}", fingerprint.trim_end_matches("-fingerprint")).expect("memory");
                }
            }
            ("by", Value::String(by)) => write!(line, " by {by}").expect("memory"),
            ("by", value) => write!(line, " by {}", value["approver"].as_str().unwrap_or("?")).expect("memory"),
            ("left_out", value) => write!(line, " {} more", value["count"]).expect("memory"),
            ("matchers", _) => {}
            ("opinions", Value::Array(opinions)) => {
                for opinion in opinions {
                    let (name, verdict) = (opinion["expr"].as_str(), opinion["verdict"].as_str());
                    write!(line, " {}={}", name.unwrap_or("?"), verdict.unwrap_or("?")).expect("memory");
                }
            }
            ("retry_at" | "until" | "since" | "sample_at", Value::Number(at)) => {
                let minutes = (at.as_i64().unwrap_or(0) - START.0) as f64 / 60_000.0;
                write!(line, " {name}={minutes}").expect("memory");
            }
            ("request", Value::String(id)) => write!(line, " {}", short(id)).expect("memory"),
            ("missing", Value::Array(missing)) => {
                let missing: Vec<Quorum> =
                    missing.iter().map(|one| serde_json::from_value(one.clone()).expect("a quorum")).collect();
                write!(line, ", needs {}", more(&missing)).expect("memory");
            }
            ("members" | "to" | "caused_by", Value::Array(names)) => {
                let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                write!(line, " {name}={}", names.join("+")).expect("memory");
            }
            ("guard" | "refusal", value) => write!(line, " {name}={}", plain(value)).expect("memory"),
            ("group" | "series", Value::Object(labels)) => {
                let label = labels.get("pod").or(labels.get("service"));
                write!(line, " {}", label.and_then(Value::as_str).unwrap_or("?")).expect("memory");
            }
            (_, Value::String(text)) => write!(line, " {text}").expect("memory"),
            (_, value) => write!(line, " {name}={value}").expect("memory"),
        }
    }
    line
}

/// A guard or a refusal by its names only: `guarded/cooldown`.
fn plain(value: &Value) -> String {
    let name = value["name"].as_str().unwrap_or("?");
    match &value["guard"] {
        Value::Null => name.to_owned(),
        guard => format!("{name}/{}", plain(guard)),
    }
}

//! A small host around track, judgement and book, with a z-score: a fault that stays is never called repaired, whatever
//! window, limits, gaps and crashes there are.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_domain::book::{Approval, Streak};
use tidegate_domain::event::{Asked, Event, Evidence, Fact, Health, MemberEnd, Opinion, Origin, RunResult, Verified};
use tidegate_domain::input::{Input, Plan, PolicyAnswer, Silence, Verdict, WatchChange};
use tidegate_domain::number::{Bytes, Number};
use tidegate_domain::owed::{Duty, owed};
use tidegate_domain::rules::{Severity, Watch};
use tidegate_domain::series::{self, Answer, Change, Learn, Phase, Track, Unjudged};
use tidegate_domain::time::Timestamp;

use crate::script::{by, start_of};
use crate::world::{START, World, group, minutes, rules, series as labels};

/// The last `window` values, each as eight bytes; distance from their mean in deviations, a third of that as the score.
fn zscore(window: usize, state: &mut Bytes, value: f64) -> Answer {
    let values: Vec<f64> =
        state.0.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes"))).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    let score = (value - mean).abs() / spread.sqrt().max(0.5) / 3.0;
    let kept = values.len().saturating_sub(window - 1);
    state.0 = values[kept..].iter().chain([&value]).flat_map(|v| v.to_le_bytes()).collect();
    if values.len() < 5 {
        return Answer::Abstained;
    }
    Answer::Judged(series::Verdict { score, expected: mean, lower: f64::NAN, upper: f64::NAN })
}

/// What one minute brings for the series with the lasting fault.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Minute {
    Sample,
    Nothing,
    NotANumber,
    GuestFails,
}

#[derive(Clone, Debug)]
struct Case {
    window: usize,
    consecutive: u32,
    recover_after: u32,
    accept_after: u64,
    settle: u64,
    within: u64,
    healthy_for: u32,
    /// When the fault begins, which lasts.
    breaks: u64,
    /// When a second series of the group breaks, and for how long.
    other: Option<(u64, u64)>,
    /// Exceptions from a sample a minute, by minute.
    odd: BTreeMap<u64, Minute>,
    /// Minutes after which the host dies, and how old its snapshot of the series is by then.
    crashes: BTreeMap<u64, u64>,
}

fn cases() -> impl Strategy<Value = Case> {
    let odd = prop_oneof![Just(Minute::Nothing), Just(Minute::NotANumber), Just(Minute::GuestFails)];
    // Single odd minutes, and stretches of them.
    let odd = vec((0..LENGTH, prop_oneof![3 => 1..3u64, 1 => 3..40u64], odd), 0..6).prop_map(|stretches| {
        let minutes =
            stretches.into_iter().flat_map(|(from, length, odd)| (from..from + length).map(move |m| (m, odd)));
        minutes.collect()
    });
    (
        (6..40usize, 1..5u32, 1..5u32, prop_oneof![3..30u64, 30..200u64]),
        (0..3u64, 3..20u64, 1..5u32),
        20..60u64,
        prop::option::of((20..150u64, 1..30u64)),
        odd,
        prop::collection::btree_map(0..LENGTH, 0..20u64, 0..3),
    )
        .prop_map(|((window, consecutive, recover_after, accept_after), verify, breaks, other, odd, crashes)| {
            Case {
                window,
                consecutive,
                recover_after,
                accept_after,
                settle: verify.0,
                within: verify.1,
                healthy_for: verify.2,
                breaks,
                other,
                odd,
                crashes,
            }
        })
}

const LENGTH: u64 = 200;

struct Host {
    case: Case,
    watch: Watch,
    world: World,
    tracks: BTreeMap<&'static str, Track>,
    /// The tracks as they were, by minute.
    snapshots: Vec<BTreeMap<&'static str, Track>>,
    happened: Vec<Event>,
}

impl Host {
    fn new(case: &Case) -> Host {
        let mut rules = rules();
        rules.gate.ask_again = minutes(1);
        let restart = rules.actions.get_mut("restart").expect("configured");
        (restart.cooldown, restart.max_per_hour) = (minutes(0), 1000);
        restart.verify.settle = minutes(case.settle);
        restart.verify.within = minutes(case.within);
        restart.verify.healthy_for = case.healthy_for;
        let watch = rules.watches.get_mut("web").expect("configured");
        watch.consecutive = case.consecutive;
        watch.recover_after = case.recover_after;
        watch.accept_after = minutes(case.accept_after);
        let watch = watch.clone();
        let tracks = ["lasting", "passing"].map(|pod| (pod, Track::new(1))).into();
        let world = World::new(rules);
        Host { case: case.clone(), watch, world, tracks, snapshots: Vec::new(), happened: Vec::new() }
    }

    fn at(minute: u64) -> Timestamp {
        START.plus(minutes(minute))
    }

    fn value(&self, pod: &str, minute: u64) -> f64 {
        let noise = ((minute * 7919 + pod.len() as u64) % 13) as f64 / 13.0;
        let broken = match (pod, self.case.other) {
            ("lasting", _) => minute >= self.case.breaks,
            (_, Some((from, length))) => (from..from + length).contains(&minute),
            _ => false,
        };
        if broken { 80.0 + noise } else { noise }
    }

    fn odd(&self, pod: &str, minute: u64) -> Minute {
        if pod == "lasting" { self.case.odd.get(&minute).copied().unwrap_or(Minute::Sample) } else { Minute::Sample }
    }

    fn give(&mut self, input: &Input) {
        let events = self.world.give(input);
        self.happened.extend(events);
    }

    fn watched(&mut self, change: WatchChange) {
        self.give(&Input::Watched { watch: "web".to_owned(), change });
    }

    fn live(&mut self) {
        for minute in 0..LENGTH {
            self.world.now = Host::at(minute);
            self.cycle(minute);
            self.people();
            self.snapshots.push(self.tracks.clone());
            if let Some(age) = self.case.crashes.get(&minute) {
                let old = usize::try_from(minute.saturating_sub(*age)).expect("few minutes");
                self.tracks = self.snapshots[old].clone();
                // What was newer was never stored.
                self.snapshots[old..].fill(self.tracks.clone());
                let lines = self.world.journal.len();
                let events = self.world.crash(lines);
                self.happened.extend(events);
            }
        }
        self.world.check_journal();
    }

    /// One cycle: every sample past the cursor, then the health of the group.
    fn cycle(&mut self, minute: u64) {
        self.reconcile();
        let mut seen: Vec<(&str, Option<bool>)> = Vec::new();
        for pod in ["lasting", "passing"] {
            let from = self.tracks[pod].cursor;
            for past in (0..=minute).filter(|past| Host::at(*past) > from) {
                if self.odd(pod, past) != Minute::Nothing {
                    let health = self.sample(pod, past);
                    seen.retain(|(known, _)| *known != pod);
                    seen.push((pod, health));
                }
            }
        }
        let view = self.open();
        let Some((verifying, members)) = view else { return };
        if verifying && !seen.is_empty() {
            let complete = members.iter().all(|member| seen.iter().any(|(pod, _)| labels("shop", pod) == *member));
            let health = if seen.iter().any(|(_, healthy)| *healthy == Some(false)) {
                Health::Unhealthy
            } else if complete && seen.iter().all(|(_, healthy)| *healthy == Some(true)) {
                Health::Healthy
            } else {
                Health::Unjudged
            };
            self.watched(WatchChange::Observed { group: group("shop"), sample_at: Host::at(minute), health });
        }
    }

    /// The open incident: whether it is being verified, and the series still in trouble.
    fn open(&self) -> Option<(bool, Vec<tidegate_domain::labels::Labels>)> {
        let origin = Origin::Anomaly { watch: "web".to_owned(), group: group("shop") };
        let incident = self.world.book.open_for(&origin)?;
        let members = incident.members.iter().filter(|(_, member)| member.ended.is_none());
        Some((self.world.book.verifying(incident).is_some(), members.map(|(series, _)| series.clone()).collect()))
    }

    /// Where tracks and book disagree, the book wins. A track from before the end of its incident will find that end
    /// by itself.
    fn reconcile(&mut self) {
        let origin = Origin::Anomaly { watch: "web".to_owned(), group: group("shop") };
        for (pod, track) in &mut self.tracks {
            let Phase::Incident { since, .. } = track.phase else { continue };
            match self.world.book.streak(&origin, &labels("shop", pod), since) {
                Streak::Lasting => {}
                Streak::Over(at) if track.cursor < at => {}
                Streak::Over(_) | Streak::Unknown => track.phase = Phase::Normal,
            }
        }
    }

    fn sample(&mut self, pod: &'static str, minute: u64) -> Option<bool> {
        let (at, odd) = (Host::at(minute), self.odd(pod, minute));
        let value = if odd == Minute::NotANumber { f64::NAN } else { self.value(pod, minute) };
        let repaired = self.happened.iter().any(|event| matches!(event.fact, Fact::ExecutionStarted { .. }));
        let (watch, window) = (self.watch.clone(), self.case.window);
        let track = self.tracks.get_mut(pod).expect("two series");
        let mut learnt = track.states[0].clone();
        let answer = if odd == Minute::GuestFails { Answer::Failed } else { zscore(window, &mut learnt, value) };
        let judgement =
            series::judge(&watch, value, track.is_cold(&watch, at).then_some(Unjudged::Learning), &[answer]);
        track.see(at, value);
        let before = track.states[0].clone();
        let streak = match track.phase {
            Phase::Incident { since, .. } => Some(since),
            _ => None,
        };
        let (learn, change) = track.advance(&watch, at, value, &judgement, repaired);
        match learn {
            Learn::Keep if odd == Minute::Sample => track.states[0] = learnt,
            Learn::Keep | Learn::Discard => {}
            Learn::Refold(pending) => {
                for (_, value) in pending.iter().chain([&(at, Number(value))]) {
                    zscore(window, &mut track.states[0], value.0);
                }
            }
            Learn::Relearn(since) => self.relearn(&watch, pod, since, minute),
        }
        let (group, series) = (group("shop"), labels("shop", pod));
        match change {
            Some(Change::Opened { since }) => {
                let evidence = Box::new(evidence(series, since, at, value, before));
                self.watched(WatchChange::Opened { group, severity: Severity::High, evidence });
            }
            Some(Change::Worsened { severity }) => self.watched(WatchChange::Worsened { group, severity }),
            Some(Change::Recovered | Change::Accepted) => {
                let origin = Origin::Anomaly { watch: "web".to_owned(), group: group.clone() };
                // The end of an older streak, folded in once more, is not that of the present one.
                if streak.map(|since| self.world.book.streak(&origin, &series, since)) == Some(Streak::Lasting) {
                    let accepted = change == Some(Change::Accepted);
                    let how = if accepted { MemberEnd::Accepted } else { MemberEnd::Recovered };
                    self.watched(WatchChange::Ended { group, series, how });
                }
            }
            None => {}
        }
        judgement.healthy
    }

    fn relearn(&mut self, watch: &Watch, pod: &'static str, since: Timestamp, until: u64) {
        for past in (0..=until).filter(|past| Host::at(*past) >= since) {
            if matches!(self.odd(pod, past), Minute::Sample | Minute::GuestFails) {
                let (value, window) = (self.value(pod, past), self.case.window);
                let track = self.tracks.get_mut(pod).expect("two series");
                track.see(Host::at(past), value);
                let answer = zscore(window, &mut track.states[0], value);
                let accepted = track.accepted.as_mut().expect("it is being accepted");
                zscore(window, &mut accepted.anew[0], value);
                accepted.note(watch, 0, value, answer);
            }
        }
        self.tracks.get_mut(pod).expect("two series").settle();
    }

    /// Policy, people and shell: whatever is asked is proposed, approved and run, and none of it helps.
    fn people(&mut self) {
        for _ in 0..6 {
            let now = self.world.now;
            for duty in owed(&self.world.book, now) {
                match duty {
                    Duty::Consult(incident) => self.give(&Input::PolicyAnswered {
                        incident,
                        policy_digest: "77aa".to_owned(),
                        asked: Asked::default(),
                        answer: PolicyAnswer::Propose(Plan {
                            summary: String::new(),
                            rationale: String::new(),
                            action: "restart".to_owned(),
                            arguments: String::new(),
                        }),
                        last_sample: Some(now),
                        silence: Silence::None,
                    }),
                    Duty::Start(request) => {
                        self.give(&start_of(request.clone(), Some(now)));
                        self.give(&Input::Ran { request, result: RunResult::Succeeded { output: String::new() } });
                    }
                    _ => {}
                }
            }
            let pending = self.world.book.active_requests().find(|request| request.approval == Approval::Pending);
            if let Some(request) = pending.map(|request| request.id.clone()) {
                self.give(&Input::Decided {
                    request,
                    by: by("alice"),
                    verdict: Verdict::Approve { digest: None, reason: None },
                });
            }
        }
    }
}

fn evidence(
    series: tidegate_domain::labels::Labels,
    since: Timestamp,
    at: Timestamp,
    value: f64,
    state: Bytes,
) -> Evidence {
    let opinion = Opinion { detector: "z".into(), digest: "00".into(), score: Number(2.0), note: None, state };
    Evidence {
        series,
        since,
        at,
        value: Number(value),
        expected: Number::NAN,
        lower: Number::NAN,
        upper: Number::NAN,
        score: Number(2.0),
        cold_start: false,
        learning: None,
        during: None,
        opinions: vec![opinion],
        window: Vec::new(),
    }
}

/// Lives through one case and holds it against what must never be said.
fn check(case: &Case) -> Vec<Event> {
    let mut host = Host::new(case);
    host.live();
    let lasting = labels("shop", "lasting");
    let book = &host.world.book;
    for event in &host.happened {
        match &event.fact {
            Fact::MemberEnded { series, how: MemberEnd::Recovered, .. } => {
                assert_ne!(*series, lasting, "what lasts has not recovered: {event:?}");
            }
            Fact::VerificationFinished { outcome: Verified::Fixed, request, .. } => {
                let request = book.request(request).expect("it was opened");
                let incident = book.incident(&request.incident).expect("it was opened");
                // A repair can only be for the other series where the lasting one was accepted before.
                let before = incident.members.get(&lasting).and_then(|member| member.ended);
                let excused = !incident.members.contains_key(&lasting)
                    || before.is_some_and(|(at, how)| how == MemberEnd::Accepted && at <= request.opened_at);
                assert!(excused, "{} was fixed while the fault lasts", request.id);
            }
            _ => {}
        }
    }
    // What is told again after a crash opens nothing a second time.
    let opened = |host: &Host| -> Vec<_> {
        host.world.book.incidents().iter().map(|i| (i.since, i.closed.map(|(_, reason)| reason))).collect()
    };
    let mut lucky = Host::new(&Case { crashes: BTreeMap::new(), ..case.clone() });
    lucky.live();
    assert_eq!(opened(&host), opened(&lucky), "with crashes, and without");
    host.happened
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_fault_that_lasts_is_never_fixed(case in cases()) {
        check(&case);
    }
}

#[test]
fn a_level_accepted_before_verification_ends_is_called_ineffective() {
    let case = Case {
        window: 10,
        consecutive: 3,
        recover_after: 3,
        accept_after: 8,
        settle: 1,
        within: 15,
        healthy_for: 3,
        breaks: 30,
        other: None,
        odd: BTreeMap::new(),
        crashes: BTreeMap::new(),
    };
    let outcomes: Vec<Verified> = check(&case)
        .iter()
        .filter_map(|event| match event.fact {
            Fact::VerificationFinished { outcome, .. } => Some(outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [Verified::Ineffective]);
}

/// A letter a sample, as the series' own tests write them.
fn letters() -> impl Strategy<Value = (Vec<char>, Vec<(usize, usize, char)>)> {
    let sample = prop_oneof![3 => Just('n'), 1 => Just('m'), 4 => Just('A'), 1 => Just('H')];
    (vec(sample, 1..60), vec((0..60usize, 1..400usize, prop_oneof![Just('?'), Just('~'), Just('.')]), 1..5))
}

proptest! {
    #[test]
    fn gaps_neither_open_nor_close((samples, gaps) in letters(), accept_after in 20..60u64) {
        let watch = Watch { accept_after: minutes(accept_after), ..crate::world::watch("web", Vec::new()) };
        let plain: String = samples.iter().collect();
        let mut gappy: Vec<char> = samples.clone();
        for (at, length, gap) in gaps {
            gappy.splice(at.min(gappy.len())..at.min(gappy.len()), vec![gap; length]);
        }
        let gappy: String = gappy.into_iter().collect();
        let said = crate::track::play(&watch, &gappy, false).0;
        for (sample, said) in gappy.chars().zip(said.chars()) {
            prop_assert!(!(matches!(sample, '?' | '~' | '.') && "OWRX".contains(said)), "{gappy}: {said} at {sample}");
        }
        // Without the limit on how long a level may last, the same samples mean the same with and without gaps.
        let watch = Watch { accept_after: minutes(100_000), ..watch };
        let changes = |samples: &str| -> String {
            let said = crate::track::play(&watch, samples, false).0;
            samples.chars().zip(said.chars()).filter(|(s, _)| !matches!(s, '?' | '~' | '.')).map(|(_, c)| c).collect()
        };
        prop_assert_eq!(changes(&gappy), changes(&plain), "{} against {}", gappy, plain);
    }
}

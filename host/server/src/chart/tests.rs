//! What charts of incidents show, from small journals.

use expect_test::{Expect, expect};
use tidegate_domain::book::Book;
use tidegate_domain::event::{DecidedBy, Event, MemberEnd, Origin, RequestId, RunResult, Verified};
use tidegate_domain::rules::{Mode, Severity};

use super::*;

const MINUTE: i64 = 60_000;
const START: i64 = 1_763_856_000_000;

fn at(minute: i64) -> Timestamp {
    Timestamp(START + minute * MINUTE)
}

fn queue(pod: &str) -> Labels {
    Labels::new([("service", "checkout"), ("pod", pod)])
}

fn sample(minute: i64, value: f64, anomalous: bool) -> TracePoint {
    TracePoint {
        at: at(minute),
        value: Number(value),
        expected: Number(40.0),
        lower: Number(35.0),
        upper: Number(45.0),
        score: Number((value - 40.0).abs() / 5.0),
        anomalous,
    }
}

fn bare(minute: i64, value: f64) -> TracePoint {
    let none = Number::NAN;
    TracePoint { expected: none, lower: none, upper: none, score: none, ..sample(minute, value, false) }
}

fn evidence(series: &Labels, minute: i64, score: f64) -> Evidence {
    Evidence {
        series: series.clone(),
        since: at(minute - 2),
        at: at(minute),
        value: Number(400.0),
        expected: Number(40.0),
        lower: Number(35.0),
        upper: Number(45.0),
        score: Number(score),
        cold_start: false,
        opinions: Vec::new(),
        window: (minute - 9..=minute)
            .map(|at_minute| (at(at_minute), Number(if at_minute > minute - 3 { 400.0 } else { 41.0 })))
            .collect(),
    }
}

/// A journal, and the book that follows from it.
struct Journal {
    stored: Vec<Stored>,
    book: Book,
}

impl Journal {
    /// An incident whose first series went wrong at this minute.
    fn opened(minute: i64, evidence: Option<Evidence>) -> Journal {
        let origin = Origin::Anomaly { watch: "queue".to_owned(), group: Labels::empty() };
        let mut journal = Journal { stored: Vec::new(), book: Book::default() };
        journal.write(
            minute,
            Fact::IncidentOpened {
                incident: incident(),
                origin,
                labels: Labels::empty(),
                severity: Severity::High,
                since: at(minute - 2),
                mode: Mode::Ask,
                has_policy: true,
                dry_run: false,
                evidence: evidence.map(Box::new),
                alerts: Vec::new(),
                caused_by: BTreeSet::new(),
            },
        );
        journal
    }

    fn write(&mut self, minute: i64, fact: Fact) -> &mut Journal {
        let event = Event { at: at(minute), fact };
        self.book.apply(&event);
        self.stored.push(Stored { seq: self.stored.len() as u64 + 1, incident: Some(incident()), event });
        self
    }

    fn trace(&mut self, minute: i64, series: &Labels, points: Vec<TracePoint>) -> &mut Journal {
        self.write(minute, Fact::SeriesTraced { incident: incident(), series: series.clone(), points })
    }

    fn charts(&self, live: Vec<(Labels, Vec<TracePoint>)>) -> Traced {
        Traced::new(self.book.incident(&incident()).expect("an incident"), &self.stored, live)
    }
}

fn incident() -> IncidentId {
    IncidentId("i7".to_owned())
}

fn minutes(traced: &Traced, series: &Labels) -> Vec<i64> {
    traced.points(series).expect("points").iter().map(|point| (point.at.0 - START) / MINUTE).collect()
}

#[test]
fn samples_come_from_evidence_journal_and_memory_each_once() {
    let pod = queue("a");
    let mut journal = Journal::opened(20, Some(evidence(&pod, 20, 72.0)));
    journal.trace(20, &pod, (5..=20).map(|minute| sample(minute, 41.0, minute > 17)).collect());
    journal.trace(31, &pod, (21..=30).map(|minute| sample(minute, 400.0, true)).collect());
    let live = (28..=33).map(|minute| sample(minute, 400.0, true)).collect();
    let traced = journal.charts(vec![(pod.clone(), live)]);
    assert_eq!(minutes(&traced, &pod), (5..=33).collect::<Vec<_>>());
    let points = traced.points(&pod).expect("points");
    assert!(points.iter().all(|point| band(point).is_some()), "what was said of a sample is not lost: {points:?}");
    assert!(traced.points(&queue("b")).is_none() && svg(&traced, &queue("b"), Shape::Wide).is_none());
}

#[test]
fn a_journal_from_before_there_were_traces_has_charts_of_its_evidence() {
    let pod = queue("a");
    let traced = Journal::opened(20, Some(evidence(&pod, 20, 72.0))).charts(Vec::new());
    assert_eq!(minutes(&traced, &pod), (11..=20).collect::<Vec<_>>());
    let points = traced.points(&pod).expect("points");
    assert_eq!(points.iter().filter(|point| band(point).is_some()).count(), 1);
    // A trace after a restart may have lost what was said of a sample that the evidence knows.
    let mut journal = Journal::opened(20, Some(evidence(&pod, 20, 72.0)));
    journal.trace(20, &pod, vec![bare(19, 41.0), bare(20, 400.0)]);
    let traced = journal.charts(Vec::new());
    assert_eq!(traced.points(&pod).expect("points").iter().filter(|point| point.anomalous).count(), 1);
}

#[test]
fn alerts_have_no_chart() {
    let traced = Journal::opened(20, None).charts(Vec::new());
    assert_eq!(traced.series().count(), 0);
    assert_eq!(figure(&traced, &queue("a")), None);
}

#[test]
fn the_worst_series_comes_first_and_not_all_of_many() {
    let pods: Vec<Labels> = (0..30).map(|pod| queue(&format!("p{pod:02}"))).collect();
    let mut journal = Journal::opened(20, Some(evidence(&pods[0], 20, 5.0)));
    for (pod, score) in pods.iter().zip(0..) {
        let joined = Box::new(evidence(pod, 20, if score == 27 { 99.0 } else { 5.0 }));
        journal.write(21, Fact::MemberJoined { incident: incident(), evidence: joined, caused_by: [].into() });
    }
    journal.trace(22, &pods[20], vec![sample(22, 41.0, false)]);
    let traced = journal.charts(Vec::new());
    let series: Vec<&Labels> = traced.series().collect();
    assert_eq!(series.len(), MOST_SERIES);
    assert_eq!(series[0], &pods[27]);
    assert!(series.contains(&&pods[20]), "those that were traced are among them");
}

fn by(approver: &str) -> DecidedBy {
    DecidedBy { approver: approver.to_owned(), surface: "page".to_owned(), address: "127.0.0.1".to_owned() }
}

fn whole_life() -> Journal {
    let pod = queue("a");
    let request = || RequestId("r1-9f3a".to_owned());
    let mut journal = Journal::opened(20, Some(evidence(&pod, 20, 72.0)));
    let wave = |minute: i64| 40.0 + (minute % 5) as f64;
    journal.trace(20, &pod, (0..=20).map(|m| sample(m, if m > 17 { 400.0 } else { wave(m) }, m > 17)).collect());
    journal.write(24, Fact::RequestApproved { request: request(), by: by("alice"), digest: String::new(), reason: None });
    journal.write(25, Fact::ExecutionStarted { request: request(), run: 1 });
    let result = RunResult::Succeeded { output: String::new() };
    journal.write(25, Fact::ExecutionFinished { request: request(), result });
    journal.trace(30, &pod, (21..=26).map(|m| sample(m, 400.0, true)).chain([sample(30, 42.0, false)]).collect());
    let verified = Fact::VerificationFinished { request: request(), outcome: Verified::Fixed, reason: String::new() };
    journal.write(33, verified);
    let ended = |pod: &Labels| Fact::MemberEnded { incident: incident(), series: pod.clone(), how: MemberEnd::Recovered };
    journal.write(33, ended(&pod)).write(33, ended(&queue("b")));
    journal.write(33, Fact::IncidentClosed { incident: incident(), reason: CloseReason::Fixed });
    journal.trace(50, &pod, (31..=50).map(|m| sample(m, wave(m), false)).collect());
    journal
}

use tidegate_domain::event::CloseReason;

#[test]
fn what_was_done_is_told_in_its_order_and_of_this_series_alone() {
    let told = moments::told(&whole_life().charts(Vec::new()).moments, &queue("a"));
    let told: Vec<String> =
        told.iter().map(|(at, text)| format!("{} {text}", (at.0 - START) / MINUTE)).collect();
    expect![[""]].assert_eq(&told.join("\n"));
}

#[test]
fn a_chart_in_full() {
    let check = |shape, expected: Expect| {
        expected.assert_eq(&svg(&whole_life().charts(Vec::new()), &queue("a"), shape).expect("a chart"));
    };
    check(Shape::Wide, expect![[""]]);
    check(Shape::Narrow, expect![[""]]);
}

#[test]
fn what_comes_from_outside_stays_text_and_no_number_breaks_the_picture() {
    let hostile = Labels::new([("pod", "\"><script>alert(1)</script>\u{202e}' onload='x")]);
    let odd = [f64::MAX, f64::MIN, 1e-310, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut journal = Journal::opened(20, Some(evidence(&hostile, 20, f64::NAN)));
    let request = RequestId("r1".to_owned());
    journal.write(22, Fact::RequestDenied { request, by: by("</text><script>"), digest: String::new(), reason: "no".to_owned() });
    let points = odd.iter().zip(30..).map(|(value, minute)| TracePoint {
        lower: Number(f64::NEG_INFINITY),
        upper: Number(*value),
        expected: Number(*value),
        ..sample(minute, *value, true)
    });
    journal.trace(40, &hostile, points.collect());
    for points in [vec![], vec![bare(50, 7.0)], (50..90).map(|minute| sample(minute, 7.0, false)).collect()] {
        journal.trace(90, &hostile, points);
        let figure = figure(&journal.charts(Vec::new()), &hostile).expect("a chart");
        for nonsense in ["NaN", "inf", "<script", "style=", "<style", " onload=", "\u{202e}"] {
            assert!(!figure.contains(nonsense), "{nonsense} in {figure}");
        }
    }
}

#[test]
fn a_gap_is_told_from_a_long_trace_that_was_thinned() {
    let every = |step: i64, from: i64, count: i64| (0..count).map(move |n| sample(from + n * step, 40.0, false));
    let plain: Vec<TracePoint> = every(1, 0, 50).chain(every(1, 60, 50)).collect();
    assert_eq!(step(&plain), 60_000);
    let thinned: Vec<TracePoint> = every(1, 0, 2_000).chain(every(2, 2_001, 500)).chain(every(4, 3_005, 100)).collect();
    assert_eq!(step(&thinned), 240_000);
    assert_eq!([step(&[]), step(&plain[..1])], [1, 1]);
}

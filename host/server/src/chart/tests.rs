//! What charts of incidents show, from small journals.

use expect_test::{Expect, expect};
use tidegate_domain::book::Book;
use tidegate_domain::event::{Alert, CloseReason, DecidedBy, Event, MemberEnd, Origin, RequestId, RunResult, Verified};
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
        learning: None,
        during: None,
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
        Journal::opened_by(minute, origin, evidence, Vec::new())
    }

    fn of_alerts(alerts: Vec<Alert>) -> Journal {
        let origin = Origin::Alert { route: "alerts".to_owned(), group_key: "g".to_owned() };
        Journal::opened_by(0, origin, None, alerts)
    }

    fn opened_by(minute: i64, origin: Origin, evidence: Option<Evidence>, alerts: Vec<Alert>) -> Journal {
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
                alerts,
                caused_by: BTreeSet::new(),
                wants_opinion: false,
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
    assert_eq!(figure(&traced, &queue("a"), Shape::Wide), None);
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
    journal
        .write(24, Fact::RequestApproved { request: request(), by: by("alice"), digest: String::new(), reason: None });
    journal.write(25, Fact::ExecutionStarted { request: request(), run: 1 });
    let result = RunResult::Succeeded { output: String::new() };
    journal.write(25, Fact::ExecutionFinished { request: request(), result });
    journal.trace(30, &pod, (21..=26).map(|m| sample(m, 400.0, true)).chain([sample(30, 42.0, false)]).collect());
    let verified = Fact::VerificationFinished { request: request(), outcome: Verified::Fixed, reason: String::new() };
    journal.write(33, verified);
    let ended =
        |pod: &Labels| Fact::MemberEnded { incident: incident(), series: pod.clone(), how: MemberEnd::Recovered };
    journal.write(33, ended(&pod)).write(33, ended(&queue("b")));
    journal.write(33, Fact::IncidentClosed { incident: incident(), reason: CloseReason::Fixed });
    journal.trace(50, &pod, (31..=50).map(|m| sample(m, wave(m), false)).collect());
    journal
}

#[test]
fn what_was_done_is_told_in_its_order_and_of_this_series_alone() {
    let told = moments::told(&whole_life().charts(Vec::new()).moments, &queue("a"));
    let told: Vec<String> = told.iter().map(|(at, text)| format!("{} {text}", (at.0 - START) / MINUTE)).collect();
    expect![[r#"
        20 opened
        24 approved by alice
        25 the action succeeded
        33 verified: fixed
        33 over: fixed"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_chart_in_full() {
    let check = |shape, expected: Expect| {
        expected.assert_eq(&svg(&whole_life().charts(Vec::new()), &queue("a"), shape).expect("a chart"));
    };
    check(
        Shape::Wide,
        expect![[r#"
        <svg xmlns="http://www.w3.org/2000/svg" class="tg-chart" viewBox="0 0 960 400" width="960" height="400" role="img">
        <title>queue {pod=&quot;a&quot;, service=&quot;checkout&quot;}</title>
        <desc>at worst 400, expected 35 to 45; 9 of 48 samples anomalous; incident i7, severity high; 1 00:20:00 opened; 2 00:24:00 approved by alice; 3 00:25:00 the action succeeded; 4 00:33:00 verified: fixed; 5 00:33:00 over: fixed</desc>
        <rect class="tg-paper" width="960" height="400"/>
        <text class="tg-title" x="35.5" y="22">queue {pod=&quot;a&quot;, service=&quot;checkout&quot;}</text>
        <text class="tg-small" x="35.5" y="40">at worst 400, expected 35 to 45; 9 of 48 samples anomalous; incident i7, severity high</text>
        <path class="tg-grid" d="M35.5 252.7h900.5"/><text class="tg-small tg-end" x="27.5" y="256.7">100</text>
        <path class="tg-grid" d="M35.5 195.9h900.5"/><text class="tg-small tg-end" x="27.5" y="199.9">200</text>
        <path class="tg-grid" d="M35.5 139.2h900.5"/><text class="tg-small tg-end" x="27.5" y="143.2">300</text>
        <path class="tg-grid" d="M35.5 82.4h900.5"/><text class="tg-small tg-end" x="27.5" y="86.4">400</text>
        <path class="tg-tick" d="M35.5 300.0v5"/><text class="tg-small tg-middle" x="35.5" y="318.0">00:00</text>
        <text class="tg-small tg-middle" x="35.5" y="331.0">Nov 23 UTC</text>
        <path class="tg-tick" d="M215.6 300.0v5"/><text class="tg-small tg-middle" x="215.6" y="318.0">00:10</text>
        <path class="tg-tick" d="M395.7 300.0v5"/><text class="tg-small tg-middle" x="395.7" y="318.0">00:20</text>
        <path class="tg-tick" d="M575.8 300.0v5"/><text class="tg-small tg-middle" x="575.8" y="318.0">00:30</text>
        <path class="tg-tick" d="M755.9 300.0v5"/><text class="tg-small tg-middle" x="755.9" y="318.0">00:40</text>
        <path class="tg-tick" d="M936.0 300.0v5"/><text class="tg-small tg-middle" x="936.0" y="318.0">00:50</text>
        <path class="tg-tick" d="M35.5 300.0h900.5"/>
        <svg x="35.5" y="72" width="900.5" height="228.0" overflow="hidden">
        <path class="tg-band" d="M0.0 212.0L18.0 212.0L36.0 212.0L54.0 212.0L72.0 212.0L90.1 212.0L108.1 212.0L126.1 212.0L144.1 212.0L162.1 212.0L180.1 212.0L198.1 212.0L216.1 212.0L234.1 212.0L252.1 212.0L270.1 212.0L288.2 212.0L306.2 212.0L324.2 212.0L342.2 212.0L360.2 212.0L378.2 212.0L396.2 212.0L414.2 212.0L432.2 212.0L450.2 212.0L468.3 212.0L468.3 217.6L450.2 217.6L432.2 217.6L414.2 217.6L396.2 217.6L378.2 217.6L360.2 217.6L342.2 217.6L324.2 217.6L306.2 217.6L288.2 217.6L270.1 217.6L252.1 217.6L234.1 217.6L216.1 217.6L198.1 217.6L180.1 217.6L162.1 217.6L144.1 217.6L126.1 217.6L108.1 217.6L90.1 217.6L72.0 217.6L54.0 217.6L36.0 217.6L18.0 217.6L0.0 217.6ZM540.3 212.0L558.3 212.0L576.3 212.0L594.3 212.0L612.3 212.0L630.3 212.0L648.4 212.0L666.4 212.0L684.4 212.0L702.4 212.0L720.4 212.0L738.4 212.0L756.4 212.0L774.4 212.0L792.4 212.0L810.5 212.0L828.5 212.0L846.5 212.0L864.5 212.0L882.5 212.0L900.5 212.0L900.5 217.6L882.5 217.6L864.5 217.6L846.5 217.6L828.5 217.6L810.5 217.6L792.4 217.6L774.4 217.6L756.4 217.6L738.4 217.6L720.4 217.6L702.4 217.6L684.4 217.6L666.4 217.6L648.4 217.6L630.3 217.6L612.3 217.6L594.3 217.6L576.3 217.6L558.3 217.6L540.3 217.6Z"/>
        <path class="tg-value" d="M0.0 214.8L18.0 214.2L36.0 213.7L54.0 213.1L72.0 212.5L90.1 214.8L108.1 214.2L126.1 213.7L144.1 213.1L162.1 212.5L180.1 214.8L198.1 214.2L216.1 213.7L234.1 213.1L252.1 212.5L270.1 214.8L288.2 214.2L306.2 213.7L324.2 10.4L342.2 10.4L360.2 10.4L378.2 10.4L396.2 10.4L414.2 10.4L432.2 10.4L450.2 10.4L468.3 10.4M540.3 213.7L558.3 214.2L576.3 213.7L594.3 213.1L612.3 212.5L630.3 214.8L648.4 214.2L666.4 213.7L684.4 213.1L702.4 212.5L720.4 214.8L738.4 214.2L756.4 213.7L774.4 213.1L792.4 212.5L810.5 214.8L828.5 214.2L846.5 213.7L864.5 213.1L882.5 212.5L900.5 214.8"/>
        <path class="tg-expected" d="M0.0 214.8L18.0 214.8L36.0 214.8L54.0 214.8L72.0 214.8L90.1 214.8L108.1 214.8L126.1 214.8L144.1 214.8L162.1 214.8L180.1 214.8L198.1 214.8L216.1 214.8L234.1 214.8L252.1 214.8L270.1 214.8L288.2 214.8L306.2 214.8L324.2 214.8L342.2 214.8L360.2 214.8L378.2 214.8L396.2 214.8L414.2 214.8L432.2 214.8L450.2 214.8L468.3 214.8M540.3 214.8L558.3 214.8L576.3 214.8L594.3 214.8L612.3 214.8L630.3 214.8L648.4 214.8L666.4 214.8L684.4 214.8L702.4 214.8L720.4 214.8L738.4 214.8L756.4 214.8L774.4 214.8L792.4 214.8L810.5 214.8L828.5 214.8L846.5 214.8L864.5 214.8L882.5 214.8L900.5 214.8"/>
        <path class="tg-moment" d="M360.2 0v228.0"/>
        <path class="tg-moment" d="M432.2 0v228.0"/>
        <path class="tg-moment" d="M450.2 0v228.0"/>
        <path class="tg-moment" d="M594.3 0v228.0"/>
        <path class="tg-moment" d="M594.3 0v228.0"/>
        <circle class="tg-anomaly" cx="324.2" cy="10.4" r="4"><title>2025-11-23T00:18:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="342.2" cy="10.4" r="4"><title>2025-11-23T00:19:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="360.2" cy="10.4" r="4"><title>2025-11-23T00:20:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="378.2" cy="10.4" r="4"><title>2025-11-23T00:21:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="396.2" cy="10.4" r="4"><title>2025-11-23T00:22:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="414.2" cy="10.4" r="4"><title>2025-11-23T00:23:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="432.2" cy="10.4" r="4"><title>2025-11-23T00:24:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="450.2" cy="10.4" r="4"><title>2025-11-23T00:25:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="468.3" cy="10.4" r="4"><title>2025-11-23T00:26:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        </svg>
        <g><title>1 00:20:00 opened
        </title><rect class="tg-flag" x="387.7" y="53.0" width="16.0" height="15" rx="3"/><text class="tg-number tg-middle" x="395.7" y="64.0">1</text></g>
        <g><title>2 00:24:00 approved by alice
        </title><rect class="tg-flag" x="459.7" y="53.0" width="16.0" height="15" rx="3"/><text class="tg-number tg-middle" x="467.7" y="64.0">2</text></g>
        <g><title>3 00:25:00 the action succeeded
        </title><rect class="tg-flag" x="477.8" y="53.0" width="16.0" height="15" rx="3"/><text class="tg-number tg-middle" x="485.8" y="64.0">3</text></g>
        <g><title>4 00:33:00 verified: fixed
        5 00:33:00 over: fixed
        </title><rect class="tg-flag" x="614.8" y="53.0" width="30.0" height="15" rx="3"/><text class="tg-number tg-middle" x="629.8" y="64.0">4–5</text></g>
        <g transform="translate(16.0 352.0)"><path class="tg-value" d="M0 -4h20"/><text class="tg-small" x="27">value</text></g>
        <g transform="translate(93.5 352.0)"><path class="tg-expected" d="M0 -4h20"/><text class="tg-small" x="27">expected</text></g>
        <g transform="translate(190.5 352.0)"><rect class="tg-band" y="-10" width="20" height="12"/><text class="tg-small" x="27">expected band</text></g>
        <g transform="translate(320.0 352.0)"><circle class="tg-anomaly" cx="10" cy="-4" r="4"/><text class="tg-small" x="27">anomalous</text></g>
        <g transform="translate(16.0 372.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">1</text><text class="tg-small" x="27">00:20:00 opened</text></g>
        <g transform="translate(158.5 372.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">2</text><text class="tg-small" x="27">00:24:00 approved by alice</text></g>
        <g transform="translate(372.5 372.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">3</text><text class="tg-small" x="27">00:25:00 the action succeeded</text></g>
        <g transform="translate(606.0 372.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">4</text><text class="tg-small" x="27">00:33:00 verified: fixed</text></g>
        <g transform="translate(16.0 392.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">5</text><text class="tg-small" x="27">00:33:00 over: fixed</text></g>
        </svg>
    "#]],
    );
    check(
        Shape::Narrow,
        expect![[r#"
        <svg xmlns="http://www.w3.org/2000/svg" class="tg-chart" viewBox="0 0 360 400" width="360" height="400" role="img">
        <title>queue {pod=&quot;a&quot;, service=&quot;checkout&quot;}</title>
        <desc>at worst 400, expected 35 to 45; 9 of 48 samples anomalous; incident i7, severity high; 1 00:20:00 opened; 2 00:24:00 approved by alice; 3 00:25:00 the action succeeded; 4 00:33:00 verified: fixed; 5 00:33:00 over: fixed</desc>
        <rect class="tg-paper" width="360" height="400"/>
        <text class="tg-title" x="35.5" y="22">queue {pod=&quot;a&quot;, service=&quot;checko…</text>
        <text class="tg-small" x="35.5" y="40">at worst 400, expected 35 to 45; 9 of 48 sampl…</text>
        <path class="tg-grid" d="M35.5 205.2h300.5"/><text class="tg-small tg-end" x="27.5" y="209.2">100</text>
        <path class="tg-grid" d="M35.5 163.3h300.5"/><text class="tg-small tg-end" x="27.5" y="167.3">200</text>
        <path class="tg-grid" d="M35.5 121.5h300.5"/><text class="tg-small tg-end" x="27.5" y="125.5">300</text>
        <path class="tg-grid" d="M35.5 79.6h300.5"/><text class="tg-small tg-end" x="27.5" y="83.6">400</text>
        <path class="tg-tick" d="M35.5 240.0v5"/><text class="tg-small tg-middle" x="35.5" y="258.0">00:00</text>
        <text class="tg-small tg-middle" x="35.5" y="271.0">Nov 23 UTC</text>
        <path class="tg-tick" d="M215.8 240.0v5"/><text class="tg-small tg-middle" x="215.8" y="258.0">00:30</text>
        <path class="tg-tick" d="M35.5 240.0h300.5"/>
        <svg x="35.5" y="72" width="300.5" height="168.0" overflow="hidden">
        <path class="tg-band" d="M0.0 156.2L6.0 156.2L12.0 156.2L18.0 156.2L24.0 156.2L30.1 156.2L36.1 156.2L42.1 156.2L48.1 156.2L54.1 156.2L60.1 156.2L66.1 156.2L72.1 156.2L78.1 156.2L84.1 156.2L90.1 156.2L96.2 156.2L102.2 156.2L108.2 156.2L114.2 156.2L120.2 156.2L126.2 156.2L132.2 156.2L138.2 156.2L144.2 156.2L150.2 156.2L156.3 156.2L156.3 160.4L150.2 160.4L144.2 160.4L138.2 160.4L132.2 160.4L126.2 160.4L120.2 160.4L114.2 160.4L108.2 160.4L102.2 160.4L96.2 160.4L90.1 160.4L84.1 160.4L78.1 160.4L72.1 160.4L66.1 160.4L60.1 160.4L54.1 160.4L48.1 160.4L42.1 160.4L36.1 160.4L30.1 160.4L24.0 160.4L18.0 160.4L12.0 160.4L6.0 160.4L0.0 160.4ZM180.3 156.2L186.3 156.2L192.3 156.2L198.3 156.2L204.3 156.2L210.3 156.2L216.4 156.2L222.4 156.2L228.4 156.2L234.4 156.2L240.4 156.2L246.4 156.2L252.4 156.2L258.4 156.2L264.4 156.2L270.4 156.2L276.5 156.2L282.5 156.2L288.5 156.2L294.5 156.2L300.5 156.2L300.5 160.4L294.5 160.4L288.5 160.4L282.5 160.4L276.5 160.4L270.4 160.4L264.4 160.4L258.4 160.4L252.4 160.4L246.4 160.4L240.4 160.4L234.4 160.4L228.4 160.4L222.4 160.4L216.4 160.4L210.3 160.4L204.3 160.4L198.3 160.4L192.3 160.4L186.3 160.4L180.3 160.4Z"/>
        <path class="tg-value" d="M0.0 158.3L6.0 157.9L12.0 157.4L18.0 157.0L24.0 156.6L30.1 158.3L36.1 157.9L42.1 157.4L48.1 157.0L54.1 156.6L60.1 158.3L66.1 157.9L72.1 157.4L78.1 157.0L84.1 156.6L90.1 158.3L96.2 157.9L102.2 157.4L108.2 7.6L114.2 7.6L120.2 7.6L126.2 7.6L132.2 7.6L138.2 7.6L144.2 7.6L150.2 7.6L156.3 7.6M180.3 157.4L186.3 157.9L192.3 157.4L198.3 157.0L204.3 156.6L210.3 158.3L216.4 157.9L222.4 157.4L228.4 157.0L234.4 156.6L240.4 158.3L246.4 157.9L252.4 157.4L258.4 157.0L264.4 156.6L270.4 158.3L276.5 157.9L282.5 157.4L288.5 157.0L294.5 156.6L300.5 158.3"/>
        <path class="tg-expected" d="M0.0 158.3L6.0 158.3L12.0 158.3L18.0 158.3L24.0 158.3L30.1 158.3L36.1 158.3L42.1 158.3L48.1 158.3L54.1 158.3L60.1 158.3L66.1 158.3L72.1 158.3L78.1 158.3L84.1 158.3L90.1 158.3L96.2 158.3L102.2 158.3L108.2 158.3L114.2 158.3L120.2 158.3L126.2 158.3L132.2 158.3L138.2 158.3L144.2 158.3L150.2 158.3L156.3 158.3M180.3 158.3L186.3 158.3L192.3 158.3L198.3 158.3L204.3 158.3L210.3 158.3L216.4 158.3L222.4 158.3L228.4 158.3L234.4 158.3L240.4 158.3L246.4 158.3L252.4 158.3L258.4 158.3L264.4 158.3L270.4 158.3L276.5 158.3L282.5 158.3L288.5 158.3L294.5 158.3L300.5 158.3"/>
        <path class="tg-moment" d="M120.2 0v168.0"/>
        <path class="tg-moment" d="M144.2 0v168.0"/>
        <path class="tg-moment" d="M150.2 0v168.0"/>
        <path class="tg-moment" d="M198.3 0v168.0"/>
        <path class="tg-moment" d="M198.3 0v168.0"/>
        <circle class="tg-anomaly" cx="108.2" cy="7.6" r="4"><title>2025-11-23T00:18:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="114.2" cy="7.6" r="4"><title>2025-11-23T00:19:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="120.2" cy="7.6" r="4"><title>2025-11-23T00:20:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="126.2" cy="7.6" r="4"><title>2025-11-23T00:21:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="132.2" cy="7.6" r="4"><title>2025-11-23T00:22:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="138.2" cy="7.6" r="4"><title>2025-11-23T00:23:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="144.2" cy="7.6" r="4"><title>2025-11-23T00:24:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="150.2" cy="7.6" r="4"><title>2025-11-23T00:25:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        <circle class="tg-anomaly" cx="156.3" cy="7.6" r="4"><title>2025-11-23T00:26:00Z: 400, expected 40 (35 to 45), score 72</title></circle>
        </svg>
        <g><title>1 00:20:00 opened
        </title><rect class="tg-flag" x="147.7" y="53.0" width="16.0" height="15" rx="3"/><text class="tg-number tg-middle" x="155.7" y="64.0">1</text></g>
        <g><title>2 00:24:00 approved by alice
        3 00:25:00 the action succeeded
        </title><rect class="tg-flag" x="167.7" y="53.0" width="30.0" height="15" rx="3"/><text class="tg-number tg-middle" x="182.7" y="64.0">2–3</text></g>
        <g><title>4 00:33:00 verified: fixed
        5 00:33:00 over: fixed
        </title><rect class="tg-flag" x="218.8" y="53.0" width="30.0" height="15" rx="3"/><text class="tg-number tg-middle" x="233.8" y="64.0">4–5</text></g>
        <g transform="translate(16.0 292.0)"><path class="tg-value" d="M0 -4h20"/><text class="tg-small" x="27">value</text></g>
        <g transform="translate(93.5 292.0)"><path class="tg-expected" d="M0 -4h20"/><text class="tg-small" x="27">expected</text></g>
        <g transform="translate(190.5 292.0)"><rect class="tg-band" y="-10" width="20" height="12"/><text class="tg-small" x="27">expected band</text></g>
        <g transform="translate(16.0 312.0)"><circle class="tg-anomaly" cx="10" cy="-4" r="4"/><text class="tg-small" x="27">anomalous</text></g>
        <g transform="translate(16.0 332.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">1</text><text class="tg-small" x="27">00:20:00 opened</text></g>
        <g transform="translate(158.5 332.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">2</text><text class="tg-small" x="27">00:24:00 approved by alice</text></g>
        <g transform="translate(16.0 352.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">3</text><text class="tg-small" x="27">00:25:00 the action succeeded</text></g>
        <g transform="translate(16.0 372.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">4</text><text class="tg-small" x="27">00:33:00 verified: fixed</text></g>
        <g transform="translate(16.0 392.0)"><rect class="tg-flag" y="-11" width="20" height="15" rx="3"/><text class="tg-number tg-middle" x="10">5</text><text class="tg-small" x="27">00:33:00 over: fixed</text></g>
        </svg>
    "#]],
    );
}

#[test]
fn what_comes_from_outside_stays_text_and_no_number_breaks_the_picture() {
    let hostile = Labels::new([("pod", "\"><script>alert(1)</script>\u{202e}' onload='x")]);
    let odd = [f64::MAX, f64::MIN, 1e-310, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let mut journal = Journal::opened(20, Some(evidence(&hostile, 20, f64::NAN)));
    let request = RequestId("r1".to_owned());
    journal.write(
        22,
        Fact::RequestDenied { request, by: by("</text><script>"), digest: String::new(), reason: "no".to_owned() },
    );
    let points = odd.iter().zip(30..).map(|(value, minute)| TracePoint {
        lower: Number(f64::NEG_INFINITY),
        upper: Number(*value),
        expected: Number(*value),
        ..sample(minute, *value, true)
    });
    journal.trace(40, &hostile, points.collect());
    for points in [vec![], vec![bare(50, 7.0)], (50..90).map(|minute| sample(minute, 7.0, false)).collect()] {
        journal.trace(90, &hostile, points);
        let figure = figure(&journal.charts(Vec::new()), &hostile, Shape::Wide).expect("a chart");
        for nonsense in ["NaN", "inf", "<script", "style=", "<style", "\u{202e}"] {
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

#[test]
fn of_alerts_there_is_what_their_second_opinions_rest_on() {
    let alert = |fingerprint: &str, firing: bool| Alert {
        fingerprint: fingerprint.to_owned(),
        labels: Labels::new([("alertname", "Slow")]),
        annotations: Labels::empty(),
        starts_at: at(0),
        firing,
        generator_url: None,
    };
    let opinion = |fingerprint: &str, verdict: OpinionVerdict, pod: &str| SecondOpinion {
        fingerprint: fingerprint.to_owned(),
        verdict,
        expr: "queue".to_owned(),
        evidence: Some(Box::new(evidence(&queue(pod), 20, 9.0))),
    };
    let mut journal = Journal::of_alerts(vec![alert("a", true), alert("b", true), alert("c", false)]);
    assert_eq!(journal.charts(Vec::new()).series().count(), 0, "nobody has looked behind them");
    let opinions = vec![
        opinion("a", OpinionVerdict::Usual, "usual"),
        opinion("b", OpinionVerdict::Unusual, "unusual"),
        opinion("c", OpinionVerdict::Unusual, "resolved"),
    ];
    journal.write(2, Fact::SecondOpinionGiven { incident: incident(), opinions });
    let charts = journal.charts(Vec::new());
    let series: Vec<&Labels> = charts.series().collect();
    assert_eq!(series, [&queue("unusual"), &queue("usual")], "what tells most comes first");
    let anomalous = |pod: &str| charts.points(&queue(pod)).unwrap().iter().filter(|point| point.anomalous).count();
    assert_eq!((anomalous("unusual"), anomalous("usual")), (1, 0));
    assert_eq!(minutes(&charts, &queue("usual")), (11..=20).collect::<Vec<_>>());
}

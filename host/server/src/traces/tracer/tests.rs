//! How much is traced, and when the journal gets it.

use tidegate_domain::event::{CloseReason, Event, Evidence};
use tidegate_domain::number::Number;
use tidegate_domain::rules::{Mode, Severity};

use super::*;
use crate::traces::{MOST_INCIDENTS, NEWEST, Traces};

fn series(name: &str) -> Labels {
    Labels::new([("pod", name)])
}

fn points(from: i64, count: i64) -> Vec<TracePoint> {
    let point = |second: i64| TracePoint {
        at: Timestamp(1_000 * second),
        value: Number(1.0),
        expected: Number(1.0),
        lower: Number(0.0),
        upper: Number(2.0),
        score: Number(0.0),
        anomalous: false,
    };
    (from..from + count).map(point).collect()
}

/// As often as it can.
fn recorded(line: &mut Line) -> usize {
    line.recorded += line.pending.len();
    line.pending.drain(..).count()
}

#[test]
fn of_a_long_incident_fewer_and_fewer_samples_are_kept() {
    let mut line = Line::new(&series("a"));
    for day in 0..200 {
        line.take(points(day * 1_440, 1_440), None);
        recorded(&mut line);
        assert!(day > 0 || line.recorded == 1_440, "a day at one a minute is whole");
    }
    assert_eq!(line.upto, Timestamp(1_000 * (200 * 1_440 - 1)));
    assert!((4_000..7_000).contains(&line.recorded), "{} of 288,000", line.recorded);
    assert_eq!([one_in(0), one_in(DENSE), one_in(DENSE + 1), one_in(DENSE + THINNER + 1)], [1, 1, 2, 4]);
    assert!(one_in(usize::MAX) > 1_000_000_000);
}

#[test]
fn the_journal_is_not_bothered_for_every_sample() {
    let start = Instant::now();
    let later = |seconds: u64| start + Duration::from_secs(seconds);
    let mut line = Line::new(&series("a"));
    line.take(points(0, 3), None);
    assert!(line.is_due(false, start), "what was before the incident is kept at once");
    recorded(&mut line);
    line.flushed = Some(start);
    line.take(points(3, 9), None);
    assert!(!line.is_due(false, later(600)), "nine are too few");
    line.take(points(12, 1), None);
    assert!(!line.is_due(false, later(59)), "too soon");
    assert!(line.is_due(false, later(60)));
    // Once the incident is over nothing is waited for but a handful of samples.
    assert!(line.is_due(true, later(1)));
    recorded(&mut line);
    line.ended = true;
    line.take(points(13, 1), None);
    assert!(line.is_due(true, later(2)), "the end of the incident is kept at once");
}

#[test]
fn after_the_end_of_an_incident_it_is_traced_for_a_while() {
    let closed = Timestamp(1_000 * 100);
    let mut traced = Traced { closed: Some(closed), ..Traced::default() };
    let mut line = Line::new(&series("a"));
    line.take(points(90, 40), Some(closed));
    assert_eq!(line.after, 29, "those at its end are not after it");
    traced.series.insert(series("a"), line);
    let step = Duration::from_secs(u64::from(u32::MAX));
    assert!(!traced.is_over(step));
    let line = traced.series.get_mut(&series("a")).expect("a line");
    line.take(points(130, 1), Some(closed));
    assert!(line.is_due(true, Instant::now()));
    recorded(line);
    assert!(traced.is_over(step));
    // A series that gives nothing more is not waited for.
    traced.series.insert(series("b"), Line::new(&series("b")));
    assert!(!traced.is_over(step) && traced.is_over(Duration::from_secs(1)));
    assert!(!Traced::default().is_over(Duration::ZERO), "it is still open");
}

fn evidence(name: &str, score: f64) -> Box<Evidence> {
    let (at, number) = (Timestamp(0), Number(1.0));
    Box::new(Evidence {
        series: series(name),
        since: at,
        at,
        value: number,
        expected: number,
        lower: number,
        upper: number,
        score: Number(score),
        cold_start: false,
        learning: None,
        during: None,
        opinions: Vec::new(),
        window: Vec::new(),
    })
}

fn incident() -> IncidentId {
    IncidentId("i1".to_owned())
}

fn opened(members: &[(&str, f64)]) -> Book {
    let mut book = Book::default();
    let mut tell = |fact| book.apply(&Event { at: Timestamp(0), fact });
    tell(Fact::IncidentOpened {
        incident: incident(),
        origin: Origin::Anomaly { watch: "w".to_owned(), group: Labels::empty() },
        labels: Labels::empty(),
        severity: Severity::High,
        since: Timestamp(0),
        mode: Mode::Ask,
        has_policy: false,
        dry_run: false,
        evidence: None,
        alerts: Vec::new(),
        caused_by: BTreeSet::new(),
        wants_opinion: false,
    });
    for (name, score) in members {
        let evidence = evidence(name, *score);
        tell(Fact::MemberJoined { incident: incident(), evidence, caused_by: BTreeSet::new() });
    }
    book
}

#[test]
fn the_worst_series_are_traced_and_whichever_becomes_the_worst() {
    let mut traced = Traced::default();
    let mut members = vec![("a", 1.5), ("b", 9.0), ("c", f64::NAN)];
    traced.join(opened(&members).incident(&incident()).expect("an incident"));
    members.extend([("d", 3.0), ("e", 2.0), ("f", 4.0), ("g", 1.0)]);
    traced.join(opened(&members).incident(&incident()).expect("an incident"));
    let names = |traced: &Traced| -> Vec<String> {
        traced.series.keys().filter_map(|series| series.get("pod").map(str::to_owned)).collect()
    };
    assert_eq!(names(&traced), ["a", "b", "c", "d", "f"]);
    for (name, score) in [("x", 50.0), ("y", 60.0)] {
        members.push((name, score));
        traced.join(opened(&members).incident(&incident()).expect("an incident"));
    }
    assert_eq!(names(&traced), ["a", "b", "c", "d", "f", "x"], "one more, not ever more");
}

#[test]
fn a_restart_goes_on_where_the_journal_ends() {
    let stored = |fact| Stored { seq: 1, incident: Some(incident()), event: Event { at: Timestamp(40_000), fact } };
    let chunk = |points| stored(Fact::SeriesTraced { incident: incident(), series: series("a"), points });
    let timeline = [
        chunk(points(0, 20)),
        chunk(points(20, 10)),
        chunk(Vec::new()),
        stored(Fact::IncidentClosed { incident: incident(), reason: CloseReason::Recovered }),
    ];
    let mut tracer = Tracer::default();
    tracer.go_on(&incident(), &timeline);
    let traced = &tracer.traced[&incident()];
    let line = &traced.series[&series("a")];
    assert_eq!((line.recorded, line.upto), (30, Timestamp(29_000)));
    assert_eq!(traced.closed, Some(Timestamp(40_000)));
    assert!(!line.is_due(false, Instant::now()), "the journal has all of it");
}

#[test]
fn memory_is_bounded_in_incidents_and_in_samples() {
    let traces = Traces::default();
    let id = |number: usize| IncidentId(format!("i{number}"));
    assert!((0..MOST_INCIDENTS).all(|number| traces.admit(&id(number))));
    assert!(!traces.admit(&id(99)) && traces.admit(&id(3)), "one that is in stays in");
    traces.forget(&id(3));
    assert!(traces.admit(&id(99)));

    traces.note(&id(99), &series("a"), &points(0, 500));
    traces.note(&id(3), &series("a"), &points(0, 500));
    let newest = traces.newest(&id(99));
    assert_eq!(newest[0].1.len(), NEWEST);
    assert_eq!(newest[0].1.last(), points(499, 1).last());
    assert!(traces.newest(&id(3)).is_empty(), "nobody took it in");
}

//! Policies: what they answer, and what they may ask.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, json};
use tidegate_sandbox::{
    ActionOffer, CallError, Decision, Grants, GuestKind, Incident, InstantSample, Label, Limits, MetricsSource,
    OpenError, Policy, Severity, Source,
};

use crate::forge::ForgedPolicy;
use crate::found::sandbox;

impl Default for ForgedPolicy {
    fn default() -> Self {
        Self { propose: "", decision: 0, answer: texts(&["it will pass"]), texts: vec![], metrics: false }
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Remembers what it was asked, and answers everything the same.
struct Prometheus {
    asked: RefCell<Vec<String>>,
    answer: Result<Vec<InstantSample>, String>,
    takes: Duration,
}

impl Prometheus {
    fn refusing(why: &str) -> Self {
        Self { asked: RefCell::default(), answer: Err(why.to_owned()), takes: Duration::ZERO }
    }
}

impl MetricsSource for Prometheus {
    fn query(&self, expr: &str) -> Result<Vec<InstantSample>, String> {
        self.asked.borrow_mut().push(expr.to_owned());
        std::thread::sleep(self.takes);
        self.answer.clone()
    }
}

fn open(forged: &ForgedPolicy, limits: &Limits) -> Policy {
    let grants = Grants::parse(["host-metrics"]).expect("a known grant");
    let guest = sandbox().load("forged", &forged.wasm(), limits, &grants).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(guest.kind(), GuestKind::Remediation);
    let offer = ActionOffer {
        name: "restart".to_owned(),
        summary: "Restarts it.".to_owned(),
        arguments_schema: json!({"type": "object"}),
    };
    guest.open_policy(&json!({}), &[offer]).unwrap_or_else(|error| panic!("{error}"))
}

fn ask(forged: &ForgedPolicy, limits: &Limits, prometheus: &Prometheus) -> Result<Decision, CallError> {
    open(forged, limits).propose(&incident(), prometheus)
}

fn answer(forged: &ForgedPolicy) -> Result<Decision, CallError> {
    ask(forged, &Limits::default(), &Prometheus::refusing("nobody asked"))
}

fn incident() -> Incident {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    Incident {
        id: "i-1".to_owned(),
        source: Source::Anomaly,
        watch: "checkout".to_owned(),
        labels: vec![label("service", "checkout")],
        severity: Severity::High,
        since: 1_700_000_000_000,
        value: 12.0,
        expected: 1.0,
        lower: 0.0,
        upper: 2.0,
        window: vec![(1_700_000_000_000, 1.0), (1_700_000_060_000, 12.0)],
        alerts: vec![],
        attempts: vec![],
    }
}

/// A plan of these four texts.
fn plan(texts_of: [&str; 4]) -> ForgedPolicy {
    ForgedPolicy { decision: 1, answer: texts(&texts_of), ..ForgedPolicy::default() }
}

#[test]
fn a_policy_leaves_an_incident_or_proposes() {
    assert_eq!(answer(&ForgedPolicy::default()).expect("a decision"), Decision::Leave("it will pass".to_owned()));
    let decision = answer(&plan(["Restart", "It helped before.", "restart", r#"{"hard": true}"#]));
    let Decision::Propose(plan) = decision.expect("a decision") else {
        panic!("not a plan");
    };
    assert_eq!((&*plan.summary, &*plan.rationale, &*plan.action), ("Restart", "It helped before.", "restart"));
    assert_eq!(plan.arguments, Map::from_iter([("hard".to_owned(), json!(true))]));
}

#[test]
fn a_plan_that_breaks_the_contract_is_no_plan() {
    let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(10_000));
    let cases = [
        (["s", "r", "rm -rf", "{}"], "\"rm -rf\", which was not offered; offered: restart"),
        (["s", "r", "", "{}"], "not offered"),
        (["s", "r", "restart", ""], "not JSON"),
        (["s", "r", "restart", "{"], "not JSON"),
        (["s", "r", "restart", "[]"], "no object"),
        (["s", "r", "restart", "null"], "no object"),
        (["s", "r", "restart", &long], "more than the 1000 allowed"),
    ];
    for (texts_of, why) in cases {
        let limits = Limits { max_arguments_bytes: 1000, ..Limits::default() };
        let error = ask(&plan(texts_of), &limits, &Prometheus::refusing("")).expect_err("no plan");
        assert!(matches!(&error, CallError::BadAnswer { what } if what.contains(why)), "{texts_of:?}: {error:?}");
    }
}

#[test]
fn long_texts_for_people_are_cut() {
    let long = "é".repeat(4000);
    let Decision::Propose(plan) = answer(&plan([&long, &long, "restart", "{}"])).expect("a decision") else {
        panic!("not a plan");
    };
    assert!(plan.summary.len() <= 4096 && plan.summary.ends_with('…'));
    assert!(plan.rationale.len() <= 4096 && plan.rationale.ends_with('…'));
}

#[test]
fn a_policy_that_fails_says_how() {
    // Only what never ends is short of time.
    let (patience, soon) = (Duration::from_secs(60), Duration::from_millis(50));
    for (propose, kind, call_timeout) in [("unreachable", "trapped", patience), ("(loop (br 0))", "timed_out", soon)] {
        let limits = Limits { call_timeout, ..Limits::default() };
        for metrics in [false, true] {
            let forged = ForgedPolicy { propose, metrics, ..ForgedPolicy::default() };
            let error = ask(&forged, &limits, &Prometheus::refusing("")).expect_err("no answer");
            assert_eq!(error.kind(), kind, "{propose}, metrics {metrics}: {error}");
        }
    }
}

/// Traps unless the query came back with an error.
const REFUSED: &str = "(call $query (i32.const 0)) (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable))";
/// Traps unless the query came back with one sample.
const ANSWERED: &str = "(call $query (i32.const 0))
    (if (i32.load8_u (i32.const 512)) (then unreachable))
    (if (i32.ne (i32.load (i32.const 520)) (i32.const 1)) (then unreachable))";

#[test]
fn a_granted_policy_asks_prometheus_on_the_callers_thread() {
    let sample = InstantSample {
        labels: vec![Label { name: "job".to_owned(), value: "shop".to_owned() }],
        timestamp: 1_700_000_000_000,
        value: 1.0,
    };
    let prometheus = Prometheus { answer: Ok(vec![sample]), ..Prometheus::refusing("") };
    let forged = ForgedPolicy { propose: ANSWERED, texts: texts(&["up == 0"]), metrics: true, ..Default::default() };
    ask(&forged, &Limits::default(), &prometheus).expect("a decision");
    assert_eq!(*prometheus.asked.borrow(), ["up == 0"]);

    let prometheus = Prometheus::refusing("422: too many samples");
    ask(&ForgedPolicy { propose: REFUSED, ..forged }, &Limits::default(), &prometheus).expect("a decision");
    assert_eq!(prometheus.asked.borrow().len(), 1);
}

#[test]
fn queries_are_few_and_short() {
    let forged = ForgedPolicy {
        propose: "(call $query (i32.const 0)) (call $query (i32.const 0)) (call $query (i32.const 0))
            (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable))",
        texts: texts(&["up"]),
        metrics: true,
        ..Default::default()
    };
    let prometheus = Prometheus { answer: Ok(vec![]), ..Prometheus::refusing("") };
    let limits = Limits { max_queries: 2, ..Limits::default() };
    ask(&forged, &limits, &prometheus).expect("the third is refused");
    assert_eq!(prometheus.asked.borrow().len(), 2);

    let long = ForgedPolicy { propose: REFUSED, texts: vec![vec![b'1'; 5000]], metrics: true, ..Default::default() };
    let prometheus = Prometheus { answer: Ok(vec![]), ..Prometheus::refusing("") };
    ask(&long, &Limits::default(), &prometheus).expect("the only one is refused");
    assert!(prometheus.asked.borrow().is_empty());
}

#[test]
fn waiting_for_prometheus_is_not_computing() {
    let forged = ForgedPolicy { propose: ANSWERED, texts: texts(&["up"]), metrics: true, ..Default::default() };
    let sample = InstantSample { labels: vec![], timestamp: 0, value: 1.0 };
    let prometheus = Prometheus { answer: Ok(vec![sample]), takes: Duration::from_secs(3), ..Prometheus::refusing("") };
    let limits = Limits { call_timeout: Duration::from_secs(2), ..Limits::default() };
    ask(&forged, &limits, &prometheus).expect("a decision");

    // What it computes after the answer still counts.
    let forged = ForgedPolicy { propose: "(call $query (i32.const 0)) (loop (br 0))", ..forged };
    let error = ask(&forged, &limits, &prometheus).expect_err("no answer");
    assert_eq!(error.kind(), "timed_out", "{error}");
}

#[test]
fn a_policy_is_no_detector() {
    let wasm = ForgedPolicy::default().wasm();
    let guest = sandbox().load("forged", &wasm, &Limits::default(), &Grants::none()).expect("a guest");
    let error = guest.open_detector(&json!({}), Duration::from_secs(60)).expect_err("a policy");
    assert!(matches!(error, OpenError::WrongKind { .. }), "{error}");
}

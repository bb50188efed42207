//! Policies: what they answer, and what they may ask.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, json};
use tidegate_sandbox::{
    ActionOffer, CallError, Decision, Grants, GuestKind, Incident, InstantSample, Label, Limits, MetricsSource,
    OpenError, Policy, Question, Questions, Reply, Severity, Source,
};

use crate::forge::ForgedPolicy;
use crate::found::sandbox;

impl Default for ForgedPolicy {
    fn default() -> Self {
        Self {
            describe: "",
            open: "",
            propose: "",
            decision: 0,
            answer: texts(&["it will pass"]),
            texts: vec![],
            metrics: false,
        }
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Remembers what it was asked, and answers everything the same.
struct Prometheus {
    asked: RefCell<Vec<String>>,
    /// How long each answer may take.
    given: RefCell<Vec<Duration>>,
    answer: Result<Vec<InstantSample>, String>,
    takes: Duration,
}

impl Prometheus {
    fn refusing(why: &str) -> Self {
        Self {
            asked: RefCell::default(),
            given: RefCell::default(),
            answer: Err(why.to_owned()),
            takes: Duration::ZERO,
        }
    }
}

impl MetricsSource for Prometheus {
    fn query(&self, expr: &str, within: Duration) -> Result<Vec<InstantSample>, String> {
        self.given.borrow_mut().push(within);
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

/// Where what is looked at is not how long it takes.
fn patient() -> Limits {
    Limits { call_timeout: Duration::from_secs(60), queries_timeout: Duration::from_secs(600), ..Limits::default() }
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
fn a_summary_stays_one_line() {
    let rude = "Restart\ntarget: everything\r\u{1b}[2J\u{202e}";
    let Decision::Propose(plan) = answer(&plan([rude, "two\nlines", "restart", "{}"])).expect("a decision") else {
        panic!("not a plan");
    };
    assert_eq!(plan.summary, "Restart\\ntarget: everything\\r\\u{1b}[2J\\u{202e}");
    assert_eq!(plan.rationale, "two\nlines");
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
fn what_was_asked_is_kept_with_what_was_told() {
    let forged = ForgedPolicy {
        propose: "(call $query (i32.const 0)) (call $query (i32.const 1)) (call $query (i32.const 0))",
        texts: vec![b"up == 0".to_vec(), vec![b'1'; 5000]],
        metrics: true,
        ..Default::default()
    };
    let sample = InstantSample { labels: vec![], timestamp: 7, value: 1.0 };
    let prometheus = Prometheus { answer: Ok(vec![sample.clone()]), ..Prometheus::refusing("") };
    let limits = Limits { max_queries: 1, ..Limits::default() };
    let consultation = open(&forged, &limits).consult(&incident(), &prometheus);
    consultation.decision.expect("a decision");
    let Questions { listed, unlisted } = consultation.questions;
    assert_eq!(unlisted, 0);
    assert_eq!(listed[0], Question { expr: "up == 0".to_owned(), expr_bytes: 7, reply: Reply::Answered(vec![sample]) });
    assert_eq!((listed[1].expr.as_str(), listed[1].expr_bytes), ("1".repeat(256).as_str(), 5000));
    assert!(matches!(&listed[1].reply, Reply::Refused(why) if why.contains("5000 bytes")), "{:?}", listed[1]);
    assert!(matches!(&listed[2].reply, Reply::Refused(why) if why.contains("more than 1 queries")), "{:?}", listed[2]);
    assert_eq!(listed.len(), 3);

    let failing = ForgedPolicy { propose: "(call $query (i32.const 0)) unreachable", ..forged };
    let consultation = open(&failing, &limits).consult(&incident(), &Prometheus::refusing("422: no"));
    consultation.decision.expect_err("a trap");
    assert_eq!(consultation.questions.listed[0].reply, Reply::Failed("422: no".to_owned()));
}

#[test]
fn refusals_are_counted_and_few_are_listed() {
    let forged = ForgedPolicy {
        propose:
            "(local $n i32) (loop (call $query (i32.const 0)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (i32.const 1000))))",
        texts: texts(&["up"]),
        metrics: true,
        ..Default::default()
    };
    let prometheus = Prometheus { answer: Ok(vec![]), ..Prometheus::refusing("") };
    let consultation = open(&forged, &patient()).consult(&incident(), &prometheus);
    consultation.decision.expect("a decision");
    let Questions { listed, unlisted } = consultation.questions;
    assert_eq!((prometheus.asked.borrow().len(), listed.len(), unlisted), (32, 40, 960));
}

#[test]
fn asking_without_end_ends() {
    let forged = ForgedPolicy {
        propose: "(loop (call $query (i32.const 0)) (br 0))",
        texts: texts(&["up"]),
        metrics: true,
        ..Default::default()
    };
    let limits = Limits { call_timeout: Duration::from_millis(100), ..Limits::default() };
    let error = ask(&forged, &limits, &Prometheus::refusing("no")).expect_err("no answer");
    assert_eq!(error.kind(), "timed_out", "{error}");
}

#[test]
fn answers_are_handed_on_whole_or_not_at_all() {
    let forged = ForgedPolicy { propose: ANSWERED, texts: texts(&["up"]), metrics: true, ..Default::default() };
    let label = |value: &str| Label { name: "pod".to_owned(), value: value.to_owned() };
    let sample = |value: &str| InstantSample { labels: vec![label(value)], timestamp: 0, value: 1.0 };
    let limits = Limits { max_query_series: 2, max_answer_bytes: 100, ..patient() };
    // 16 bytes for the sample, 3 for the name of its label.
    for (answer, why) in [
        (vec![sample("")], ""),
        (vec![sample(&"x".repeat(81))], ""),
        (vec![sample(&"x".repeat(82))], "101 bytes"),
        (vec![sample(""), sample(""), sample("")], "3 series; a policy gets at most 2"),
    ] {
        let propose = if why.is_empty() { ANSWERED } else { REFUSED };
        let prometheus = Prometheus { answer: Ok(answer), ..Prometheus::refusing("") };
        let forged = ForgedPolicy { propose, texts: forged.texts.clone(), metrics: true, ..Default::default() };
        let consultation = open(&forged, &limits).consult(&incident(), &prometheus);
        consultation.decision.unwrap_or_else(|error| panic!("{why}: {error}"));
        let told = &consultation.questions.listed[0].reply;
        match told {
            Reply::Answered(_) => assert!(why.is_empty(), "{told:?}"),
            Reply::Failed(text) => assert!(!why.is_empty() && text.contains(why), "{told:?}"),
            Reply::Refused(_) => panic!("{told:?}"),
        }
    }

    // All answers of one call count together.
    let twice = ForgedPolicy { propose: "(call $query (i32.const 0)) (call $query (i32.const 0))", ..forged };
    let prometheus = Prometheus { answer: Ok(vec![sample(&"x".repeat(41))]), ..Prometheus::refusing("") };
    let questions = open(&twice, &limits).consult(&incident(), &prometheus).questions;
    assert!(matches!(questions.listed[0].reply, Reply::Answered(_)), "{questions:?}");
    assert!(matches!(&questions.listed[1].reply, Reply::Failed(why) if why.contains("40 are left")), "{questions:?}");
}

#[test]
fn a_question_and_all_questions_have_a_deadline() {
    let forged = ForgedPolicy {
        propose: "(call $query (i32.const 0)) (call $query (i32.const 0)) (call $query (i32.const 0))",
        texts: texts(&["up"]),
        metrics: true,
        ..Default::default()
    };
    // A source that takes no notice of how long it is given.
    let slow = Prometheus { answer: Ok(vec![]), takes: Duration::from_millis(300), ..Prometheus::refusing("") };
    let (query_timeout, queries_timeout) = (Duration::from_millis(200), Duration::from_millis(500));
    let limits = Limits { query_timeout, queries_timeout, ..patient() };
    let consultation = open(&forged, &limits).consult(&incident(), &slow);
    consultation.decision.expect("a policy may go on without an answer");
    let replies: Vec<_> = consultation.questions.listed.into_iter().map(|question| question.reply).collect();
    assert_eq!(replies[0], Reply::Failed("Prometheus did not answer within 200ms".to_owned()));
    assert!(matches!(&replies[1], Reply::Failed(_)), "{replies:?}");
    assert!(matches!(&replies[2], Reply::Refused(why) if why.contains("has waited 500ms")), "{replies:?}");
    let given = slow.given.borrow();
    assert_eq!(given[0], query_timeout);
    assert!(given[1] <= query_timeout && given.len() == 2, "{given:?}");
}

#[test]
fn only_a_policy_that_is_asked_may_ask() {
    // Traps in `open` unless what it asks there is refused.
    let forged = ForgedPolicy { open: REFUSED, texts: texts(&["up"]), metrics: true, ..Default::default() };
    let prometheus = Prometheus { answer: Ok(vec![]), ..Prometheus::refusing("") };
    let consultation = open(&forged, &Limits::default()).consult(&incident(), &prometheus);
    consultation.decision.expect("a decision");
    assert_eq!(consultation.questions, Questions::default());
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

//! A Prometheus that plays what a test wrote: series by expression, and any answer that a real one cannot be made to give.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::free_address;
use super::listener::{Call, Listener, Reply};

/// The stand-in.
pub(crate) struct FakePrometheus {
    listener: Listener,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    series: BTreeMap<String, Vec<(f64, f64)>>,
    /// How many series an instant query gives, and their value.
    vectors: BTreeMap<String, (usize, f64)>,
    faults: BTreeMap<String, Fault>,
    asked: Vec<Asked>,
    /// The instant queries so far.
    told: Vec<String>,
}

/// A range query that it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) expr: String,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

#[derive(Clone)]
enum Fault {
    Answer(Reply),
    Slow(Duration),
}

impl FakePrometheus {
    pub(crate) fn start() -> FakePrometheus {
        FakePrometheus::start_at(free_address())
    }

    pub(crate) fn start_at(address: SocketAddr) -> FakePrometheus {
        let script = Arc::<Mutex<Script>>::default();
        let playing = script.clone();
        let listener = Listener::open(address, move |call| answer(&playing, call));
        FakePrometheus { listener, script }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// `expr` gives one series, `{service="<expr>"}`, that began a minute ago and has been at `value` since, give or
    /// take a little.
    pub(crate) fn play(&self, expr: &str, value: f64) {
        self.play_since(expr, value, Duration::from_secs(60));
    }

    /// The same for a series that began so long ago.
    pub(crate) fn play_since(&self, expr: &str, value: f64, ago: Duration) {
        lock(&self.script).series.insert(expr.to_owned(), vec![(now() - ago.as_secs_f64(), value)]);
    }

    /// Instant queries for `expr` give so many series, `{pod="p<n>"}`, at this value.
    pub(crate) fn tell(&self, expr: &str, series: usize, value: f64) {
        lock(&self.script).vectors.insert(expr.to_owned(), (series, value));
    }

    /// How often `expr` was asked for in an instant query.
    pub(crate) fn told(&self, expr: &str) -> usize {
        lock(&self.script).told.iter().filter(|told| *told == expr).count()
    }

    /// From now on it is at `value`.
    pub(crate) fn set(&self, expr: &str, value: f64) {
        let now = now();
        lock(&self.script).series.get_mut(expr).expect("a series that plays").push((now, value));
    }

    /// From now on `expr` gets this answer.
    pub(crate) fn answer(&self, expr: &str, reply: Reply) {
        lock(&self.script).faults.insert(expr.to_owned(), Fault::Answer(reply));
    }

    /// From now on `expr` takes this long.
    pub(crate) fn slow_down(&self, expr: &str, pause: Duration) {
        lock(&self.script).faults.insert(expr.to_owned(), Fault::Slow(pause));
    }

    /// All is well with `expr` again.
    pub(crate) fn heal(&self, expr: &str) {
        lock(&self.script).faults.remove(expr);
    }

    /// The range queries for `expr` so far.
    pub(crate) fn asked(&self, expr: &str) -> Vec<Asked> {
        lock(&self.script).asked.iter().filter(|asked| asked.expr == expr).cloned().collect()
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs_f64()
}

fn answer(script: &Mutex<Script>, call: &Call) -> Reply {
    match call.path.as_str() {
        "/api/v1/query_range" => range(script, call),
        "/api/v1/query" => instant(script, call),
        "/api/v1/alerts" => success(&json!({ "alerts": [] })),
        "/-/ready" => Reply::text(200, "ready"),
        _ => Reply::text(404, "404 page not found"),
    }
}

fn success(data: &Value) -> Reply {
    Reply::json(200, json!({ "status": "success", "data": data }).to_string())
}

fn instant(script: &Mutex<Script>, call: &Call) -> Reply {
    let expr = call.parameter("query").unwrap_or_default();
    let (fault, vector) = {
        let mut script = lock(script);
        script.told.push(expr.to_owned());
        (script.faults.get(expr).cloned(), script.vectors.get(expr).copied())
    };
    match fault {
        Some(Fault::Answer(reply)) => return reply,
        Some(Fault::Slow(pause)) => thread::sleep(pause),
        None => {}
    }
    // Nothing where nothing was scripted: `up`, which the host surveys, has no target at all.
    let (series, value) = vector.unwrap_or_default();
    let at = now();
    let sample = |nth| json!({ "metric": { "pod": format!("p{nth}") }, "value": [at, value.to_string()] });
    let result: Vec<Value> = (0..series).map(sample).collect();
    success(&json!({ "resultType": "vector", "result": result }))
}

fn range(script: &Mutex<Script>, call: &Call) -> Reply {
    let number = |name| call.parameter(name).and_then(|text| text.parse::<f64>().ok()).expect("a number");
    let (start, end, step) = (number("start"), number("end"), number("step"));
    let expr = call.parameter("query").unwrap_or_default().to_owned();
    let fault = {
        let mut script = lock(script);
        script.asked.push(Asked { expr: expr.clone(), start, end });
        script.faults.get(&expr).cloned()
    };
    match fault {
        Some(Fault::Answer(reply)) => return reply,
        Some(Fault::Slow(pause)) => thread::sleep(pause),
        None => {}
    }
    let script = lock(script);
    let result: Vec<Value> = script
        .series
        .get(&expr)
        .into_iter()
        .map(|levels| {
            let steps = ((end - start) / step) as u64;
            let values: Vec<Value> = (0..=steps).filter_map(|n| sample(levels, start + n as f64 * step)).collect();
            json!({ "metric": { "service": expr }, "values": values })
        })
        .collect();
    success(&json!({ "resultType": "matrix", "result": result }))
}

fn sample(levels: &[(f64, f64)], at: f64) -> Option<Value> {
    let (_, level) = levels.iter().rev().find(|(from, _)| *from <= at)?;
    // A little noise: a deviation of zero is a case of its own.
    let value = level + (at as i64 % 3) as f64;
    Some(json!([at, if value == f64::INFINITY { "+Inf".to_owned() } else { value.to_string() }]))
}

//! A policy's questions to Prometheus, carried to the thread that called the policy and answered there; and the record of
//! them, which is evidence.
//!
//! The source of answers is borrowed for one call, while an instance's state must own all it holds. So a policy that may
//! ask runs on a thread of its own, joined before the call returns, and asks through a channel.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use wasmtime::component::{Linker, WasmStr};
use wasmtime::{StoreContextMut, Trap};

use crate::bindings::detector::tidegate::plugin::types::Label as WitLabel;
use crate::bindings::remediation::tidegate::plugin::host_metrics::Sample;
use crate::contract::HOST_METRICS;
use crate::incident::Label;
use crate::limits::Limits;
use crate::store::HostState;
use crate::text::truncated;

/// Answers a policy's PromQL. Only ever called on the thread that called [`crate::Policy::consult`].
pub trait MetricsSource {
    /// Evaluates an expression now, and gives up after `within`: what comes later is not handed to the policy any more.
    ///
    /// # Errors
    ///
    /// Text for people: what was refused, and by whom.
    fn query(&self, expr: &str, within: Duration) -> Result<Vec<InstantSample>, String>;
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct InstantSample {
    /// The labels, sorted by name.
    pub labels: Vec<Label>,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The value.
    pub value: f64,
}

/// One question of a policy, and what the policy was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The expression. Of one that was refused for its length, only the beginning.
    pub expr: String,
    /// How many bytes the expression had.
    pub expr_bytes: usize,
    /// What the policy was told: all of it.
    pub reply: Reply,
}

/// What a policy was told.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Prometheus' answer.
    Answered(Vec<InstantSample>),
    /// Prometheus was asked and no answer was handed on, because.
    Failed(String),
    /// Prometheus was not asked, because.
    Refused(String),
}

/// What a policy asked in one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Questions {
    /// In the order in which they were asked.
    pub listed: Vec<Question>,
    /// How many more were refused than are listed. A policy can ask in vain without end.
    pub unlisted: u64,
}

/// Most refused questions that are listed. One says why; a few show a pattern.
const LISTED_REFUSALS: usize = 8;

/// How much of an expression is kept that was refused for its length: enough to know it again.
const KEPT_OF_LONG: usize = 256;

/// The place that one sample takes besides its labels, in bytes.
const SAMPLE_BYTES: usize = 16;

type Answer = Result<Vec<InstantSample>, String>;

/// A question on its way, and how long its answer may take.
type Asked = (String, Duration);

/// The guest's end.
pub(crate) struct Line {
    desk: Sender<Asked>,
    answers: Receiver<Answer>,
    bounds: Bounds,
    queries_left: u32,
    wait_left: Duration,
    bytes_left: usize,
    asked: Questions,
}

/// The limits that hold for questions.
struct Bounds {
    max_queries: u32,
    max_expr_bytes: usize,
    max_series: usize,
    max_answer_bytes: usize,
    query_timeout: Duration,
    queries_timeout: Duration,
}

/// The caller's end.
pub(crate) struct Desk {
    questions: Receiver<Asked>,
    answers: Sender<Answer>,
}

/// Both ends of a line for one call.
pub(crate) fn line(limits: &Limits) -> (Line, Desk) {
    let (ask, questions) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let bounds = Bounds {
        max_queries: limits.max_queries,
        max_expr_bytes: limits.max_text_bytes,
        max_series: limits.max_query_series,
        max_answer_bytes: limits.max_answer_bytes,
        query_timeout: limits.query_timeout,
        queries_timeout: limits.queries_timeout,
    };
    let line = Line {
        desk: ask,
        answers,
        queries_left: bounds.max_queries,
        wait_left: bounds.queries_timeout,
        bytes_left: bounds.max_answer_bytes,
        bounds,
        asked: Questions::default(),
    };
    let desk = Desk { questions, answers: answer };
    (line, desk)
}

impl Desk {
    /// Answers until the other end is gone.
    pub(crate) fn serve(self, source: &dyn MetricsSource) {
        for (expr, within) in self.questions {
            if self.answers.send(source.query(&expr, within)).is_err() {
                break;
            }
        }
    }
}

impl Line {
    /// What was asked so far.
    pub(crate) fn into_questions(self) -> Questions {
        self.asked
    }

    fn ask(&mut self, expr: &str) -> Answer {
        let reply = self.reply(expr);
        let told = match &reply {
            Reply::Answered(samples) => Ok(samples.clone()),
            Reply::Failed(why) | Reply::Refused(why) => Err(why.clone()),
        };
        self.note(expr, reply);
        told
    }

    fn reply(&mut self, expr: &str) -> Reply {
        let Bounds { max_queries, max_expr_bytes, query_timeout, queries_timeout, .. } = self.bounds;
        if expr.len() > max_expr_bytes {
            let length = expr.len();
            return Reply::Refused(format!(
                "the host refuses an expression of {length} bytes; at most {max_expr_bytes} are allowed"
            ));
        }
        let Some(left) = self.queries_left.checked_sub(1) else {
            return Reply::Refused(format!("the host refuses more than {max_queries} queries in one call"));
        };
        if self.wait_left.is_zero() {
            return Reply::Refused(format!(
                "the host has waited {queries_timeout:?} for Prometheus in this call and asks no more"
            ));
        }
        self.queries_left = left;
        let within = query_timeout.min(self.wait_left);
        let began = Instant::now();
        let answer = self.carry(expr, within);
        let waited = began.elapsed();
        self.wait_left = self.wait_left.saturating_sub(waited);
        match answer {
            Ok(_) if waited > within => Reply::Failed(format!("Prometheus did not answer within {within:?}")),
            Ok(samples) => self.admit(samples),
            Err(why) => Reply::Failed(truncated(why, self.bounds.max_expr_bytes)),
        }
    }

    /// To the other thread and back.
    fn carry(&self, expr: &str, within: Duration) -> Answer {
        let hung_up = || "the host stopped answering queries".to_owned();
        self.desk.send((expr.to_owned(), within)).map_err(|_| hung_up())?;
        self.answers.recv().map_err(|_| hung_up())?
    }

    /// Hands an answer on whole or not at all: with half of it a policy would decide on what it takes for everything.
    fn admit(&mut self, samples: Vec<InstantSample>) -> Reply {
        let Bounds { max_series, max_answer_bytes, .. } = self.bounds;
        if samples.len() > max_series {
            let series = samples.len();
            return Reply::Failed(format!(
                "the answer has {series} series; a policy gets at most {max_series}: aggregate the expression"
            ));
        }
        let labels = |sample: &InstantSample| {
            sample.labels.iter().map(|label| label.name.len() + label.value.len()).sum::<usize>()
        };
        let bytes: usize = samples.iter().map(|sample| SAMPLE_BYTES + labels(sample)).sum();
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            return Reply::Failed(format!(
                "the answer has {bytes} bytes, and of the {max_answer_bytes} that one call may get {} are left: \
                 aggregate the expression",
                self.bytes_left
            ));
        };
        self.bytes_left = left;
        Reply::Answered(samples)
    }

    fn note(&mut self, expr: &str, reply: Reply) {
        if matches!(reply, Reply::Refused(_)) {
            let refusals = self.asked.listed.iter().filter(|asked| matches!(asked.reply, Reply::Refused(_))).count();
            if refusals >= LISTED_REFUSALS {
                self.asked.unlisted += 1;
                return;
            }
        }
        let too_long = expr.len() > self.bounds.max_expr_bytes;
        let kept = if too_long { &expr[..expr.floor_char_boundary(KEPT_OF_LONG)] } else { expr };
        self.asked.listed.push(Question { expr: kept.to_owned(), expr_bytes: expr.len(), reply });
    }
}

/// Offers `host-metrics` to the guests that this linker makes. Only for linkers of guests to which it is granted.
pub(crate) fn offer(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.instance(HOST_METRICS)?.func_wrap(
        "query",
        |mut store: StoreContextMut<'_, HostState>, (expr,): (WasmStr,)| {
            let expr = expr.to_str(&store)?.into_owned();
            let state = store.data_mut();
            // A question stops the clock, and starting it again sets a new deadline: without this, asking all the time
            // would be a way to have no deadline at all.
            if state.pause().is_zero() {
                return Err(Trap::Interrupt.into());
            }
            let answer = match &mut state.line {
                Some(line) => line.ask(&expr),
                None => Err("the host answers queries only while it asks for a proposal".to_owned()),
            };
            let ticks = state.resume();
            store.set_epoch_deadline(ticks);
            let answer = answer.map(|samples| samples.into_iter().map(Sample::from).collect());
            Ok((answer as Result<Vec<Sample>, String>,))
        },
    )
}

impl From<InstantSample> for Sample {
    fn from(sample: InstantSample) -> Self {
        Self {
            labels: sample.labels.into_iter().map(|label| WitLabel { name: label.name, value: label.value }).collect(),
            timestamp: sample.timestamp,
            value: sample.value,
        }
    }
}

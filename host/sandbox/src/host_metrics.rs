//! A policy's questions to Prometheus, carried to the thread that called the policy and answered there.
//!
//! The source of answers is borrowed for one call, while an instance's state must own all it holds. So a policy that may
//! ask runs on a thread of its own, joined before the call returns, and asks through a channel.

use std::sync::mpsc::{self, Receiver, Sender};

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

use crate::bindings::detector::tidegate::plugin::types::Label as WitLabel;
use crate::bindings::remediation::tidegate::plugin::host_metrics::Sample;
use crate::contract::HOST_METRICS;
use crate::incident::Label;
use crate::store::HostState;
use crate::text::truncated;

/// Answers a policy's PromQL. Only ever called on the thread that called [`crate::Policy::propose`].
///
/// A question is not ended by the guest's deadline: an implementation has to have a time-out of its own.
pub trait MetricsSource {
    /// Evaluates an expression now.
    ///
    /// # Errors
    ///
    /// Text for people: what was refused, and by whom.
    fn query(&self, expr: &str) -> Result<Vec<InstantSample>, String>;
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

type Answer = Result<Vec<InstantSample>, String>;

/// The guest's end.
pub(crate) struct Line {
    questions: Sender<String>,
    answers: Receiver<Answer>,
    left: u32,
    max_queries: u32,
    max_text_bytes: usize,
}

/// The caller's end.
pub(crate) struct Desk {
    questions: Receiver<String>,
    answers: Sender<Answer>,
}

/// Both ends of a line for at most so many questions, each at most so long.
pub(crate) fn line(max_queries: u32, max_text_bytes: usize) -> (Line, Desk) {
    let (ask, questions) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let line = Line { questions: ask, answers, left: max_queries, max_queries, max_text_bytes };
    let desk = Desk { questions, answers: answer };
    (line, desk)
}

impl Desk {
    /// Answers until the other end is gone.
    pub(crate) fn serve(self, source: &dyn MetricsSource) {
        for expr in self.questions {
            if self.answers.send(source.query(&expr)).is_err() {
                break;
            }
        }
    }
}

impl Line {
    fn ask(&mut self, expr: &str) -> Answer {
        if expr.len() > self.max_text_bytes {
            return Err(format!(
                "the host refuses an expression of {} bytes; at most {} are allowed",
                expr.len(),
                self.max_text_bytes
            ));
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Err(format!("the host refuses more than {} queries in one call", self.max_queries));
        };
        self.left = left;
        let hung_up = |_| "the host stopped answering queries".to_owned();
        self.questions.send(expr.to_owned()).map_err(|error| hung_up(error.to_string()))?;
        self.answers
            .recv()
            .map_err(|error| hung_up(error.to_string()))?
            .map_err(|error| truncated(error, self.max_text_bytes))
    }
}

/// Offers `host-metrics` to the guests that this linker makes. Only for linkers of guests to which it is granted.
pub(crate) fn offer(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.instance(HOST_METRICS)?.func_wrap(
        "query",
        |mut store: StoreContextMut<'_, HostState>, (expr,): (WasmStr,)| {
            let expr = expr.to_str(&store)?.into_owned();
            let state = store.data_mut();
            state.pause();
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

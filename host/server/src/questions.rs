//! Prometheus for policies that were granted it, and what a policy asked as evidence and in words.
//!
//! How many questions, how long, and how much may come back is the sandbox's business; here they are asked.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::event::{Asked, Question, Reply, Sample};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Number;
use tidegate_domain::time::Timestamp;
use tidegate_sandbox as sandbox;
use tidegate_sandbox::{InstantSample, Label, MetricsSource};
use tokio::runtime::Handle;

use crate::clock;
use crate::prometheus::{self, InstantAnswer, InstantValue};

/// Longest part of an expression in a summary, in characters.
const SUMMARY_EXPR: usize = 80;

/// Most questions that a summary tells.
const SUMMARY_QUESTIONS: usize = 3;

/// Longest answer that is read for a policy, in bytes of JSON. The sandbox hands on far less; this keeps a policy that asks for
/// everything from filling the host's memory.
const MAX_BODY: usize = 8 << 20;

/// Prometheus as a policy may ask it: instant queries, which change nothing.
pub(crate) struct HostMetrics {
    prometheus: Arc<prometheus::Client>,
    runtime: Handle,
}

impl HostMetrics {
    /// To be made on the async runtime, and asked from a thread that may block.
    pub(crate) fn new(prometheus: Arc<prometheus::Client>) -> HostMetrics {
        HostMetrics { prometheus, runtime: Handle::current() }
    }
}

impl MetricsSource for HostMetrics {
    fn query(&self, expr: &str, within: Duration) -> Result<Vec<InstantSample>, String> {
        // Dropping the question closes its connection, upon which Prometheus gives up as well.
        let asked = async { tokio::time::timeout(within, self.prometheus.query_up_to(expr, MAX_BODY)).await };
        let answer = self.runtime.block_on(asked);
        let answer = answer.map_err(|_| format!("Prometheus did not answer within {within:?}"))?;
        samples(answer.map_err(|error| error.to_string())?)
    }
}

fn samples(answer: InstantAnswer) -> Result<Vec<InstantSample>, String> {
    // A policy that takes a part for the whole decides wrongly.
    if !answer.warnings.is_empty() {
        return Err(format!("held back, Prometheus warns that it may be partial: {}", answer.warnings.join("; ")));
    }
    Ok(match answer.value {
        InstantValue::Vector(samples) => samples.iter().map(sample).collect(),
        InstantValue::Scalar(value) => vec![InstantSample { labels: Vec::new(), timestamp: clock::now().0, value }],
    })
}

fn sample(sample: &prometheus::InstantSample) -> InstantSample {
    let labels = sample.labels.iter().map(|(name, value)| Label { name: name.to_owned(), value: value.to_owned() });
    InstantSample { labels: labels.collect(), timestamp: sample.at.0, value: sample.value }
}

/// What a policy asked, for the journal.
pub(crate) fn evidence(asked: sandbox::Questions) -> Asked {
    let question = |question: sandbox::Question| Question {
        cut_from: (question.expr.len() < question.expr_bytes)
            .then(|| u64::try_from(question.expr_bytes).unwrap_or(u64::MAX)),
        expr: question.expr,
        reply: match question.reply {
            sandbox::Reply::Answered(samples) => {
                Reply::Answered { samples: samples.into_iter().map(recorded).collect() }
            }
            sandbox::Reply::Failed(error) => Reply::Failed { error },
            sandbox::Reply::Refused(reason) => Reply::Refused { reason },
        },
    };
    Asked { questions: asked.listed.into_iter().map(question).collect(), unlisted: asked.unlisted }
}

fn recorded(sample: InstantSample) -> Sample {
    Sample {
        labels: Labels::new(sample.labels.into_iter().map(|label| (label.name, label.value))),
        at: Timestamp(sample.timestamp),
        value: Number(sample.value),
    }
}

/// In a few words: the first questions and what kind of reply each got.
pub(crate) fn summary(asked: &Asked) -> String {
    let mut told: Vec<String> = asked.questions.iter().take(SUMMARY_QUESTIONS).map(told).collect();
    let more = (asked.questions.len() - told.len()) as u64 + asked.unlisted;
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}

fn told(question: &Question) -> String {
    let cut = question.cut_from.is_some() || question.expr.chars().nth(SUMMARY_EXPR).is_some();
    let expr: String = question.expr.chars().take(SUMMARY_EXPR).collect();
    let expr = if cut { expr + "..." } else { expr };
    match &question.reply {
        Reply::Answered { samples } if samples.len() == 1 => format!("{expr:?} gave 1 series"),
        Reply::Answered { samples } => format!("{expr:?} gave {} series", samples.len()),
        Reply::Failed { .. } => format!("{expr:?} failed"),
        Reply::Refused { .. } => format!("{expr:?} was refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::{evidence, samples, summary};
    use crate::prometheus::{InstantAnswer, InstantSample, InstantValue};
    use tidegate_domain::event::{Asked, Reply};
    use tidegate_domain::labels::Labels;
    use tidegate_domain::time::Timestamp;
    use tidegate_sandbox as sandbox;

    fn vector(warnings: &[&str]) -> InstantAnswer {
        let labels = Labels::new([("service", "shop"), ("pod", "a")]);
        InstantAnswer {
            value: InstantValue::Vector(vec![InstantSample { labels, at: Timestamp(7), value: f64::INFINITY }]),
            warnings: warnings.iter().map(|&warning| warning.to_owned()).collect(),
        }
    }

    fn question(expr: &str, reply: sandbox::Reply) -> sandbox::Question {
        sandbox::Question { expr: expr.to_owned(), expr_bytes: expr.len(), reply }
    }

    #[test]
    fn what_prometheus_says_is_what_the_policy_gets_and_the_journal_keeps() {
        let told = samples(vector(&[])).expect("an answer");
        let names: Vec<&str> = told[0].labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["pod", "service"], "sorted, as the contract says");
        let asked = sandbox::Questions { listed: vec![question("up", sandbox::Reply::Answered(told))], unlisted: 0 };
        let asked = evidence(asked);
        let Reply::Answered { samples } = &asked.questions[0].reply else { panic!("{asked:?}") };
        assert_eq!(samples[0].labels, Labels::new([("pod", "a"), ("service", "shop")]));
        assert_eq!((samples[0].at, samples[0].value.0), (Timestamp(7), f64::INFINITY));
        assert_eq!(asked.questions[0].cut_from, None);
    }

    #[test]
    fn a_partial_answer_is_held_back_and_a_scalar_is_one_sample() {
        let held = samples(vector(&["one store is down"])).expect_err("partial");
        assert!(held.contains("one store is down"), "{held}");
        let scalar = InstantAnswer { value: InstantValue::Scalar(0.5), warnings: vec![] };
        let told = samples(scalar).expect("an answer");
        assert!(told[0].labels.is_empty() && told[0].value == 0.5, "{told:?}");
    }

    #[test]
    fn a_summary_is_short_whatever_was_asked() {
        let long = "sum(".repeat(1000);
        let refused = || sandbox::Reply::Refused("because".to_owned());
        let cut = sandbox::Question { expr_bytes: 1 << 20, ..question("max(", refused()) };
        let listed = vec![
            question("up", sandbox::Reply::Answered(vec![])),
            question(&long, refused()),
            cut,
            question("b", refused()),
        ];
        let asked = evidence(sandbox::Questions { listed, unlisted: 5 });
        assert_eq!(asked.questions[2].cut_from, Some(1 << 20));
        let said = summary(&asked);
        let begins = format!(
            "\"up\" gave 0 series; {:?} was refused; \"max(...\" was refused; and 6 more",
            long[..80].to_owned() + "..."
        );
        assert_eq!(said, begins);
        assert_eq!(summary(&Asked::default()), "");
    }
}

//! Fetching the series behind an alert: which one it is, its value now, and how it was before.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::event::Alert;
use tidegate_domain::labels::Labels;
use tidegate_domain::series::RECENT_SAMPLES;
use tidegate_domain::time::Timestamp;

use super::behind::Behind;
use super::expr::Looked;
use super::fitting;
use super::judging::Samples;
use crate::clock;
use crate::prometheus::{Client, InstantAnswer, InstantValue, QueryError, plan_chunks};

/// The longest answer that is read, in bytes of JSON: the series of a rule at one time, or a piece of the history of one
/// of them. Expressions come from rules, and from whoever sends alerts.
const MOST_OF_ANSWER: usize = 16 << 20;

/// The series that an alert is about.
pub(super) struct Found {
    /// The expression that gives it, among others.
    pub(super) looked: Looked,
    /// Its labels, as they are there.
    series: Labels,
    /// All that the expression gives now.
    all: Vec<Labels>,
    /// Its value now.
    now: (Timestamp, f64),
}

/// Finds the series that raised an alert, among those that the sides of its rule give now.
pub(super) async fn series(
    prometheus: &Arc<Client>,
    alert: &Alert,
    behind: &Behind,
    sides: Vec<Looked>,
) -> Result<Found, String> {
    let several = sides.len() > 1;
    let (mut raised, mut why) = (None, String::new());
    for side in sides {
        let found = match fitting_of(prometheus, alert, behind, side).await? {
            Ok(found) => found,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        // Of several sides that have it the one that holds raised the alert; the last word has the first that has it at all.
        if !several || holds(prometheus, alert, behind, &found.looked).await? {
            return Ok(found);
        }
        raised = raised.or(Some(found));
    }
    raised.ok_or(why)
}

async fn fitting_of(
    prometheus: &Client,
    alert: &Alert,
    behind: &Behind,
    looked: Looked,
) -> Result<Result<Found, fitting::NoFit>, String> {
    let at = clock::now();
    let samples = vector(prometheus, &looked.expr, at).await?;
    let labels: Vec<&Labels> = samples.iter().map(|(labels, _)| labels).collect();
    let place = match fitting::raised(&alert.labels, &behind.labels, &labels) {
        Ok(place) => place,
        Err(error) => return Ok(Err(error)),
    };
    let (series, value) = samples[place].clone();
    let all = samples.into_iter().map(|(labels, _)| labels).collect();
    Ok(Ok(Found { looked, series, all, now: (at, value) }))
}

/// Whether a side of a rule, with its comparison, gives the alert's series.
async fn holds(prometheus: &Client, alert: &Alert, behind: &Behind, looked: &Looked) -> Result<bool, String> {
    let samples = vector(prometheus, &looked.rule, clock::now()).await?;
    let labels: Vec<&Labels> = samples.iter().map(|(labels, _)| labels).collect();
    Ok(fitting::raised(&alert.labels, &behind.labels, &labels).is_ok())
}

async fn vector(prometheus: &Client, expr: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
    let answer = prometheus.query_at(expr, at, MOST_OF_ANSWER).await.map_err(told)?;
    let InstantAnswer { value, warnings } = answer;
    whole(&warnings)?;
    Ok(match value {
        InstantValue::Scalar(value) => vec![(Labels::empty(), value)],
        InstantValue::Vector(samples) => samples.into_iter().map(|sample| (sample.labels, sample.value)).collect(),
    })
}

/// The history of a series: `depth` of it before the trouble, and what has come since.
pub(super) async fn samples(
    prometheus: &Client,
    found: &Found,
    trouble: Timestamp,
    step: Duration,
    depth: Duration,
) -> Result<Samples, String> {
    let (now, _) = found.now;
    // The value of now is part of the trouble, whatever the clocks of others say; and rules are not always evaluated in time.
    let trouble = trouble.min(now).minus(step);
    let just = |at: Timestamp| Timestamp(at.0.saturating_sub(1));
    let before = fetched(prometheus, found, trouble.minus(depth), just(trouble), step).await?;
    // Trouble that has lasted for days is shown by its end.
    let reach = step.saturating_mul(u32::try_from(RECENT_SAMPLES).unwrap_or(u32::MAX));
    let since = fetched(prometheus, found, trouble.max(now.minus(reach)), just(now), step).await?;
    Ok(Samples { series: found.series.clone(), before, since, now: found.now, trouble })
}

/// The finite samples of one stretch, both ends included.
async fn fetched(
    prometheus: &Client,
    found: &Found,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
) -> Result<Vec<(i64, f64)>, String> {
    let all: Vec<&Labels> = found.all.iter().collect();
    let expr = fitting::only(&found.looked.expr, &found.series, &all);
    let mut samples = Vec::new();
    // Prometheus evaluates the expression for all of its series, and only then leaves out the others.
    for (start, end) in plan_chunks(from, to, step, all.len()) {
        let answer = prometheus.query_range_up_to(&expr, start, end, step, MOST_OF_ANSWER).await.map_err(told)?;
        whole(&answer.warnings)?;
        for series in answer.frame.series.iter().filter(|series| series.labels == found.series) {
            let pairs = series.timestamps.iter().copied().zip(series.values.iter().copied());
            samples.extend(pairs.filter(|(_, value)| value.is_finite()));
        }
    }
    Ok(samples)
}

fn told(error: QueryError) -> String {
    error.to_string()
}

/// By a part of a series, as by a part of all series, nothing is judged.
fn whole(warnings: &[String]) -> Result<(), String> {
    if warnings.is_empty() {
        return Ok(());
    }
    Err(format!("Prometheus warns that the data may be partial: {}", warnings.join("; ")))
}

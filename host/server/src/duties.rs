//! Carrying out what the book says is owed: asking policies, running actions, looking things up.
//!
//! What is owed is computed from the book, so a crash forgets nothing. Only the start of an action is more than a
//! repeatable duty: it happens after, and only after, the journal holds `execution_started`.

mod left_out;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_domain::book::{Incident, Request};
use tidegate_domain::event::{Asked, Event, Fact, IncidentId, RequestId};
use tidegate_domain::input::{Input, PolicyAnswer, Silence};
use tidegate_domain::owed::{Duty, next_deadline, owed};
use tidegate_domain::rules::Most;
use tokio::task::JoinSet;

use crate::alertmanager::Fleet;
use crate::consult;
use crate::host::Host;
use crate::prometheus::InstantValue;
use crate::questions::HostMetrics;
use crate::{actions, clock, looking, notices, opinion};

/// The pause before a duty that is still owed after it was done is done again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a stopping host waits for actions that run. What is not done by then is unknown after the next start.
const LAST_WAIT: Duration = Duration::from_secs(30);

/// Duties that are being done, or were done too lately to be done again.
type Resting = Arc<Mutex<HashMap<Duty, Option<Instant>>>>;

/// Does what is owed, until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let resting: Resting = Arc::default();
    let mut tasks = JoinSet::new();
    while !host.is_stopping() {
        host.keeper.insist(Input::Tick).await;
        let now = clock::now();
        let duties = owed(&host.keeper.book(), now);
        for duty in take_rested(&resting, duties) {
            let (host, resting) = (host.clone(), resting.clone());
            tasks.spawn(async move {
                perform(&host, &duty).await;
                lock(&resting).insert(duty, Some(Instant::now() + AGAIN));
            });
        }
        let wait = next_deadline(&host.keeper.book(), &host.keeper.rules(), now).map_or(AGAIN, |at| at.since(now));
        tokio::select! {
            () = host.stopped() => break,
            () = host.keeper.changed() => {}
            () = tokio::time::sleep(wait.clamp(Duration::from_millis(20), Duration::from_secs(1))) => {}
            Some(_) = tasks.join_next() => {}
        }
    }
    let finish = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_WAIT, finish).await.is_err() {
        tracing::warn!("an action was still running when the host stopped; its outcome will be unknown");
    }
}

fn lock(resting: &Resting) -> std::sync::MutexGuard<'_, HashMap<Duty, Option<Instant>>> {
    resting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The duties that are neither being done nor were done a moment ago; they count as being done from now on.
fn take_rested(resting: &Resting, duties: Vec<Duty>) -> Vec<Duty> {
    let mut resting = lock(resting);
    resting.retain(|_, until| until.is_none_or(|until| until > Instant::now()));
    let rested: Vec<Duty> = duties.into_iter().filter(|duty| !resting.contains_key(duty)).collect();
    resting.extend(rested.iter().map(|duty| (duty.clone(), None)));
    rested
}

async fn perform(host: &Arc<Host>, duty: &Duty) {
    match duty {
        Duty::Consult(incident) => ask_policy(host, incident).await,
        Duty::Start(request) => start(host, request).await,
        Duty::CheckRequirements(request) => check_requirements(host, request).await,
        Duty::FormOpinion(incident) => opinion::give(host, incident).await,
        Duty::FetchLeftOut(incident) => left_out::fetch(host, incident).await,
    }
}

fn incident(host: &Host, id: &IncidentId) -> Option<Incident> {
    host.keeper.book().incident(id).cloned()
}

/// A request and its incident, as they are now.
fn request(host: &Host, id: &RequestId) -> Option<(Request, Incident)> {
    let book = host.keeper.book();
    let request = book.request(id)?;
    Some((request.clone(), book.incident(&request.incident)?.clone()))
}

async fn ask_policy(host: &Arc<Host>, id: &IncidentId) {
    let Some(open) = incident(host, id) else { return };
    let last_sample = host.pulse.last(&open);
    let max_age = host.keeper.rules().gate.max_age;
    if last_sample.is_none_or(|at| clock::now().since(at) > max_age) {
        // Late is not now: wait until the trouble is seen again.
        return;
    }
    let setup = host.setup();
    let Some(policy) = setup.policies.of(&open.origin).cloned() else {
        tracing::error!(incident = %id, "the incident names a policy that the config no longer has");
        return;
    };
    looking::told_of(host, &open).await;
    let silence = match &setup.alertmanager {
        Some(fleet) => looking::silence(host, fleet, &open).await,
        None => Silence::None,
    };
    let told = consult::describe(&host.keeper.book(), &open);
    let metrics = HostMetrics::new(setup.prometheus.clone());
    let policy_digest = policy.digest().to_owned();
    let asked = tokio::task::spawn_blocking(move || consult::ask(&policy, &told, &metrics)).await;
    let (asked, answer) = asked.unwrap_or_else(|panic| {
        (Asked::default(), PolicyAnswer::Failed(format!("the host failed while asking: {panic}")))
    });
    let input = Input::PolicyAnswered { incident: id.clone(), policy_digest, asked, answer, last_sample, silence };
    host.keeper.insist(input).await;
}

async fn start(host: &Arc<Host>, id: &RequestId) {
    let Some((request, open)) = request(host, id) else { return };
    let silence = match &host.setup().alertmanager {
        Some(fleet) => silence_before_start(host, fleet, id, &open).await,
        None => Silence::None,
    };
    let last_sample = host.pulse.last(&open);
    let populations = populations(host, &request.proposal.action.name).await;
    // Last, behind all that waits for others: a policy may be swapped meanwhile.
    let policy_digest = host.setup().policies.of(&open.origin).map(|policy| policy.digest().to_owned());
    let input = Input::StartRequested { request: id.clone(), silence, last_sample, policy_digest, populations };
    let granted = match host.keeper.submit(input).await {
        Ok(events) => events.iter().any(|event| is_start_of(event, id)),
        // Not durable, so not started: still owed.
        Err(error) => return tracing::error!(request = %id, %error, "the start could not be recorded; not started"),
    };
    if !granted {
        return;
    }
    let action = &request.proposal.action;
    let result = actions::run(action, &request.id.0).await;
    host.metrics.count_execution(&action.name, &result);
    host.keeper.insist(Input::Ran { request: id.clone(), result }).await;
}

/// Whether Alertmanager holds an incident back whose repair is about to start. Asked twice: where an alert is inhibited by
/// the host's own word that it is handled, Alertmanager may not say what else inhibits it.
async fn silence_before_start(host: &Host, fleet: &Fleet, id: &RequestId, open: &Incident) -> Silence {
    looking::told_of(host, open).await;
    if let held @ Silence::By(_) = looking::silence_now(host, fleet, open).await {
        return held;
    }
    // What the action stirs up may page somebody.
    notices::told_of_handling(host, id).await;
    looking::silence_now(host, fleet, open).await
}

/// How many values each label has whose blast radius is a share of them.
async fn populations(host: &Host, action: &str) -> BTreeMap<String, Result<u64, String>> {
    let rules = host.keeper.rules();
    let (setup, mut counted) = (host.setup(), BTreeMap::new());
    for radius in rules.actions.get(action).map_or(&[][..], |action| &action.blast_radius) {
        let Most::Share { of, .. } = &radius.most else { continue };
        let expr = count_values(&radius.label, of);
        let count = match setup.prometheus.query(&expr).await {
            Ok(answer) => count_of(&answer.value).ok_or_else(|| format!("{expr} gives no number")),
            Err(error) => Err(format!("{expr} could not be evaluated: {error}")),
        };
        // Of two limits for one label the smaller population is the safe one, and not knowing is safer still.
        let smaller = match (counted.remove(&radius.label), count) {
            (Some(Ok(known)), Ok(count)) => Ok(count.min(known)),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, count) => count,
        };
        counted.insert(radius.label.clone(), smaller);
    }
    counted
}

/// PromQL for how many values a label has. Names beyond the classic ones are written in quotes, as Prometheus 3 reads
/// them.
fn count_values(label: &str, of: &str) -> String {
    let classic = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !label.starts_with(|c: char| c.is_ascii_digit());
    let label = if classic { label.to_owned() } else { format!("{label:?}") };
    format!("count(count by ({label}) ({of}))")
}

/// The number that `count` gives; nothing at all is none.
fn count_of(value: &InstantValue) -> Option<u64> {
    let count = match value {
        InstantValue::Vector(samples) => samples.first().map_or(0.0, |sample| sample.value),
        InstantValue::Scalar(value) => *value,
    };
    (count.is_finite() && count >= 0.0).then_some(count as u64)
}

fn is_start_of(event: &Event, id: &RequestId) -> bool {
    matches!(&event.fact, Fact::ExecutionStarted { request, .. } if request == id)
}

async fn check_requirements(host: &Host, id: &RequestId) {
    let required = match host.keeper.book().request(id) {
        Some(request) => request.proposal.action.verify.require.clone(),
        None => return,
    };
    let (setup, mut unmet) = (host.setup(), BTreeMap::new());
    for expr in required {
        match setup.prometheus.query(&expr).await {
            Ok(answer) if holds(&answer.value) => {}
            Ok(_) => {
                unmet.insert(expr, "it gives no element, or zero".to_owned());
            }
            Err(error) => {
                unmet.insert(expr, format!("it could not be evaluated: {error}"));
            }
        }
    }
    host.keeper.insist(Input::RequirementsChecked { request: id.clone(), unmet }).await;
}

/// As an alert rule reads it: a vector holds when it has an element, a scalar when it is not zero.
fn holds(value: &InstantValue) -> bool {
    match value {
        InstantValue::Vector(samples) => !samples.is_empty(),
        InstantValue::Scalar(value) => *value != 0.0 && !value.is_nan(),
    }
}

#[cfg(test)]
mod tests {
    use super::{InstantValue, count_of, count_values};

    #[test]
    fn values_are_counted_by_prometheus() {
        assert_eq!(count_values("pod", "up{job=\"api\"}"), "count(count by (pod) (up{job=\"api\"}))");
        assert_eq!(count_values("k8s.pod", "up"), "count(count by (\"k8s.pod\") (up))");
        assert_eq!(count_of(&InstantValue::Vector(Vec::new())), Some(0), "nothing is counted as none");
        assert_eq!(count_of(&InstantValue::Scalar(7.0)), Some(7));
        for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(count_of(&InstantValue::Scalar(nonsense)), None);
        }
    }
}

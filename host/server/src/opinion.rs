//! A second opinion: is the value that somebody else's rule alerts on unusual *for this time*?
//!
//! From an alert to its rule ([`behind`]), from the rule to the series that it looks at ([`expr`], [`fitting`]), from their
//! history to a verdict of the configured detectors ([`judging`]). Wherever that does not lead to an answer, the opinion is
//! that none is known, and why: it must never be taken for a usual value.

mod behind;
mod expr;
mod fetching;
mod fitting;
mod judging;
mod tokens;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::book::Incident;
use tidegate_domain::event::{Alert, IncidentId, OpinionVerdict, SecondOpinion};
use tidegate_domain::input::Input;
use tidegate_domain::text::one_line;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use crate::config;
use crate::host::Host;
use crate::prometheus::AlertRule;
use crate::setup::Setup;
use judging::Judges;

/// Alerts of one incident that are looked at. Each is a history to fetch; whoever decides looks at no more.
const MOST_ALERTS: usize = 20;

/// Alerts of all incidents that are looked at at the same time, and lists of rules that are read for them: a storm must take
/// neither Prometheus nor the machine from the watches.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// A series that is younger is not known well enough for anything to be usual, as in the cold start of a watch; detectors
/// that look back for less want no more than that.
const KNOWN: Duration = Duration::from_secs(48 * 60 * 60);

/// The longest reason, in characters: what a server says of an error may be of any length, and the journal keeps it.
const MOST_OF_REASON: usize = 400;

/// The longest expression that is written down, in characters. It is written on one line, as people read it elsewhere.
const MOST_OF_EXPR: usize = 2000;

/// The longest list of rules that is read, in bytes of JSON.
const MOST_OF_RULES: usize = 32 << 20;

/// Forms an opinion on the alerts of an incident and hands it to the book.
pub(crate) async fn give(host: &Host, id: &IncidentId) {
    let Some(incident) = host.keeper.book().incident(id).cloned() else { return };
    let opinions = form(host, &incident).await;
    for opinion in &opinions {
        if let OpinionVerdict::Unknown { why } = &opinion.verdict {
            let SecondOpinion { fingerprint, expr, .. } = opinion;
            tracing::info!(incident = %id, alert = fingerprint, expr, why, "there is no second opinion on an alert");
        }
    }
    host.keeper.insist(Input::OpinionsFormed { incident: id.clone(), opinions }).await;
}

/// What the detectors say of the alerts of an incident that fire. Takes no longer than the config allows.
pub(crate) async fn form(host: &Host, incident: &Incident) -> Vec<SecondOpinion> {
    let setup = host.setup();
    let firing: Vec<&Alert> = incident.alerts.values().filter(|alert| alert.firing).collect();
    let Some(asked) = &setup.config.second_opinion else {
        return firing.into_iter().map(|alert| unknown(alert, "the config names no detectors for it")).collect();
    };
    let until = Instant::now() + asked.timeout;
    let looked_at: Vec<Alert> = firing.iter().take(MOST_ALERTS).map(|alert| (*alert).clone()).collect();
    let rules = Arc::new(rules(&setup, &looked_at, until).await);
    let mut forming = JoinSet::new();
    for alert in looked_at {
        let (setup, rules) = (setup.clone(), rules.clone());
        forming.spawn(async move { one(&setup, &rules, &alert, until).await });
    }
    let mut opinions = Vec::new();
    while let Some(formed) = forming.join_next().await {
        // A panic in there was told by whoever panicked. The others count, and without all of them nothing is usual.
        opinions.extend(formed.ok());
    }
    let left_out = format!("only {MOST_ALERTS} alerts of an incident are looked at");
    opinions.extend(firing.iter().skip(MOST_ALERTS).map(|alert| unknown(alert, &left_out)));
    opinions.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    opinions
}

fn unknown(alert: &Alert, why: &str) -> SecondOpinion {
    SecondOpinion {
        fingerprint: alert.fingerprint.clone(),
        verdict: not_known(why),
        expr: String::new(),
        evidence: None,
    }
}

fn not_known(why: &str) -> OpinionVerdict {
    OpinionVerdict::Unknown { why: one_line(why, MOST_OF_REASON) }
}

/// The rules that have the names of these alerts, or why they are not known.
async fn rules(setup: &Setup, alerts: &[Alert], until: Instant) -> Result<Vec<AlertRule>, String> {
    let names: BTreeSet<&str> = alerts.iter().filter_map(|alert| alert.labels.get("alertname")).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let asking = async {
        // A server that does not know the filter lists all of its rules, for each incident.
        let _permit = AT_ONCE.acquire().await;
        setup.prometheus.alert_rules(&names, MOST_OF_RULES).await
    };
    match timeout_at(until.into(), asking).await {
        Ok(rules) => rules.map_err(|error| error.to_string()),
        Err(_) => Err("they did not come in time".to_owned()),
    }
}

/// One alert, from its rule to a verdict.
async fn one(setup: &Setup, rules: &Result<Vec<AlertRule>, String>, alert: &Alert, until: Instant) -> SecondOpinion {
    let mut opinion = unknown(alert, "it was not formed in time; see timeout of [second_opinion]");
    let forming = async {
        // Never closed.
        let _permit = AT_ONCE.acquire().await;
        look(setup, rules, alert, until, &mut opinion).await
    };
    if let Ok(Err(why)) = timeout_at(until.into(), forming).await {
        opinion.verdict = not_known(&why);
    }
    opinion
}

/// Fills in what is found on the way.
async fn look(
    setup: &Setup,
    rules: &Result<Vec<AlertRule>, String>,
    alert: &Alert,
    until: Instant,
    opinion: &mut SecondOpinion,
) -> Result<(), String> {
    let config = setup.config.second_opinion.as_ref().ok_or("the config names no detectors for it")?;
    let detectors = setup.guests.second_opinion.clone();
    let behind = behind::behind(alert, rules)?;
    let sides = expr::looked_at(&behind.expr).map_err(|why| why.to_string())?;
    let found = fetching::series(&setup.prometheus, alert, &behind, sides).await?;
    opinion.expr = one_line(&found.looked.expr, MOST_OF_EXPR);
    let depth = depth(config, &detectors);
    let samples = fetching::samples(&setup.prometheus, &found, behind.since, config.step, depth).await?;
    let least = if depth < KNOWN { Duration::ZERO } else { KNOWN };
    let judges = Judges { detectors, quorum: config.quorum, side: found.looked.side, least, until };
    let judging = tokio::task::spawn_blocking(move || judging::judged(&judges, &samples)).await;
    let (verdict, evidence) = judging.map_err(|panic| format!("the host failed while judging: {panic}"))?;
    opinion.verdict = match verdict {
        OpinionVerdict::Unknown { why } => not_known(&why),
        known => known,
    };
    opinion.evidence = Some(Box::new(evidence));
    Ok(())
}

/// How much history is fetched: what the detectors want, and no more than the config allows.
fn depth(config: &config::SecondOpinion, detectors: &[tidegate_pipeline::scorer::Configured]) -> Duration {
    let wanted = detectors.iter().map(|detector| detector.detector.needs().history).max().unwrap_or_default();
    wanted.min(config.history)
}

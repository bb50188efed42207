//! The story, stage by stage: a night that is as every night, a fault by day, repairs, and how it ended.

use std::io::IsTerminal as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::Way;
use super::apis::{Incident, Request};
use super::parts::unix_now;
use super::stage::Scene;
use crate::shell;

/// How far back the shop's history goes, in seconds: fourteen days of ten minutes.
pub(crate) const HISTORY: i64 = 14 * 600;
/// From the making of the history to the first live night, in seconds: long enough to start everything.
pub(crate) const BEFORE_NIGHT: i64 = 25;
/// What tidegate waits for an answer when nobody will give one.
pub(crate) const SHORT_DEADLINE: &str = "10s";
/// The z-score's window in the shop's config.
const ZSCORE_WINDOW: Duration = Duration::from_secs(30);
/// How long the batch job runs, and how long the queue takes to drain, in seconds: the shop's own numbers.
const NIGHT: i64 = 30;
const DRAIN: i64 = 5;
/// Beyond the z-score's window, how long an incident that nobody repairs must stay open, in seconds.
const STAYS_OPEN: i64 = 20;

/// The static rule in Prometheus.
const STATIC_RULE: &str = "CheckoutQueueTooLong";
/// What tidegate calls its own alerts.
const OWN_ALERT: &str = "TidegateAnomaly";

/// Why the demo says no, where it does.
const DENIAL: &str = "not before the sale is over";

/// The repairs that the policy proposes, in order: the action, the shop's path, and what verification must say.
const REPAIRS: [(&str, &str, &str); 2] = [
    ("restart-workers", "/admin/restart", "ineffective"),
    ("discard-poisoned-job", "/admin/discard-poisoned-job", "fixed"),
];

/// A few seconds for what happens at the next tick, with room for a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// What an attempt may take from the approval to the verdict: the longest `settle` and `within`, with room.
const VERDICT: Duration = Duration::from_secs(60);

/// Tells the whole story.
pub(crate) fn tell(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.stage("Everything starts", start)?;
    scene.stage("Night: the batch job fills the queue, as every night", night)?;
    let broken_at = scene.stage("Noon: a fault fills the queue to the same height", noon)?;
    let incident = scene.stage("tidegate opens an incident", opens)?;
    match scene.way {
        Way::Person | Way::Approve => {
            repair(scene)?;
            scene.stage("The incident closes", |scene| closes(scene, &incident))?;
            scene.stage("The journal", |scene| journal(scene, &incident))?;
        }
        Way::Deny | Way::Ignore => {
            scene.stage("The answer is no", |scene| refuse(scene, &incident, broken_at))?;
            scene.stage("Somebody repairs the shop by hand", |scene| by_hand(scene, &incident))?;
        }
    }
    end(scene)
}

fn start(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let narrator = scene.narrator;
    narrator.say("The shop's day lasts ten minutes; Prometheus gets fourteen such days of its history.");
    scene.parts.start_surroundings(scene.calendar)?;
    scene.wait_for("the shop", SOON, |scene| Ok(scene.apis.shop_ailment()?.is_none().then_some(())))?;
    scene.wait_for("Alertmanager", SOON, |scene| Ok(scene.apis.alertmanager_is_ready()?.then_some(())))?;
    scene.wait_for("Prometheus", SOON, |scene| Ok(scene.apis.prometheus_is_ready()?.then_some(())))?;
    scene
        .wait_for("Prometheus to scrape the shop", SOON, |scene| Ok(scene.apis.prometheus_scrapes()?.then_some(())))?;
    scene.parts.start_tidegate()?;
    scene.wait_for("tidegate", SOON, |scene| Ok(scene.apis.tidegate_is_ready()?.then_some(())))?;
    narrator.say("Everything runs:");
    narrator.detail(&format!(
        "the shop      {}\nPrometheus    {}\nAlertmanager  {}\ntidegate      {}",
        scene.apis.shop("/metrics"),
        scene.apis.prometheus("/graph?g0.expr=shop_queue_length&g0.tab=0&g0.range_input=30m"),
        scene.apis.alertmanager("/"),
        scene.apis.tidegate("/"),
    ));
    let left = scene.calendar.night_at - unix_now();
    ensure!(left > 0, "starting took too long: the night began {} s ago", -left);
    narrator.say(&format!("Night falls in {left} s."));
    Ok(())
}

fn night(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    let narrator = scene.narrator;
    scene.until(scene.calendar.night_at, stays_quiet)?;
    narrator.say("The batch job starts.");
    scene.wait_for("the static rule to fire", SOON, |scene| Ok(scene.apis.rule_fires(STATIC_RULE)?.then_some(())))?;
    narrator.say("Prometheus' static rule, \"more than 100 jobs wait\", fires.");
    scene.wait_for("Alertmanager to route the static alert to the pager", SOON, |scene| {
        let alerts = scene.apis.active_alerts(STATIC_RULE)?;
        Ok(alerts.iter().any(|alert| alert.receivers == ["pager"]).then_some(()))
    })?;
    scene.wait_for(
        "the pager to ring",
        SOON,
        |scene| Ok((!scene.inbox.messages("/pager").is_empty()).then_some(())),
    )?;
    scene.until(scene.calendar.night_at + NIGHT + DRAIN, stays_quiet)?;
    narrator.say("The batch job is done. Somebody was woken up for it; tidegate opened no incident.");
    Ok(())
}

fn noon(scene: &mut Scene<'_>) -> anyhow::Result<i64> {
    let forgotten = scene.calendar.night_at + NIGHT + DRAIN + ZSCORE_WINDOW.as_secs().cast_signed() + 2;
    scene.narrator.say(&format!("The day goes on for {} s.", forgotten - unix_now()));
    scene.until(forgotten, stays_quiet)?;
    scene.apis.break_shop()?;
    scene
        .narrator
        .say("A poisoned job gets into the queue. No worker can finish it, and the others pile up behind it.");
    Ok(unix_now())
}

fn stays_quiet(scene: &Scene<'_>) -> anyhow::Result<()> {
    let incidents = scene.apis.incidents()?;
    ensure!(incidents.is_empty(), "tidegate opened an incident although nothing is wrong: {incidents:?}");
    Ok(())
}

fn opens(scene: &mut Scene<'_>) -> anyhow::Result<Incident> {
    let incident = scene.wait_for("an open incident", SOON, |scene| {
        Ok(scene.apis.incidents()?.into_iter().find(|incident| incident.open))
    })?;
    scene.narrator.say(&format!("Incident {}, severity {}.", incident.id, incident.severity));
    if let (Some(value), Some(expected)) = (incident.value, incident.expected) {
        scene.narrator.say(&format!("{value} jobs wait. At this time of the day it is usually {expected:.0}."));
    }
    scene.wait_for("Alertmanager to list tidegate's alert for the checkout", SOON, |scene| {
        let alerts = scene.apis.active_alerts(OWN_ALERT)?;
        Ok(alerts.iter().any(|alert| alert.labels["service"] == "checkout").then_some(()))
    })?;
    scene.narrator.say(&format!("Alertmanager lists {OWN_ALERT} for the checkout."));
    Ok(incident)
}

/// Requests and their verdicts, until one of them is *fixed*.
fn repair(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    if scene.way == Way::Person {
        for attempt in 1.. {
            if one_repair(scene, attempt)?.1 == "fixed" {
                break;
            }
        }
        return Ok(());
    }
    for (attempt, (action, path, expected)) in (1..).zip(REPAIRS) {
        let (request, outcome) = one_repair(scene, attempt)?;
        scene.stage(&format!("Repair {attempt} is {expected}"), |scene| {
            ensure!(request.action == action, "the policy proposed {} and not {action}", request.action);
            ensure!(outcome == expected, "{action} came out as {outcome}");
            let calls = scene.apis.shop_repairs()?;
            let last = calls.last().with_context(|| format!("the shop was never called for {path}"))?;
            ensure!(
                calls.len() == attempt && last.path == path && last.idempotency_key.is_some(),
                "the shop was not called once for {path}, with an idempotency key: {calls:?}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

fn one_repair(scene: &mut Scene<'_>, attempt: usize) -> anyhow::Result<(Request, String)> {
    let request = scene.stage(&format!("Proposal {attempt}"), |scene| approved(scene, attempt))?;
    let outcome = scene.stage(&format!("Repair {attempt}"), |scene| verdict(scene, &request))?;
    Ok((request, outcome))
}

/// A pending request that was shown in Slack, and then approved: by a person, by the command line, or over HTTP.
fn approved(scene: &mut Scene<'_>, attempt: usize) -> anyhow::Result<Request> {
    loop {
        let request = pending(scene)?;
        match scene.way {
            Way::Approve if attempt == 1 => {
                let mut command = scene.parts.decision(&["approve", &request.id]);
                decide(scene, &mut command)?;
            }
            Way::Approve => {
                scene.narrator.say("This one is approved over HTTP, bound to the digest of what was shown.");
                scene.apis.approve(&request)?;
            }
            _ => {
                scene.narrator.say("It is up to you. On the page, with Alice's token, or in another terminal:");
                let yes = scene.parts.decision(&["approve", &request.id]);
                let no = scene.parts.decision(&["deny", &request.id, "--reason", "not now"]);
                scene.narrator.detail(&format!(
                    "{}\ncat {}\n{}\n{}",
                    scene.apis.tidegate("/"),
                    scene.parts.token_file().display(),
                    shell::line(&yes),
                    shell::line(&no),
                ));
            }
        }
        let decided = scene.wait_for_person("a decision", |scene| {
            Ok(find(scene, &request.id)?.filter(|request| request.status != "pending"))
        })?;
        scene.narrator.say(&format!("Request {} is {}.", decided.id, decided.status));
        if decided.status == "approved" {
            return Ok(decided);
        }
        ensure!(scene.way == Way::Person, "request {} was approved, and is {}", decided.id, decided.status);
        scene.narrator.say("Nothing is run, and the incident stays open. Ctrl-C ends the demo.");
    }
}

/// Decides by the command line, as a person would.
fn decide(scene: &Scene<'_>, command: &mut Command) -> anyhow::Result<()> {
    scene.narrator.say(&format!("$ {}", shell::line(command)));
    let printed = shell::output(command)?;
    scene.narrator.detail(printed.trim_end());
    Ok(())
}

fn pending(scene: &mut Scene<'_>) -> anyhow::Result<Request> {
    let look = |scene: &Scene<'_>| Ok(scene.apis.requests()?.into_iter().find(|request| request.status == "pending"));
    let request = match scene.way {
        Way::Person => scene.wait_for_person("a proposal", look)?,
        _ => scene.wait_for("a proposal", SOON, look)?,
    };
    scene.narrator.say(&format!("tidegate asks: {} ({}, request {})", request.summary, request.action, request.id));
    scene.wait_for("the message in Slack", SOON, |scene| {
        let messages = scene.inbox.messages("/slack");
        let shown = |text: &str| text.contains(&request.id);
        Ok(messages.iter().any(|message| message.body["text"].as_str().is_some_and(shown)).then_some(()))
    })?;
    Ok(request)
}

fn verdict(scene: &mut Scene<'_>, request: &Request) -> anyhow::Result<String> {
    scene.narrator.say(&format!("{} runs; the detectors that raised the alarm watch what it does.", request.action));
    let outcome = scene
        .wait_for("a verdict", VERDICT, |scene| Ok(find(scene, &request.id)?.and_then(|request| request.outcome)))?;
    scene.narrator.say(&format!("{} was run and is called {outcome}.", request.action));
    Ok(outcome)
}

fn find(scene: &Scene<'_>, id: &str) -> anyhow::Result<Option<Request>> {
    Ok(scene.apis.requests()?.into_iter().find(|request| request.id == id))
}

fn closes(scene: &mut Scene<'_>, incident: &Incident) -> anyhow::Result<()> {
    scene.wait_for("the incident to close", VERDICT, |scene| {
        Ok((!scene.apis.incident(&incident.id)?.open).then_some(()))
    })?;
    scene.narrator.say(&format!("Incident {} is closed.", incident.id));
    // An alert that is merely not sent again stays active for minutes: gone this soon means resolved.
    scene.wait_for("Alertmanager to show tidegate's alert resolved", SOON, |scene| {
        Ok(scene.apis.active_alerts(OWN_ALERT)?.is_empty().then_some(()))
    })?;
    scene.narrator.say("Alertmanager's alert is resolved.");
    let ailment = scene.apis.shop_ailment()?;
    ensure!(ailment.is_none(), "the shop is not healthy: {ailment:?}");
    scene.narrator.say("The shop says it is healthy.");
    Ok(())
}

fn journal(scene: &mut Scene<'_>, incident: &Incident) -> anyhow::Result<()> {
    let timeline = scene.apis.incident(&incident.id)?.timeline;
    // One a second while a repair is verified: of interest to a machine alone.
    let told = timeline.iter().filter(|entry| entry.kind != "verification_observed");
    let lines: Vec<&str> = told.map(|entry| entry.text.as_str()).collect();
    scene.narrator.detail(&lines.join("\n"));
    if scene.way == Way::Person {
        return Ok(());
    }

    const ONE_REPAIR: [&str; 5] =
        ["request_opened", "request_approved", "execution_started", "execution_finished", "verification_finished"];
    let mut chain = vec!["incident_opened"];
    for _ in REPAIRS {
        chain.extend(ONE_REPAIR);
    }
    let mut kinds = timeline.iter().map(|entry| entry.kind.as_str());
    for expected in chain {
        ensure!(kinds.any(|kind| kind == expected), "the journal lacks {expected} in its place: {timeline:?}");
    }
    ensure!(
        timeline.iter().any(|entry| entry.kind == "incident_closed"),
        "the journal does not say that the incident closed: {timeline:?}"
    );
    // Only one process at a time opens a journal.
    scene.parts.stop_tidegate()?;
    let mut verify = scene.parts.tidegate(&["journal", "verify"]);
    scene.narrator.say(&format!("tidegate has stopped. $ {}", shell::line(&verify)));
    scene.narrator.detail(shell::output(&mut verify)?.trim_end());
    Ok(())
}

/// Denies, or ignores, whatever is asked until the z-score would long have learnt the fault; nothing may happen.
fn refuse(scene: &mut Scene<'_>, incident: &Incident, broken_at: i64) -> anyhow::Result<()> {
    let first = pending(scene)?;
    let status = match scene.way {
        Way::Deny => {
            let mut command = scene.parts.decision(&["deny", &first.id, "--reason", DENIAL]);
            decide(scene, &mut command)?;
            "denied"
        }
        _ => {
            scene.narrator.say(&format!("Nobody answers. The deadline is {SHORT_DEADLINE}."));
            "expired"
        }
    };
    scene.wait_for(&format!("the request to be {status}"), SOON, |scene| {
        let request = find(scene, &first.id)?.with_context(|| format!("request {} is gone", first.id))?;
        Ok((request.status == status).then_some(()))
    })?;
    scene.narrator.say(&format!("Request {} is {status}.", first.id));

    let long_after = broken_at + ZSCORE_WINDOW.as_secs().cast_signed() + STAYS_OPEN;
    scene.until(long_after, |scene| {
        let calls = scene.apis.shop_repairs()?;
        ensure!(calls.is_empty(), "something was run although nobody agreed: {calls:?}");
        ensure!(scene.apis.incident(&incident.id)?.open, "the incident closed while the fault lasts");
        ensure!(!scene.apis.active_alerts(OWN_ALERT)?.is_empty(), "Alertmanager lost the alert while the fault lasts");
        for request in scene.apis.requests()? {
            if scene.way == Way::Deny && request.status == "pending" {
                shell::output(&mut scene.parts.decision(&["deny", &request.id, "--reason", "still no"]))?;
            }
        }
        Ok(())
    })?;
    ensure!(scene.apis.shop_ailment()?.is_some(), "the shop got well by itself");
    let timeline = scene.apis.incident(&incident.id)?.timeline;
    let kind = format!("request_{status}");
    let entry = timeline.iter().find(|entry| entry.kind == kind);
    let entry = entry.with_context(|| format!("the journal lacks {kind}: {timeline:?}"))?;
    ensure!(
        scene.way != Way::Deny || (entry.text.contains("alice") && entry.text.contains(DENIAL)),
        "the journal does not say who denied, and why: {entry:?}"
    );
    scene.narrator.say(&format!(
        "{} s after the fault: nothing was run, the incident is still open, the z-score has not got used to it.",
        unix_now() - broken_at
    ));
    Ok(())
}

/// Shows that the incident was open because tidegate saw the fault, and not because it had gone blind.
fn by_hand(scene: &mut Scene<'_>, incident: &Incident) -> anyhow::Result<()> {
    scene.apis.repair_shop()?;
    closes(scene, incident)
}

fn end(scene: &mut Scene<'_>) -> anyhow::Result<()> {
    scene.narrator.say("That was all.");
    if scene.way == Way::Person && std::io::stdin().is_terminal() {
        scene.narrator.say("Everything still runs, for a look around. Ctrl-C ends it.");
        return scene.wait_for_person("Ctrl-C", |_| Ok(None));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_has_the_numbers_of_the_shop_and_its_config() {
        assert_eq!((HISTORY, NIGHT, DRAIN), (14 * shop::model::DAY, shop::model::NIGHT, shop::model::RAMP));
        let config = std::fs::read_to_string(crate::root().join("examples/shop/config/tidegate.toml"));
        let window = format!("window = \"{}s\"", ZSCORE_WINDOW.as_secs());
        assert!(config.is_ok_and(|config| config.contains(&window)));
    }
}

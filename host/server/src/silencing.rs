//! Silencing an incident for a while, and ending that: what Slack, the page, the command line and the API do the same way.
//!
//! The silence is a real one, in the Alertmanagers of the config, so everybody who looks there sees it, and it outlives this
//! host. Here it is only recorded, so that what waits for a decision is withdrawn at once.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::book::{Incident, Silencing};
use tidegate_domain::decide::LONGEST_REASON;
use tidegate_domain::event::{DecidedBy, IncidentId};
use tidegate_domain::input::Input;
use tidegate_domain::people::Role;
use tidegate_domain::text::one_line;
use tidegate_domain::time::{Timestamp, format_duration, parse_duration};

use crate::alertmanager::{AlertmanagerError, Fleet, NewSilence, SilenceMatcher};
use crate::clock;
use crate::host::Host;
use crate::journal::JournalError;

mod selectors;

/// Shorter than it takes to look whether it holds.
const SHORTEST: Duration = Duration::from_secs(60);
/// What is to be quiet for longer is a matter of rules, not of a silence that everybody forgets.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// So much of what is no length is said again.
const MOST_ASKED: usize = 40;
/// What surfaces offer where they offer some, from a quick repair to tomorrow, each in words as well.
pub(crate) const CHOICES: [(&str, &str); 5] =
    [("30m", "30 minutes"), ("1h", "1 hour"), ("2h", "2 hours"), ("4h", "4 hours"), ("1d", "1 day")];
/// The one of them that is chosen until somebody chooses.
pub(crate) const USUAL: &str = "2h";

/// A silence that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silenced {
    /// Alertmanager's names for it: one for each cluster that made one. Never empty.
    pub(crate) ids: Vec<String>,
    /// Until when it holds, unless it is ended before.
    pub(crate) until: Timestamp,
    /// What it matches.
    pub(crate) matchers: Vec<String>,
    /// Where it could not be made, and why; empty where it stands everywhere.
    pub(crate) missed: Vec<String>,
}

/// Silences that were ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsilenced {
    /// Alertmanager's names for them. Never empty.
    pub(crate) ids: Vec<String>,
    /// Which could not be ended, and why.
    pub(crate) missed: Vec<String>,
}

/// Why nothing was silenced, or nothing ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SilencingError {
    /// Nobody that the config knows, or somebody who may only look.
    #[error("{0:?} is not an approver: silencing takes the role approve or admin in the config")]
    NotAnApprover(String),
    /// Not a length of time, or too short or too long a one.
    #[error(
        "{asked:?} is no length for a silence: from {} to {}, such as \"2h\" or \"1h30m\"",
        format_duration(SHORTEST),
        format_duration(LONGEST)
    )]
    Length {
        /// What was asked for, or its beginning.
        asked: String,
    },
    /// Whoever finds a silence asks why it is there.
    #[error("a silence needs a comment: say why, for whoever looks into Alertmanager")]
    NoComment,
    /// More than anybody will read.
    #[error("the comment has {length} characters, and at most {LONGEST_REASON} are kept: shorten it")]
    LongComment {
        /// How many it has.
        length: usize,
    },
    /// Nothing has this name.
    #[error("there is no incident {0}: look at the list of incidents for what there is")]
    Unknown(IncidentId),
    /// It is not open any more.
    #[error("incident {0} is closed; there is nothing to silence")]
    Over(IncidentId),
    /// Nobody has made one here that still stands.
    #[error("no silence stands that was made for incident {0} from here; others are ended in Alertmanager")]
    NoSilence(IncidentId),
    /// There is nothing to make it in.
    #[error("there is no Alertmanager to make a silence in: name one in [alertmanager] of the config")]
    NoAlertmanager,
    /// The silence would be for everything.
    #[error(
        "the alerts of incident {0} have too little in common: a silence for all of them would hold back far more than \
         these; make one in Alertmanager"
    )]
    TooBroad(IncidentId),
    /// No Alertmanager did it.
    #[error("{what}: {}", .why.join("; "))]
    Upstream {
        /// What was tried.
        what: &'static str,
        /// What came back, of each.
        why: Vec<String>,
    },
    /// It is done in Alertmanager, and the journal does not know.
    #[error("{what} in Alertmanager ({}), but it could not be recorded here: {cause}", .ids.join(", "))]
    Unrecorded {
        /// What was done.
        what: &'static str,
        /// The silences.
        ids: Vec<String>,
        /// Why it was not recorded.
        cause: Box<JournalError>,
    },
    /// A bug.
    #[error("this host failed while it spoke with Alertmanager; look there before you try again")]
    Broken,
}

/// How long somebody wants it to be quiet, as they wrote it.
pub(crate) fn length(text: &str) -> Result<Duration, SilencingError> {
    let read = parse_duration(text.trim()).ok().filter(|length| (SHORTEST..=LONGEST).contains(length));
    read.ok_or_else(|| SilencingError::Length { asked: text.chars().take(MOST_ASKED).collect() })
}

/// Could this person silence this incident now? What a surface goes by that offers it to them.
pub(crate) fn check(host: &Host, incident: &IncidentId, by: &DecidedBy) -> Result<(), SilencingError> {
    may(host, by)?;
    selectors_for(host, incident)?;
    host.setup().alertmanager.is_some().then_some(()).ok_or(SilencingError::NoAlertmanager)
}

/// Makes a silence for the alerts of an open incident, in every cluster of Alertmanagers.
pub(crate) async fn silence(
    host: &Arc<Host>,
    incident: &IncidentId,
    by: &DecidedBy,
    length: Duration,
    comment: &str,
) -> Result<Silenced, SilencingError> {
    may(host, by)?;
    let comment = checked(comment)?;
    let selectors = selectors_for(host, incident)?;
    let fleet = host.setup().alertmanager.clone().ok_or(SilencingError::NoAlertmanager)?;
    let (host, incident, by) = (host.clone(), incident.clone(), by.clone());
    // Whoever asked may hang up meanwhile; what stands in Alertmanager is to be recorded all the same.
    let work = async move { make(&host, &fleet, incident, by, selectors, length, comment).await };
    tokio::spawn(work).await.unwrap_or(Err(SilencingError::Broken))
}

async fn make(
    host: &Arc<Host>,
    fleet: &Fleet,
    incident: IncidentId,
    by: DecidedBy,
    matchers: Vec<SilenceMatcher>,
    length: Duration,
    comment: String,
) -> Result<Silenced, SilencingError> {
    let now = clock::now();
    let until = now.plus(length);
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let wanted = NewSilence {
        id: None,
        matchers,
        starts_at: now,
        ends_at: until,
        created_by: by.approver.clone(),
        comment: format!("{comment} (by tidegate, incident {incident})"),
    };
    let failed = |error: AlertmanagerError| SilencingError::Upstream {
        what: "no silence could be made",
        why: vec![error.to_string()],
    };
    let (made, missed) = fleet.silence_and_tell(&wanted).await.map_err(failed)?;
    let ids: Vec<String> = made.into_iter().map(|made| made.id).collect();
    for id in &ids {
        let input = Input::Silenced {
            incident: Some(incident.clone()),
            silence: id.clone(),
            matchers: texts.clone(),
            until,
            by: by.clone(),
            comment: comment.clone(),
        };
        record(host, input, "the silence stands", &ids).await?;
    }
    host.looking.notify();
    Ok(Silenced { ids, until, matchers: texts, missed })
}

/// Ends every silence that people made for an incident from here.
pub(crate) async fn unsilence(
    host: &Arc<Host>,
    incident: &IncidentId,
    by: &DecidedBy,
) -> Result<Unsilenced, SilencingError> {
    may(host, by)?;
    let standing: Vec<String> = {
        let book = host.keeper.book();
        let known = book.incident(incident).ok_or_else(|| SilencingError::Unknown(incident.clone()))?;
        standing(known, clock::now()).map(|silencing| silencing.silence.clone()).collect()
    };
    if standing.is_empty() {
        return Err(SilencingError::NoSilence(incident.clone()));
    }
    let fleet = host.setup().alertmanager.clone().ok_or(SilencingError::NoAlertmanager)?;
    let (host, by) = (host.clone(), by.clone());
    let work = async move { end(&host, &fleet, standing, by).await };
    tokio::spawn(work).await.unwrap_or(Err(SilencingError::Broken))
}

async fn end(
    host: &Arc<Host>,
    fleet: &Fleet,
    standing: Vec<String>,
    by: DecidedBy,
) -> Result<Unsilenced, SilencingError> {
    let (mut ids, mut missed) = (Vec::new(), Vec::new());
    for id in standing {
        match fleet.expire(&id).await {
            // One that has ended already, or that nobody remembers, is ended as well.
            Ok(_) => {
                let input = Input::SilenceExpired { silence: id.clone(), by: by.clone() };
                record(host, input, "the silence was ended", std::slice::from_ref(&id)).await?;
                ids.push(id);
            }
            Err(error) => missed.push(format!("silence {id}: {error}")),
        }
    }
    host.looking.notify();
    if ids.is_empty() {
        return Err(SilencingError::Upstream { what: "no silence could be ended", why: missed });
    }
    Ok(Unsilenced { ids, missed })
}

async fn record(host: &Arc<Host>, input: Input, what: &'static str, ids: &[String]) -> Result<(), SilencingError> {
    match host.keeper.submit(input).await {
        Ok(_) => Ok(()),
        Err(cause) => {
            tracing::error!(%cause, "{what} in Alertmanager, but the journal cannot be written");
            Err(SilencingError::Unrecorded { what, ids: ids.to_vec(), cause: Box::new(cause) })
        }
    }
}

fn may(host: &Host, by: &DecidedBy) -> Result<(), SilencingError> {
    let may = host.keeper.rules().people.may(&by.approver, Role::Approve);
    if may { Ok(()) } else { Err(SilencingError::NotAnApprover(by.approver.clone())) }
}

fn checked(comment: &str) -> Result<String, SilencingError> {
    let length = comment.trim().chars().count();
    if length > LONGEST_REASON {
        return Err(SilencingError::LongComment { length });
    }
    // As with the reason of a denial; others are shown it in one line.
    if length == 0 { Err(SilencingError::NoComment) } else { Ok(one_line(comment, LONGEST_REASON)) }
}

fn selectors_for(host: &Host, id: &IncidentId) -> Result<Vec<SilenceMatcher>, SilencingError> {
    let (book, rules) = (host.keeper.book(), host.keeper.rules());
    let incident = book.incident(id).ok_or_else(|| SilencingError::Unknown(id.clone()))?;
    if !incident.is_open() {
        return Err(SilencingError::Over(id.clone()));
    }
    selectors::of(incident, &rules.own_alertname).ok_or_else(|| SilencingError::TooBroad(id.clone()))
}

/// The silences of an incident that were made from here and hold still, as far as is known.
pub(crate) fn standing(incident: &Incident, now: Timestamp) -> impl Iterator<Item = &Silencing> {
    incident.silences.iter().filter(move |silencing| silencing.until > now)
}

/// What holds an incident back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldBy<'a> {
    /// Somebody who silenced it from here.
    Person(&'a Silencing),
    /// Something else, in Alertmanager's words.
    Other(&'a str),
}

/// What holds an incident back, if anything does.
pub(crate) fn held_by(incident: &Incident) -> Option<HeldBy<'_>> {
    let held = incident.held.as_ref()?;
    let id = held.by.strip_prefix("silence ");
    let ours = incident.silences.iter().rev().find(|silencing| Some(silencing.silence.as_str()) == id);
    Some(ours.map_or(HeldBy::Other(&held.by), HeldBy::Person))
}

/// Who silenced an incident from here so that it was silenced at that time.
pub(crate) fn silenced_at(incident: &Incident, at: Timestamp) -> Option<&Silencing> {
    incident.silences.iter().rev().find(|silencing| silencing.at <= at && at < silencing.until)
}

#[cfg(test)]
mod tests;

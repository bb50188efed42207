//! Earned autonomy: what has proved itself need not be asked for.
//!
//! An action has proved itself on a watch or route when its last runs there all helped, and helped sooner than waiting
//! would have. One run that did not help, or of which nobody knows whether it did, and it starts from nothing.

use std::time::Duration;

use super::{Context, passing, untouched};
use crate::book::{Book, Incident, Request, Run};
use crate::event::ResolvedAction;
use crate::terms::Autonomy;

/// How far an action has come.
pub(super) struct Standing {
    /// How many verified fixes in a row it has.
    pub(super) fixes: u32,
    /// Whether the latest of them were sooner than waiting. None where they are too few, and where no incident was left
    /// to itself for long enough to say: not knowing is not a yes.
    beats_waiting: Option<bool>,
}

impl Standing {
    /// Is that enough to pass by itself?
    pub(super) fn is_earned(&self) -> bool {
        self.beats_waiting == Some(true)
    }
}

/// How far this action has come for incidents like this one.
pub(super) fn standing(
    context: &Context<'_>,
    incident: &Incident,
    action: &ResolvedAction,
    autonomy: &Autonomy,
) -> Standing {
    let fixes = context.book.fixes_in_a_row(&action.name, &incident.origin).rev();
    // What is run by that name now must be what has proved itself, with what the policy has filled in: no guest gets to
    // earn it with one value and spend it on another.
    let same = fixes.take_while(|fix| fix.proposal.action.spec == action.spec);
    let same: Vec<&Request> = same.filter(|fix| fix.proposal.action.arguments == action.arguments).collect();
    let latest = same.get(..usize::try_from(autonomy.after.max(1)).unwrap_or(usize::MAX));
    Standing {
        fixes: u32::try_from(same.len()).unwrap_or(u32::MAX),
        beats_waiting: latest.and_then(|latest| beats_waiting(context, incident, latest)),
    }
}

/// For whoever is asked, or sees what passed: how far it has come, where that is what counts.
pub(super) fn line(context: &Context<'_>, incident: &Incident, action: &ResolvedAction) -> Option<String> {
    let autonomy = context.rules.actions.get(&action.name)?.terms.autonomy.as_ref()?;
    if !passing::is_auto(context, incident) || incident.severity.max(action.risk) > autonomy.up_to {
        return None;
    }
    let Standing { fixes, beats_waiting } = standing(context, incident, action, autonomy);
    let found = match beats_waiting {
        _ if fixes < autonomy.after => format!("of the {} that it takes to pass by itself", autonomy.after),
        None => "but no incident was left alone for long enough to say that waiting is worse".to_owned(),
        Some(false) => "but incidents recover as soon by themselves".to_owned(),
        Some(true) => "sooner than by waiting".to_owned(),
    };
    Some(format!("autonomy: {fixes} verified fixes in a row, {found}"))
}

/// Would more than half of the incidents that had lasted as long as these when they were repaired have gone on for longer
/// than the repairs took?
fn beats_waiting(context: &Context<'_>, incident: &Incident, fixes: &[&Request]) -> Option<bool> {
    let waited = median(fixes.iter().map(|fix| waited(context.book, fix)).collect())?;
    let took = median(fixes.iter().map(|fix| took(fix)).collect())?;
    let known = untouched::like(context, incident);
    known.chance(waited, waited.saturating_add(took)).map(|chance| chance < 0.5)
}

/// How long its incident had been open when it was started.
fn waited(book: &Book, fix: &Request) -> Option<Duration> {
    let Run::Finished { started, .. } = fix.run else { return None };
    Some(started.since(book.incident(&fix.incident)?.opened_at))
}

/// How long after it was started the incident had recovered.
fn took(fix: &Request) -> Option<Duration> {
    let Run::Finished { started, .. } = fix.run else { return None };
    let (recovered, ..) = fix.verification.as_ref()?.outcome.as_ref()?;
    Some(recovered.since(started))
}

/// The middle one, of an even number the longer of the two. None where one of them is not known, or there are none.
fn median(times: Option<Vec<Duration>>) -> Option<Duration> {
    let mut times = times?;
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

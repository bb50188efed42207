//! Earned autonomy: what has proved itself need not be asked for.
//!
//! An action has proved itself on a watch or route when its last runs there all helped, and helped sooner than waiting
//! would have. One run that did not help, or of which nobody knows whether it did, and it starts from nothing.

use std::time::Duration;

use super::{Context, untouched};
use crate::book::{Book, Incident, Request, Run};
use crate::event::ResolvedAction;
use crate::terms::Autonomy;

/// How many verified fixes in a row the action has, where that is enough to pass by itself.
pub(super) fn earned(
    context: &Context<'_>,
    incident: &Incident,
    action: &ResolvedAction,
    autonomy: &Autonomy,
) -> Option<u32> {
    let fixes = context.book.fixes_in_a_row(&action.name, &incident.origin).rev();
    // What is run by that name now must be what has proved itself.
    let same: Vec<&Request> = fixes.take_while(|fix| fix.proposal.action.spec == action.spec).collect();
    let count = u32::try_from(same.len()).unwrap_or(u32::MAX);
    let latest = same.get(..usize::try_from(autonomy.after.max(1)).unwrap_or(usize::MAX))?;
    beats_waiting(context, incident, latest).then_some(count)
}

/// Would more than half of the incidents that had lasted as long as these when they were repaired have gone on for longer
/// than the repairs took? Where no incident was left to itself for long enough to say, that is not known, and not
/// knowing is not a yes.
fn beats_waiting(context: &Context<'_>, incident: &Incident, fixes: &[&Request]) -> bool {
    let times = |time: &dyn Fn(&Request) -> Option<Duration>| fixes.iter().map(|fix| time(fix)).collect();
    let waited = times(&|fix| waited(context.book, fix));
    let took = times(&took);
    let (Some(waited), Some(took)) = (median(waited), median(took)) else { return false };
    let known = untouched::untouched(context.book, &incident.origin, context.now);
    known.chance(waited, waited.saturating_add(took)).is_some_and(|chance| chance < 0.5)
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

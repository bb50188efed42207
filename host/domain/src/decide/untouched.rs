//! What becomes of incidents when nobody does anything: what a repair has to beat.
//!
//! Most incidents that lasted were repaired, so those that were not are the harmless ones, and counting them alone would
//! make doing nothing look better than it is. The estimate takes a repaired incident for what it is: one that had not
//! recovered by itself until the repair began (Kaplan and Meier, *Nonparametric Estimation from Incomplete
//! Observations*, 1958).

use std::time::Duration;

use super::Context;
use crate::book::{Book, Incident};
use crate::event::{CloseReason, Origin};
use crate::time::Timestamp;

/// How many incidents are looked at, the latest first: what a service was like long ago says little, and a watch may
/// have had any number.
const MOST_INCIDENTS: usize = 500;

/// What became of the incidents of one watch or route while nobody did anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untouched {
    /// How many ended without any repair having been started.
    pub ended: usize,
    /// How many of those recovered by themselves. The others never did: their level was accepted as the new normal, or
    /// their series are gone.
    pub recovered: usize,
    /// How long half of those that recovered were open for at most.
    pub median: Option<Duration>,
    /// How long each incident was seen to be left to itself, shortest first, and whether it lasted longer than that. Of
    /// several that were seen for as long as each other, those that recovered come first: the others were still there.
    seen: Vec<(Duration, bool)>,
}

/// What became of incidents like this one, itself included, as far as is known at `now`.
pub(super) fn like(context: &Context<'_>, incident: &Incident) -> Untouched {
    let is_alert = matches!(incident.origin, Origin::Alert { .. });
    let alertname = is_alert.then(|| incident.labels.get("alertname")).flatten();
    untouched(context.book, &incident.origin, alertname, context.now)
}

/// What became of the incidents of the same kind and the same watch or route as `origin`, as far as is known at `now`; with
/// an `alertname`, of those that have it alone: a route may be for alerts that have nothing else in common.
#[must_use]
pub fn untouched(book: &Book, origin: &Origin, alertname: Option<&str>, now: Timestamp) -> Untouched {
    let alike = |incident: &&Incident| alertname.is_none_or(|name| incident.labels.get("alertname") == Some(name));
    let incidents = book.incidents_named(origin).take(MOST_INCIDENTS).filter(alike);
    let mut found = Untouched::default();
    for incident in incidents {
        let until = incident.touched.or(incident.closed.map(|(at, _)| at)).unwrap_or(now);
        let recovered = has_recovered(incident);
        found.ended += usize::from(incident.touched.is_none() && incident.closed.is_some());
        found.recovered += usize::from(recovered);
        found.seen.push((until.since(incident.opened_at), !recovered));
    }
    found.seen.sort_unstable();
    let mut recoveries = found.seen.iter().filter(|(_, lasted)| !lasted);
    found.median = recoveries.nth(found.recovered.saturating_sub(1) / 2).map(|(length, _)| *length);
    found
}

fn has_recovered(incident: &Incident) -> bool {
    let by_itself = |reason: CloseReason| match reason {
        CloseReason::Recovered | CloseReason::Resolved | CloseReason::Returned => true,
        CloseReason::Fixed | CloseReason::Accepted | CloseReason::Vanished => false,
    };
    incident.touched.is_none() && incident.closed.is_some_and(|(_, reason)| by_itself(reason))
}

impl Untouched {
    /// The chance, 0 to 1, that an incident that has been open for `from` recovers by itself before it has been open for
    /// longer than `until`. None where none was seen for long enough to say.
    #[must_use]
    pub fn chance(&self, from: Duration, until: Duration) -> Option<f64> {
        let longest = self.seen.last().map(|(length, _)| *length).filter(|longest| *longest > from)?;
        let mut lasting = 1.0;
        for (shorter, (length, lasted)) in self.seen.iter().enumerate() {
            if !lasted && *length > from && *length <= until {
                let at_risk = self.seen.len() - shorter;
                lasting *= 1.0 - 1.0 / at_risk as f64;
            }
        }
        (longest >= until || lasting == 0.0).then_some(1.0 - lasting)
    }
}

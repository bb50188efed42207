//! Groups of series: when each last gave a sample, and how those in trouble are. Knows nothing of detectors.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use tidegate_domain::event::Health;
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::report::Report;
use crate::view::{BookView, OpenGroup};

/// One group. Its series share it, so that noting a sample takes no lookup.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) labels: Labels,
    /// Time of its newest sample.
    seen: AtomicI64,
}

impl Group {
    /// Notes a sample.
    pub(crate) fn see(&self, at: Timestamp) {
        // Most samples of a group have one time: then it is only read, and threads do not fight over it.
        if self.seen.load(Relaxed) < at.0 {
            self.seen.fetch_max(at.0, Relaxed);
        }
    }

    fn seen(&self) -> Timestamp {
        Timestamp(self.seen.load(Relaxed))
    }

    fn is_absent(&self, now: Timestamp, absent_after: Duration) -> bool {
        self.seen() > Timestamp::MIN && now.since(self.seen()) >= absent_after
    }
}

/// The groups of one watch.
#[derive(Debug, Default)]
pub(crate) struct Groups(HashMap<Labels, Known>);

#[derive(Debug)]
struct Known {
    group: Arc<Group>,
    told_absent: bool,
}

impl Groups {
    /// The group of these labels, made where there is none.
    pub(crate) fn of(&mut self, labels: Labels) -> Arc<Group> {
        if let Some(known) = self.0.get(&labels) {
            return known.group.clone();
        }
        let group = Arc::new(Group { labels: labels.clone(), seen: AtomicI64::new(Timestamp::MIN.0) });
        self.0.insert(labels, Known { group: group.clone(), told_absent: false });
        group
    }

    /// How many there are, apart from those that are absent and not among the `anomalous`.
    pub(crate) fn count_with(&self, anomalous: &std::collections::HashSet<&Labels>) -> usize {
        self.0.values().filter(|known| !known.told_absent || anomalous.contains(&known.group.labels)).count()
    }

    /// Tells which groups have stopped coming, and which are back.
    pub(crate) fn note_absences(
        &mut self,
        view: &BookView,
        now: Timestamp,
        absent_after: Duration,
        report: &mut Report,
    ) {
        let mut changes: Vec<(Labels, WatchChange)> = Vec::new();
        for Known { group, told_absent } in self.0.values_mut() {
            let absent = group.is_absent(now, absent_after);
            report.counts.absent_groups += u64::from(absent);
            // After a crash the book may know of an absence that is still to be found again: then there is no new sample.
            let back = || view.absent.get(&group.labels).is_some_and(|since| group.seen() > *since);
            let labels = group.labels.clone();
            if absent && !*told_absent {
                changes.push((labels, WatchChange::Absent { group: group.labels.clone(), since: group.seen() }));
            } else if !absent && (*told_absent || back()) {
                changes.push((labels, WatchChange::Returned { group: group.labels.clone() }));
            }
            *told_absent = absent;
        }
        changes.sort_by(|(a, _), (b, _)| a.cmp(b));
        report.changes.extend(changes.into_iter().map(|(_, change)| change));
    }

    /// Drops the groups that have no series left.
    pub(crate) fn forget_empty(&mut self) {
        self.0.retain(|_, known| Arc::strong_count(&known.group) > 1);
    }
}

/// What was seen of one series of a group with an open incident.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) group: Labels,
    /// As the book knows it.
    pub(crate) series: Labels,
    pub(crate) newest: Timestamp,
    /// Whether it was within its band on both sides, sample by sample; only where a repair is being verified.
    pub(crate) healthy: Vec<(Timestamp, Option<bool>)>,
}

/// Says how the groups with an open incident are, one observation for each time at which there was a sample.
pub(crate) fn observe(view: &BookView, step: Duration, looks: Vec<Look>, report: &mut Report) {
    let mut by_group: BTreeMap<Labels, Vec<Look>> = BTreeMap::new();
    for look in looks {
        by_group.entry(look.group.clone()).or_default().push(look);
    }
    for (group, looks) in by_group {
        let Some(open) = view.open.get(&group) else { continue };
        report.newest.extend(looks.iter().map(|look| look.newest).max().map(|newest| (group.clone(), newest)));
        if open.verifying {
            let observed = observations(open, step, &looks).into_iter();
            report.changes.extend(observed.map(|(sample_at, health)| WatchChange::Observed {
                group: group.clone(),
                sample_at,
                health,
            }));
        }
    }
}

/// Health by time. Samples within one step stand for one moment.
fn observations(open: &OpenGroup, step: Duration, looks: &[Look]) -> Vec<(Timestamp, Health)> {
    let mut moments: BTreeMap<Timestamp, (Timestamp, HashMap<&Labels, Option<bool>>)> = BTreeMap::new();
    for look in looks {
        for (at, healthy) in &look.healthy {
            let (newest, of_series) =
                moments.entry(at.align_down(step)).or_insert_with(|| (*at, HashMap::with_capacity(looks.len())));
            *newest = (*newest).max(*at);
            let worst = of_series.entry(&look.series).or_insert(*healthy);
            *worst = both(*worst, *healthy);
        }
    }
    moments.into_values().map(|(newest, of_series)| (newest, health(open, &of_series))).collect()
}

/// Healthy only where every series in trouble was seen and is well: a member that gave nothing, or that is gone for
/// good, is no recovery. The others speak against it where they are unwell; one that nobody can judge yet does not.
fn health(open: &OpenGroup, of_series: &HashMap<&Labels, Option<bool>>) -> Health {
    let mut members = open.members.keys().map(|member| of_series.get(member).copied().flatten());
    if of_series.values().any(|healthy| *healthy == Some(false)) {
        Health::Unhealthy
    } else if !open.vanished
        && members.all(|healthy| healthy == Some(true))
        && of_series.values().any(|healthy| *healthy == Some(true))
    {
        Health::Healthy
    } else {
        Health::Unjudged
    }
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

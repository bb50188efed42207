//! The loop: one watch, cycle after cycle. Series are spread over plain threads by their labels.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::num::NonZero;
use std::time::Duration;

use tidegate_domain::event::{Health, MemberEnd};
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::Phase;
use tidegate_domain::time::Timestamp;

use crate::entry::{Entry, Fold, Seen};
use crate::frame::{Frame, FrameSeries};
use crate::report::Report;
use crate::scorer::Scorer;
use crate::view::BookView;

/// Everything that is known of the series of one watch, and the detectors that judge them.
pub struct WatchFold {
    pub(crate) watch: Watch,
    detectors: Vec<Box<dyn Scorer>>,
    /// The series, spread by the hash of their labels: one shard a thread.
    pub(crate) shards: Vec<HashMap<Labels, Entry>>,
    hasher: RandomState,
    /// When each group gave its last sample, and whether its absence has been told.
    groups: HashMap<Labels, Group>,
    pub(crate) forgotten: Vec<Labels>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    seen: Timestamp,
    told_absent: bool,
}

impl WatchFold {
    /// A watch that has seen nothing, judged by these detectors in the order of the config, on so many threads.
    #[must_use]
    pub fn new(watch: Watch, detectors: Vec<Box<dyn Scorer>>, threads: NonZero<usize>) -> WatchFold {
        WatchFold {
            watch,
            detectors,
            shards: vec![HashMap::new(); threads.get()],
            hasher: RandomState::new(),
            groups: HashMap::new(),
            forgotten: Vec::new(),
        }
    }

    /// The name of the watch.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.watch.name
    }

    /// How many series are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(HashMap::len).sum()
    }

    /// True when no series is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest sample folded in; the next query starts behind it.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let filled = self.shards.iter().flat_map(HashMap::values).filter(|entry| entry.filled);
        filled.map(|entry| entry.track.cursor).filter(|cursor| *cursor > Timestamp::MIN).max()
    }

    pub(crate) fn detector_count(&self) -> usize {
        self.detectors.len()
    }

    pub(crate) fn shard_of(&self, labels: &Labels) -> usize {
        (self.hasher.hash_one(labels) % self.shards.len() as u64) as usize
    }

    pub(crate) fn insert(&mut self, labels: Labels, entry: Entry) {
        let seen = entry.track.cursor;
        let group = self.groups.entry(entry.group.clone()).or_insert(Group { seen, told_absent: false });
        group.seen = group.seen.max(seen);
        let shard = self.shard_of(&labels);
        self.shards[shard].insert(labels, entry);
    }

    /// Takes note of series not seen before, and makes the table agree with the book. Call it with the result of the
    /// current query before [`Self::awaiting_history`] and [`Self::cycle`].
    pub fn meet(&mut self, frame: &Frame, view: &BookView) {
        for shard in &mut self.shards {
            shard.values_mut().for_each(|entry| entry.reconcile(view.open.get(&entry.group)));
        }
        let unknown: Vec<&FrameSeries> =
            frame.series.iter().filter(|s| !self.shards[self.shard_of(&s.labels)].contains_key(&s.labels)).collect();
        if unknown.is_empty() {
            return;
        }
        let mut silent = self.silent_by_identity(frame);
        for series in unknown {
            let heir = silent.remove(&self.watch.identity_of(&series.labels)).and_then(|old| self.inherit(&old));
            let entry = heir.unwrap_or_else(|| self.first_sight(&series.labels, view));
            self.insert(series.labels.clone(), entry);
        }
    }

    /// Series that gave nothing this time, by the labels that stay: a new series may be one of them under a new name.
    fn silent_by_identity(&self, frame: &Frame) -> HashMap<Labels, Labels> {
        if self.watch.identity.is_none() {
            return HashMap::new();
        }
        let present: HashSet<&Labels> = frame.series.iter().map(|series| &series.labels).collect();
        let known = self.shards.iter().flat_map(HashMap::keys).filter(|labels| !present.contains(labels));
        known.map(|labels| (self.watch.identity_of(labels), labels.clone())).collect()
    }

    fn inherit(&mut self, old: &Labels) -> Option<Entry> {
        let shard = self.shard_of(old);
        let mut entry = self.shards[shard].remove(old)?;
        self.forgotten.push(old.clone());
        entry.dirty = true;
        Some(entry)
    }

    fn first_sight(&self, labels: &Labels, view: &BookView) -> Entry {
        let fold = self.with();
        let open = view.open.get(&self.watch.group_of(labels));
        open.and_then(|open| Entry::from_evidence(&fold, labels, open))
            .unwrap_or_else(|| Entry::new(&self.watch, self.detectors.len(), labels))
    }

    fn with(&self) -> Fold<'_> {
        Fold { watch: &self.watch, detectors: &self.detectors }
    }

    /// From when on history is wanted, because there are series that have none; `now` is the end of the current query.
    #[must_use]
    pub fn awaiting_history(&self, now: Timestamp) -> Option<Timestamp> {
        let depth = self.detectors.iter().map(|detector| detector.history()).max().unwrap_or(Duration::ZERO);
        let oldest = now.minus(depth.max(self.watch.cold_start.history));
        let waiting = self.shards.iter().flat_map(HashMap::values).filter(|entry| !entry.filled);
        waiting
            .map(|entry| match entry.track.cursor {
                Timestamp::MIN => oldest,
                cursor => Timestamp(cursor.0.saturating_add(1)),
            })
            .min()
    }

    /// Folds a piece of history into the series that wait for it. Pieces come oldest first.
    pub fn backfill(&mut self, history: &Frame) -> Report {
        let (report, _) = self.spread::<()>(history, |fold, entry, series, report| {
            if !entry.filled {
                entry.learn(fold, series, report);
            }
            None
        });
        report
    }

    /// Ends a backfill: what waited for history has all there is. Samples up to `until` are not judged.
    pub fn end_backfill(&mut self, until: Timestamp) {
        for entry in self.shards.iter_mut().flat_map(HashMap::values_mut).filter(|entry| !entry.filled) {
            entry.filled = true;
            entry.dirty = true;
            entry.track.judged_from = until;
        }
    }

    /// Judges the fresh samples of one query. Only for a query that succeeded: no answer is not an absence.
    pub fn cycle(&mut self, frame: &Frame, view: &BookView, now: Timestamp) -> Report {
        let (mut report, seen) = self.spread(frame, |fold, entry, series, report| {
            if !entry.filled {
                report.counts.awaiting_history += 1;
                return None;
            }
            let seen = entry.fold(fold, series, view.open.get(&entry.group), report)?;
            report.counts.series += 1;
            report.counts.cold += u64::from(entry.track.is_cold(fold.watch, seen.sample_at));
            Some((entry.group.clone(), entry.known_as.clone(), seen))
        });
        self.observe_groups(view, &seen, &mut report);
        self.note_absences(view, &seen, now, &mut report);
        self.survey(&mut report);
        self.forget(now, &mut report);
        report
    }

    /// Runs `each` on every series of the frame, on as many threads as there are shards.
    fn spread<T: Send>(
        &mut self,
        frame: &Frame,
        each: impl Fn(&Fold<'_>, &mut Entry, &FrameSeries, &mut Report) -> Option<T> + Sync,
    ) -> (Report, Vec<T>) {
        let mut work: Vec<Vec<&FrameSeries>> = vec![Vec::new(); self.shards.len()];
        for series in &frame.series {
            work[self.shard_of(&series.labels)].push(series);
        }
        let fold = Fold { watch: &self.watch, detectors: &self.detectors };
        let run = |shard: &mut HashMap<Labels, Entry>, work: Vec<&FrameSeries>| {
            let mut report = Report::default();
            let mut found = Vec::new();
            for series in work {
                if let Some(entry) = shard.get_mut(&series.labels) {
                    found.extend(each(&fold, entry, series, &mut report));
                }
            }
            (report, found)
        };
        let parts: Vec<(Report, Vec<T>)> = std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> =
                self.shards.iter_mut().zip(work).map(|(shard, work)| scope.spawn(move || run(shard, work))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let mut whole = (Report::default(), Vec::new());
        for (report, found) in parts {
            whole.0.merge(report);
            whole.1.extend(found);
        }
        whole
    }

    /// Says how the groups with an open incident are. A member that gave nothing leaves its group unjudged: a gap is
    /// no recovery.
    fn observe_groups(&self, view: &BookView, seen: &[(Labels, Labels, Seen)], report: &mut Report) {
        let mut by_group: HashMap<&Labels, Vec<(&Labels, &Seen)>> = HashMap::new();
        for (group, series, seen) in seen.iter().filter(|(group, ..)| view.open.contains_key(group)) {
            by_group.entry(group).or_default().push((series, seen));
        }
        for (group, of_group) in by_group {
            let Some(open) = view.open.get(group) else { continue };
            let Some(sample_at) = of_group.iter().map(|(_, seen)| seen.sample_at).max() else { continue };
            report.newest.push((group.clone(), sample_at));
            if !open.verifying {
                continue;
            }
            let complete = open.members.keys().all(|member| of_group.iter().any(|(series, _)| *series == member));
            let health = if of_group.iter().any(|(_, seen)| seen.healthy == Some(false)) {
                Health::Unhealthy
            } else if complete && of_group.iter().all(|(_, seen)| seen.healthy == Some(true)) {
                Health::Healthy
            } else {
                Health::Unjudged
            };
            report.changes.push(WatchChange::Observed { group: group.clone(), sample_at, health });
        }
    }

    fn note_absences(&mut self, view: &BookView, seen: &[(Labels, Labels, Seen)], now: Timestamp, report: &mut Report) {
        for (group, _, seen) in seen {
            if let Some(known) = self.groups.get_mut(group) {
                known.seen = known.seen.max(seen.sample_at);
            }
        }
        for (group, known) in &mut self.groups {
            let absent = known.seen > Timestamp::MIN && now.since(known.seen) >= self.watch.absent_after;
            report.counts.absent_groups += u64::from(absent);
            if absent && !known.told_absent {
                report.changes.push(WatchChange::Absent { group: group.clone(), since: known.seen });
            } else if !absent && (known.told_absent || view.absent.contains(group)) {
                report.changes.push(WatchChange::Returned { group: group.clone() });
            }
            known.told_absent = absent;
        }
    }

    fn survey(&self, report: &mut Report) {
        let entries = || self.shards.iter().flat_map(HashMap::values);
        let anomalous: HashSet<&Labels> =
            entries().filter(|entry| entry.track.phase != Phase::Normal).map(|entry| &entry.group).collect();
        if !anomalous.is_empty() {
            report.changes.push(WatchChange::Surveyed { anomalous: anomalous.len(), total: self.groups.len() });
        }
    }

    /// Drops series that nobody waits for any more, so that churn does not grow the table without end.
    fn forget(&mut self, now: Timestamp, report: &mut Report) {
        let limit = self.watch.accept_after.max(self.watch.absent_after);
        let gone = |entry: &Entry| entry.track.cursor > Timestamp::MIN && now.since(entry.track.cursor) >= limit;
        for shard in &mut self.shards {
            let old: Vec<Labels> = shard.iter().filter(|(_, e)| gone(e)).map(|(labels, _)| labels.clone()).collect();
            for labels in old {
                let Some(entry) = shard.remove(&labels) else { continue };
                if let Phase::Incident { .. } = entry.track.phase {
                    let (group, series) = (entry.group, entry.known_as);
                    report.changes.push(WatchChange::Ended { group, series, how: MemberEnd::Vanished });
                }
                self.forgotten.push(labels);
            }
        }
        self.groups.retain(|_, group| group.seen == Timestamp::MIN || now.since(group.seen) < limit);
    }
}

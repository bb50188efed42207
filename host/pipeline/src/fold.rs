//! The loop: one watch, cycle after cycle. Series are spread over plain threads by their labels.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::num::NonZero;
use std::time::Duration;

use tidegate_domain::event::MemberEnd;
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::Phase;
use tidegate_domain::time::Timestamp;

use crate::entry::{Entry, Fold, Part};
use crate::frame::{Frame, FrameSeries};
use crate::group::{Groups, observe};
use crate::report::Report;
use crate::retool::Mark;
use crate::scorer::Scorer;
use crate::view::BookView;

/// Everything that is known of the series of one watch, and the detectors that judge them.
pub struct WatchFold {
    pub(crate) watch: Watch,
    pub(crate) detectors: Vec<Box<dyn Scorer>>,
    /// Whose states are whose, by detector.
    pub(crate) marks: Vec<Mark>,
    /// The series, spread by the hash of their labels: one shard a thread.
    pub(crate) shards: Vec<HashMap<Labels, Entry>>,
    hasher: RandomState,
    pub(crate) groups: Groups,
    /// Members of open incidents that no series can stand for, by group.
    pub(crate) orphans: Vec<(Labels, Labels)>,
    /// Series whose rows are to be deleted.
    pub(crate) forgotten: Vec<Labels>,
    /// How often the table has been written.
    pub(crate) generation: u64,
    /// Rows of this generation have been handed out.
    pub(crate) writing: bool,
    /// After a restart: up to here every series has been asked for. None once that is the newest sample of all.
    pub(crate) resumed: Option<Timestamp>,
}

impl WatchFold {
    /// A watch that has seen nothing, judged by these detectors in the order of the config, on so many threads.
    #[must_use]
    pub fn new(watch: Watch, detectors: Vec<Box<dyn Scorer>>, threads: NonZero<usize>) -> WatchFold {
        WatchFold {
            marks: Mark::all(&watch, &detectors),
            watch,
            detectors,
            shards: vec![HashMap::new(); threads.get()],
            hasher: RandomState::new(),
            groups: Groups::default(),
            orphans: Vec::new(),
            forgotten: Vec::new(),
            generation: 0,
            writing: false,
            resumed: None,
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

    /// Up to here all samples are folded in; the next query starts behind it. That is the newest sample, except after a
    /// restart from a table of which a part is older.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let newest = self.cursors().max()?;
        Some(self.resumed.map_or(newest, |resumed| newest.min(resumed)))
    }

    fn cursors(&self) -> impl Iterator<Item = Timestamp> {
        let filled = self.entries().filter(|entry| entry.filled);
        filled.map(|entry| entry.track.cursor).filter(|cursor| *cursor > Timestamp::MIN)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.shards.iter().flat_map(HashMap::values)
    }

    pub(crate) fn entry(&self, labels: &Labels) -> Option<&Entry> {
        self.shards[self.shard_of(labels)].get(labels)
    }

    pub(crate) fn entry_mut(&mut self, labels: &Labels) -> Option<&mut Entry> {
        let shard = self.shard_of(labels);
        self.shards[shard].get_mut(labels)
    }

    pub(crate) fn shard_of(&self, labels: &Labels) -> usize {
        (self.hasher.hash_one(labels) % self.shards.len() as u64) as usize
    }

    pub(crate) fn insert(&mut self, labels: Labels, entry: Entry) {
        entry.group.see(entry.seen);
        let shard = self.shard_of(&labels);
        self.shards[shard].insert(labels, entry);
    }

    /// From when on history is wanted, because there are series that have none; `now` is the end of the current query.
    #[must_use]
    pub fn awaiting_history(&self, now: Timestamp) -> Option<Timestamp> {
        let depth = self.detectors.iter().map(|detector| detector.history()).max().unwrap_or(Duration::ZERO);
        let depth = depth.max(self.watch.cold_start.history);
        let unfilled = self.entries().filter(|entry| !entry.filled);
        let unfilled = unfilled.map(|entry| match (entry.track.cursor, &entry.track.phase) {
            // What it is to be compared with lies before the trouble, however long that has lasted.
            (Timestamp::MIN, Phase::Incident { since, .. }) => since.minus(depth),
            (Timestamp::MIN, _) => now.minus(depth),
            (cursor, _) => Timestamp(cursor.0.saturating_add(1)),
        });
        unfilled.chain(self.entries().filter_map(|entry| entry.missing_from(depth))).min()
    }

    /// Folds a piece of history into the series that wait for it. Pieces come oldest first.
    pub fn backfill(&mut self, history: &Frame) -> Report {
        let part = self.spread(history, |fold, entry, series, part| {
            entry.catch_up(fold, series, &mut part.report);
            if !entry.filled {
                entry.learn(fold, series, &mut part.report);
            }
        });
        part.report
    }

    /// Ends a backfill that reached `until`: what waited for history has all there is. Samples up to there have been
    /// learnt and will not be judged.
    pub fn end_backfill(&mut self, until: Timestamp) {
        for entry in self.shards.iter_mut().flat_map(HashMap::values_mut) {
            entry.settle(until);
        }
    }

    /// Judges the fresh samples of one query, which ended at `now`. Only for a query that succeeded: no answer is not
    /// an absence. Samples later than `now` are not taken: a clock that is wrong by years must not stop the watch.
    pub fn cycle(&mut self, frame: &Frame, view: &BookView, now: Timestamp) -> Report {
        let Part { mut report, mut told, looks, .. } = self.spread(frame, |fold, entry, series, part| {
            entry.note_presence(series, now);
            if entry.filled {
                entry.fold(fold, series, view, now, part);
            } else {
                part.report.counts.awaiting_history += 1;
            }
        });
        told.sort_by(|a, b| (a.at, &a.series).cmp(&(b.at, &b.series)));
        report.changes.extend(told.into_iter().map(|told| told.change));
        let vanished = |(group, series)| WatchChange::Ended { group, series, how: MemberEnd::Vanished };
        report.changes.extend(self.orphans.drain(..).map(vanished));
        observe(view, self.watch.step, looks, &mut report);
        self.groups.note_absences(view, now, self.watch.absent_after, &mut report);
        self.survey(&mut report);
        self.forget(now, &mut report);
        if let Some(resumed) = self.resumed {
            let behind = self.cursors().max().is_some_and(|newest| newest > now);
            self.resumed = behind.then_some(resumed.max(now));
        }
        report
    }

    /// Runs `each` on every series of the frame, on as many threads as there are shards.
    fn spread(&mut self, frame: &Frame, each: impl Fn(&Fold<'_>, &mut Entry, &FrameSeries, &mut Part) + Sync) -> Part {
        let mut work: Vec<Vec<&FrameSeries>> = vec![Vec::new(); self.shards.len()];
        for series in &frame.series {
            work[self.shard_of(&series.labels)].push(series);
        }
        let fold = Fold::of(&self.watch, &self.detectors, frame);
        let run = |shard: &mut HashMap<Labels, Entry>, work: Vec<&FrameSeries>| {
            let mut part = Part::default();
            for series in work {
                if let Some(entry) = shard.get_mut(&series.labels) {
                    each(&fold, entry, series, &mut part);
                }
            }
            part
        };
        let parts: Vec<Part> = std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> =
                self.shards.iter_mut().zip(work).map(|(shard, work)| scope.spawn(move || run(shard, work))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let mut whole = Part::default();
        for Part { report, told, looks, .. } in parts {
            whole.report.merge(report);
            whole.told.extend(told);
            whole.looks.extend(looks);
        }
        whole
    }

    fn survey(&self, report: &mut Report) {
        let unusual = self.entries().filter(|entry| entry.track.phase != Phase::Normal);
        let anomalous: HashSet<&Labels> = unusual.map(|entry| &entry.group.labels).collect();
        if !anomalous.is_empty() {
            let total = self.groups.count_with(&anomalous);
            report.changes.push(WatchChange::Surveyed { anomalous: anomalous.len(), total });
        }
    }

    /// Drops series that nobody waits for any more, so that churn does not grow the table without end.
    fn forget(&mut self, now: Timestamp, report: &mut Report) {
        let limit = self.watch.accept_after.max(self.watch.absent_after);
        let mut gone: Vec<(Labels, Entry)> = Vec::new();
        for shard in &mut self.shards {
            gone.extend(shard.extract_if(|_, entry| now.since(entry.seen) >= limit));
        }
        if gone.is_empty() {
            return;
        }
        gone.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (labels, entry) in gone {
            if entry.in_incident() {
                let (group, series) = (entry.group.labels.clone(), entry.known_as.unwrap_or_else(|| labels.clone()));
                report.changes.push(WatchChange::Ended { group, series, how: MemberEnd::Vanished });
            }
            self.forgotten.push(labels);
        }
        self.groups.forget_empty();
    }
}

//! Who is who: series not seen before, series that return under new labels, and the members of open incidents. Looks
//! at labels and at the book, never at values.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tidegate_domain::event::Evidence;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;
use tidegate_domain::series::{self, Phase};
use tidegate_domain::time::Timestamp;

use crate::entry::Entry;
use crate::fold::WatchFold;
use crate::frame::Frame;
use crate::view::BookView;

/// After so many steps without a sample a series in trouble is taken for replaced, where there is a younger one of the
/// same identity: in a rolling restart the new pod comes before the old one goes.
const REPLACED_AFTER: u32 = 3;

impl WatchFold {
    /// Takes note of series not seen before, and makes the table agree with the book. Call it with the result of the
    /// current query before [`Self::awaiting_history`] and [`Self::cycle`].
    pub fn meet(&mut self, frame: &Frame, view: &BookView) {
        let heirs = self.heirs();
        self.agree(view, &heirs);
        let mut unknown: Vec<&Labels> = Vec::new();
        for series in &frame.series {
            if !series.timestamps.is_empty() && self.entry(&series.labels).is_none() {
                unknown.push(&series.labels);
            }
        }
        unknown.sort();
        unknown.dedup();
        let lost = self.lost(frame);
        let mut silent =
            if unknown.is_empty() && lost.is_empty() { HashMap::new() } else { self.silent_by_identity(frame) };
        for labels in unknown {
            let old = silent.get_mut(&self.watch.identity_of(labels)).and_then(Vec::pop);
            let heir = old.and_then(|old| self.inherit(&old, labels));
            let entry = heir.unwrap_or_else(|| {
                let group = self.groups.of(self.watch.group_of(labels));
                Entry::new(self.detectors.len(), group)
            });
            self.insert(labels.clone(), entry);
        }
        for old in lost {
            self.replace(frame, &old);
        }
    }

    /// The series that stand for a member of an incident under other labels, by those that the book knows. Those whose
    /// incident is over stand for themselves again.
    fn heirs(&mut self) -> HashMap<Labels, Labels> {
        let mut heirs = HashMap::new();
        for (labels, entry) in self.shards.iter_mut().flatten() {
            let Some(known_as) = entry.known_as.take() else { continue };
            if entry.in_incident() {
                heirs.insert(known_as.clone(), labels.clone());
                entry.known_as = Some(known_as);
            } else {
                entry.group = self.groups.of(self.watch.group_of(labels));
                entry.group.see(entry.seen);
                entry.dirty = true;
            }
        }
        heirs
    }

    /// Where the table and the book disagree about a member of an open incident, the book wins. Incidents of the table
    /// that the book does not have are dropped sample by sample, in the fold.
    fn agree(&mut self, view: &BookView, heirs: &HashMap<Labels, Labels>) {
        self.orphans.clear();
        for (group, open) in &view.open {
            for (series, evidence) in &open.members {
                let labels = heirs.get(series).unwrap_or(series);
                let regrouped = self.watch.group_of(series) != *group;
                match self.entry_mut(labels) {
                    // The config groups otherwise now, or the series stands for another member already.
                    _ if regrouped => self.orphans.push((group.clone(), series.clone())),
                    Some(entry) if entry.known_as.as_ref().is_some_and(|known_as| known_as != series) => {
                        self.orphans.push((group.clone(), series.clone()));
                    }
                    Some(entry) => entry.agree(evidence, open.severity),
                    None => {
                        let entry = self.entry_of(series, evidence, open.severity);
                        self.insert(series.clone(), entry);
                    }
                }
            }
        }
        self.orphans.sort();
    }

    /// A member of an incident that the table does not have: the evidence holds what is needed, unless the detectors are
    /// others by now. Then the history before the trouble is learnt.
    fn entry_of(&mut self, labels: &Labels, evidence: &Evidence, severity: Severity) -> Entry {
        let group = self.groups.of(self.watch.group_of(labels));
        let mut entry = Entry::new(self.detectors.len(), group);
        let opening = series::opening(evidence.since, &evidence.window);
        entry.track.phase = Phase::incident(evidence.since, severity, evidence.cold_start, opening);
        entry.seen = evidence.at;
        let detectors = self.detectors.iter().map(|detector| (detector.name(), detector.digest()));
        let by = evidence.opinions.iter().map(|opinion| (opinion.detector.as_str(), opinion.digest.as_str()));
        if let (true, Some(during)) = (by.clone().eq(detectors.clone()), &evidence.during) {
            // These are the states of the event; the ordinary ones are learnt from history.
            let event = self.watch.known_events.iter().position(|event| event.name == *during);
            if let Some(event) = event {
                let states = evidence.opinions.iter().map(|opinion| opinion.state.clone()).collect();
                let before = Timestamp(evidence.since.0.saturating_sub(1));
                let apart = entry.track.apart.get_or_insert_default();
                apart.of(event, self.detectors.len()).recall(states, before, !evidence.cold_start);
            }
        } else if by.eq(detectors) {
            entry.filled = true;
            entry.track.states = evidence.opinions.iter().map(|opinion| opinion.state.clone()).collect();
            entry.track.cursor = evidence.at;
            entry.track.recent = evidence.window.iter().copied().collect();
            let age = if evidence.cold_start { Duration::ZERO } else { self.watch.cold_start.history };
            let learning = evidence.learning.map(|learning| learning.since);
            entry.track.history_from = Some(learning.unwrap_or(evidence.at.minus(age)));
        }
        entry
    }

    /// Series that gave nothing this time, by the labels that stay: a new series may be one of them under a new name.
    /// The last of each is the first to be replaced.
    fn silent_by_identity(&self, frame: &Frame) -> HashMap<Labels, Vec<Labels>> {
        let mut silent: HashMap<Labels, Vec<Labels>> = HashMap::new();
        if self.watch.identity.is_none() {
            return silent;
        }
        let present: HashSet<&Labels> = frame.series.iter().map(|series| &series.labels).collect();
        let known = self.shards.iter().flat_map(HashMap::keys).filter(|labels| !present.contains(labels));
        for labels in known {
            silent.entry(self.watch.identity_of(labels)).or_default().push(labels.clone());
        }
        // Those in trouble first, of those the latest seen.
        for labels in silent.values_mut() {
            labels.sort_by_cached_key(|labels| {
                self.entry(labels).map(|entry| (entry.in_incident(), entry.seen, std::cmp::Reverse(labels.clone())))
            });
        }
        silent
    }

    /// Takes a series out of the table, to go on under other labels. The book goes on knowing it by the old ones.
    fn inherit(&mut self, old: &Labels, new: &Labels) -> Option<Entry> {
        let shard = self.shard_of(old);
        let mut entry = self.shards[shard].remove(old)?;
        self.forgotten.push(old.clone());
        entry.dirty = true;
        if entry.in_incident() {
            entry.known_as.get_or_insert_with(|| old.clone());
        } else {
            entry.group = self.groups.of(self.watch.group_of(new));
        }
        Some(entry)
    }

    /// Series in trouble that have been silent for a while, where a successor could be told.
    fn lost(&self, frame: &Frame) -> Vec<Labels> {
        let newest = frame.series.iter().filter_map(|series| series.timestamps.last()).max();
        let (Some(newest), Some(_)) = (newest, &self.watch.identity) else { return Vec::new() };
        let patience = self.watch.step.saturating_mul(REPLACED_AFTER);
        let lost = |entry: &Entry| entry.in_incident() && Timestamp(*newest).since(entry.seen) >= patience;
        let series = self.shards.iter().flatten();
        let mut lost: Vec<Labels> = series.filter(|(_, entry)| lost(entry)).map(|(labels, _)| labels.clone()).collect();
        lost.sort();
        lost
    }

    /// Lets a younger series of the same identity stand for one that is lost, where there is one.
    fn replace(&mut self, frame: &Frame, old: &Labels) {
        let Some(Phase::Incident { since, .. }) = self.entry(old).map(|entry| entry.track.phase.clone()) else {
            return;
        };
        let young = |entry: &Entry| !entry.in_incident() && entry.track.history_from.is_none_or(|from| from > since);
        let identity = self.watch.identity_of(old);
        let present = frame.series.iter().map(|series| &series.labels);
        let successors = present.filter(|labels| self.entry(labels).is_some_and(young));
        let successor = successors.filter(|labels| self.watch.identity_of(labels) == identity).min().cloned();
        if let Some(new) = successor
            && let Some(entry) = self.inherit(old, &new)
        {
            self.insert(new, entry);
        }
    }
}

impl Entry {
    /// The book has this series in an open incident.
    fn agree(&mut self, evidence: &Evidence, severity: Severity) {
        let Evidence { since, at, window, .. } = evidence;
        match &mut self.track.phase {
            // A streak that the samples past the cursor will show again is found by folding them.
            _ if self.filled && self.track.cursor < *at => return,
            Phase::Incident { since: known, .. } if *known >= *since => return,
            Phase::Incident { since: known, opening, .. } => {
                (*known, *opening) = (*since, series::opening(*since, window));
            }
            // How it began has been learnt by now, and a detector is told nothing twice.
            phase => *phase = Phase::incident(*since, severity, evidence.cold_start, Vec::new()),
        }
        // A level that the book has not accepted is none yet.
        self.track.accepted = None;
        self.dirty = true;
    }
}

//! The series table as bytes: what a restart needs so that nothing is learnt again.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use tidegate_domain::labels::Labels;
use tidegate_domain::series::{RECENT_SAMPLES, Track};
use tidegate_domain::time::Timestamp;

use crate::entry::Entry;
use crate::fold::WatchFold;
use crate::retool::Mark;

/// The first byte of a row: how the rest is laid out. To be raised with every change to what is written.
const LAYOUT: u8 = 7;

/// Rows that changed since the last snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// One blob per series: cursor and states together, so that they cannot disagree.
    pub changed: Vec<(Labels, Vec<u8>)>,
    /// Series that are forgotten. None of them is among the changed ones.
    pub removed: Vec<Labels>,
}

/// What a row holds behind its first byte. Groups follow from the labels and the config of the day.
#[derive(Serialize, Deserialize)]
struct Row<T> {
    generation: u64,
    known_as: Option<Labels>,
    filled: bool,
    /// Whose each state is; None for one that is to be learnt again.
    marks: Vec<Option<Mark>>,
    track: T,
}

impl WatchFold {
    /// Takes what changed since the last call.
    pub fn snapshot(&mut self) -> Snapshot {
        self.snapshot_part(usize::MAX)
    }

    /// Takes about so many bytes of what changed, so that a large table need not be in memory twice. There is more as
    /// long as the answer is not empty. Each call walks the whole table: take some tens of megabytes.
    pub fn snapshot_part(&mut self, bytes: usize) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let mut room = bytes;
        for (labels, entry) in self.shards.iter_mut().flat_map(HashMap::iter_mut) {
            if !entry.dirty || !entry.is_worth_a_row() {
                continue;
            }
            if room == 0 {
                return snapshot;
            }
            // Plain data into memory: there is nothing in it that postcard could refuse.
            let (generation, known_as) = (self.generation, entry.known_as.clone());
            let marks = self.marks.iter().enumerate();
            let marks = marks.map(|(which, mark)| (!entry.is_missing(which)).then_some(*mark)).collect();
            let row = Row { generation, known_as, filled: entry.filled, marks, track: &entry.track };
            if let Ok(blob) = postcard::to_extend(&row, vec![LAYOUT]) {
                room = room.saturating_sub(blob.len());
                snapshot.changed.push((labels.clone(), blob));
                self.writing = true;
            }
            entry.dirty = false;
        }
        if std::mem::take(&mut self.writing) {
            self.generation += 1;
        }
        // One that is back, or that got its labels from another series, has a row again.
        let forgotten: HashSet<Labels> = std::mem::take(&mut self.forgotten).into_iter().collect();
        let gone = |labels: &Labels| !self.entry(labels).is_some_and(Entry::is_worth_a_row);
        snapshot.removed = forgotten.into_iter().filter(gone).collect();
        snapshot
    }

    /// Puts rows of an earlier run back; returns how many could not be read, to be learnt again.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = (Labels, Vec<u8>)>) -> usize {
        let mut unreadable = 0;
        let mut cursors: Vec<(u64, Timestamp)> = Vec::new();
        let mut stood_for: HashMap<Labels, Labels> = HashMap::new();
        for (labels, blob) in rows {
            let Some(Row { generation, known_as, filled, marks, track }) = read(&blob) else {
                unreadable += 1;
                self.forgotten.push(labels);
                continue;
            };
            if filled {
                cursors.push((generation, track.cursor));
            }
            if let Some(known_as) = &known_as {
                stood_for.insert(known_as.clone(), labels.clone());
            }
            let group = self.groups.of(self.watch.group_of(known_as.as_ref().unwrap_or(&labels)));
            let seen = track.cursor;
            let mut entry = Entry { track, known_as, seen, filled, dirty: false, ..Entry::new(0, group) };
            entry.sort_states(&marks, &self.marks);
            self.insert(labels, entry);
        }
        self.try_doubtful();
        self.drop_replaced(stood_for);
        self.resume(&cursors);
        unreadable
    }

    /// A crash between writing and deleting leaves the row of a series beside that of its successor.
    fn drop_replaced(&mut self, stood_for: HashMap<Labels, Labels>) {
        for (old, new) in stood_for {
            if old == new {
                continue;
            }
            let shard = self.shard_of(&old);
            let replaced =
                self.shards[shard].get(&old).is_some_and(|entry| entry.known_as.is_none() && entry.in_incident());
            if replaced {
                self.shards[shard].remove(&old);
                self.forgotten.push(old);
            }
        }
    }

    /// The table is written in pieces, and a crash between two of them leaves some rows a generation behind. Rows older
    /// than that are of series that had stopped coming.
    fn resume(&mut self, cursors: &[(u64, Timestamp)]) {
        let Some(last) = cursors.iter().map(|(generation, _)| *generation).max() else { return };
        let alive = cursors.iter().filter(|(generation, _)| generation.saturating_add(1) >= last);
        self.resumed = alive.map(|(_, cursor)| *cursor).min();
        // Not the next one: until it is written whole, a second crash must find the older rows one generation behind.
        self.generation = last;
    }
}

fn read(blob: &[u8]) -> Option<Row<Track>> {
    let (&LAYOUT, rest) = blob.split_first()? else { return None };
    let (row, rest) = postcard::take_from_bytes::<Row<Track>>(rest).ok()?;
    let Track { cursor, history_from, states, recent, accepted, apart, .. } = &row.track;
    let sound = rest.is_empty()
        && states.len() == row.marks.len()
        && *cursor > Timestamp::MIN
        && history_from.is_none_or(|from| from <= *cursor)
        && accepted.as_ref().is_none_or(|accepted| accepted.fits(states.len()))
        && apart.as_ref().is_none_or(|apart| apart.fits(states.len()))
        && recent.len() <= RECENT_SAMPLES
        && recent.iter().is_sorted_by_key(|(at, _)| *at)
        && recent.back().is_none_or(|(at, _)| at <= cursor);
    sound.then_some(row)
}

impl Entry {
    /// One that has learnt nothing yet begins anew anyway. Of one that is to be learnt anew the old row says as much.
    fn is_worth_a_row(&self) -> bool {
        self.track.cursor > Timestamp::MIN
    }
}

//! The series table as bytes: what a restart needs so that nothing is learnt again.

use std::collections::HashMap;

use tidegate_domain::labels::Labels;

use crate::entry::Entry;
use crate::fold::WatchFold;

/// Rows that changed since the last snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// One blob per series: cursor and states together, so that they cannot disagree.
    pub changed: Vec<(Labels, Vec<u8>)>,
    /// Series that are forgotten.
    pub removed: Vec<Labels>,
}

impl WatchFold {
    /// Takes what changed since the last call.
    pub fn snapshot(&mut self) -> Snapshot {
        let mut changed = Vec::new();
        for (labels, entry) in self.shards.iter_mut().flat_map(HashMap::iter_mut) {
            // A series that waits for its history starts anew anyway.
            if !entry.dirty || !entry.filled {
                continue;
            }
            // Plain data into memory: there is nothing in it that postcard could refuse.
            if let Ok(blob) = postcard::to_stdvec(entry) {
                changed.push((labels.clone(), blob));
                entry.dirty = false;
            }
        }
        Snapshot { changed, removed: std::mem::take(&mut self.forgotten) }
    }

    /// Puts rows of an earlier run back; returns how many could not be read, to be learnt again.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = (Labels, Vec<u8>)>) -> usize {
        let detectors = self.detector_count();
        let mut unreadable = 0;
        for (labels, blob) in rows {
            match postcard::from_bytes::<Entry>(&blob) {
                Ok(entry) if entry.track.states.len() == detectors => self.insert(labels, entry),
                _ => unreadable += 1,
            }
        }
        unreadable
    }
}

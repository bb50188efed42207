//! What came out of one cycle of one watch.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::series::Unjudged;
use tidegate_domain::time::Timestamp;

/// What came out of one cycle.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What changed: streaks and recoveries by the time of their sample, then health, absences, and the whole.
    pub changes: Vec<WatchChange>,
    /// What was counted.
    pub counts: Counts,
    /// Time of the newest sample of each group that has an open incident.
    pub newest: Vec<(Labels, Timestamp)>,
    /// What went wrong with guests, the first of each kind, for the log.
    pub failures: BTreeMap<(String, &'static str), String>,
}

/// Series for which a known event lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InEvent {
    /// Judged by what they were like while it lasted before.
    pub known: u64,
    /// It has not been seen often enough for that.
    pub learning: u64,
}

/// Counts of one cycle. Samples unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Judged normal.
    pub normal: u64,
    /// Judged anomalous.
    pub anomalous: u64,
    /// Not judged, by reason.
    pub unjudged: BTreeMap<Unjudged, u64>,
    /// Only learnt, being history.
    pub learnt: u64,
    /// Guest calls.
    pub calls: u64,
    /// Guest calls that failed, by detector and kind.
    pub failed: BTreeMap<(String, &'static str), u64>,
    /// Series that gave at least one sample.
    pub series: u64,
    /// Series too young for the detectors.
    pub cold: u64,
    /// How much history the youngest and the oldest of these have.
    pub cold_ages: Option<(Duration, Duration)>,
    /// Series that were too young before this cycle: from now on the detectors judge them.
    pub switched: u64,
    /// Series for which a known event lasted at their newest sample, by its name.
    pub events: BTreeMap<String, InEvent>,
    /// Series that wait for their history.
    pub awaiting_history: u64,
    /// Groups absent now.
    pub absent_groups: u64,
}

impl Report {
    pub(crate) fn merge(&mut self, other: Report) {
        self.changes.extend(other.changes);
        self.newest.extend(other.newest);
        for (key, text) in other.failures {
            self.failures.entry(key).or_insert(text);
        }
        let (mine, counts) = (&mut self.counts, other.counts);
        mine.normal += counts.normal;
        mine.anomalous += counts.anomalous;
        mine.learnt += counts.learnt;
        mine.calls += counts.calls;
        mine.series += counts.series;
        mine.cold += counts.cold;
        mine.switched += counts.switched;
        mine.widen_cold(counts.cold_ages);
        mine.awaiting_history += counts.awaiting_history;
        mine.absent_groups += counts.absent_groups;
        for (event, InEvent { known, learning }) in counts.events {
            let mine = mine.events.entry(event).or_default();
            mine.known += known;
            mine.learning += learning;
        }
        for (why, count) in counts.unjudged {
            *mine.unjudged.entry(why).or_default() += count;
        }
        for (key, count) in counts.failed {
            *mine.failed.entry(key).or_default() += count;
        }
    }

    pub(crate) fn failed(&mut self, detector: &str, error: &crate::scorer::ScoreError) {
        let key = (detector.to_owned(), error.kind);
        *self.counts.failed.entry(key.clone()).or_default() += 1;
        self.failures.entry(key).or_insert_with(|| error.text.clone());
    }
}

impl Counts {
    /// One more series that is too young, with so much history.
    pub(crate) fn add_cold(&mut self, age: Duration) {
        self.cold += 1;
        self.widen_cold(Some((age, age)));
    }

    /// One more series for which a known event lasts.
    pub(crate) fn add_in_event(&mut self, event: &str, known: bool) {
        // Not the entry of a map: that takes an owned name for each of many series.
        if !self.events.contains_key(event) {
            self.events.insert(event.to_owned(), InEvent::default());
        }
        if let Some(count) = self.events.get_mut(event) {
            count.known += u64::from(known);
            count.learning += u64::from(!known);
        }
    }

    fn widen_cold(&mut self, ages: Option<(Duration, Duration)>) {
        self.cold_ages = match (self.cold_ages, ages) {
            (Some((youngest, oldest)), Some((least, most))) => Some((youngest.min(least), oldest.max(most))),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

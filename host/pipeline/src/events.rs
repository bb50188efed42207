//! Known events: which states a sample belongs to. While an event lasts a series is judged by, and folded into, states of
//! their own; the ordinary ones never see it.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::calendar::{Occurrence, Timetable};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Bytes;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::Set;
use tidegate_domain::time::Timestamp;

use crate::entry::{Entry, Fold};
use crate::frame::Frame;
use crate::scorer::Scorer;

/// For a longer time events are not looked up at once: no history goes that far back, and one timestamp that is wrong by ages
/// must not have the occurrences of ages listed. Samples outside are looked up one by one.
const LONGEST_SPAN: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl<'a> Fold<'a> {
    /// For the samples of a frame: when known events last is looked up once for all of its series.
    pub(crate) fn of(watch: &'a Watch, detectors: &'a [Box<dyn Scorer>], frame: &Frame) -> Fold<'a> {
        let span = if watch.known_events.is_empty() { None } else { span(frame) };
        let timetable = span.map(|(from, until)| Timetable::of(&watch.known_events, from, until)).unwrap_or_default();
        Fold { watch, detectors, span, timetable }
    }

    /// The event that lasts for a series at this time, if any.
    pub(crate) fn event(&self, series: &Labels, at: Timestamp) -> Option<(usize, Occurrence)> {
        let events = &self.watch.known_events;
        if events.is_empty() {
            return None;
        }
        let covers = |which: usize| events.get(which).is_some_and(|event| event.covers(series));
        match self.span {
            Some((from, until)) if (from..=until).contains(&at) => self.timetable.at(at, covers),
            // A sample that waited to be learnt.
            _ => Timetable::of(events, at, at).at(at, covers),
        }
    }
}

fn span(frame: &Frame) -> Option<(Timestamp, Timestamp)> {
    let ends = |series: &crate::frame::FrameSeries| Some((*series.timestamps.first()?, *series.timestamps.last()?));
    let spans = frame.series.iter().filter_map(ends);
    let (from, until) = spans.reduce(|(from, until), (first, last)| (from.min(first), until.max(last)))?;
    Some((Timestamp(from), Timestamp(until).min(Timestamp(from).plus(LONGEST_SPAN))))
}

/// Samples in two columns, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) timestamps: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

/// Samples by the states that they belong to.
#[derive(Debug, Default)]
pub(crate) struct Divided {
    pub(crate) ordinary: Columns,
    /// By the place of the event among those of the watch.
    pub(crate) apart: BTreeMap<usize, Columns>,
}

impl Columns {
    fn push(&mut self, at: i64, value: f64) {
        self.timestamps.push(at);
        self.values.push(value);
    }

    /// Without the samples up to this time.
    pub(crate) fn after(&self, at: Timestamp) -> (&[i64], &[f64]) {
        let from = self.timestamps.partition_point(|sample| Timestamp(*sample) <= at);
        (&self.timestamps[from..], &self.values[from..])
    }
}

impl Entry {
    /// Divides samples by the states that they belong to, and takes note of the events. The series has been there since
    /// `from`: an event that began before that was not seen whole.
    pub(crate) fn divide(
        &mut self,
        fold: &Fold<'_>,
        series: &Labels,
        samples: impl Iterator<Item = (i64, f64)>,
        from: Timestamp,
    ) -> Divided {
        let mut divided = Divided::default();
        for (at, value) in samples {
            match fold.event(series, Timestamp(at)) {
                None => divided.ordinary.push(at, value),
                Some((event, occurrence)) => {
                    self.enter(fold, event, occurrence, Timestamp(at) > from);
                    divided.apart.entry(event).or_default().push(at, value);
                }
            }
        }
        divided
    }

    /// Takes note of an event at a sample of it. Returns whether the detectors know it.
    pub(crate) fn enter(&mut self, fold: &Fold<'_>, event: usize, occurrence: Occurrence, whole: bool) -> bool {
        let set = self.track.apart.get_or_insert_default().of(event, fold.detectors.len());
        set.enter(occurrence.until, whole);
        set.is_known()
    }

    pub(crate) fn knows(&self, event: usize) -> bool {
        self.track.apart.as_ref().and_then(|apart| apart.get(event)).is_some_and(Set::is_known)
    }

    /// The states that judge and learn a sample.
    pub(crate) fn states(&self, event: Option<usize>) -> &[Bytes] {
        match event {
            None => &self.track.states,
            Some(event) => {
                let set = self.track.apart.as_ref().and_then(|apart| apart.get(event));
                set.map_or(&[], |set| &set.states)
            }
        }
    }

    /// The same, with a sample of this time in them from now on.
    pub(crate) fn states_with(&mut self, event: Option<usize>, at: Timestamp) -> &mut [Bytes] {
        let detectors = self.track.states.len();
        match event {
            None => &mut self.track.states,
            Some(event) => {
                let set = self.track.apart.get_or_insert_default().of(event, detectors);
                set.newest = set.newest.max(at);
                &mut set.states
            }
        }
    }
}

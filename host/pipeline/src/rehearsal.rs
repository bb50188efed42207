//! One series from its first sample to its last, judged as by a host that watched it all the time.
//!
//! Not a model of the host but the host's own fold, with a Prometheus that has nothing but the samples so far, and a book
//! that has nothing but this series: cold start, streaks, the freeze on learning, recovery, acceptance and a series that is
//! away for so long that it is forgotten. What is told of a sample follows from it and the samples before it.

use std::num::NonZero;

use tidegate_domain::event::Evidence;
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{Severity, Watch};
use tidegate_domain::series::Judgement;
use tidegate_domain::time::Timestamp;

use crate::entry::{Fold, Part};
use crate::fold::WatchFold;
use crate::frame::{Frame, FrameSeries};
use crate::scorer::Scorer;
use crate::sounding::History;
use crate::view::{BookView, OpenGroup};

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rehearsed {
    /// What it was taken for. None where it was not judged at all: dropped, because it was not later than all before it, or
    /// learnt as history.
    pub judgement: Option<Judgement>,
    /// An incident opens with it. The time of the first anomalous sample that it counts.
    pub opened: Option<Timestamp>,
    /// An incident was open when it came.
    pub in_incident: bool,
}

/// Plays a series to a watch, one sample a cycle. One entry a sample comes back.
///
/// Values may be NaN or infinite, and samples may be late or come twice: the host has to bear it. It asks for the history
/// that its detectors want when it meets the series, and finds that there is none. The series has no labels, so a known
/// event that is for some series only is not for this one.
#[must_use]
pub fn rehearse(watch: Watch, detectors: Vec<Box<dyn Scorer>>, series: History<'_>) -> Vec<Rehearsed> {
    let mut rehearsal = Rehearsal {
        fold: WatchFold::new(watch, detectors, NonZero::<usize>::MIN),
        view: BookView::default(),
        prometheus: FrameSeries { labels: Labels::empty(), timestamps: Vec::new(), values: Vec::new() },
    };
    series.timestamps.iter().zip(series.values).map(|(at, value)| rehearsal.sample(Timestamp(*at), *value)).collect()
}

struct Rehearsal {
    fold: WatchFold,
    view: BookView,
    /// The samples so far.
    prometheus: FrameSeries,
}

impl Rehearsal {
    fn sample(&mut self, at: Timestamp, value: f64) -> Rehearsed {
        let newest = self.prometheus.timestamps.last().copied();
        if newest.is_some_and(|newest| at <= Timestamp(newest)) {
            return Rehearsed { judgement: None, opened: None, in_incident: !self.view.open.is_empty() };
        }
        if let Some(newest) = newest {
            self.wait(Timestamp(newest), at);
        }
        self.prometheus.timestamps.push(at.0);
        self.prometheus.values.push(value);
        let frame = Frame { series: vec![self.since(at)] };
        self.fold.meet(&frame, &self.view);
        self.give_history(at);
        self.cycle(frame, at)
    }

    /// Gives the fold the history that it waits for, if it does.
    fn give_history(&mut self, now: Timestamp) {
        if let Some(from) = self.fold.awaiting_history(now) {
            self.fold.backfill(&Frame { series: vec![self.since(from)] });
            self.fold.end_backfill(now);
        }
    }

    /// The samples from this time on.
    fn since(&self, from: Timestamp) -> FrameSeries {
        let FrameSeries { labels, timestamps, values } = &self.prometheus;
        let first = timestamps.partition_point(|at| Timestamp(*at) < from);
        FrameSeries {
            labels: labels.clone(),
            timestamps: timestamps[first..].to_vec(),
            values: values[first..].to_vec(),
        }
    }

    /// The cycles without a sample between two samples that lie further apart. What is to be learnt is learnt in the first
    /// of them; how long the series has been away shows in the last.
    fn wait(&mut self, newest: Timestamp, next: Timestamp) {
        let step = self.fold.watch.step;
        let (first, last) = (newest.plus(step), next.minus(step));
        if last > newest {
            self.give_history(first);
            let report = self.fold.cycle(&Frame::default(), &self.view, last);
            for change in &report.changes {
                self.note(change);
            }
        }
    }

    /// A cycle over one series, without the threads that many would be spread over.
    fn cycle(&mut self, frame: Frame, now: Timestamp) -> Rehearsed {
        let in_incident = !self.view.open.is_empty();
        let mut part = Part { judged: Some(Vec::new()), ..Part::default() };
        let fold = Fold::of(&self.fold.watch, &self.fold.detectors, &frame);
        for series in &frame.series {
            for entry in self.fold.shards.iter_mut().filter_map(|shard| shard.get_mut(&series.labels)) {
                entry.note_presence(series, now);
                entry.fold(&fold, series, &self.view, now, &mut part);
            }
        }
        let mut opened = None;
        for told in &part.told {
            opened = self.note(&told.change).or(opened);
        }
        Rehearsed { judgement: part.judged.into_iter().flatten().last(), opened, in_incident }
    }

    /// Writes a change into the book; returns since when there has been trouble, if an incident opens.
    fn note(&mut self, change: &WatchChange) -> Option<Timestamp> {
        match change {
            WatchChange::Opened { group, severity, evidence } => {
                self.view.open.insert(group.clone(), open(*severity, evidence));
                return Some(evidence.since);
            }
            WatchChange::Ended { group, .. } => {
                self.view.open.remove(group);
            }
            _ => {}
        }
        None
    }
}

/// The incident of a group with this one member, which nobody tries to repair.
fn open(severity: Severity, evidence: &Evidence) -> OpenGroup {
    OpenGroup {
        repaired: false,
        verifying: false,
        severity,
        members: [(evidence.series.clone(), evidence.clone())].into(),
        vanished: false,
    }
}

//! A host without edges: it does with a fold what the server does.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::time::Duration;

use tidegate_domain::book::Book;
use tidegate_domain::decide::decide;
use tidegate_domain::event::{CloseReason, MemberEnd};
use tidegate_domain::input::{Input, WatchChange};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{ColdStart, Direction, Mode, OnAbsent, Rules, SeverityScores, StormBrake, Watch};
use tidegate_domain::series::Track;
use tidegate_domain::time::Timestamp;

use crate::fold::WatchFold;
use crate::frame::Frame;
use crate::report::Report;
use crate::retool::Retooled;
use crate::scorer::Scorer;
use crate::tests::data::{Data, at, minute};
use crate::view::BookView;

pub(crate) fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// No cold start, every series its own group, three samples to open and to close.
pub(crate) fn watch() -> Watch {
    Watch {
        name: "w".to_owned(),
        mode: Mode::Observe,
        step: minutes(1),
        detectors: vec!["d".to_owned()],
        quorum: 1,
        direction: Direction::Both,
        min_dev: 0.0,
        min_rel_dev: 0.0,
        consecutive: 3,
        recover_after: 3,
        recover_below: 0.8,
        cold_start: ColdStart { history: Duration::ZERO, above: None, below: None },
        absent_after: minutes(5),
        on_absent: OnAbsent::Incident,
        accept_after: minutes(24 * 60),
        known_events: Vec::new(),
        identity: None,
        group_by: None,
        severity: SeverityScores::default(),
        has_policy: false,
        actions: Vec::new(),
        dry_run: false,
    }
}

pub(crate) type Detectors = Box<dyn Fn() -> Vec<Box<dyn Scorer>>>;

pub(crate) struct Host {
    pub(crate) watch: Watch,
    pub(crate) detectors: Detectors,
    pub(crate) threads: usize,
    pub(crate) data: Data,
    pub(crate) fold: WatchFold,
    pub(crate) book: Book,
    /// The series table on disk.
    pub(crate) disk: BTreeMap<Labels, Vec<u8>>,
    /// Every open incident counts as being repaired.
    pub(crate) repairing: bool,
    /// Queries for history that reaches this minute fail.
    pub(crate) history_breaks: Option<u64>,
    /// Each change, with the end of the query that brought it.
    pub(crate) changes: Vec<(u64, WatchChange)>,
    pub(crate) last: Report,
}

impl Host {
    pub(crate) fn new(watch: Watch, detectors: Detectors) -> Host {
        let fold = fold(&watch, &detectors, 2);
        Host {
            watch,
            detectors,
            threads: 2,
            data: Data::default(),
            fold,
            book: Book::default(),
            disk: BTreeMap::new(),
            repairing: false,
            history_breaks: None,
            changes: Vec::new(),
            last: Report::default(),
        }
    }

    pub(crate) fn scripted(watch: Watch) -> Host {
        Host::new(watch, Box::new(|| vec![Box::new(crate::tests::scripted::Scripted::new("d"))]))
    }

    pub(crate) fn with(mut self, name: &str, letters: &str) -> Host {
        self.data.write(name, 0, letters);
        self
    }

    /// One cycle a minute, both included.
    pub(crate) fn live(&mut self, from: u64, until: u64) -> &mut Host {
        (from..=until).for_each(|minute| self.cycle(minute));
        self
    }

    /// Asks for everything new up to `until`, and judges it.
    pub(crate) fn cycle(&mut self, until: u64) {
        let start = self.fold.newest().map_or(until, |newest| minute(newest) + 1);
        if start > until {
            return;
        }
        let frame = self.data.frame(start, until);
        self.judge(frame, until);
    }

    /// One minute, the series of the answer in another order.
    pub(crate) fn turned(&mut self, minute: u64, turn: usize) {
        let mut frame = self.data.frame(minute, minute);
        let places = frame.series.len().max(1);
        frame.series.rotate_left(turn % places);
        self.judge(frame, minute);
    }

    fn judge(&mut self, frame: Frame, until: u64) {
        let oldest = frame.series.iter().filter_map(|series| series.timestamps.first()).min();
        let view = self.view_from(oldest.map_or(at(until), |oldest| Timestamp(*oldest)));
        self.fold.meet(&frame, &view);
        if let Some(from) = self.fold.awaiting_history(at(until)) {
            self.backfill(minute(from.max(at(0))), until);
        }
        let report = self.fold.cycle(&frame, &view, at(until));
        self.deliver(&report, until);
        self.last = report;
    }

    /// In pieces of 50 minutes.
    fn backfill(&mut self, from: u64, until: u64) {
        let mut start = from;
        while start <= until {
            let end = until.min(start + 49);
            if self.history_breaks.is_some_and(|broken| end >= broken) {
                return;
            }
            self.fold.backfill(&self.data.frame(start, end));
            start += 50;
        }
        self.fold.end_backfill(at(until));
    }

    pub(crate) fn view(&self) -> BookView {
        self.view_from(Timestamp::MIN)
    }

    fn view_from(&self, from: Timestamp) -> BookView {
        let mut view = BookView::of(&self.book, &self.watch.name, from);
        for open in view.open.values_mut() {
            open.repaired |= self.repairing;
            open.verifying |= self.repairing;
        }
        view
    }

    fn deliver(&mut self, report: &Report, until: u64) {
        for change in &report.changes {
            self.changes.push((until, change.clone()));
            self.give(Input::Watched { watch: self.watch.name.clone(), change: change.clone() }, until);
        }
        self.give(Input::Tick, until);
    }

    fn give(&mut self, input: Input, until: u64) {
        let storm = StormBrake { incidents: 100_000, share: 1.0, ..StormBrake::default() };
        let watches = [(self.watch.name.clone(), self.watch.clone())].into();
        let rules = Rules { watches, storm, ..Rules::default() };
        let now = at(until).plus(Duration::from_secs(30));
        let mut next = input;
        loop {
            let events = decide(&self.book, &rules, &next, now);
            events.iter().for_each(|event| self.book.apply(event));
            if events.is_empty() && matches!(next, Input::Tick) {
                return;
            }
            next = Input::Tick;
        }
    }

    /// Writes the table, or only the first rows of what is to be written.
    pub(crate) fn save(&mut self, rows: usize) {
        let mut snapshot = self.fold.snapshot();
        snapshot.changed.sort();
        if rows >= snapshot.changed.len() {
            snapshot.removed.iter().for_each(|labels| drop(self.disk.remove(labels)));
        }
        self.disk.extend(snapshot.changed.into_iter().take(rows));
    }

    /// The process dies and comes up again; returns how many rows could not be read.
    pub(crate) fn crash(&mut self) -> usize {
        self.fold = fold(&self.watch, &self.detectors, self.threads);
        self.fold.restore(self.disk.clone())
    }

    /// Other rules and detectors, while it runs.
    pub(crate) fn retool(&mut self, watch: Watch, detectors: Detectors) -> Retooled {
        (self.watch, self.detectors) = (watch, detectors);
        self.fold.retool(self.watch.clone(), (self.detectors)())
    }

    pub(crate) fn track(&self, labels: &Labels) -> &Track {
        &self.fold.entry(labels).unwrap_or_else(|| panic!("{labels} is not known")).track
    }

    pub(crate) fn tracks(&self) -> BTreeMap<Labels, Track> {
        let entries = self.fold.shards.iter().flatten();
        entries.map(|(labels, entry)| (labels.clone(), entry.track.clone())).collect()
    }

    /// What the first detector has learnt of a series.
    pub(crate) fn learnt(&self, labels: &Labels) -> String {
        crate::tests::scripted::learnt(&self.track(labels).states[0].0)
    }

    /// Series and first anomalous minute of each streak that opened.
    pub(crate) fn opened(&self) -> Vec<(Labels, u64)> {
        let evidence = self.changes.iter().filter_map(|(_, change)| match change {
            WatchChange::Opened { evidence, .. } => Some(evidence),
            _ => None,
        });
        let mut opened: Vec<_> = evidence.map(|e| (e.series.clone(), minute(e.since))).collect();
        opened.sort();
        opened.dedup();
        opened
    }

    pub(crate) fn ended(&self) -> Vec<(u64, Labels, MemberEnd)> {
        let ended = self.changes.iter().filter_map(|(until, change)| match change {
            WatchChange::Ended { series, how, .. } => Some((*until, series.clone(), *how)),
            _ => None,
        });
        ended.collect()
    }

    /// The incidents of the book: group, first anomalous minute, how each ended.
    pub(crate) fn incidents(&self) -> Vec<(Labels, u64, Option<CloseReason>)> {
        let incidents = self.book.incidents().into_iter();
        let mut told: Vec<_> = incidents
            .map(|incident| {
                (incident.labels.clone(), minute(incident.since), incident.closed.map(|(_, reason)| reason))
            })
            .collect();
        told.sort_by_key(|(labels, since, _)| (*since, labels.clone()));
        told
    }
}

fn fold(watch: &Watch, detectors: &Detectors, threads: usize) -> WatchFold {
    WatchFold::new(watch.clone(), detectors(), NonZero::new(threads).expect("threads"))
}

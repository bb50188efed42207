//! One series in the series table: its track, and the fold of its samples through the detectors.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::calendar::{Occurrence, Timetable};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::{self, Answer, Change, Judgement, Phase, Standing, Track, Unjudged, Verdict};
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::Scored;

use crate::bands::Bands;
use crate::frame::FrameSeries;
use crate::group::{Group, Look};
use crate::relearn::{Missing, abstention};
use crate::report::Report;
use crate::scorer::{ScoreError, Scorer, ask};
use crate::told::{Told, watch_change};
use crate::view::{BookView, OpenGroup};

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) track: Track,
    /// What was said of the recent samples.
    pub(crate) bands: Bands,
    pub(crate) group: Arc<Group>,
    /// The labels that it had when its incident opened, where they are not those it has now: so the book knows it.
    pub(crate) known_as: Option<Labels>,
    /// Time of its newest sample in any answer, folded in or not.
    pub(crate) seen: Timestamp,
    /// False until its history has been folded in.
    pub(crate) filled: bool,
    /// The states that are to be learnt again, if any.
    pub(crate) missing: Option<Box<Missing>>,
    /// Its states were written by another version of a guest, and nobody has tried yet whether they can be read.
    pub(crate) doubtful: bool,
    /// Changed since it was last written.
    pub(crate) dirty: bool,
}

/// What every series of one watch is folded with.
pub(crate) struct Fold<'a> {
    pub(crate) watch: &'a Watch,
    pub(crate) detectors: &'a [Box<dyn Scorer>],
    /// The time from the first sample to the last, for which the timetable holds; None where there is nothing to look up.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// When known events last in that time.
    pub(crate) timetable: Timetable,
}

/// What came out of a part of the series.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) report: Report,
    pub(crate) told: Vec<Told>,
    pub(crate) looks: Vec<Look>,
    /// What each sample was taken for, oldest first; only where somebody asks.
    pub(crate) judged: Option<Vec<Judgement>>,
}

/// One sample of a series.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    /// The labels that the series has now.
    pub(crate) series: &'a Labels,
    pub(crate) at: Timestamp,
    pub(crate) value: f64,
    /// The known event to which it belongs, by its place among those of the watch.
    pub(crate) event: Option<usize>,
}

/// What the book says of one series.
struct Known<'a> {
    open: Option<&'a OpenGroup>,
    /// Its own streak in the open incident of its group, by the first anomalous sample.
    since: Option<Timestamp>,
    /// It opened an incident just now, of which the book has yet to hear.
    opened: bool,
    /// When trouble in its group last ended.
    ended: Option<Timestamp>,
}

pub(crate) type Answers = Vec<Result<Scored, ScoreError>>;

impl Entry {
    pub(crate) fn new(detectors: usize, group: Arc<Group>) -> Entry {
        Entry {
            track: Track::new(detectors),
            bands: Bands::default(),
            group,
            known_as: None,
            seen: Timestamp::MIN,
            filled: false,
            missing: None,
            doubtful: false,
            dirty: true,
        }
    }

    pub(crate) fn in_incident(&self) -> bool {
        matches!(self.track.phase, Phase::Incident { .. })
    }

    /// The samples past the cursor, up to `until`.
    pub(crate) fn fresh<'s>(&self, series: &'s FrameSeries, until: Timestamp) -> (&'s [i64], &'s [f64]) {
        let (timestamps, values) = (&series.timestamps[..], &series.values[..]);
        let end = timestamps.partition_point(|at| Timestamp(*at) <= until).min(values.len());
        let from = timestamps.partition_point(|at| Timestamp(*at) <= self.track.cursor).min(end);
        (&timestamps[from..end], &values[from..end])
    }

    /// Notes that the series is there, folded in or not.
    pub(crate) fn note_presence(&mut self, series: &FrameSeries, until: Timestamp) {
        let present = series.timestamps.partition_point(|at| Timestamp(*at) <= until);
        if let Some(newest) = series.timestamps[..present].last() {
            self.seen = self.seen.max(Timestamp(*newest));
            self.group.see(self.seen);
        }
    }

    /// Folds fresh samples in and judges each.
    pub(crate) fn fold(
        &mut self,
        fold: &Fold<'_>,
        series: &FrameSeries,
        view: &BookView,
        until: Timestamp,
        part: &mut Part,
    ) {
        let (timestamps, values) = self.fresh(series, until);
        let Some(newest) = timestamps.last().map(|at| Timestamp(*at)) else { return };
        let known_as = self.known_as.as_ref().unwrap_or(&series.labels).clone();
        let mut known = Known::of(view, &self.group.labels, &known_as);
        // Most series have one fresh sample and no trouble: what ended earlier is nothing to them.
        if !view.ended.is_empty() && (timestamps.len() > 1 || self.track.phase != Phase::Normal) {
            known.ended = view.ended.get(&self.group.labels).copied();
        }
        let verifying = known.open.is_some_and(|open| open.verifying);
        let was_cold = self.track.history_from.is_some() && self.track.is_cold(fold.watch, self.track.cursor);
        let mut healthy = Vec::new();
        for (at, value) in timestamps.iter().zip(values) {
            let at = Timestamp(*at);
            let judgement = self.sample(fold, &mut known, &known_as, (&series.labels, at, *value), part);
            if verifying {
                healthy.push((at, judgement.healthy));
            }
            if !self.filled {
                break;
            }
        }
        self.dirty = true;
        part.report.counts.series += 1;
        if self.track.is_cold(fold.watch, newest) {
            let age = self.track.history_from.map_or(Duration::ZERO, |from| newest.since(from));
            part.report.counts.add_cold(age);
        } else if was_cold {
            part.report.counts.switched += 1;
        }
        if let Some((event, _)) = fold.event(&series.labels, newest) {
            let judged = !self.track.is_cold(fold.watch, newest) && self.knows(event);
            part.report.counts.add_in_event(&fold.watch.known_events[event].name, judged);
        }
        if known.open.is_some() {
            part.looks.push(Look { group: self.group.labels.clone(), series: known_as, newest, healthy });
        }
    }

    /// One sample. The samples of a series come in the order of their time.
    fn sample(
        &mut self,
        fold: &Fold<'_>,
        known: &mut Known<'_>,
        known_as: &Labels,
        (series, at, value): (&Labels, Timestamp, f64),
        part: &mut Part,
    ) -> Judgement {
        let report = &mut part.report;
        // The book has ended the incident, or never had it. The samples up to its end are folded as they were then.
        let disowned = known.since.is_none() && !known.opened && known.ended.is_none_or(|ended| at > ended);
        if disowned && self.in_incident() {
            self.track.phase = Phase::Normal;
        }
        let lasting = fold.event(series, at);
        let sample = Sample { series, at, value, event: lasting.map(|(event, _)| event) };
        let unfit = self.unfit(fold, at, lasting);
        let scored = if value.is_finite() { self.score(fold, sample, report) } else { Vec::new() };
        for (which, answer) in scored.iter().enumerate() {
            if matches!(answer, Err(error) if error.unreadable_state) {
                self.lose(which);
            }
        }
        let answers: Vec<Answer> = scored.iter().map(answer).collect();
        let judgement = self.track.weigh(series::judge(fold.watch, value, unfit, &answers), unfit);
        count(&judgement, report);
        part.judged.iter_mut().for_each(|judged| judged.push(judgement));
        self.track.see(at, value);
        if value.is_finite() {
            self.bands.note(value, &judgement);
        }
        let since = self.trouble_since();
        let repaired = known.open.is_some_and(|open| open.repaired);
        let (learn, change) = self.track.advance(fold.watch, at, value, &judgement, repaired);
        if let Some(change) = change
            && !known.is_past(change, since, at)
        {
            known.opened |= matches!(change, Change::Opened { .. });
            let change = watch_change(fold, self, known_as, sample, &judgement, &scored, change);
            part.told.push(Told { at, series: known_as.clone(), change });
        }
        self.learn_as_told(fold, learn, scored, sample, &mut part.report);
        judgement
    }

    /// Why the detectors cannot judge a sample, if they cannot. Takes note of the event that lasts.
    fn unfit(&mut self, fold: &Fold<'_>, at: Timestamp, lasting: Option<(usize, Occurrence)>) -> Option<Unjudged> {
        // Of what begins in an incident nothing is learnt before that is over.
        let there = self.track.history_from.is_some() && !self.in_incident();
        let known = lasting.is_none_or(|(event, occurrence)| self.enter(fold, event, occurrence, there));
        if self.track.is_cold(fold.watch, at) {
            Some(Unjudged::Learning)
        } else {
            (!known).then_some(Unjudged::KnownEvent)
        }
    }

    pub(crate) fn trouble_since(&self) -> Option<Timestamp> {
        match self.track.phase {
            Phase::Normal => None,
            Phase::Streak { since, .. } | Phase::Incident { since, .. } => Some(since),
        }
    }

    fn score(&self, fold: &Fold<'_>, sample: Sample<'_>, report: &mut Report) -> Answers {
        let mut answers = Vec::with_capacity(fold.detectors.len());
        for (which, (detector, state)) in fold.detectors.iter().zip(self.states(sample.event)).enumerate() {
            if self.is_missing(which) {
                answers.push(Ok(abstention()));
                continue;
            }
            report.counts.calls += 1;
            let answer = ask(&**detector, &state.0, &[sample.at.0], &[sample.value]);
            if let Err(error) = &answer {
                report.failed(detector.name(), error);
            }
            answers.push(answer);
        }
        answers
    }
}

impl<'a> Known<'a> {
    fn of(view: &'a BookView, group: &Labels, series: &Labels) -> Known<'a> {
        let open = if view.open.is_empty() { None } else { view.open.get(group) };
        Known {
            open,
            since: open.and_then(|open| open.members.get(series)).map(|evidence| evidence.since),
            opened: false,
            ended: None,
        }
    }

    /// After a crash samples are folded again, and streaks that the book knows to be over end once more. The end of one
    /// must not be taken for the end of a later one. (Streaks that open are told apart by the book itself.)
    fn is_past(&self, change: Change, since: Option<Timestamp>, at: Timestamp) -> bool {
        match change {
            Change::Opened { .. } => false,
            Change::Worsened { .. } | Change::Recovered | Change::Accepted => match self.since {
                Some(known) => since.is_some_and(|since| since < known),
                None => self.ended.is_some_and(|ended| at <= ended),
            },
        }
    }
}

/// What a detector says of the last sample that it was given.
pub(crate) fn answer(scored: &Result<Scored, ScoreError>) -> Answer {
    let Ok(Scored { verdicts, .. }) = scored else { return Answer::Failed };
    let last = |column: &[f64]| column.last().copied().unwrap_or(f64::NAN);
    let verdict = Verdict {
        score: last(&verdicts.scores),
        expected: last(&verdicts.expected),
        lower: last(&verdicts.lower),
        upper: last(&verdicts.upper),
    };
    if verdict.score.is_nan() { Answer::Abstained } else { Answer::Judged(verdict) }
}

fn count(judgement: &Judgement, report: &mut Report) {
    match judgement.standing {
        Standing::Normal => report.counts.normal += 1,
        Standing::Anomalous => report.counts.anomalous += 1,
        Standing::Unjudged(why) => *report.counts.unjudged.entry(why).or_default() += 1,
    }
}

//! One series in the series table: its track, and the fold of its samples through the detectors.

use serde::{Deserialize, Serialize};
use tidegate_domain::event::{Evidence, MemberEnd, Opinion};
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::number::{Bytes, Number};
use tidegate_domain::rules::Watch;
use tidegate_domain::series::{self, Answer, Change, Judgement, Learn, Phase, Standing, Track, Verdict};
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::Scored;

use crate::frame::FrameSeries;
use crate::report::Report;
use crate::scorer::{ScoreError, Scorer};
use crate::view::OpenGroup;

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) track: Track,
    /// Labels of its group.
    pub(crate) group: Labels,
    /// The labels under which the book knows it: those it had when its incident opened.
    pub(crate) known_as: Labels,
    /// False until its history has been folded in.
    pub(crate) filled: bool,
    #[serde(skip)]
    pub(crate) dirty: bool,
}

/// What every series of one watch is folded with.
pub(crate) struct Fold<'a> {
    pub(crate) watch: &'a Watch,
    pub(crate) detectors: &'a [Box<dyn Scorer>],
}

/// What the newest samples of a series say about its health, where a repair is being verified.
pub(crate) struct Seen {
    pub(crate) sample_at: Timestamp,
    pub(crate) healthy: Option<bool>,
}

impl Entry {
    pub(crate) fn new(watch: &Watch, detectors: usize, labels: &Labels) -> Entry {
        Entry {
            track: Track::new(detectors, Timestamp::MIN),
            group: watch.group_of(labels),
            known_as: labels.clone(),
            filled: false,
            dirty: true,
        }
    }

    /// A series whose cache is lost while the book has it in an incident: the evidence holds what is needed.
    pub(crate) fn from_evidence(fold: &Fold<'_>, labels: &Labels, open: &OpenGroup) -> Option<Entry> {
        let evidence = open.members.get(labels)?;
        let same = evidence.opinions.iter().map(|opinion| opinion.digest.as_str());
        if !same.eq(fold.detectors.iter().map(|detector| detector.digest())) {
            return None;
        }
        let mut entry = Entry::new(fold.watch, fold.detectors.len(), labels);
        entry.filled = true;
        entry.track.states = evidence.opinions.iter().map(|opinion| opinion.state.clone()).collect();
        entry.track.cursor = evidence.at;
        entry.track.recent = evidence.window.iter().copied().collect();
        let age = if evidence.cold_start { std::time::Duration::ZERO } else { fold.watch.cold_start.history };
        entry.track.history_from = Some(evidence.at.minus(age));
        entry.track.phase = Phase::Incident { since: evidence.since, well: 0, severity: open.severity };
        Some(entry)
    }

    /// Where the table and the book disagree, the book wins.
    pub(crate) fn reconcile(&mut self, open: Option<&OpenGroup>) {
        let member = open.and_then(|group| group.members.get(&self.known_as).map(|evidence| (group, evidence)));
        match (&self.track.phase, member) {
            (Phase::Incident { .. }, None) => self.track.phase = Phase::Normal,
            // Samples up to `since` that are still to be folded in again will find the streak by themselves.
            (Phase::Normal, Some((group, evidence))) if self.track.cursor > evidence.at => {
                self.track.phase = Phase::Incident { since: evidence.since, well: 0, severity: group.severity };
            }
            _ => {}
        }
    }

    /// Folds history in: learnt, not judged.
    pub(crate) fn learn(&mut self, fold: &Fold<'_>, series: &FrameSeries, report: &mut Report) {
        let from = series.timestamps.partition_point(|at| Timestamp(*at) <= self.track.cursor);
        let (timestamps, values) = (&series.timestamps[from..], &series.values[from..]);
        if timestamps.is_empty() {
            return;
        }
        for (at, detector) in fold.detectors.iter().enumerate() {
            report.counts.calls += 1;
            match detector.score(&self.track.states[at].0, timestamps, values) {
                Ok(scored) => self.track.states[at] = Bytes(scored.state),
                Err(error) => report.failed(detector.name(), &error),
            }
        }
        for (at, value) in timestamps.iter().zip(values) {
            self.track.see(Timestamp(*at), *value);
        }
        report.counts.learnt += timestamps.len() as u64;
        self.dirty = true;
    }

    /// Folds fresh samples in and judges each.
    pub(crate) fn fold(
        &mut self,
        fold: &Fold<'_>,
        series: &FrameSeries,
        open: Option<&OpenGroup>,
        report: &mut Report,
    ) -> Option<Seen> {
        let from = series.timestamps.partition_point(|at| Timestamp(*at) <= self.track.cursor);
        let mut seen: Option<Seen> = None;
        for (at, value) in series.timestamps[from..].iter().zip(&series.values[from..]) {
            let at = Timestamp(*at);
            let repaired = open.is_some_and(|group| group.repaired);
            let healthy = self.sample(fold, series, at, *value, repaired, report);
            let worst = match seen.map_or(Some(true), |seen| seen.healthy) {
                Some(false) => Some(false),
                Some(true) => healthy,
                None if healthy == Some(false) => healthy,
                None => None,
            };
            seen = Some(Seen { sample_at: at, healthy: worst });
            self.dirty = true;
            if !self.filled {
                break;
            }
        }
        seen
    }

    /// One sample. Returns whether it is healthy on both sides.
    fn sample(
        &mut self,
        fold: &Fold<'_>,
        series: &FrameSeries,
        at: Timestamp,
        value: f64,
        repaired: bool,
        report: &mut Report,
    ) -> Option<bool> {
        let cold = self.track.is_cold(fold.watch, at);
        let scored = if value.is_finite() { self.score(fold, at, value, report) } else { Vec::new() };
        if scored.iter().any(|answer| matches!(answer, Err(error) if error.unreadable_state)) {
            // Written by another version of the guest: learnt again from history.
            self.track = Track::new(fold.detectors.len(), Timestamp::MIN);
            self.filled = false;
            return None;
        }
        let answers: Vec<Answer> = scored.iter().map(answer).collect();
        let judgement = series::judge(fold.watch, value, cold, &answers);
        count(&judgement, report);
        self.track.see(at, value);
        let (learn, change) = self.track.advance(fold.watch, at, value, &judgement, repaired);
        if let Some(change) = change {
            if let Change::Opened { .. } = change {
                self.known_as = series.labels.clone();
            }
            report.changes.push(self.change(fold, at, value, &judgement, &scored, change));
        }
        self.learn_as_told(fold, learn, scored, at, value, report);
        judgement.healthy
    }

    fn score(
        &self,
        fold: &Fold<'_>,
        at: Timestamp,
        value: f64,
        report: &mut Report,
    ) -> Vec<Result<Scored, ScoreError>> {
        report.counts.calls += fold.detectors.len() as u64;
        let ask = |(detector, state): (&Box<dyn Scorer>, &Bytes)| {
            let answer = detector.score(&state.0, &[at.0], &[value]);
            if let Err(error) = &answer {
                report.failed(detector.name(), error);
            }
            answer
        };
        fold.detectors.iter().zip(&self.track.states).map(ask).collect()
    }

    fn learn_as_told(
        &mut self,
        fold: &Fold<'_>,
        learn: Learn,
        scored: Vec<Result<Scored, ScoreError>>,
        at: Timestamp,
        value: f64,
        report: &mut Report,
    ) {
        match learn {
            Learn::Keep => {
                for (state, scored) in self.track.states.iter_mut().zip(scored) {
                    if let Ok(scored) = scored {
                        *state = Bytes(scored.state);
                    }
                }
            }
            Learn::Discard => {}
            Learn::Refold(pending) => {
                let timestamps: Vec<i64> = pending.iter().map(|(at, _)| at.0).chain([at.0]).collect();
                let values: Vec<f64> = pending.iter().map(|(_, value)| value.0).chain([value]).collect();
                for (state, detector) in self.track.states.iter_mut().zip(fold.detectors) {
                    report.counts.calls += 1;
                    match detector.score(&state.0, &timestamps, &values) {
                        Ok(scored) => *state = Bytes(scored.state),
                        Err(error) => report.failed(detector.name(), &error),
                    }
                }
            }
            Learn::Relearn(_) => self.filled = false,
        }
    }

    fn change(
        &self,
        fold: &Fold<'_>,
        at: Timestamp,
        value: f64,
        judgement: &Judgement,
        scored: &[Result<Scored, ScoreError>],
        change: Change,
    ) -> WatchChange {
        let (group, series) = (self.group.clone(), self.known_as.clone());
        match change {
            Change::Opened { since } => WatchChange::Opened {
                group,
                severity: judgement.severity,
                evidence: Box::new(Evidence {
                    series,
                    since,
                    at,
                    value: Number(value),
                    expected: Number(judgement.verdict.expected),
                    lower: Number(judgement.verdict.lower),
                    upper: Number(judgement.verdict.upper),
                    score: Number(judgement.verdict.score),
                    cold_start: judgement.cold_start,
                    opinions: self.opinions(fold, scored),
                    window: self.track.recent.iter().copied().collect(),
                }),
            },
            Change::Worsened { severity } => WatchChange::Worsened { group, severity },
            Change::Recovered => WatchChange::Ended { group, series, how: MemberEnd::Recovered },
            Change::Accepted => WatchChange::Ended { group, series, how: MemberEnd::Accepted },
        }
    }

    /// Each detector's view, with its state from before the streak.
    fn opinions(&self, fold: &Fold<'_>, scored: &[Result<Scored, ScoreError>]) -> Vec<Opinion> {
        let answers = scored.iter().map(Result::as_ref).map(Result::ok);
        let views = fold.detectors.iter().zip(&self.track.states).zip(answers);
        views
            .map(|((detector, state), scored)| Opinion {
                detector: detector.name().to_owned(),
                digest: detector.digest().to_owned(),
                score: scored.and_then(|s| s.verdicts.scores.first().copied()).map_or(Number::NAN, Number),
                note: scored.and_then(|scored| scored.note.clone()),
                state: state.clone(),
            })
            .collect()
    }
}

fn answer(scored: &Result<Scored, ScoreError>) -> Answer {
    let Ok(scored) = scored else { return Answer::Failed };
    let first = |column: &[f64]| column.first().copied().unwrap_or(f64::NAN);
    let verdict = Verdict {
        score: first(&scored.verdicts.scores),
        expected: first(&scored.verdicts.expected),
        lower: first(&scored.verdicts.lower),
        upper: first(&scored.verdicts.upper),
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

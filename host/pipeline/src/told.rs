//! What is told of one series, and with which evidence.

use tidegate_domain::event::{Evidence, Learning, MemberEnd, Opinion};
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Number;
use tidegate_domain::series::{Change, Judgement};
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::Scored;

use crate::entry::{Entry, Fold, Sample};
use crate::scorer::ScoreError;

/// A change, with what puts it in order: however the series are spread over threads, the order is the same.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    pub(crate) series: Labels,
    pub(crate) change: WatchChange,
}

/// The change for the outside, made while the states are still those that judged the sample.
pub(crate) fn watch_change(
    fold: &Fold<'_>,
    entry: &Entry,
    known_as: &Labels,
    sample: Sample<'_>,
    judgement: &Judgement,
    scored: &[Result<Scored, ScoreError>],
    change: Change,
) -> WatchChange {
    let Sample { at, value, event, .. } = sample;
    let (group, series) = (entry.group.labels.clone(), known_as.clone());
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
                learning: learning(fold, entry, at),
                during: event.map(|event| fold.watch.known_events[event].name.clone()),
                opinions: opinions(fold, entry, event, scored),
                window: entry.track.recent.iter().copied().collect(),
            }),
        },
        Change::Worsened { severity } => WatchChange::Worsened { group, severity },
        Change::Recovered => WatchChange::Ended { group, series, how: MemberEnd::Recovered },
        Change::Accepted => WatchChange::Ended { group, series, how: MemberEnd::Accepted },
    }
}

/// How far a series has come that is too young for the detectors.
fn learning(fold: &Fold<'_>, entry: &Entry, at: Timestamp) -> Option<Learning> {
    let since = entry.track.history_from.filter(|_| entry.track.is_cold(fold.watch, at))?;
    Some(Learning { since, until: since.plus(fold.watch.cold_start.history) })
}

/// Each detector's view, with the state that judged: the one from before the streak.
fn opinions(
    fold: &Fold<'_>,
    entry: &Entry,
    event: Option<usize>,
    scored: &[Result<Scored, ScoreError>],
) -> Vec<Opinion> {
    let answers = scored.iter().map(|answer| answer.as_ref().ok());
    let views = fold.detectors.iter().zip(entry.states(event)).zip(answers);
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

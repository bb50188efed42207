//! What a series learns: history that is not judged, and of what was judged as much as the domain says.

use tidegate_domain::number::Bytes;
use tidegate_domain::series::{Answer, Learn, Phase};
use tidegate_domain::time::Timestamp;

use crate::entry::{Answers, Entry, Fold, Sample, answer};
use crate::events::{Columns, Divided};
use crate::frame::FrameSeries;
use crate::report::Report;
use crate::scorer::ask;

/// Most samples in one call while history is learnt. A guest in a slow language takes half a millisecond for each on a
/// busy machine, and a call has a second. To the answer it makes no difference.
pub(crate) const MOST_AT_ONCE: usize = 500;

impl Entry {
    /// Folds history in: learnt, not judged. Of a series in trouble only what came before the trouble is learnt.
    pub(crate) fn learn(&mut self, fold: &Fold<'_>, series: &FrameSeries, report: &mut Report) {
        let (timestamps, values) = self.fresh(series, Timestamp(i64::MAX));
        if timestamps.is_empty() {
            return;
        }
        let from = self.track.history_from.unwrap_or(Timestamp(timestamps[0]));
        let sound = match self.track.phase {
            Phase::Incident { since, .. } => timestamps.partition_point(|at| Timestamp(*at) < since),
            _ => timestamps.len(),
        };
        let samples = timestamps[..sound].iter().copied().zip(values[..sound].iter().copied());
        let finite = samples.filter(|(_, value)| value.is_finite());
        let divided = self.divide(fold, &series.labels, finite, from);
        let answers = self.feed(fold, |_| true, &divided, Twice::Not, report);
        self.accept(fold, &divided.ordinary, answers, report);
        for (at, value) in timestamps.iter().zip(values) {
            self.track.see(Timestamp(*at), *value);
        }
        self.bands.forget();
        self.seen = self.seen.max(self.track.cursor);
        report.counts.learnt += timestamps.len() as u64;
        self.dirty = true;
    }

    /// Ends the learning of history that reached `until`: samples up to there will not be judged.
    pub(crate) fn settle(&mut self, until: Timestamp) {
        self.dirty |= self.missing.take().is_some() || !self.filled;
        if !self.filled {
            self.filled = true;
            self.track.cursor = self.track.cursor.max(until);
            self.track.settle();
        }
    }

    /// Does with the states that the detectors returned what the domain says.
    pub(crate) fn learn_as_told(
        &mut self,
        fold: &Fold<'_>,
        learn: Learn,
        scored: Answers,
        sample: Sample<'_>,
        report: &mut Report,
    ) {
        match learn {
            Learn::Keep => {
                for (state, scored) in self.states_with(sample.event, sample.at).iter_mut().zip(scored) {
                    if let Ok(scored) = scored {
                        *state = Bytes(scored.state);
                    }
                }
            }
            Learn::Discard => {}
            Learn::Refold(pending) => {
                let whole = pending.into_iter().map(|(at, value)| (at.0, value.0)).chain([(sample.at.0, sample.value)]);
                let divided = self.divide(fold, sample.series, whole, Timestamp::MIN);
                let missing = self.missing.clone();
                let there = |which: usize| missing.as_ref().is_none_or(|missing| !missing.has(which));
                self.feed(fold, there, &divided, Twice::Not, report);
            }
            Learn::Relearn(_) => {
                self.filled = false;
                // What is missing begins with the level.
                self.missing = None;
                self.bands.forget();
            }
        }
    }

    /// Folds samples into the states of some detectors, whatever they say of them; what each said of the last ordinary one.
    /// One that fails goes without what is left.
    pub(crate) fn feed(
        &mut self,
        fold: &Fold<'_>,
        wanted: impl Fn(usize) -> bool,
        divided: &Divided,
        twice: Twice,
        report: &mut Report,
    ) -> Vec<Answer> {
        for (event, columns) in &divided.apart {
            let known = self.track.apart.as_ref().and_then(|apart| apart.get(*event)).map(|set| set.newest);
            let (timestamps, values) = columns.after(known.filter(|_| twice == Twice::Not).unwrap_or(Timestamp::MIN));
            if let Some(newest) = timestamps.last() {
                let states = self.states_with(Some(*event), Timestamp(*newest));
                feed(fold, states, &wanted, timestamps, values, report);
            }
        }
        let Columns { timestamps, values } = &divided.ordinary;
        feed(fold, &mut self.track.states, wanted, timestamps, values, report)
    }

    /// Folds samples of a level that is being accepted into the new states, and notes what the ones from before say of it.
    fn accept(&mut self, fold: &Fold<'_>, samples: &Columns, answers: Vec<Answer>, report: &mut Report) {
        if let (Some(accepted), Some(newest)) = (&mut self.track.accepted, samples.values.last()) {
            feed(fold, &mut accepted.anew, |_| true, &samples.timestamps, &samples.values, report);
            for (which, answer) in answers.into_iter().enumerate() {
                accepted.note(fold.watch, which, *newest, answer);
            }
        }
    }
}

/// Whether samples of known events are folded in that states have seen already. They are learnt during streaks as well, so a
/// stretch that is learnt later may have some of them in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twice {
    /// No detector is told anything twice.
    Not,
    /// The states are new: what others have seen does not count.
    ForNew,
}

fn feed(
    fold: &Fold<'_>,
    states: &mut [Bytes],
    wanted: impl Fn(usize) -> bool,
    timestamps: &[i64],
    values: &[f64],
    report: &mut Report,
) -> Vec<Answer> {
    let mut said = vec![Answer::Abstained; states.len()];
    let pairs = states.iter_mut().zip(fold.detectors).zip(&mut said).enumerate();
    for (_, ((state, detector), said)) in pairs.filter(|(which, _)| wanted(*which)) {
        for (timestamps, values) in timestamps.chunks(MOST_AT_ONCE).zip(values.chunks(MOST_AT_ONCE)) {
            report.counts.calls += 1;
            let scored = ask(&**detector, &state.0, timestamps, values);
            *said = answer(&scored);
            match scored {
                Ok(scored) => *state = Bytes(scored.state),
                Err(error) => {
                    report.failed(detector.name(), &error);
                    break;
                }
            }
        }
    }
    said
}

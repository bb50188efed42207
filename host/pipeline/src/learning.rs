//! What a series learns: history that is not judged, and of what was judged as much as the domain says.

use tidegate_domain::number::{Bytes, Number};
use tidegate_domain::series::{Answer, Learn, Phase};
use tidegate_domain::time::Timestamp;

use crate::entry::{Answers, Entry, Fold, answer};
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
        let sound = match self.track.phase {
            Phase::Incident { since, .. } => timestamps.partition_point(|at| Timestamp(*at) < since),
            _ => timestamps.len(),
        };
        let finite = |(_, value): &(&i64, &f64)| value.is_finite();
        let (learnt, of): (Vec<i64>, Vec<f64>) =
            timestamps[..sound].iter().zip(&values[..sound]).filter(finite).unzip();
        if let Some(newest) = of.last() {
            let answers = self.feed(fold, |_| true, &learnt, &of, report);
            self.accept(fold, &learnt, &of, report);
            if let Some(accepted) = &mut self.track.accepted {
                for (which, answer) in answers.into_iter().enumerate() {
                    accepted.note(fold.watch, which, *newest, answer);
                }
            }
        }
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
        (at, value): (Timestamp, f64),
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
                let whole = pending.into_iter().chain([(at, Number(value))]);
                let (timestamps, values): (Vec<i64>, Vec<f64>) = whole.map(|(at, value)| (at.0, value.0)).unzip();
                let missing = self.missing.clone();
                let there = |which: usize| missing.as_ref().is_none_or(|missing| !missing.has(which));
                self.feed(fold, there, &timestamps, &values, report);
            }
            Learn::Relearn(_) => {
                self.filled = false;
                // What is missing begins with the level.
                self.missing = None;
                self.bands.forget();
            }
        }
    }

    /// Folds samples into the states of some detectors, whatever they say of them; what each said of the last one. One that
    /// fails goes without what is left.
    pub(crate) fn feed(
        &mut self,
        fold: &Fold<'_>,
        wanted: impl Fn(usize) -> bool,
        timestamps: &[i64],
        values: &[f64],
        report: &mut Report,
    ) -> Vec<Answer> {
        feed(fold, &mut self.track.states, wanted, timestamps, values, report)
    }

    /// Folds samples of a level that is being accepted into the new states.
    fn accept(&mut self, fold: &Fold<'_>, timestamps: &[i64], values: &[f64], report: &mut Report) {
        if let Some(accepted) = &mut self.track.accepted {
            feed(fold, &mut accepted.anew, |_| true, timestamps, values, report);
        }
    }
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

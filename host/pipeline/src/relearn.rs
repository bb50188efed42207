//! States that a detector cannot read, or never had, while the rest of the series stands: they alone are learnt again
//! from history. Until then their detector abstains, and the others judge.

use tidegate_domain::number::Bytes;
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::{Scored, Verdicts};

use crate::entry::{Entry, Fold};
use crate::frame::FrameSeries;
use crate::learning::Twice;
use crate::report::Report;

/// Which states of a series are to be learnt again.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    /// By detector, in the order of the watch.
    which: Vec<bool>,
    /// Up to here history has been folded into them.
    upto: Timestamp,
}

impl Missing {
    pub(crate) fn has(&self, which: usize) -> bool {
        self.which.get(which).is_some_and(|missing| *missing)
    }
}

/// What a detector says whose state is missing.
pub(crate) fn abstention() -> Scored {
    let none = || vec![f64::NAN];
    Scored {
        state: Vec::new(),
        verdicts: Verdicts { scores: none(), expected: none(), lower: none(), upper: none() },
        note: None,
    }
}

impl Entry {
    pub(crate) fn is_missing(&self, which: usize) -> bool {
        self.missing.as_ref().is_some_and(|missing| missing.has(which))
    }

    /// Drops one state, to be learnt again. Where nothing has been learnt yet there is nothing to lose.
    pub(crate) fn lose(&mut self, which: usize) {
        if self.track.cursor == Timestamp::MIN {
            return;
        }
        let states = &mut self.track.states;
        let missing = self
            .missing
            .get_or_insert_with(|| Box::new(Missing { which: vec![false; states.len()], upto: Timestamp::MIN }));
        if let Some(lost) = missing.which.get_mut(which) {
            *lost = true;
        }
        // Those of which a part has been learnt again begin anew with it: one pass over history serves all.
        missing.upto = Timestamp::MIN;
        let apart = self.track.apart.iter_mut().flat_map(|apart| apart.sets()).flat_map(|set| &mut set.states);
        for (state, missing) in states.iter_mut().chain(apart).zip(missing.which.iter().cycle()) {
            if *missing {
                *state = Bytes::default();
            }
        }
        self.dirty = true;
    }

    /// From when on history is wanted for what is missing, given how much of it the detectors want.
    pub(crate) fn missing_from(&self, depth: std::time::Duration) -> Option<Timestamp> {
        let missing = self.missing.as_ref()?;
        if missing.upto > Timestamp::MIN {
            return Some(Timestamp(missing.upto.0.saturating_add(1)));
        }
        // What it is to be compared with lies before the trouble, however long that has lasted.
        Some(self.trouble_since().unwrap_or(self.track.cursor).minus(depth))
    }

    /// Folds a piece of history into the states that are missing: up to the cursor, and of a series in trouble what came
    /// before the trouble, as the others have learnt it.
    pub(crate) fn catch_up(&mut self, fold: &Fold<'_>, series: &FrameSeries, report: &mut Report) {
        let Some(missing) = self.missing.clone() else { return };
        let sound = |at: Timestamp| at <= self.track.cursor && self.trouble_since().is_none_or(|since| at < since);
        let pairs = series.timestamps.iter().copied().zip(series.values.iter().copied());
        let wanted = pairs.filter(|(at, _)| Timestamp(*at) > missing.upto && sound(Timestamp(*at)));
        let samples: Vec<(i64, f64)> = wanted.filter(|(_, value)| value.is_finite()).collect();
        let (Some((oldest, _)), Some((newest, _))) = (samples.first(), samples.last()) else { return };
        // What the series was like before the first piece of history nobody knows.
        let from = if missing.upto > Timestamp::MIN { Timestamp::MIN } else { Timestamp(*oldest) };
        let divided = self.divide(fold, &series.labels, samples.iter().copied(), from);
        self.feed(fold, |which| missing.has(which), &divided, Twice::ForNew, report);
        self.missing = Some(Box::new(Missing { upto: Timestamp(*newest), ..*missing }));
        report.counts.learnt += samples.len() as u64;
        self.dirty = true;
    }
}

//! What was said of the recent samples of a series, for charts: an incident is looked at from before the trouble on, and what
//! was expected then can only be told by whoever remembers it.
//!
//! Kept beside the samples that a track keeps anyway, and in as little room as a drawing needs: 16 bytes a sample. In memory
//! only. In the series table it would double what is written every few minutes, and what a restart loses are bands of samples
//! that an incident in the next hour would show; the verdicts of samples that are folded again after a crash are made again.

use std::collections::VecDeque;

use tidegate_domain::event::TracePoint;
use tidegate_domain::number::Number;
use tidegate_domain::series::{Judgement, RECENT_SAMPLES, Standing, Track};
use tidegate_domain::time::Timestamp;

// One bit for each sample.
const _: () = assert!(RECENT_SAMPLES <= u64::BITS as usize);

/// The verdicts on the latest of the recent samples of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bands {
    verdicts: VecDeque<Verdict>,
    /// Whether each was taken for an anomaly, the newest in the lowest bit.
    anomalous: u64,
}

/// Edges as their distances from the value: as single-precision numbers they would be off by more than a narrow band is
/// wide, where values are large.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Verdict {
    expected: f32,
    lower: f32,
    upper: f32,
    score: f32,
}

impl Bands {
    /// Notes what was said of the sample that the track has just seen. Call it for each finite one.
    pub(crate) fn note(&mut self, value: f64, judgement: &Judgement) {
        if self.verdicts.capacity() == 0 {
            self.verdicts.reserve_exact(RECENT_SAMPLES);
        }
        if self.verdicts.len() == RECENT_SAMPLES {
            self.verdicts.pop_front();
        }
        let of = |edge: f64| (edge - value) as f32;
        let verdict = &judgement.verdict;
        self.verdicts.push_back(Verdict {
            expected: of(verdict.expected),
            lower: of(verdict.lower),
            upper: of(verdict.upper),
            score: verdict.score as f32,
        });
        self.anomalous = self.anomalous << 1 | u64::from(judgement.standing == Standing::Anomalous);
    }

    /// Samples came in that nobody judged: of those up to now nothing can be said any more.
    pub(crate) fn forget(&mut self) {
        *self = Bands::default();
    }

    /// How much room they take besides themselves.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.verdicts.capacity() * size_of::<Verdict>()
    }

    /// The samples of `track` later than `after`, as far as it still has them, oldest first. Those that were not judged,
    /// and those of which nobody remembers how, are without a band.
    pub(crate) fn trace(&self, track: &Track, after: Timestamp) -> Vec<TracePoint> {
        let newest = track.recent.iter().rev().enumerate();
        let mut points: Vec<TracePoint> = newest
            .take_while(|(_, (at, _))| *at > after)
            .map(|(age, (at, value))| {
                let known = self.verdicts.len().checked_sub(age + 1).and_then(|place| self.verdicts.get(place));
                let edge = |of: fn(&Verdict) -> f32| known.map_or(Number::NAN, |v| Number(value.0 + f64::from(of(v))));
                TracePoint {
                    at: *at,
                    value: *value,
                    expected: edge(|v| v.expected),
                    lower: edge(|v| v.lower),
                    upper: edge(|v| v.upper),
                    score: known.map_or(Number::NAN, |v| Number(f64::from(v.score))),
                    anomalous: known.is_some() && self.anomalous >> age & 1 == 1,
                }
            })
            .collect();
        points.reverse();
        points
    }
}

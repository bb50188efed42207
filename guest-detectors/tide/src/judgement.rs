//! From the views of one sample to one verdict: the rarest of them speaks.

use tidegate_guest::Verdict;

use crate::tail::{Rarity, Tail};
use crate::views::{COUNT, Measure, View};

/// Probabilities are taken for no smaller than this, so that a score stays a number that people can read.
const LEAST_PROBABILITY: f64 = 1e-60;

/// How the views measure, in their order; `None` where one has nothing to say.
pub(crate) type Measures = [Option<Measure>; COUNT];

/// A verdict and what led to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// The view that found the sample the rarest, and half the width of its band.
    pub(crate) spoke: Option<(View, f64)>,
}

/// Judges a value of which `allowed` is the probability to be called anomalous by chance.
///
/// The smallest of several probabilities is small more often than each of them. They hang together, so the square root of
/// their number makes up for it, where the whole number (C. E. Bonferroni 1936) would be too careful.
pub(crate) fn judge(measures: &Measures, tails: &[Tail; COUNT], allowed: f64, expected: f64, value: f64) -> Judgement {
    let speaking = || View::ALL.into_iter().zip(measures).zip(tails).filter(|(_, tail)| tail.is_ready());
    let views = speaking().filter(|((_, measure), _)| measure.is_some()).count();
    if views == 0 {
        return Judgement { verdict: Verdict::not_judged(), spoke: None };
    }
    let correction = (views as f64).sqrt();
    let limit = Rarity::of(allowed / correction);

    let (mut rarest, mut spoke) = (1.0, None);
    let (mut lower, mut upper) = (f64::NEG_INFINITY, f64::INFINITY);
    for ((view, measure), tail) in speaking() {
        let Some(measure) = measure else { continue };
        let probability = tail.probability(measure.distance(value));
        let reach = measure.reach(tail.distance(limit));
        if probability < rarest {
            (rarest, spoke) = (probability, Some((view, reach)));
        }
        lower = lower.max(measure.centre - reach);
        upper = upper.min(measure.centre + reach);
    }
    // Views that contradict each other leave nothing that would be ordinary.
    if lower > upper {
        (lower, upper) = (lower.midpoint(upper), lower.midpoint(upper));
    }
    let probability = (rarest * correction).clamp(LEAST_PROBABILITY, 1.0);
    // Added to a zero, the negative one that a logarithm of 1 leaves is an ordinary one.
    let score = probability.ln() / allowed.ln() + 0.0;
    let verdict = Verdict { score, expected: expected.clamp(lower, upper), lower, upper };
    Judgement { verdict, spoke }
}

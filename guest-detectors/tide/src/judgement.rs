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

impl Judgement {
    /// No judgement: too little was seen.
    pub(crate) fn none() -> Self {
        Judgement { verdict: Verdict::not_judged(), spoke: None }
    }
}

/// What the budget leaves for one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// The probability to be called anomalous by chance.
    probability: f64,
    log: f64,
    /// What that is for one of so many views, from one on; worked out ahead where the step is known, since it costs a power.
    limits: [Option<Rarity>; COUNT],
}

impl Allowance {
    pub(crate) fn of(probability: f64) -> Self {
        Allowance { probability, log: probability.ln(), limits: [None; COUNT] }
    }

    pub(crate) fn worked_out(self) -> Self {
        Allowance { limits: std::array::from_fn(|place| Some(self.limit(place + 1))), ..self }
    }

    fn limit(&self, views: usize) -> Rarity {
        self.limits[views - 1].unwrap_or_else(|| Rarity::of(self.probability / correction(views)))
    }
}

/// The smallest of several probabilities is small more often than each of them. They hang together, so the square root of
/// their number makes up for it, where the whole number (C. E. Bonferroni 1936) would be too careful.
fn correction(views: usize) -> f64 {
    (views as f64).sqrt()
}

/// Judges a value.
pub(crate) fn judge(
    measures: &Measures,
    tails: &[Tail; COUNT],
    allowance: &Allowance,
    expected: f64,
    value: f64,
) -> Judgement {
    let speaking = || View::ALL.into_iter().zip(measures).zip(tails).filter(|(_, tail)| tail.is_ready());
    let views = speaking().filter(|((_, measure), _)| measure.is_some()).count();
    if views == 0 {
        return Judgement::none();
    }
    let limit = allowance.limit(views);

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
    let probability = (rarest * correction(views)).clamp(LEAST_PROBABILITY, 1.0);
    // Added to a zero, the negative one that a logarithm of 1 leaves is an ordinary one.
    let score = probability.ln() / allowance.log + 0.0;
    let verdict = Verdict { score, expected: expected.clamp(lower, upper), lower, upper };
    Judgement { verdict, spoke }
}

//! From the views of one sample to one verdict: the rarest of them speaks.

use tidegate_guest::Verdict;

use crate::order::{larger, smaller};
use crate::season::{Usual, Veto};
use crate::tail::{Packed, Rarity, Tail};
use crate::views::{COUNT, Measure, View};

/// Probabilities are taken for no smaller than this, so that a score stays a number that people can read.
const LEAST_PROBABILITY: f64 = 1e-100;

/// The smallest of several probabilities is small more often than each of them. The views hang together, so it is taken for
/// twice as likely, where their number (C. E. Bonferroni 1936) would be too careful.
const SEVERAL: f64 = 2.0;

/// How the views measure, in their order; `None` where one has nothing to say.
pub(crate) type Measures = [Option<Measure>; COUNT];

/// The tails of the views in their order, of each the one above and the one below.
pub(crate) type Tails = [Packed];

/// A verdict and what led to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// The view that found the sample the rarest.
    pub(crate) spoke: Option<View>,
    /// Half the width of its band; of the samples of late where it is the range, which expects nothing.
    pub(crate) reach: f64,
}

impl Judgement {
    /// No judgement: too little was seen.
    pub(crate) fn none() -> Self {
        Judgement { verdict: Verdict::not_judged(), spoke: None, reach: f64::NAN }
    }

    /// Of an anomalous value the nearest that would have been ordinary, of any other the value: what the views follow that
    /// compare late with before. They would take the echo of trouble that is over for trouble of its own.
    pub(crate) fn tamed(&self, value: f64) -> f64 {
        let Verdict { lower, upper, .. } = self.verdict;
        if self.verdict.is_anomalous() { larger(smaller(value, upper), lower) } else { value }
    }
}

/// What is ordinary to a view, and what it must not object to besides. Where the two do not touch, the one that the value is
/// in: to be ordinary in two places is more than a band can say.
fn with_veto((low, high): (f64, f64), veto: Veto, value: f64) -> (f64, f64) {
    if low <= veto.high && veto.low <= high {
        (smaller(low, veto.low), larger(high, veto.high))
    } else if veto.holds(value) {
        (veto.low, veto.high)
    } else {
        (low, high)
    }
}

/// Judges a value. `bar` is the logarithm of the probability that scores 1; `level` is what is expected where no view speaks.
/// What is `usual` at this time is no news, whatever the views think of it that do not know the time; then it is also what is
/// expected, and not what was so of late.
pub(crate) fn judge(
    measures: &Measures,
    tails: &Tails,
    bar: f64,
    level: f64,
    usual: impl Iterator<Item = Usual> + Clone,
    value: f64,
) -> Judgement {
    let limit = Rarity::of_log(bar - SEVERAL.ln());

    let (mut rarest, mut spoke, mut of_late) = (1.0, None, f64::NAN);
    let mut level = level;
    let (mut lower, mut upper) = (f64::NEG_INFINITY, f64::INFINITY);
    let (pairs, _) = tails.as_chunks::<2>();
    for ((view, measure), pair) in View::ALL.into_iter().zip(measures).zip(pairs) {
        let Some(measure) = measure else { continue };
        let tails = pair.map(Tail::from);
        let side = measure.side(value);
        let probability = tails[side].probability(measure.distance(value));
        let reach = tails.map(|tail| measure.reach(tail.distance(limit)));
        let (above, below) = if measure.one_sided { (reach[0], reach[0]) } else { (reach[0], reach[1]) };
        if view == View::Recent {
            of_late = reach[side];
        }
        let (mut low, mut high) = (measure.centre - below, measure.centre + above);
        let mut vetoed = false;
        if !view.knows_the_time() {
            for usual in usual.clone() {
                let veto = usual.veto(measure.centre);
                if veto.holds(value) {
                    vetoed = true;
                    // Not where the samples of late expect it as well: it would go to and fro with every sample.
                    let rare = view == View::Recent && tails[side].is_beyond(measure.distance(value));
                    level = if rare { usual.mean } else { level };
                }
                (low, high) = with_veto((low, high), veto, value);
            }
        }
        if probability < rarest && !vetoed {
            let reach = if view == View::Range { of_late } else { reach[side] };
            (rarest, spoke) = (probability, Some((view, measure.centre, reach)));
        }
        (lower, upper) = (larger(lower, low), smaller(upper, high));
    }
    // Views that contradict each other leave nothing that would be ordinary.
    if lower > upper {
        (lower, upper) = (lower.midpoint(upper), lower.midpoint(upper));
    }
    let probability = (SEVERAL * rarest).clamp(LEAST_PROBABILITY, 1.0);
    // Added to a zero, the negative one that a logarithm of 1 leaves is an ordinary one.
    let score = probability.ln() / bar + 0.0;
    let expected = match spoke {
        Some((view, centre, _)) if score > 1.0 && view.expects() => centre,
        _ => level,
    };
    let verdict = Verdict { score, expected: smaller(larger(expected, lower), upper), lower, upper };
    let (spoke, reach) = spoke.map_or((None, f64::NAN), |(view, _, reach)| (Some(view), reach));
    Judgement { verdict, spoke, reach }
}

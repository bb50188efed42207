//! The tail of a distribution, learnt in passing: how rare is a distance as large as this?
//!
//! A. Siffer, P.-A. Fouque, A. Termier, C. Largouët (2017), "Anomaly Detection in Streams with Extreme Value Theory": what
//! lies beyond a high quantile follows a generalised Pareto distribution, whatever the rest looks like. Its shape is not
//! estimated here but fixed, heavier than exponential: the few peaks that a series has shown say next to nothing about it, and
//! a wrong guess on the light side costs alarms for ever.
//!
//! The quantile is followed by stochastic approximation (H. Robbins, S. Monro 1951), the mean excess beyond it by a running
//! mean that ends as exponential smoothing. Both begin with a prior, so that a young series is judged with care.

use crate::order::{larger, smaller};

/// The share of distances that lies below the threshold.
const BELOW: f64 = 0.98;

/// Shape of the generalised Pareto distribution; 0 would be exponential. One over it is a whole number, and a whole power
/// costs a few multiplications.
const SHAPE: f64 = 0.2;
const POWER: i32 = 5;

/// The prior: as of a normal distribution in units of its deviation, and somewhat heavier.
const FIRST_THRESHOLD: f32 = 3.5;
const FIRST_EXCESS: f32 = 1.5;

/// Neither gets smaller than this, in units of the distance: a tail that has seen nothing but small distances knows nothing
/// of larger ones.
const LEAST_THRESHOLD: f64 = 0.5;
const LEAST_EXCESS: f64 = 0.1;

/// The prior counts as so many distances, and of peaks as so many.
const PRIOR: f64 = 30.0;
const PRIOR_PEAKS: f64 = 8.0;

/// How quickly threshold and mean excess follow once the prior is forgotten.
const THRESHOLD_RATE: f64 = 0.002;
const EXCESS_RATE: f64 = 0.02;

/// An excess counts for at most this many times the mean: one giant must not make the next one ordinary.
const MOST_EXCESS: f64 = 6.0;

/// Distances are taken for no larger than this, so that what is made of them fits into 32 bits.
const LARGEST: f64 = 1e30;

/// The tail of the distances of one view to one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    threshold: f32,
    excess: f32,
    /// How many distances were learnt.
    seen: f32,
}

impl Default for Tail {
    /// Of nothing but the prior.
    fn default() -> Self {
        Tail { threshold: FIRST_THRESHOLD, excess: FIRST_EXCESS, seen: 0.0 }
    }
}

/// A tail as it lies in a list.
pub(crate) type Packed = [f32; 3];

impl From<Packed> for Tail {
    fn from([threshold, excess, seen]: Packed) -> Self {
        Tail { threshold, excess, seen }
    }
}

impl From<Tail> for Packed {
    fn from(Tail { threshold, excess, seen }: Tail) -> Self {
        [threshold, excess, seen]
    }
}

impl Tail {
    /// The probability of a distance at least as large.
    pub(crate) fn probability(&self, distance: f64) -> f64 {
        let threshold = f64::from(self.threshold);
        if distance <= threshold {
            return 1.0 - BELOW * larger(distance / threshold, 0.0);
        }
        (1.0 - BELOW) / (1.0 + SHAPE * (distance - threshold) / f64::from(self.excess)).powi(POWER)
    }

    /// The distance that is so rare, the inverse of [`Tail::probability`].
    pub(crate) fn distance(&self, rarity: Rarity) -> f64 {
        match rarity {
            Rarity::Common(share) => share * f64::from(self.threshold),
            Rarity::Rare(excesses) => f64::from(self.threshold) + excesses * f64::from(self.excess),
        }
    }

    /// Whether a distance is among the rare ones.
    pub(crate) fn is_beyond(&self, distance: f64) -> bool {
        distance > f64::from(self.threshold)
    }

    /// Takes in a distance that counts for so much of one, from 0 to 1.
    pub(crate) fn learn(&mut self, distance: f64, weight: f64) {
        let (mut threshold, mut excess) = (f64::from(self.threshold), f64::from(self.excess));
        let seen = f64::from(self.seen) + weight;
        let beyond = smaller(distance, LARGEST) - threshold;
        let side = if beyond > 0.0 { BELOW } else { BELOW - 1.0 };
        let scale = larger(excess, 0.05 * threshold);
        // In units of the density at the threshold, more or less: what the step has to be for it to settle.
        let rate = if seen < 1.0 / THRESHOLD_RATE { 1.0 / (seen + PRIOR) } else { 0.0 };
        let step = 0.3 / (1.0 - BELOW).sqrt() * scale * larger(rate, THRESHOLD_RATE);
        threshold = larger(threshold + weight * step * side, LEAST_THRESHOLD);
        if beyond > 0.0 {
            let rate = larger(1.0 / (seen * (1.0 - BELOW) + PRIOR_PEAKS), EXCESS_RATE);
            excess += weight * rate * (smaller(beyond, MOST_EXCESS * excess) - excess);
            excess = larger(excess, LEAST_EXCESS);
        }
        (self.threshold, self.excess, self.seen) = (threshold as f32, excess as f32, seen as f32);
    }
}

/// A probability as all tails see it, so that it is worked out once for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rarity {
    /// So large a share of the threshold.
    Common(f64),
    /// So many mean excesses beyond the threshold.
    Rare(f64),
}

impl Rarity {
    /// Of the logarithm of a probability.
    pub(crate) fn of_log(log: f64) -> Self {
        let beyond = (1.0 - BELOW).ln() - log;
        if beyond > 0.0 {
            Rarity::Rare(((SHAPE * beyond).exp() - 1.0) / SHAPE)
        } else {
            Rarity::Common((1.0 - log.exp()) / BELOW)
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_guest::testing::Dice;

    use super::*;

    #[test]
    fn distance_and_probability_are_inverse() {
        let mut tail = Tail::default();
        let mut dice = Dice::new(1);
        for _ in 0..5000 {
            for probability in [0.9_f64, 0.5, 0.05, 0.0201, 0.0199, 0.01, 1e-3, 1e-5, 1e-9, 1e-12] {
                let distance = tail.distance(Rarity::of_log(probability.ln()));
                let back = tail.probability(distance);
                assert!((back / probability - 1.0).abs() < 1e-9, "{probability}: {distance} has {back}");
            }
            tail.learn(dice.exponential(), 1.0);
        }
        for (distance, probability) in [(0.0, 1.0), (-3.0, 1.0), (f64::INFINITY, 0.0), (f64::MAX, 0.0)] {
            assert!((tail.probability(distance) - probability).abs() < 1e-100, "{distance}");
        }
    }

    #[test]
    fn a_known_tail_is_found_and_followed() {
        for unit in [1.0, 3.0, 30.0] {
            let mut tail = Tail::default();
            let mut dice = Dice::new(2);
            (0..30_000).for_each(|_| tail.learn(unit * dice.exponential(), 1.0));
            // Of an exponential distribution of mean 1, one in a thousand is beyond 6.9; the shape is on the careful side.
            let got = tail.distance(Rarity::of_log(1e-3_f64.ln())) / unit;
            assert!((5.5..12.0).contains(&got), "in units of {unit}: {got}");
        }
    }

    #[test]
    fn wild_distances_do_no_harm() {
        let wild = [f64::INFINITY, f64::MAX, 0.0, -1.0, 5e-324, 1e300];
        let mut tail = Tail::default();
        for at in 0..10_000 {
            tail.learn(wild[at % wild.len()], 1.0);
            assert!(tail.threshold.is_finite() && tail.excess.is_finite() && tail.excess > 0.0, "{tail:?}");
        }
    }
}

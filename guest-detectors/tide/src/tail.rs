//! The tail of a distribution, learnt in passing: how rare is a distance as large as this?
//!
//! A. Siffer, P.-A. Fouque, A. Termier, C. Largouët (2017), "Anomaly Detection in Streams with Extreme Value Theory": what
//! lies beyond a high quantile follows a generalised Pareto distribution, whatever the rest looks like. Its shape is not
//! estimated here but fixed, a little heavier than exponential: the few peaks that a series has shown say next to nothing
//! about it, and a wrong guess on the light side costs alarms for ever.
//!
//! The quantile is followed by stochastic approximation (H. Robbins, S. Monro 1951), the mean excess beyond it by
//! exponential smoothing; both begin with the values of a first batch.

/// The share of distances that lies below the threshold.
const BELOW: f64 = 0.98;

/// Shape of the generalised Pareto distribution; 0 would be exponential.
const SHAPE: f64 = 0.15;

/// So many distances make the first threshold.
const FIRST: usize = 50;

/// Steps of the threshold, as a share of the mean excess, and of the mean excess.
const THRESHOLD_STEP: f64 = 0.05;
const EXCESS_STEP: f64 = 0.03;

/// An excess counts for at most this many times the mean: one giant must not make the next one ordinary.
const MOST_EXCESS: f64 = 6.0;

/// The mean excess is at least this share of the threshold, and this in units of the distance: a tail that has seen nothing
/// but equal distances knows nothing of larger ones.
const LEAST_EXCESS_SHARE: f64 = 0.1;
const LEAST_EXCESS: f64 = 0.1;

/// Distances are taken for no larger than this, so that they and their sums fit into 32 bits.
const LARGEST: f64 = 1e30;

tidegate_guest::state! {
    /// The tail of the distances of one view.
    #[derive(Clone, Debug)]
    pub struct Tail("tail", 1) {
        /// The first distances, until there are enough of them.
        first: Vec<f32>,
        /// Negative until then.
        threshold: f32,
        excess: f32,
    }
}

impl Default for Tail {
    fn default() -> Self {
        Tail::empty()
    }
}

impl Tail {
    /// Of nothing yet.
    pub(crate) fn empty() -> Self {
        Tail { first: Vec::new(), threshold: -1.0, excess: 0.0 }
    }

    /// Whether enough was seen to say anything.
    pub(crate) fn is_ready(&self) -> bool {
        self.threshold >= 0.0
    }

    /// The probability of a distance at least as large; 1 where nothing is known.
    pub(crate) fn probability(&self, distance: f64) -> f64 {
        let threshold = f64::from(self.threshold);
        if !self.is_ready() || distance <= 0.0 {
            return 1.0;
        }
        if distance <= threshold {
            return 1.0 - BELOW * distance / threshold;
        }
        (1.0 - BELOW) * (1.0 + SHAPE * (distance - threshold) / self.scale()).powf(-1.0 / SHAPE)
    }

    /// The distance that has a probability, the inverse of [`Tail::probability`]; infinite where nothing is known.
    pub(crate) fn distance(&self, rarity: Rarity) -> f64 {
        if !self.is_ready() {
            return f64::INFINITY;
        }
        let threshold = f64::from(self.threshold);
        match rarity {
            Rarity::Common(share) => threshold * share,
            Rarity::Rare(excesses) => threshold + excesses * self.scale(),
        }
    }

    /// Takes in a distance that counts for so much of one, from 0 to 1.
    pub(crate) fn learn(&mut self, distance: f64, weight: f64) {
        let distance = distance.clamp(0.0, LARGEST);
        if !self.is_ready() {
            self.first.push(distance as f32);
            if self.first.len() >= FIRST {
                self.begin();
            }
            return;
        }
        let (mut threshold, mut excess) = (f64::from(self.threshold), f64::from(self.excess));
        let side = if distance > threshold { BELOW } else { BELOW - 1.0 };
        threshold = (threshold + weight * self.scale() * THRESHOLD_STEP * side).max(0.0);
        if distance > threshold {
            let beyond = (distance - threshold).min(MOST_EXCESS * self.scale());
            excess += weight * EXCESS_STEP * (beyond - excess);
        }
        (self.threshold, self.excess) = (threshold as f32, excess as f32);
    }

    fn begin(&mut self) {
        let mut first = std::mem::take(&mut self.first);
        first.sort_by(f32::total_cmp);
        self.threshold = first[(BELOW * first.len() as f64) as usize];
        let beyond: Vec<f32> = first.into_iter().filter(|d| *d > self.threshold).map(|d| d - self.threshold).collect();
        self.excess = beyond.iter().sum::<f32>() / beyond.len().max(1) as f32;
        self.excess = self.scale() as f32;
    }

    /// The mean excess, no smaller than it can be trusted to be.
    fn scale(&self) -> f64 {
        f64::from(self.excess).max(LEAST_EXCESS_SHARE * f64::from(self.threshold)).max(LEAST_EXCESS)
    }

    /// Whether these can be the numbers of a tail.
    pub(crate) fn is_sound(&self) -> bool {
        self.first.len() < FIRST
            && self.first.iter().all(|distance| *distance >= 0.0)
            && self.threshold.is_finite()
            && self.excess.is_finite()
            && self.excess >= 0.0
    }
}

/// A probability as all tails of one shape see it, so that it costs one power for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rarity {
    /// So large a share of the threshold.
    Common(f64),
    /// So many mean excesses beyond the threshold.
    Rare(f64),
}

impl Rarity {
    /// Of a probability between 0 and 1.
    pub(crate) fn of(probability: f64) -> Self {
        if probability < 1.0 - BELOW {
            Rarity::Rare(((probability / (1.0 - BELOW)).powf(-SHAPE) - 1.0) / SHAPE)
        } else {
            Rarity::Common((1.0 - probability) / BELOW)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances of an exponential distribution of mean 1, the same in each run.
    fn exponential() -> impl Iterator<Item = f64> {
        let mut dice = 1_u64;
        std::iter::repeat_with(move || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            -(((dice >> 11) as f64 + 0.5) / (1_u64 << 53) as f64).ln()
        })
    }

    #[test]
    fn distance_and_probability_are_inverse() {
        let mut tail = Tail::empty();
        exponential().take(5000).for_each(|distance| tail.learn(distance, 1.0));
        for probability in [0.9, 0.5, 0.05, 0.0201, 0.0199, 0.01, 1e-3, 1e-5, 1e-9, 1e-12] {
            let distance = tail.distance(Rarity::of(probability));
            let back = tail.probability(distance);
            assert!((back / probability - 1.0).abs() < 1e-9, "{probability}: {distance} has {back}");
        }
        for (distance, probability) in [(0.0, 1.0), (-3.0, 1.0), (f64::INFINITY, 0.0), (f64::MAX, 0.0)] {
            assert!((tail.probability(distance) - probability).abs() < 1e-100, "{distance}");
        }
    }

    #[test]
    fn a_known_tail_is_found_and_followed() {
        for unit in [1.0, 1e3, 1e6] {
            let mut tail = Tail::empty();
            exponential().take(20_000).for_each(|distance| tail.learn(unit * distance, 1.0));
            // Of an exponential distribution of mean 1, one in a thousand is beyond 6.9.
            let got = tail.distance(Rarity::of(1e-3)) / unit;
            assert!((5.5..11.0).contains(&got), "in units of {unit}: {got}");
            exponential().take(20_000).for_each(|distance| tail.learn(3.0 * unit * distance, 1.0));
            let got = tail.distance(Rarity::of(1e-3)) / unit;
            assert!((16.0..33.0).contains(&got), "three times as wide, in units of {unit}: {got}");
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_batch() {
        let mut tail = Tail::empty();
        for _ in 1..FIRST {
            tail.learn(1.0, 1.0);
            assert!(!tail.is_ready());
            assert_eq!((tail.probability(1e9), tail.distance(Rarity::of(1e-9))), (1.0, f64::INFINITY));
        }
        tail.learn(1.0, 1.0);
        assert!(tail.is_ready());
    }

    #[test]
    fn wild_distances_do_no_harm() {
        let wild = [f64::INFINITY, f64::MAX, 0.0, -1.0, 5e-324, 1e300];
        let mut tail = Tail::empty();
        for at in 0..10_000 {
            tail.learn(wild[at % wild.len()], 1.0);
            assert!(tail.is_sound());
        }
        assert!(tail.probability(1.0).is_finite() && tail.distance(Rarity::of(1e-9)).is_finite());
    }
}

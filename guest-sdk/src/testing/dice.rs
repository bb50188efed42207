//! Chance that is the same in every run: numbers of the distributions that metrics have, for made-up series.

/// A source of random numbers, told apart from others by its seed.
///
/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood 2014, "Fast Splittable Pseudorandom Number Generators"): small, and good
/// enough that no detector sees a pattern in it.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// Between 0 and 1, never either of them.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normally distributed with mean 0 and standard deviation 1 (G. E. P. Box, M. E. Muller 1958).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Exponentially distributed with mean 1, as times between requests are.
    pub fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Log-normally distributed around a median of 1, as latencies are; the larger `sigma`, the heavier the tail.
    pub fn log_normal(&mut self, sigma: f64) -> f64 {
        (sigma * self.normal()).exp()
    }

    /// A count with that mean, which must be small (D. E. Knuth, "Seminumerical Algorithms", 3.4.1): errors a minute.
    pub fn poisson(&mut self, mean: f64) -> f64 {
        let least = (-mean).exp();
        let (mut count, mut product) = (0.0, self.uniform());
        while product > least {
            count += 1.0;
            product *= self.uniform();
        }
        count
    }

    /// True so often out of 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn means_and_variances_are_those_of_the_distributions() {
        type Draw = fn(&mut Dice) -> f64;
        let cases: [(&str, Draw, f64, f64); 5] = [
            ("uniform", Dice::uniform, 0.5, 1.0 / 12.0),
            ("normal", Dice::normal, 0.0, 1.0),
            ("exponential", Dice::exponential, 1.0, 1.0),
            ("log-normal", |dice| dice.log_normal(0.5), 1.133_15, 0.364_7),
            ("poisson", |dice| dice.poisson(3.0), 3.0, 3.0),
        ];
        for (what, draw, mean, variance) in cases {
            let mut dice = Dice::new(7);
            let drawn: Vec<f64> = (0..100_000).map(|_| draw(&mut dice)).collect();
            let got = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let spread = drawn.iter().map(|value| (value - got).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((got - mean).abs() < 0.02, "{what}: mean {got}, not {mean}");
            assert!((spread / variance - 1.0).abs() < 0.05, "{what}: variance {spread}, not {variance}");
        }
        let (mut one, mut other) = (Dice::new(1), Dice::new(1));
        assert!((0..100).all(|_| one.uniform() == other.uniform()));
    }
}

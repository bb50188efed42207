//! Count, mean and sum of squared deviations of a set of numbers, joined and taken apart without the numbers themselves.
//!
//! T. F. Chan, G. H. Golub, R. J. LeVeque (1979), "Updating Formulae and a Pairwise Algorithm for Computing Sample
//! Variances". Sums of plain squares would lose everything for a series of 1e12 plus a little noise.

/// The moments of a set of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    /// How many numbers, as a float because it only ever meets floats.
    pub(crate) count: f64,
    /// Their mean.
    pub(crate) mean: f64,
    /// The sum of their squared distances from the mean.
    pub(crate) squares: f64,
}

impl Moments {
    /// Of no number.
    pub(crate) const NONE: Moments = Moments { count: 0.0, mean: 0.0, squares: 0.0 };

    /// Of one number.
    pub(crate) const fn one(value: f64) -> Self {
        Moments { count: 1.0, mean: value, squares: 0.0 }
    }

    /// Of both sets together.
    pub(crate) fn with(self, other: Moments) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return Moments::NONE;
        }
        let distance = other.mean - self.mean;
        let share = other.count / count;
        Moments {
            count,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * self.count * share,
        }
    }

    /// Of this set without a part of it. Loses precision where the part is much larger than what is left.
    pub(crate) fn without(self, part: Moments) -> Self {
        let count = self.count - part.count;
        if count <= 0.0 {
            return Moments::NONE;
        }
        let mean = self.mean - (part.mean - self.mean) * (part.count / count);
        let distance = part.mean - mean;
        Moments {
            count,
            mean,
            squares: self.squares - part.squares - distance * distance * count * (part.count / self.count),
        }
    }

    /// Standard deviation, with Bessel's correction. Zero for fewer than two numbers.
    pub(crate) fn deviation(self) -> f64 {
        if self.count < 2.0 { 0.0 } else { (self.squares / (self.count - 1.0)).sqrt() }
    }
}

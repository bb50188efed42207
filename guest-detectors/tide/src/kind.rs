//! What kind of metric this is: flat, sparse, of whole numbers, a counter. Nobody has to say so, the samples do.
//!
//! A counter is recognised and not taken apart: while an incident lasts nothing is learnt, so its rise would be counted from
//! before the incident on and never look healthy again. `rate()` in the query knows better.

/// How quickly the shares follow: a kind is nothing that changes within a day.
const FOLLOWS: f32 = 0.002;

/// From this share on, most samples are so.
const MOST: f32 = 0.5;

/// From this share on, as good as all of them are; below the other one, as good as none.
const ALL: f32 = 0.99;
const NONE: f32 = 0.01;

/// Before so many samples, a series that happens to begin with a rise is no counter.
const LEAST: u64 = 300;

tidegate_guest::state! {
    /// The shares of samples that are of a kind.
    #[derive(Clone, Copy, Debug)]
    pub struct Kind("kind", 1) {
        last: f64,
        zero: f32,
        whole: f32,
        /// Above and below the sample before.
        rise: f32,
        fall: f32,
    }
}

/// Changes smaller than this share of the value are what rounding leaves.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

impl Kind {
    pub(crate) fn starting_at(value: f64) -> Self {
        Kind { last: value, zero: 1.0, whole: 1.0, rise: 0.0, fall: 0.0 }
    }

    /// Takes in the sample after `seen` others.
    pub(crate) fn learn(&mut self, value: f64, seen: f64) {
        let first = 1.0 / (seen as f32 + 1.0);
        let follows = if first > FOLLOWS { first } else { FOLLOWS };
        let follow = |share: &mut f32, is: bool| *share += follows * (f32::from(u8::from(is)) - *share);
        let still = (value - self.last).abs() <= ROUNDING * value.abs();
        follow(&mut self.rise, !still && value > self.last);
        follow(&mut self.fall, !still && value < self.last);
        follow(&mut self.zero, value == 0.0);
        follow(&mut self.whole, value.fract() == 0.0);
        self.last = value;
    }

    /// Most samples are the same as the one before.
    pub(crate) fn is_flat(&self) -> bool {
        self.rise + self.fall < MOST
    }

    /// As good as all samples are the same as the one before.
    pub(crate) fn is_still(&self) -> bool {
        self.rise + self.fall < NONE
    }

    /// Most samples are zero.
    pub(crate) fn is_sparse(&self) -> bool {
        self.zero > MOST
    }

    /// As good as all samples are whole numbers.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole > ALL
    }

    /// Of a series of `seen` samples, most rise, as good as none fall, and it holds no negative number: a counter, or a gauge
    /// that fills up.
    pub(crate) fn is_counter(&self, seen: u64) -> bool {
        seen >= LEAST && self.rise > MOST && self.fall < NONE && self.last >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl Iterator<Item = f64>) -> Kind {
        let mut values = values.peekable();
        let mut kind = Kind::starting_at(*values.peek().expect("a value"));
        values.enumerate().for_each(|(seen, value)| kind.learn(value, seen as f64));
        kind
    }

    #[test]
    fn the_samples_say_what_kind_they_are() {
        // Flat, sparse, whole, a counter.
        type Value = fn(usize) -> f64;
        let cases: [(&str, Value, [bool; 4]); 7] = [
            ("constant", |_| 0.7, [true, false, false, false]),
            (
                "constant but for a spike now and then",
                |at| if at % 100 == 0 { 9.0 } else { 1.5 },
                [true, false, false, false],
            ),
            ("errors now and then", |at| if at % 20 == 0 { 3.0 } else { 0.0 }, [true, true, true, false]),
            ("counts", |at| (at * 37 % 11) as f64, [false, false, true, false]),
            ("requests since the start", |at| 1e6 + (at * 7 + at % 5) as f64, [false, false, true, true]),
            ("a wave", |at| (at as f64 * 0.1).sin(), [false, false, false, false]),
            ("a large level with little noise", |at| 1e9 + (at * 37 % 11) as f64 * 0.1, [false, false, false, false]),
        ];
        for (what, value, wanted) in cases {
            let kind = after((0..3000).map(value));
            let is = [kind.is_flat(), kind.is_sparse(), kind.is_whole(), kind.is_counter(3000)];
            assert_eq!(is, wanted, "{what}");
        }
    }
}

//! The sliding window: the newest samples of a series, and their moments at any time.
//!
//! Up to [`EXACT`] samples are kept one by one. A longer window is kept as blocks of equally many samples, each with its
//! mean and squares, and the oldest block leaves as a whole; so the state stays below 4 KB whatever the window.
//!
//! The window counts samples, not time: while an incident lasts the host keeps judging against the state from before it,
//! and a window that emptied as time passes would fall silent in the middle of an outage.

use crate::moments::Moments;

/// Up to so many samples each has a place of its own: 480 numbers of 8 bytes stay below 4 KB.
const EXACT: u64 = 480;

/// Blocks of a longer window. When the oldest leaves, less than 1 % of the window goes with it.
const BLOCKS: u64 = 120;

/// Values are taken for no larger than this, so that the square of none of them is infinite.
const LARGEST: f64 = 1e150;

/// When the squares have shrunk by this against their largest since the last exact sum, something huge has left and its
/// rounding errors remain: time for an exact sum. Until then the errors are below a millionth of a millionth.
const SHRUNK: f64 = 1e-6;

/// How the samples of a window are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many blocks.
    blocks: u32,
    /// How many samples each.
    span: u32,
}

impl Shape {
    /// For a window of so many samples; `None` where they cannot be counted.
    pub(crate) fn of(samples: u64) -> Option<Self> {
        let span = if samples <= EXACT { 1 } else { samples.div_ceil(BLOCKS) };
        let blocks = samples.div_ceil(span);
        Some(Shape { blocks: u32::try_from(blocks).ok()?, span: u32::try_from(span).ok()? })
    }
}

tidegate_guest::state! {
    /// The samples of a window as blocks in a ring, and the sums over them.
    #[derive(Debug)]
    pub struct Window("zscore", 1) {
        blocks: u32,
        span: u32,
        /// The oldest block, once the ring is full.
        oldest: u32,
        /// The block being filled: count, mean, squares.
        open_count: f64,
        open_mean: f64,
        open_squares: f64,
        /// Mean and squares over all whole blocks, and the largest squares since they were last summed exactly.
        mean: f64,
        squares: f64,
        largest_squares: f64,
        /// The mean of each block; the sample itself where blocks hold one.
        means: Vec<f64>,
        /// The squares of each block; empty where blocks hold one sample.
        block_squares: Vec<f64>,
    }
}

impl Window {
    pub(crate) fn empty(shape: Shape) -> Self {
        Window {
            blocks: shape.blocks,
            span: shape.span,
            oldest: 0,
            open_count: 0.0,
            open_mean: 0.0,
            open_squares: 0.0,
            mean: 0.0,
            squares: 0.0,
            largest_squares: 0.0,
            means: Vec::new(),
            block_squares: Vec::new(),
        }
    }

    /// Whether this window has a shape, and lists that agree with it.
    pub(crate) fn fits(&self, shape: Shape) -> Result<(), String> {
        let own = Shape { blocks: self.blocks, span: self.span };
        if own != shape {
            return Err(format!(
                "state: of a window of {} x {} samples, the settings ask for {} x {}",
                own.blocks, own.span, shape.blocks, shape.span
            ));
        }
        let squares = if shape.span == 1 { 0 } else { self.means.len() };
        let sound = self.means.len() <= shape.blocks as usize
            && self.block_squares.len() == squares
            && (self.oldest as usize) < shape.blocks as usize
            && (self.oldest == 0 || self.means.len() == shape.blocks as usize);
        if sound { Ok(()) } else { Err("state: its parts contradict each other".to_owned()) }
    }

    /// The moments of everything in the window.
    pub(crate) fn moments(&self) -> Moments {
        self.whole().with(self.open())
    }

    /// Takes in the next sample; the oldest leave where the window is full.
    pub(crate) fn push(&mut self, value: f64) {
        let open = self.open().with(Moments::one(value.clamp(-LARGEST, LARGEST)));
        if open.count >= f64::from(self.span) {
            self.set_open(Moments::NONE);
            self.close(open);
        } else {
            self.set_open(open);
        }
    }

    /// Adds a whole block, in the place of the oldest where there is no other.
    fn close(&mut self, block: Moments) {
        let mut whole = self.whole();
        let full = self.means.len() == self.blocks as usize;
        if full {
            let place = self.oldest as usize;
            whole = whole.without(self.block(place));
            self.means[place] = block.mean;
            if let Some(squares) = self.block_squares.get_mut(place) {
                *squares = block.squares;
            }
            self.oldest = (self.oldest + 1) % self.blocks;
        } else {
            self.means.push(block.mean);
            if self.span > 1 {
                self.block_squares.push(block.squares);
            }
        }
        whole = whole.with(block);

        // Once round the ring is often enough to keep drift away and seldom enough to cost nothing.
        let wrapped = full && self.oldest == 0;
        if wrapped || whole.squares < self.largest_squares * SHRUNK {
            whole = self.sum();
            self.largest_squares = whole.squares;
        }
        self.mean = whole.mean;
        self.squares = whole.squares;
        self.largest_squares = self.largest_squares.max(whole.squares);
    }

    /// The exact moments of all whole blocks, in two passes.
    fn sum(&self) -> Moments {
        let blocks = self.means.len() as f64;
        let rough = self.means.iter().sum::<f64>() / blocks;
        let mean = rough + self.means.iter().map(|mean| mean - rough).sum::<f64>() / blocks;
        let between: f64 = self.means.iter().map(|block| (block - mean) * (block - mean)).sum();
        let within: f64 = self.block_squares.iter().sum();
        let span = f64::from(self.span);
        Moments { count: blocks * span, mean, squares: between * span + within }
    }

    fn whole(&self) -> Moments {
        let count = self.means.len() as f64 * f64::from(self.span);
        Moments { count, mean: self.mean, squares: self.squares }
    }

    fn block(&self, place: usize) -> Moments {
        let squares = self.block_squares.get(place).copied().unwrap_or(0.0);
        Moments { count: f64::from(self.span), mean: self.means[place], squares }
    }

    fn open(&self) -> Moments {
        Moments { count: self.open_count, mean: self.open_mean, squares: self.open_squares }
    }

    fn set_open(&mut self, open: Moments) {
        (self.open_count, self.open_mean, self.open_squares) = (open.count, open.mean, open.squares);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change to the sample of that index.
    type Change = fn(f64, usize) -> f64;

    /// Mean and deviation of the newest samples by the book.
    fn by_the_book(values: &[f64]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, (squares / (count - 1.0)).sqrt())
    }

    #[test]
    fn running_sums_stay_what_exact_sums_are() {
        let wave = |i: usize| (i as f64 * 0.37).sin() + (i * 7919 % 101) as f64 / 50.0;
        let cases: [(&str, Change); 6] = [
            ("around zero", |x, _| x),
            ("around 1e9", |x, _| x + 1e9),
            ("in units of 1e-9", |x, _| x * 1e-9),
            ("with a giant now and then", |x, i| if i % 997 == 500 { 1e12 } else { x }),
            ("with a step down from 1e9", |x, i| if i < 5000 { x + 1e9 } else { x }),
            ("growing", |x, i| x + i as f64),
        ];
        for (what, change) in cases {
            let values: Vec<f64> = (0..10_000).map(|i| change(wave(i), i)).collect();
            let shape = Shape::of(120).expect("a shape");
            let mut window = Window::empty(shape);
            for (i, &value) in values.iter().enumerate() {
                if i >= 120 {
                    let (mean, deviation) = by_the_book(&values[i - 120..i]);
                    let moments = window.moments();
                    let close = |got: f64, wanted: f64| (got - wanted).abs() <= 1e-5 * deviation.max(mean.abs() * 1e-9);
                    assert!(close(moments.mean, mean), "{what}, sample {i}: mean {} not {mean}", moments.mean);
                    assert!(
                        close(moments.deviation(), deviation),
                        "{what}, sample {i}: {} not {deviation}",
                        moments.deviation()
                    );
                }
                window.push(value);
            }
        }
    }

    #[test]
    fn blocks_hold_the_newest_samples() {
        let values: Vec<f64> = (0..5_000).map(|i| f64::from(i % 37) + f64::from(i) / 100.0).collect();
        let shape = Shape::of(1_000).expect("a shape");
        assert_eq!(shape, Shape { blocks: 112, span: 9 });
        let mut window = Window::empty(shape);
        for (i, &value) in values.iter().enumerate() {
            if i >= 2_000 {
                // Whole blocks, and what has come since the last of them.
                let held = 112 * 9 + i % 9;
                let (mean, deviation) = by_the_book(&values[i - held..i]);
                let moments = window.moments();
                assert_eq!(moments.count, held as f64);
                assert!((moments.mean - mean).abs() < 1e-9 * mean, "sample {i}");
                assert!((moments.deviation() - deviation).abs() < 1e-9 * deviation, "sample {i}");
            }
            window.push(value);
        }
    }

    #[test]
    fn every_window_stays_small() {
        for samples in (5..2_000).chain([10_000, 1_000_000, u64::from(u32::MAX)]) {
            let shape = Shape::of(samples).expect("a shape");
            let held = u64::from(shape.blocks) * u64::from(shape.span);
            assert!(held >= samples && held <= samples + samples / 100 + 8, "{samples} samples as {shape:?}");
            let numbers = u64::from(shape.blocks) * if shape.span == 1 { 1 } else { 2 };
            assert!(numbers * 8 <= 3_900, "{samples} samples as {shape:?}");
        }
        assert_eq!(Shape::of(u64::MAX), None);
    }
}

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

//! What the empty machine remembers: its clock, its source of numbers, what the guest holds. Knows nothing of WebAssembly.
//!
//! Clock and numbers begin anew with every call, so that a guest that uses them answers the same on any instance.

use std::time::Duration;

use super::console::Console;

/// How far every look at a clock moves it. A microsecond: a loop that waits for a second by looking at the clock ends
/// after a million looks, a fraction of its deadline; and the time of the data is off by no more than that.
const TICK: Duration = Duration::from_micros(1);

/// Most handles to streams, pollables and networks at once. 1024 is what a process usually gets for its open files;
/// an interpreter's event loop has one for each timer that runs.
pub(super) const MAX_HANDLES: usize = 1024;

/// Where WASI's type for the monotonic clock ends, after 584 years. The clock stands still from then on.
const END: Duration = Duration::from_nanos(u64::MAX);

/// Where the numbers of every call begin: the golden ratio's first 64 bits, a number with nothing up its sleeve.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// One instance's machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What the wall clock showed when the call began, in milliseconds since the Unix epoch.
    began: i64,
    /// How long the call has lasted, by the machine's own clock.
    elapsed: Duration,
    /// The state of the source of numbers.
    random: u64,
    /// Handles that the guest holds, to whatever.
    held: usize,
    /// When each pollable is ready, by `elapsed`; none where one was dropped.
    pollables: Vec<Option<Duration>>,
    pub(super) console: Console,
}

/// What the machine does not put up with. Each of these traps.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("holds more than {MAX_HANDLES} streams and pollables at once, which is all that the empty machine has")]
    TooManyHandles,
    #[error("uses a pollable that it has dropped")]
    NoSuchPollable,
    #[error("polls nothing, which would never end")]
    PollsNothing,
    #[error("polls {0} pollables at once, more than the {MAX_HANDLES} that the empty machine has")]
    PollsTooMany(usize),
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            began: 0,
            elapsed: Duration::ZERO,
            random: SEED,
            held: 0,
            pollables: Vec::new(),
            console: Console::default(),
        }
    }

    /// Sets clock and numbers back for a call at the Unix epoch.
    pub(crate) fn begin_call(&mut self) {
        self.began = 0;
        self.elapsed = Duration::ZERO;
        self.random = SEED;
    }

    /// Has the present call begin at this time, in milliseconds since the Unix epoch.
    pub(crate) fn call_begins_at(&mut self, timestamp: i64) {
        self.began = timestamp;
    }

    /// Time since the call began, for the monotonic clock.
    pub(super) fn monotonic(&mut self) -> Duration {
        let now = self.elapsed;
        self.sleep_until(now.saturating_add(TICK));
        now
    }

    /// Time since the Unix epoch, for the wall clock. WASI knows no time before that.
    pub(super) fn wall(&mut self) -> Duration {
        let began = Duration::from_millis(self.began.try_into().unwrap_or(0));
        began.saturating_add(self.monotonic())
    }

    /// A pollable that is ready at this time on the monotonic clock.
    pub(super) fn timer_at(&mut self, when: Duration) -> Result<u32, Fault> {
        self.hold()?;
        let free = self.pollables.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.pollables.push(None);
            self.pollables.len() - 1
        });
        self.pollables[at] = Some(when.min(END));
        // At most `MAX_HANDLES`.
        Ok(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// A pollable that is ready after this time.
    pub(super) fn timer_after(&mut self, wait: Duration) -> Result<u32, Fault> {
        self.timer_at(self.elapsed.saturating_add(wait))
    }

    /// A pollable that has always been ready.
    pub(super) fn ready(&mut self) -> Result<u32, Fault> {
        self.timer_at(Duration::ZERO)
    }

    pub(super) fn drop_pollable(&mut self, pollable: u32) {
        if self.slot(pollable).and_then(Option::take).is_some() {
            self.release();
        }
    }

    /// Whether a pollable is ready. Asking takes time, as looking at the clock does.
    pub(super) fn is_ready(&mut self, pollable: u32) -> Result<bool, Fault> {
        let due = self.due(pollable)?;
        Ok(due <= self.monotonic())
    }

    /// Waits for the earliest of these pollables, which takes no time but the machine's own, and tells by their places
    /// which are ready then.
    pub(super) fn wait(&mut self, pollables: impl ExactSizeIterator<Item = u32>) -> Result<Vec<u32>, Fault> {
        if pollables.len() > MAX_HANDLES {
            return Err(Fault::PollsTooMany(pollables.len()));
        }
        let due: Vec<_> = pollables.map(|pollable| self.due(pollable)).collect::<Result<_, _>>()?;
        let earliest = *due.iter().min().ok_or(Fault::PollsNothing)?;
        self.sleep_until(earliest);
        let now = self.monotonic();
        Ok((0..).zip(due).filter(|(_, due)| *due <= now).map(|(place, _)| place).collect())
    }

    /// Counts one more handle.
    pub(super) fn hold(&mut self) -> Result<(), Fault> {
        if self.held == MAX_HANDLES {
            return Err(Fault::TooManyHandles);
        }
        self.held += 1;
        Ok(())
    }

    /// Takes back what [`Machine::hold`] counted.
    pub(super) fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// The next number: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(SEED);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn sleep_until(&mut self, when: Duration) {
        self.elapsed = self.elapsed.max(when).min(END);
    }

    fn slot(&mut self, pollable: u32) -> Option<&mut Option<Duration>> {
        self.pollables.get_mut(usize::try_from(pollable).ok()?)
    }

    fn due(&mut self, pollable: u32) -> Result<Duration, Fault> {
        self.slot(pollable).and_then(|slot| *slot).ok_or(Fault::NoSuchPollable)
    }
}

#[cfg(test)]
mod tests {
    use super::{END, Fault, MAX_HANDLES, Machine, TICK};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn clocks_begin_with_the_call_and_move_when_looked_at() {
        let mut machine = Machine::new();
        for _ in 0..2 {
            machine.begin_call();
            machine.call_begins_at(1_700_000_000_123);
            assert_eq!(machine.wall(), Duration::from_millis(1_700_000_000_123));
            assert_eq!(machine.monotonic(), TICK);
            assert_eq!(machine.monotonic(), TICK * 2);
            assert_eq!(machine.wall(), Duration::from_millis(1_700_000_000_123) + TICK * 3);
        }
        machine.begin_call();
        assert_eq!(machine.wall(), Duration::ZERO);
        machine.call_begins_at(-1);
        assert_eq!(machine.wall(), TICK);
    }

    #[test]
    fn sleeping_takes_no_time_but_the_machines_own() {
        let mut machine = Machine::new();
        let late = machine.timer_after(HOUR * 2).expect("a timer");
        let early = machine.timer_after(HOUR).expect("a timer");
        assert_eq!(machine.is_ready(early), Ok(false));
        assert_eq!(machine.wait([late, early].into_iter()), Ok(vec![1]));
        assert_eq!(machine.is_ready(early), Ok(true));
        assert_eq!(machine.is_ready(late), Ok(false));
        // What is ready keeps the clock from moving on to what is not.
        assert_eq!(machine.wait([late, early, early].into_iter()), Ok(vec![1, 2]));
        assert_eq!(machine.wait([late].into_iter()), Ok(vec![0]));
        assert!(machine.monotonic() > HOUR * 2 && machine.monotonic() < HOUR * 2 + TICK * 10);
    }

    #[test]
    fn time_ends_and_does_not_begin_again() {
        let mut machine = Machine::new();
        machine.call_begins_at(i64::MAX);
        let timer = machine.timer_after(Duration::MAX).expect("a timer");
        for _ in 0..3 {
            assert_eq!(machine.wait([timer].into_iter()), Ok(vec![0]));
            assert_eq!(machine.monotonic(), END);
        }
        assert!(machine.wall() > END);
    }

    #[test]
    fn handles_are_bounded_and_come_back() {
        let mut machine = Machine::new();
        for _ in 0..MAX_HANDLES / 2 {
            machine.hold().expect("a handle");
            machine.timer_after(HOUR).expect("a timer");
        }
        assert_eq!(machine.hold(), Err(Fault::TooManyHandles));
        assert_eq!(machine.timer_after(HOUR), Err(Fault::TooManyHandles));
        for _ in 0..2 {
            machine.drop_pollable(3);
            assert_eq!(machine.is_ready(3), Err(Fault::NoSuchPollable));
        }
        assert_eq!(machine.timer_after(HOUR), Ok(3));
        assert_eq!(machine.hold(), Err(Fault::TooManyHandles));
        machine.release();
        machine.hold().expect("a handle");
        // Nothing of this ends the call's clock being set back.
        machine.begin_call();
        assert_eq!(machine.hold(), Err(Fault::TooManyHandles));
    }

    #[test]
    fn nothing_is_ready_that_is_not_there() {
        let mut machine = Machine::new();
        assert_eq!(machine.is_ready(0), Err(Fault::NoSuchPollable));
        assert_eq!(machine.wait([u32::MAX].into_iter()), Err(Fault::NoSuchPollable));
        assert_eq!(machine.wait(std::iter::empty()), Err(Fault::PollsNothing));
        let many = std::iter::repeat_n(0, MAX_HANDLES + 1);
        assert_eq!(machine.wait(many), Err(Fault::PollsTooMany(MAX_HANDLES + 1)));
        machine.drop_pollable(7);
    }

    #[test]
    fn numbers_are_the_same_in_every_call() {
        let mut machine = Machine::new();
        let first: Vec<u64> = (0..100).map(|_| machine.random()).collect();
        machine.begin_call();
        let second: Vec<u64> = (0..100).map(|_| machine.random()).collect();
        assert_eq!(first, second);
        let mut distinct = first.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), first.len());
    }

    #[test]
    fn numbers_are_those_of_the_reference() {
        // The first outputs of the authors' own program for the seed 0.
        let mut machine = Machine::new();
        machine.random = 0;
        assert_eq!(machine.random(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(machine.random(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(machine.random(), 0x06c4_5d18_8009_454f);
    }
}

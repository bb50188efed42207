//! The lists of all windows and seasons, end to end.
//!
//! A list of a state is allocated, filled and copied twice on every call. That costs about as much as what is done with
//! a whole one, so there are three of them instead of eight.

use crate::season::{DAY, Slots, WEEK};
use crate::tail::{Packed, Tail};
use crate::views::COUNT;
use crate::window::Ring;

/// The samples of late: a day at a step of five minutes.
pub(crate) const RECENT: usize = 288;

/// The samples of the past, evenly over weeks.
pub(crate) const LONG: usize = 256;

const WINDOWS: usize = RECENT + LONG;

/// Two tails a view, of three numbers each.
const TAILS: usize = 2 * COUNT * 3;

/// Where the numbers of the windows and of the slots begin.
const LONG_AT: usize = TAILS + RECENT;
const SLOTS_AT: usize = TAILS + WINDOWS;

const SLOTS: usize = DAY.slots() + WEEK.slots();
const WEEK_AT: usize = SLOTS_AT + DAY.slots();

tidegate_guest::state! {
    /// The lists.
    #[derive(Debug)]
    pub struct Lists("lists", 1) {
        /// The tails, the values of the windows, of late and of weeks, and the means of the slots, of a day and of a week.
        numbers: Vec<f32>,
        /// The order of the windows.
        order: Vec<u16>,
        /// In how many periods each slot was seen.
        periods: Vec<u8>,
    }
}

impl Lists {
    pub(crate) fn empty() -> Self {
        let mut numbers = vec![0.0; SLOTS_AT + SLOTS];
        numbers[..TAILS].as_chunks_mut().0.fill(Packed::from(Tail::default()));
        Lists { numbers, order: vec![0; WINDOWS], periods: vec![0; SLOTS] }
    }

    pub(crate) fn tails(&self) -> &[Packed] {
        self.numbers[..TAILS].as_chunks().0
    }

    pub(crate) fn tails_mut(&mut self) -> &mut [Packed] {
        self.numbers[..TAILS].as_chunks_mut().0
    }

    pub(crate) fn recent(&self) -> Ring<&[f32], &[u16]> {
        Ring { values: &self.numbers[TAILS..LONG_AT], order: &self.order[..RECENT] }
    }

    pub(crate) fn recent_mut(&mut self) -> Ring<&mut [f32], &mut [u16]> {
        Ring { values: &mut self.numbers[TAILS..LONG_AT], order: &mut self.order[..RECENT] }
    }

    pub(crate) fn long(&self) -> Ring<&[f32], &[u16]> {
        Ring { values: &self.numbers[LONG_AT..SLOTS_AT], order: &self.order[RECENT..] }
    }

    pub(crate) fn long_mut(&mut self) -> Ring<&mut [f32], &mut [u16]> {
        Ring { values: &mut self.numbers[LONG_AT..SLOTS_AT], order: &mut self.order[RECENT..] }
    }

    pub(crate) fn day(&self) -> Slots<&[f32], &[u8]> {
        Slots { means: &self.numbers[SLOTS_AT..WEEK_AT], periods: &self.periods[..DAY.slots()] }
    }

    pub(crate) fn day_mut(&mut self) -> Slots<&mut [f32], &mut [u8]> {
        Slots { means: &mut self.numbers[SLOTS_AT..WEEK_AT], periods: &mut self.periods[..DAY.slots()] }
    }

    pub(crate) fn week(&self) -> Slots<&[f32], &[u8]> {
        Slots { means: &self.numbers[WEEK_AT..], periods: &self.periods[DAY.slots()..] }
    }

    pub(crate) fn week_mut(&mut self) -> Slots<&mut [f32], &mut [u8]> {
        Slots { means: &mut self.numbers[WEEK_AT..], periods: &mut self.periods[DAY.slots()..] }
    }

    /// Whether they are as long as they have to be.
    pub(crate) fn are_sound(&self) -> bool {
        self.numbers.len() == SLOTS_AT + SLOTS && self.order.len() == WINDOWS && self.periods.len() == SLOTS
    }
}

//! The lists of all windows and seasons, end to end.
//!
//! A list of a state is allocated, filled and copied twice on every call. That costs about as much as what is done with
//! a whole one, so there are three of them instead of eight.

use crate::season::{Shape, Slots};
use crate::window::Ring;

/// The samples of late: a day at a step of five minutes.
pub(crate) const RECENT: usize = 288;

/// The samples of the past, evenly over weeks.
pub(crate) const LONG: usize = 256;

const WINDOWS: usize = RECENT + LONG;

/// How the slots of the two seasons are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shapes {
    pub(crate) day: Shape,
    pub(crate) week: Shape,
}

tidegate_guest::state! {
    /// The lists.
    #[derive(Debug)]
    pub struct Lists("lists", 1) {
        /// The values of the windows, of late and of weeks, and the means of the slots, of a day and of a week.
        numbers: Vec<f32>,
        /// The order of the windows.
        order: Vec<u16>,
        /// In how many periods each slot was seen.
        periods: Vec<u8>,
    }
}

impl Lists {
    pub(crate) fn empty(shapes: &Shapes) -> Self {
        let slots = shapes.day.slots() + shapes.week.slots();
        Lists { numbers: vec![0.0; WINDOWS + slots], order: vec![0; WINDOWS], periods: vec![0; slots] }
    }

    pub(crate) fn recent(&self) -> Ring<&[f32], &[u16]> {
        Ring { values: &self.numbers[..RECENT], order: &self.order[..RECENT] }
    }

    pub(crate) fn recent_mut(&mut self) -> Ring<&mut [f32], &mut [u16]> {
        Ring { values: &mut self.numbers[..RECENT], order: &mut self.order[..RECENT] }
    }

    pub(crate) fn long(&self) -> Ring<&[f32], &[u16]> {
        Ring { values: &self.numbers[RECENT..WINDOWS], order: &self.order[RECENT..] }
    }

    pub(crate) fn long_mut(&mut self) -> Ring<&mut [f32], &mut [u16]> {
        Ring { values: &mut self.numbers[RECENT..WINDOWS], order: &mut self.order[RECENT..] }
    }

    pub(crate) fn day(&self, shapes: &Shapes) -> Slots<&[f32], &[u8]> {
        let day = shapes.day.slots();
        Slots { means: &self.numbers[WINDOWS..WINDOWS + day], periods: &self.periods[..day] }
    }

    pub(crate) fn day_mut(&mut self, shapes: &Shapes) -> Slots<&mut [f32], &mut [u8]> {
        let day = shapes.day.slots();
        Slots { means: &mut self.numbers[WINDOWS..WINDOWS + day], periods: &mut self.periods[..day] }
    }

    pub(crate) fn week(&self, shapes: &Shapes) -> Slots<&[f32], &[u8]> {
        let day = shapes.day.slots();
        Slots { means: &self.numbers[WINDOWS + day..], periods: &self.periods[day..] }
    }

    pub(crate) fn week_mut(&mut self, shapes: &Shapes) -> Slots<&mut [f32], &mut [u8]> {
        let day = shapes.day.slots();
        Slots { means: &mut self.numbers[WINDOWS + day..], periods: &mut self.periods[day..] }
    }

    /// Whether they are as long as they have to be.
    pub(crate) fn are_sound(&self, shapes: &Shapes) -> bool {
        let slots = shapes.day.slots() + shapes.week.slots();
        self.numbers.len() == WINDOWS + slots && self.order.len() == WINDOWS && self.periods.len() == slots
    }
}

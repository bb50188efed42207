//! The newest samples and their order: any quantile of them at the price of a look-up.
//!
//! Samples lie in a ring, and beside it their places in the order of their values. A sample that comes or leaves moves
//! part of that order, a few hundred bytes in one go; nothing is ever sorted.

/// How many samples are remembered: a day at a step of five minutes.
pub(crate) const LENGTH: usize = 288;

tidegate_guest::state! {
    /// The newest samples, as a ring and in order.
    #[derive(Debug)]
    pub struct Window("window", 1) {
        /// The place that the next sample takes.
        next: u16,
        values: Vec<f64>,
        /// Places in `values`, by ascending value; equal ones from old to new.
        order: Vec<u16>,
    }
}

impl Window {
    pub(crate) fn empty() -> Self {
        Window { next: 0, values: Vec::new(), order: Vec::new() }
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The value that so large a share of the samples lies below. There must be a sample.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.order.len() as f64) as usize;
        self.values[usize::from(self.order[rank.min(self.order.len() - 1)])]
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half the width of the middle half of them.
    pub(crate) fn noise(&self) -> f64 {
        // Halves first: the difference of two large numbers may be none.
        self.quantile(0.75) / 2.0 - self.quantile(0.25) / 2.0
    }

    /// Takes in a sample, for which the oldest leaves where there are enough.
    pub(crate) fn push(&mut self, value: f64) {
        let place = self.next;
        if self.values.len() == LENGTH {
            // The oldest is the first of its equals.
            let leaving = self.values[usize::from(place)];
            let at = self.order.partition_point(|&other| self.values[usize::from(other)] < leaving);
            self.order.remove(at);
            self.values[usize::from(place)] = value;
        } else {
            self.values.push(value);
        }
        let at = self.order.partition_point(|&other| self.values[usize::from(other)] <= value);
        self.order.insert(at, place);
        self.next = (place + 1) % LENGTH as u16;
    }

    /// Whether these lists can be a window. Asked on every call, so the values are not looked through: a checksum stands
    /// guard over them.
    pub(crate) fn is_sound(&self) -> bool {
        let (len, next) = (self.values.len(), usize::from(self.next));
        len <= LENGTH
            && self.order.len() == len
            && (if len < LENGTH { next == len } else { next < LENGTH })
            && self.order.iter().fold(0, |most, place| most.max(*place)) < len.max(1) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_newest_samples() {
        let mut dice = 1_u64;
        for distinct in [1, 3, 50, 1 << 20] {
            let mut window = Window::empty();
            let mut all: Vec<f64> = Vec::new();
            for _ in 0..1000 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let value = ((dice >> 33) % distinct) as f64 - 1.0;
                window.push(value);
                all.push(value);
                let mut newest = all[all.len().saturating_sub(LENGTH)..].to_vec();
                newest.sort_by(f64::total_cmp);
                assert_eq!(window.len(), newest.len());
                assert_eq!(window.median(), newest[newest.len() / 2]);
                assert_eq!(window.quantile(0.0), newest[0]);
                assert_eq!(window.quantile(1.0), newest[newest.len() - 1]);
                assert!(window.is_sound());
            }
        }
    }

    #[test]
    fn lists_that_contradict_each_other_are_no_window() {
        let filled = || {
            let mut window = Window::empty();
            (0..400).for_each(|at| window.push(f64::from(at * 37 % 101)));
            window
        };
        let broken: [fn(&mut Window); 5] = [
            |window| window.next = LENGTH as u16,
            |window| window.order[3] = LENGTH as u16,
            |window| window.order.truncate(LENGTH - 1),
            |window| window.values.truncate(LENGTH - 1),
            |window| window.values.push(1.0),
        ];
        for (which, damage) in broken.into_iter().enumerate() {
            let mut window = filled();
            assert!(window.is_sound());
            damage(&mut window);
            assert!(!window.is_sound(), "damage {which}");
        }
    }
}

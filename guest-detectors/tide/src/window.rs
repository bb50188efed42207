//! Samples of the past and their order: any quantile of them at the price of a look-up.
//!
//! Samples lie in a ring, and beside it their places in the order of their values. A sample that comes or leaves moves
//! part of that order, a few hundred bytes in one go. A window may grow older than it has room for: then it keeps every second
//! sample, and of those to come every second too, until it spans as much time as it is to span.

/// Distances from the base are taken for no larger than this, so that they fit into 32 bits.
const LARGEST: f64 = 1e37;

tidegate_guest::state! {
    /// Samples of the past, as a ring and in order.
    #[derive(Debug)]
    pub struct Window("window", 2) {
        /// Values are kept as distances from here: a large level with little noise keeps its digits.
        base: f64,
        /// One sample of so many is kept, and so many have come.
        stride: u32,
        seen: u64,
        /// The place that the next sample takes.
        next: u16,
        values: Vec<f32>,
        /// Places in `values`, by ascending value; equal ones from old to new.
        order: Vec<u16>,
    }
}

impl Window {
    pub(crate) fn empty() -> Self {
        Window { base: 0.0, stride: 1, seen: 0, next: 0, values: Vec::new(), order: Vec::new() }
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// How many samples it looks back.
    pub(crate) fn reach(&self) -> f64 {
        self.values.len() as f64 * f64::from(self.stride)
    }

    /// The value that so large a share of the samples lies below; 0 where there is none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.order.len() as f64) as usize;
        let place = self.order.get(rank.min(self.order.len().saturating_sub(1)));
        self.base + place.map_or(0.0, |place| f64::from(self.value(*place)))
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The distance between the quartiles in deviations of a normal distribution, of which there are 1.349 between them.
    pub(crate) fn deviation(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / 1.349
    }

    /// Takes in a sample. There is room for `most` of them; then every second leaves, as long as one of `most_stride` is
    /// kept, and after that the oldest.
    pub(crate) fn push(&mut self, value: f64, most: usize, most_stride: f64) {
        if self.values.is_empty() {
            self.base = value;
        }
        self.seen += 1;
        if !self.seen.is_multiple_of(u64::from(self.stride)) {
            return;
        }
        let value = (value - self.base).clamp(-LARGEST, LARGEST) as f32;
        let place = self.next;
        if self.values.len() < most {
            self.values.push(value);
        } else if f64::from(self.stride) * 2.0 <= most_stride {
            return self.thin_out();
        } else {
            // The oldest is the first of its equals.
            let leaving = self.values[usize::from(place)];
            let at = self.order.partition_point(|&other| self.value(other) < leaving).min(most - 1);
            self.order.remove(at);
            self.values[usize::from(place)] = value;
        }
        let at = self.order.partition_point(|&other| self.value(other) <= value);
        self.order.insert(at, place);
        self.next = if usize::from(place) + 1 == most { 0 } else { place + 1 };
    }

    /// What lies at a place; places come from bytes and are not checked beforehand.
    fn value(&self, place: u16) -> f32 {
        self.values.get(usize::from(place)).copied().unwrap_or_default()
    }

    /// Keeps every second sample. Nothing has left yet, so the ring begins with the oldest.
    fn thin_out(&mut self) {
        self.stride *= 2;
        let mut place = 0;
        self.values.retain(|_| {
            place += 1;
            place % 2 == 0
        });
        self.next = self.values.len() as u16;
        self.order = (0..self.next).collect();
        self.order.sort_by(|one, other| self.values[usize::from(*one)].total_cmp(&self.values[usize::from(*other)]));
    }

    /// Whether these lists can be a window of at most so many samples. Asked on every call, so the values are not looked
    /// through: a checksum stands guard over them.
    pub(crate) fn is_sound(&self, most: usize) -> bool {
        let (len, next) = (self.values.len(), usize::from(self.next));
        len <= most
            && self.order.len() == len
            && (if len < most { next == len } else { next < most })
            && self.stride > 0
            && self.base.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_guest::testing::Dice;

    use super::*;

    const MOST: usize = 288;

    #[test]
    fn quantiles_are_those_of_the_newest_samples() {
        let mut dice = Dice::new(1);
        for distinct in [1.0, 3.0, 50.0, 1e6] {
            let mut window = Window::empty();
            let mut all: Vec<f64> = Vec::new();
            for _ in 0..1000 {
                let value = (dice.uniform() * distinct).floor() - 1.0;
                window.push(value, MOST, 1.0);
                all.push(value);
                let mut newest = all[all.len().saturating_sub(MOST)..].to_vec();
                newest.sort_by(f64::total_cmp);
                assert_eq!(window.len(), newest.len());
                assert_eq!(window.median(), newest[newest.len() / 2]);
                assert_eq!(window.quantile(0.0), newest[0]);
                assert_eq!(window.quantile(1.0), newest[newest.len() - 1]);
                assert!(window.is_sound(MOST));
            }
        }
    }

    #[test]
    fn a_window_that_thins_out_spans_what_it_is_to_span() {
        let mut window = Window::empty();
        for at in 0..50_000 {
            window.push(f64::from(at), 256, 32.0);
            assert!(window.is_sound(256));
            // Evenly over all of it: the newest, the oldest and the middle one are where they should be.
            if at > 300 {
                let (oldest, newest) = (window.quantile(0.0), window.quantile(1.0));
                let span = f64::from(at).min(256.0 * 32.0);
                assert!(f64::from(at) - newest <= 2.0 * f64::from(window.stride), "after {at}: the newest is {newest}");
                assert!(
                    (f64::from(at) - oldest) <= span && f64::from(at) - oldest > 0.4 * span,
                    "after {at}: {oldest}"
                );
                assert!((window.median() - oldest.midpoint(newest)).abs() <= 2.0 * f64::from(window.stride), "{at}");
            }
        }
        assert_eq!((window.len(), window.stride, window.reach()), (256, 32, 8192.0));
    }

    #[test]
    fn places_that_do_not_exist_do_no_harm() {
        let mut window = Window::empty();
        (0..400).for_each(|at| window.push(f64::from(at % 7), MOST, 1.0));
        window.order.fill(u16::MAX);
        assert!(window.is_sound(MOST));
        for at in 0..1000 {
            window.push(f64::from(at % 5), MOST, 1.0);
            assert!(window.median().is_finite());
        }
    }

    #[test]
    fn lists_that_contradict_each_other_are_no_window() {
        let broken: [fn(&mut Window); 5] = [
            |window| window.next = MOST as u16,
            |window| window.order.truncate(MOST - 1),
            |window| window.values.truncate(MOST - 1),
            |window| window.values.push(1.0),
            |window| window.stride = 0,
        ];
        for (which, damage) in broken.into_iter().enumerate() {
            let mut window = Window::empty();
            (0..400).for_each(|at| window.push(f64::from(at * 37 % 101), MOST, 1.0));
            assert!(window.is_sound(MOST));
            damage(&mut window);
            assert!(!window.is_sound(MOST), "damage {which}");
        }
    }
}

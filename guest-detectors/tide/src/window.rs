//! Samples of the past and their order: any quantile of them at the price of a look-up.
//!
//! Samples lie in a ring, and beside it their places in the order of their values. A sample that comes or leaves moves
//! part of that order, a few hundred bytes in one go. A window may grow older than it has room for: then it keeps every second
//! sample, and of those to come every second too, until it spans as much time as it is to span.

use crate::views::change::FEW;

/// Distances from the base are taken for no larger than this, so that they fit into 32 bits.
const LARGEST: f64 = 1e37;

tidegate_guest::state! {
    /// What is known of a window beside its lists.
    #[derive(Clone, Copy, Debug)]
    pub struct Window("window", 3) {
        /// Values are kept as distances from here: a large level with little noise keeps its digits.
        base: f64,
        /// One sample of so many is kept, and so many have come.
        stride: u32,
        seen: u64,
        /// How many are kept, and the place that the next one takes.
        len: u16,
        next: u16,
    }
}

/// The lists of a window, as long as there is room for samples.
#[derive(Debug)]
pub(crate) struct Ring<V, O> {
    pub(crate) values: V,
    /// Places in `values`, by ascending value; equal ones from old to new.
    pub(crate) order: O,
}

impl<V: AsRef<[f32]>, O: AsRef<[u16]>> Ring<V, O> {
    /// What lies at a place; places come from bytes and are not checked beforehand.
    fn value(&self, place: u16) -> f32 {
        self.values.as_ref().get(usize::from(place)).copied().unwrap_or_default()
    }
}

impl Window {
    pub(crate) fn empty() -> Self {
        Window { base: 0.0, stride: 1, seen: 0, len: 0, next: 0 }
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// How many samples it looks back.
    pub(crate) fn reach(&self) -> f64 {
        f64::from(self.len) * f64::from(self.stride)
    }

    /// The value that so large a share of the samples lies below; the base where there is none.
    pub(crate) fn quantile<V: AsRef<[f32]>, O: AsRef<[u16]>>(&self, ring: &Ring<V, O>, share: f64) -> f64 {
        let rank = (share * f64::from(self.len)) as usize;
        let place = ring.order.as_ref()[..self.len()].get(rank.min(self.len().saturating_sub(1)));
        self.base + place.map_or(0.0, |place| f64::from(ring.value(*place)))
    }

    /// The middle one.
    pub(crate) fn median<V: AsRef<[f32]>, O: AsRef<[u16]>>(&self, ring: &Ring<V, O>) -> f64 {
        self.quantile(ring, 0.5)
    }

    /// The middle one of the newest, of which there are at most nine; the base where there is none.
    pub(crate) fn median_of_newest<V: AsRef<[f32]>, O: AsRef<[u16]>>(&self, ring: &Ring<V, O>) -> f64 {
        let few = FEW.min(self.len());
        let mut newest = [0.0_f32; FEW];
        let mut place = usize::from(self.next);
        for sorted in 0..few {
            place = if place == 0 { self.len() - 1 } else { place - 1 };
            let value = ring.values.as_ref()[place];
            // Of so few, sorting them in as they come is the quickest.
            let mut at = sorted;
            while at > 0 && newest[at - 1] > value {
                newest[at] = newest[at - 1];
                at -= 1;
            }
            newest[at] = value;
        }
        self.base + f64::from(newest[few / 2])
    }

    /// The distance between the quartiles in deviations of a normal distribution, of which there are 1.349 between them.
    pub(crate) fn deviation<V: AsRef<[f32]>, O: AsRef<[u16]>>(&self, ring: &Ring<V, O>) -> f64 {
        (self.quantile(ring, 0.75) - self.quantile(ring, 0.25)) / 1.349
    }

    /// Takes in a sample. Where there is no more room, every second leaves, as long as one of `most_stride` is kept, and after
    /// that the oldest.
    pub(crate) fn push(&mut self, ring: Ring<&mut [f32], &mut [u16]>, value: f64, most_stride: f64) {
        if self.len == 0 {
            self.base = value;
        }
        self.seen += 1;
        if !self.seen.is_multiple_of(u64::from(self.stride)) {
            return;
        }
        let value = (value - self.base).clamp(-LARGEST, LARGEST) as f32;
        let (room, mut len, place) = (ring.values.len(), self.len(), self.next);
        // The order loses a place, or ends with a free one; what lies between there and the new place moves by one.
        let free = if len < room {
            len += 1;
            len - 1
        } else if f64::from(self.stride) * 2.0 <= most_stride {
            return self.thin_out(ring);
        } else {
            // The oldest is the first of its equals.
            let leaving = ring.value(place);
            ring.order.partition_point(|&other| ring.value(other) < leaving).min(len - 1)
        };
        // The one that leaves keeps its value until its place in the order is taken.
        let (below, above) = (&ring.order[..free], &ring.order[(free + 1).min(len)..len]);
        let at = if above.first().is_some_and(|&first| ring.value(first) <= value) {
            free + above.partition_point(|&other| ring.value(other) <= value)
        } else {
            below.partition_point(|&other| ring.value(other) <= value)
        };
        if at > free {
            ring.order.copy_within(free + 1..at + 1, free);
        } else {
            ring.order.copy_within(at..free, at + 1);
        }
        ring.order[at] = place;
        ring.values[usize::from(place)] = value;
        self.len = len as u16;
        self.next = if usize::from(place) + 1 == room { 0 } else { place + 1 };
    }

    /// Keeps every second sample. Nothing has left yet, so the ring begins with the oldest.
    fn thin_out(&mut self, ring: Ring<&mut [f32], &mut [u16]>) {
        let Ring { values, order } = ring;
        let kept = values.len() / 2;
        for place in 0..kept {
            values[place] = values[2 * place + 1];
        }
        let order = &mut order[..kept];
        order.iter_mut().zip(0..).for_each(|(entry, place)| *entry = place);
        order.sort_by(|one, other| values[usize::from(*one)].total_cmp(&values[usize::from(*other)]));
        self.stride *= 2;
        (self.len, self.next) = (kept as u16, kept as u16);
    }

    /// Whether this can be a window with room for so many samples. Asked on every call, so the lists are not looked
    /// through: a checksum stands guard over them.
    pub(crate) fn is_sound(&self, room: usize) -> bool {
        let next = usize::from(self.next);
        self.len() <= room && (if self.len() < room { next == self.len() } else { next < room }) && self.stride > 0
    }
}

#[cfg(test)]
mod tests {
    use tidegate_guest::testing::Dice;

    use super::*;

    const ROOM: usize = 288;

    /// A window with its lists.
    struct Whole {
        window: Window,
        ring: Ring<Vec<f32>, Vec<u16>>,
        most_stride: f64,
    }

    impl Whole {
        fn new(room: usize, most_stride: f64) -> Self {
            let ring = Ring { values: vec![0.0; room], order: vec![0; room] };
            Whole { window: Window::empty(), ring, most_stride }
        }

        fn push(&mut self, value: f64) {
            let ring = Ring { values: self.ring.values.as_mut_slice(), order: self.ring.order.as_mut_slice() };
            self.window.push(ring, value, self.most_stride);
            assert!(self.window.is_sound(self.ring.values.len()));
        }

        fn quantile(&self, share: f64) -> f64 {
            self.window.quantile(&self.ring, share)
        }
    }

    #[test]
    fn quantiles_are_those_of_the_newest_samples() {
        let mut dice = Dice::new(1);
        for distinct in [1.0, 3.0, 50.0, 1e6] {
            let mut whole = Whole::new(ROOM, 1.0);
            let mut all: Vec<f64> = Vec::new();
            for _ in 0..1000 {
                let value = (dice.uniform() * distinct).floor() - 1.0;
                whole.push(value);
                all.push(value);
                let mut newest = all[all.len().saturating_sub(ROOM)..].to_vec();
                newest.sort_by(f64::total_cmp);
                assert_eq!(whole.window.len(), newest.len());
                let mut few = all[all.len().saturating_sub(FEW)..].to_vec();
                few.sort_by(f64::total_cmp);
                assert_eq!(whole.window.median_of_newest(&whole.ring), few[few.len() / 2]);
                for (rank, wanted) in newest.iter().enumerate() {
                    assert_eq!(whole.quantile((rank as f64 + 0.5) / newest.len() as f64), *wanted);
                }
            }
        }
    }

    #[test]
    fn a_window_that_thins_out_spans_what_it_is_to_span() {
        let mut whole = Whole::new(256, 32.0);
        for at in 0..50_000 {
            whole.push(f64::from(at));
            // Evenly over all of it: the newest, the oldest and the middle one are where they should be.
            if at > 300 {
                let (at, stride) = (f64::from(at), f64::from(whole.window.stride));
                let (oldest, newest) = (whole.quantile(0.0), whole.quantile(1.0));
                let span = at.min(256.0 * 32.0);
                assert!(at - newest <= 2.0 * stride, "after {at}: the newest is {newest}");
                assert!(at - oldest <= span && at - oldest > 0.4 * span, "after {at}: the oldest is {oldest}");
                let middle = whole.window.median(&whole.ring);
                assert!(
                    (middle - oldest.midpoint(newest)).abs() <= 2.0 * stride,
                    "after {at}: the middle one is {middle}"
                );
            }
        }
        assert_eq!((whole.window.len(), whole.window.stride, whole.window.reach()), (256, 32, 8192.0));
    }

    #[test]
    fn places_that_do_not_exist_do_no_harm() {
        let mut whole = Whole::new(ROOM, 1.0);
        (0..400).for_each(|at| whole.push(f64::from(at % 7)));
        whole.ring.order.fill(u16::MAX);
        for at in 0..1000 {
            whole.push(f64::from(at % 5));
            assert!(whole.quantile(0.5).is_finite());
        }
    }

    #[test]
    fn numbers_that_contradict_each_other_are_no_window() {
        let broken: [fn(&mut Window); 4] = [
            |window| window.next = ROOM as u16,
            |window| window.len = ROOM as u16 + 1,
            |window| window.len = 7,
            |window| window.stride = 0,
        ];
        for (which, damage) in broken.into_iter().enumerate() {
            let mut whole = Whole::new(ROOM, 1.0);
            (0..400).for_each(|at| whole.push(f64::from(at * 37 % 101)));
            damage(&mut whole.window);
            assert!(!whole.window.is_sound(ROOM), "damage {which}");
        }
    }
}

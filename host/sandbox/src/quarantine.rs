//! Puts a guest aside that traps too often, for longer each time. One per digest, whatever names it is loaded under.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::QuarantineRules;

/// The gate before every call of one digest. Open, it costs one atomic load.
#[derive(Debug)]
pub(crate) struct Quarantine {
    rules: QuarantineRules,
    origin: Instant,
    /// End of the running pause, in milliseconds since `origin`; zero while there is none.
    until_millis: AtomicU64,
    record: Mutex<Record>,
}

impl Quarantine {
    pub(crate) fn new(rules: QuarantineRules) -> Self {
        Self { rules, origin: Instant::now(), until_millis: AtomicU64::new(0), record: Mutex::default() }
    }

    /// How long the guest is still to be left alone; `None` when it may be called.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let until = self.until_millis.load(Ordering::Acquire);
        if until == 0 {
            return None;
        }
        let remaining = Duration::from_millis(until).saturating_sub(self.origin.elapsed());
        if remaining.is_zero() {
            // Only this pause: another thread may have begun the next one meanwhile.
            let _ = self.until_millis.compare_exchange(until, 0, Ordering::AcqRel, Ordering::Relaxed);
            return None;
        }
        Some(remaining)
    }

    /// Counts a trap. Returns the pause that it started, if it did.
    pub(crate) fn trapped(&self) -> Option<Duration> {
        let now = self.origin.elapsed();
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = record.trap(now, &self.rules)?;
        let until = u64::try_from((now + pause).as_millis()).unwrap_or(u64::MAX);
        self.until_millis.store(until.max(1), Ordering::Release);
        Some(pause)
    }
}

/// The traps lately and the pauses so far. Times are since an origin of the caller's.
#[derive(Debug, Default)]
struct Record {
    traps: VecDeque<Duration>,
    /// How long the last pause was that is not yet forgiven.
    last_pause: Option<Duration>,
    /// Since when the guest behaves: the end of the last pause, or the last time that one was forgiven.
    behaves_since: Duration,
}

impl Record {
    fn trap(&mut self, now: Duration, rules: &QuarantineRules) -> Option<Duration> {
        if now < self.behaves_since {
            // A call that was already under way when the pause began.
            return None;
        }
        while self.traps.front().is_some_and(|&trap| trap + rules.window <= now) {
            self.traps.pop_front();
        }
        self.traps.push_back(now);
        if self.traps.len() < rules.traps.max(1) as usize {
            return None;
        }
        self.forgive(now, rules);
        let pause = self.last_pause.map_or(rules.first_pause, |last| last.saturating_mul(2).min(rules.longest_pause));
        self.last_pause = Some(pause);
        self.behaves_since = now + pause;
        self.traps.clear();
        Some(pause)
    }

    fn forgive(&mut self, now: Duration, rules: &QuarantineRules) {
        while let Some(last) = self.last_pause {
            let forgiven = self.behaves_since + last;
            if forgiven > now {
                break;
            }
            self.behaves_since = forgiven;
            self.last_pause = (last > rules.first_pause).then(|| last / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Quarantine, Record};
    use crate::limits::QuarantineRules;
    use std::time::Duration;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Traps five times at once and returns the pause in seconds.
    fn burst(record: &mut Record, at: u64) -> Option<u64> {
        let rules = QuarantineRules::default();
        let mut started = None;
        for _ in 0..5 {
            started = started.or(record.trap(seconds(at), &rules));
        }
        started.map(|pause| pause.as_secs())
    }

    #[test]
    fn a_few_traps_or_slow_ones_are_forgiven() {
        let rules = QuarantineRules::default();
        let mut record = Record::default();
        for trap in 0..100 {
            // Every 15 s: never more than four within a minute.
            assert_eq!(record.trap(seconds(trap * 15), &rules), None, "trap {trap}");
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let mut record = Record::default();
        let mut now = 0;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(burst(&mut record, now), Some(minutes * 60));
            now += minutes * 60;
        }
    }

    #[test]
    fn behaving_as_long_as_the_pause_takes_one_doubling_back() {
        let mut record = Record::default();
        assert_eq!(burst(&mut record, 0), Some(60));
        assert_eq!(burst(&mut record, 60), Some(120));
        // Free again at 180; behaves for 120 s, so the second doubling is forgiven.
        assert_eq!(burst(&mut record, 300), Some(120));
        // Free again at 420; behaves for 2 + 1 minutes: all forgiven.
        assert_eq!(burst(&mut record, 600), Some(60));
    }

    #[test]
    fn after_an_hours_pause_an_hour_of_good_behaviour_counts() {
        let mut record = Record::default();
        let mut now = 0;
        for _ in 0..12 {
            let pause = burst(&mut record, now).expect("five traps at once");
            now += pause;
        }
        // An hour forgives the doubling from 30 min, 30 min more the one from 15.
        assert_eq!(burst(&mut record, now + 5400), Some(1800));
    }

    #[test]
    fn traps_of_calls_under_way_do_not_extend_a_pause() {
        let mut record = Record::default();
        assert_eq!(burst(&mut record, 0), Some(60));
        assert_eq!(burst(&mut record, 30), None);
        assert_eq!(burst(&mut record, 60), Some(120));
    }

    #[test]
    fn the_gate_closes_and_opens() {
        let gate = Quarantine::new(QuarantineRules {
            traps: 2,
            first_pause: Duration::from_nanos(1),
            ..QuarantineRules::default()
        });
        assert_eq!(gate.remaining(), None);
        assert_eq!(gate.trapped(), None);
        assert_eq!(gate.trapped(), Some(Duration::from_nanos(1)));
        // The pause is over by the time anybody looks.
        let patient = std::time::Instant::now();
        while gate.remaining().is_some() {
            assert!(patient.elapsed() < seconds(5), "the gate never opened");
        }

        let closed = Quarantine::new(QuarantineRules { traps: 1, ..QuarantineRules::default() });
        closed.trapped();
        assert!(closed.remaining().is_some_and(|left| left <= seconds(60)));
    }
}

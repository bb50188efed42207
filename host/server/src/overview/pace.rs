//! How busy guests are: their counters as they were a while ago, so that a rate can be told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tidegate_sandbox::GuestStats;

use crate::host::Host;

/// Rates are over this long.
const SPAN: Duration = Duration::from_secs(60);
/// How often the counters are looked at: calls come in bursts, once a cycle.
const EVERY: Duration = Duration::from_secs(5);

/// Calls and scores of each guest, all its versions together.
type Counters = BTreeMap<String, (u64, u64)>;

/// The counters of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<VecDeque<(Instant, Counters)>>);

/// Looks at the counters until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = host.stopped() => return,
            _ = ticks.tick() => host.pace.note(Instant::now(), counters(&host.sandbox.stats())),
        }
    }
}

fn counters(stats: &[GuestStats]) -> Counters {
    let mut counters = Counters::new();
    for stats in stats {
        let (calls, scores) = counters.entry(stats.guest.clone()).or_default();
        *calls += stats.calls;
        *scores += stats.scores;
    }
    counters
}

impl Pace {
    fn note(&self, now: Instant, counters: Counters) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back((now, counters));
        // The last one that is old enough stays: it is what a rate begins with.
        while known.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SPAN) {
            known.pop_front();
        }
    }

    /// Calls and scores a second by guest, over the last minute or since the host was started.
    pub(crate) fn rates(&self, now: &[GuestStats]) -> BTreeMap<String, (f64, f64)> {
        self.rates_at(Instant::now(), counters(now))
    }

    fn rates_at(&self, now: Instant, counters: Counters) -> BTreeMap<String, (f64, f64)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, before)) = known.front() else { return BTreeMap::new() };
        let seconds = now.duration_since(*since).as_secs_f64();
        let rate =
            |now: u64, before: u64| if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 };
        let rates = counters.into_iter().map(|(guest, (calls, scores))| {
            let (calls_before, scores_before) = before.get(&guest).copied().unwrap_or_default();
            (guest, (rate(calls, calls_before), rate(scores, scores_before)))
        });
        rates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_minute() {
        let (pace, start) = (Pace::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let counters = |calls: u64| Counters::from([("g".to_owned(), (calls, 2 * calls))]);
        assert!(pace.rates_at(at(0), counters(7)).is_empty(), "nothing to compare with yet");
        for second in (0..=120).step_by(5) {
            // Ten calls a second from the second minute on.
            pace.note(at(second), counters(if second < 60 { 0 } else { (second - 60) * 10 }));
        }
        assert_eq!(pace.rates_at(at(120), counters(600)), BTreeMap::from([("g".to_owned(), (10.0, 20.0))]));
        assert_eq!(pace.0.lock().expect("no panic").len(), 13, "and no more is kept");
        // A guest that came later, and one that did nothing.
        let late = Counters::from([("g".to_owned(), (600, 0)), ("new".to_owned(), (60, 0))]);
        assert_eq!(pace.rates_at(at(120), late)["new"], (1.0, 0.0));
    }
}

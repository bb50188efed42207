//! How often wrong credentials came from where: who guesses is made to wait.
//!
//! An address that has failed too often is not listened to for a while, right credentials included: otherwise a guess
//! that hits would pass. But behind a proxy everybody has one address, and one who guesses would shut out all others,
//! Alertmanager first. So whoever has lately been let in from an address still is. That leaves their tokens open to
//! guesses from that one address; those are of 16 characters or more, which nobody guesses.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many failures within [`WINDOW`] are typing errors; more are guesses.
const MOST_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// For how long somebody who was let in is known at their address. A day: people come back the next morning.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many addresses, and how many callers at an address, are remembered. The oldest is forgotten for a new one.
const MOST_REMEMBERED: usize = 8192;

/// An address has to wait before it is listened to again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    /// For how long; more than nothing.
    pub(crate) wait: Duration,
}

impl Limited {
    /// The wait in whole seconds, rounded up, as `Retry-After` has it.
    pub(crate) fn seconds(self) -> u64 {
        self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)
    }
}

/// Failures by address, while they count.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// When the first one was, and how many there have been since.
    failed: HashMap<IpAddr, (Instant, u32)>,
    /// When somebody was last let in, by address and name.
    known: HashMap<(IpAddr, String), Instant>,
}

impl Failures {
    /// To be asked before credentials are looked at.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Limited> {
        self.lock().check(network_of(address), Instant::now())
    }

    /// Credentials that were wrong came from this address.
    pub(crate) fn failed(&self, address: IpAddr) {
        self.lock().failed(network_of(address), Instant::now());
    }

    /// Somebody is let in. False where [`Self::check`] says no and they have not lately been let in from there.
    pub(crate) fn succeeded(&self, address: IpAddr, name: &str) -> bool {
        self.lock().succeeded(network_of(address), name, Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // What is in there is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address has its 2^64 neighbours as well.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

impl Remembered {
    fn check(&self, address: IpAddr, now: Instant) -> Result<(), Limited> {
        match self.failed.get(&address) {
            Some((since, MOST_FAILURES..)) => match WINDOW.saturating_sub(now.duration_since(*since)) {
                Duration::ZERO => Ok(()),
                wait => Err(Limited { wait }),
            },
            _ => Ok(()),
        }
    }

    fn failed(&mut self, address: IpAddr, now: Instant) {
        forget_oldest(&mut self.failed, &address, |(since, _)| *since);
        let (since, count) = self.failed.entry(address).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }

    fn succeeded(&mut self, address: IpAddr, name: &str, now: Instant) -> bool {
        let key = (address, name.to_owned());
        let is_known = self.known.get(&key).is_some_and(|at| now.duration_since(*at) < KNOWN_FOR);
        let is_let_in = is_known || self.check(address, now).is_ok();
        if is_let_in {
            forget_oldest(&mut self.known, &key, |at| *at);
            self.known.insert(key, now);
        }
        is_let_in
    }
}

/// Makes room for `coming`.
fn forget_oldest<K: Clone + Eq + Hash, V>(map: &mut HashMap<K, V>, coming: &K, age: impl Fn(&V) -> Instant) {
    if map.len() < MOST_REMEMBERED || map.contains_key(coming) {
        return;
    }
    let oldest = map.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn guessed(times: u32, now: Instant) -> Remembered {
        let mut remembered = Remembered::default();
        (0..times).for_each(|_| remembered.failed(HERE, now));
        remembered
    }

    #[test]
    fn ten_failures_in_a_minute_make_that_address_wait() {
        let now = Instant::now();
        assert_eq!(guessed(9, now).check(HERE, now), Ok(()));
        let mut remembered = guessed(10, now);
        assert_eq!(remembered.check(HERE, now), Err(Limited { wait: WINDOW }));
        let later = now + Duration::from_millis(59_500);
        let limited = remembered.check(HERE, later).unwrap_err();
        assert_eq!(limited.seconds(), 1, "never zero: who waits for that long is listened to");
        assert_eq!(remembered.check(THERE, later), Ok(()));
        assert_eq!(remembered.check(HERE, now + WINDOW), Ok(()));
        remembered.failed(HERE, now + WINDOW);
        assert_eq!(remembered.check(HERE, now + WINDOW), Ok(()), "counting begins anew");
    }

    #[test]
    fn who_was_let_in_before_still_is_and_nobody_else() {
        let now = Instant::now();
        let mut remembered = Remembered::default();
        assert!(remembered.succeeded(HERE, "alertmanager", now));
        (0..10).for_each(|_| remembered.failed(HERE, now));
        assert!(!remembered.succeeded(HERE, "alice", now), "the guess that hits");
        assert!(!remembered.succeeded(HERE, "alice", now), "and has not become known by it");
        assert!(remembered.succeeded(HERE, "alertmanager", now));
        assert!(remembered.succeeded(THERE, "alice", now));
        assert!(remembered.succeeded(HERE, "alice", now + WINDOW));
    }

    #[test]
    fn nobody_stays_known_for_ever() {
        let now = Instant::now();
        let mut remembered = Remembered::default();
        assert!(remembered.succeeded(HERE, "alice", now));
        let later = now + KNOWN_FOR;
        (0..10).for_each(|_| remembered.failed(HERE, later));
        assert!(!remembered.succeeded(HERE, "alice", later));
    }

    #[test]
    fn a_network_of_neighbours_is_one_address() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), HERE);
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let start = Instant::now();
        let mut remembered = guessed(10, start);
        for n in 0..u32::try_from(MOST_REMEMBERED).unwrap() {
            let later = start + Duration::from_millis(1 + u64::from(n));
            assert_eq!(remembered.failed.contains_key(&HERE), n < u32::try_from(MOST_REMEMBERED).unwrap());
            remembered.failed(IpAddr::V4(std::net::Ipv4Addr::from_bits(n)), later);
        }
        assert_eq!(remembered.failed.len(), MOST_REMEMBERED);
        assert!(!remembered.failed.contains_key(&HERE));
    }
}

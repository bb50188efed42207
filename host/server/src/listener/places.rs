//! Room for connections: so many in all, so many for one address.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A connection costs a file descriptor, of which a process often has 1024, and some memory for buffers.
const MOST: usize = 768;
/// One address cannot shut out all others. A proxy has one for everybody, and keeps far fewer connections open.
const MOST_OF_ONE: usize = 256;
/// Turned away again and again, one line in the log is enough.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Who holds how many.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    warned: Option<Instant>,
}

/// Room for one connection, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// For anybody.
    ForAll,
    /// For this address.
    ForAddress,
}

impl Full {
    /// As metrics have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Full::ForAll => "too_many",
            Full::ForAddress => "too_many_of_address",
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Full::ForAll => write!(f, "{MOST} are open, and no more are held at once"),
            Full::ForAddress => write!(f, "{MOST_OF_ONE} of this address are open, and no more are held at once"),
        }
    }
}

impl Places {
    /// Room for a connection from this address.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let address = address.to_canonical();
        let mut taken = self.lock();
        if taken.all >= MOST {
            return Err(Full::ForAll);
        }
        let of_address = taken.by_address.entry(address).or_insert(0);
        if *of_address >= MOST_OF_ONE {
            return Err(Full::ForAddress);
        }
        *of_address += 1;
        taken.all += 1;
        Ok(Place { places: self.clone(), address })
    }

    /// True where the log has not been told for a while that there is no room.
    pub(super) fn may_warn(&self) -> bool {
        let (mut taken, now) = (self.lock(), Instant::now());
        let may = taken.warned.is_none_or(|at| now.duration_since(at) >= WARN_EVERY);
        if may {
            taken.warned = Some(now);
        }
        may
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing in here panics between two counts that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn one_address_cannot_take_all_places_and_all_cannot_take_more_than_there_are() {
        let places = Places::default();
        let mut held: Vec<Place> = (0..MOST_OF_ONE).map(|_| places.take(address(1)).unwrap()).collect();
        assert_eq!(places.take(address(1)).unwrap_err(), Full::ForAddress);
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(places.take(mapped).unwrap_err(), Full::ForAddress, "the same address, written otherwise");
        for n in 0..MOST - MOST_OF_ONE {
            held.push(places.take(address(2 + u8::try_from(n % 100).unwrap())).unwrap());
        }
        assert_eq!(places.take(address(200)).unwrap_err(), Full::ForAll);
        held.clear();
        assert!(places.take(address(1)).is_ok());
        assert!(places.lock().by_address.is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn the_log_is_told_once_in_a_while() {
        let places = Places::default();
        assert!(places.may_warn());
        assert!(!places.may_warn());
    }
}

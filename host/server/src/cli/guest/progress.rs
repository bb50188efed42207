//! What long work is at, for people who wait for it.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// One line on standard error that is written over again and again, and gone in the end. Nothing where that is no terminal.
pub(super) struct ProgressLine<'a> {
    guest: &'a str,
    shown: bool,
    last: Option<Instant>,
}

/// Writing more often than eyes can follow would be measured.
const PAUSE: Duration = Duration::from_millis(200);

impl<'a> ProgressLine<'a> {
    pub(super) fn new(guest: &'a str) -> Self {
        Self { guest, shown: io::stderr().is_terminal(), last: None }
    }

    pub(super) fn say(&mut self, what: &str) {
        if self.shown && self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.last = Some(Instant::now());
            let guest = crate::cli::table::plain(self.guest);
            // A line that cannot be shown is no loss.
            let _ = write!(io::stderr(), "\r\u{1b}[K{guest}: {what}");
        }
    }
}

impl Drop for ProgressLine<'_> {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

//! How the story moves on: a stage has a name, waits for what it expects, and fails by that name. Ctrl-C ends every wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::Way;
use super::apis::Apis;
use super::inbox::Inbox;
use super::narrate::Narrator;
use super::parts::{Calendar, Parts, unix_now};

/// How often a wait looks again. A look costs a few requests on loopback.
const PAUSE: Duration = Duration::from_millis(200);

/// Everything that the stages need.
pub(crate) struct Scene<'a> {
    pub(crate) parts: &'a mut Parts,
    pub(crate) apis: Apis,
    pub(crate) inbox: &'a Inbox,
    pub(crate) narrator: Narrator,
    pub(crate) calendar: Calendar,
    pub(crate) way: Way,
    pub(crate) stopped: Arc<AtomicBool>,
}

/// Somebody asked the demo to end. Not a failure of any stage.
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped on request")
    }
}

impl std::error::Error for Stopped {}

impl Scene<'_> {
    /// Plays one stage; a failure bears its name.
    pub(crate) fn stage<T>(
        &mut self,
        name: &str,
        play: impl FnOnce(&mut Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.narrator.heading(name);
        play(self).with_context(|| format!("the stage \"{name}\" failed"))
    }

    /// Looks until `look` finds something. A look that fails counts as "not yet", and is told when time runs out.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let start = Instant::now();
        loop {
            let last = match look(self) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => "it did not come".to_owned(),
                Err(err) => format!("{err:#}"),
            };
            if start.elapsed() >= within {
                bail!("waited {} s for {what}: {last}", within.as_secs());
            }
            self.pause()?;
        }
    }

    /// Waits for a person, for as long as it takes.
    pub(crate) fn wait_for_person<T>(
        &mut self,
        what: &str,
        look: impl FnMut(&Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        self.wait_for(what, Duration::MAX, look)
    }

    /// Lets time pass up to a Unix second, while `holds` must go on holding.
    pub(crate) fn until(
        &mut self,
        second: i64,
        mut holds: impl FnMut(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while unix_now() < second {
            holds(self)?;
            self.pause()?;
        }
        holds(self)
    }

    fn pause(&mut self) -> anyhow::Result<()> {
        self.parts.all_running()?;
        if self.stopped.load(Ordering::SeqCst) {
            bail!(Stopped);
        }
        thread::sleep(PAUSE);
        Ok(())
    }
}

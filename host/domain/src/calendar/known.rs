//! Known events: what is unusual for the rest of the time and expected while it lasts, as a nightly batch job or a holiday.

use std::sync::Arc;
use std::time::Duration;

use super::{Calendar, Cron, TimeInterval};
use crate::labels::{Labels, Matcher};
use crate::time::Timestamp;

/// Something that is known to come. While it lasts, the series that it is about are judged by what they were like while it
/// lasted before.
#[derive(Clone, Debug)]
pub struct KnownEvent {
    /// Unique name.
    pub name: String,
    /// The series that it is about; all must match. None: all series of the watch.
    pub matchers: Option<Vec<Matcher>>,
    /// When.
    pub when: When,
}

/// When a known event lasts.
#[derive(Clone, Debug)]
pub enum When {
    /// From each beginning on for so long. Where the next one begins before the last is over, it is another occurrence.
    Begins {
        /// The beginnings.
        cron: Cron,
        /// Above zero.
        lasts: Duration,
    },
    /// By a calendar. Stretches that touch or overlap are one occurrence.
    Within(Calendar),
}

/// One time that an event lasts, as far as it lies in what was asked for; the end is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// From this time on.
    pub from: Timestamp,
    /// To before this time. It tells one occurrence from another.
    pub until: Timestamp,
}

impl KnownEvent {
    /// True where it is about a series with these labels.
    #[must_use]
    pub fn covers(&self, labels: &Labels) -> bool {
        self.matchers.as_ref().is_none_or(|matchers| matchers.iter().all(|matcher| matcher.matches(labels)))
    }

    /// The occurrences that touch the time from the first to the second, both included, in order. They do not overlap.
    #[must_use]
    pub fn occurrences(&self, from: Timestamp, until: Timestamp) -> Vec<Occurrence> {
        let after = Timestamp(until.0.saturating_add(1));
        match &self.when {
            When::Begins { cron, lasts } => {
                // One that began before may still last, and the last one may be cut short by the next.
                let before = near(*lasts, |back| cron.beginnings(from.minus(back), from));
                let next = near(*lasts, |ahead| cron.beginnings(after, after.plus(ahead)));
                let within = cron.beginnings(from, after);
                let beginnings: Vec<Timestamp> =
                    before.last().into_iter().chain(&within).chain(next.first()).copied().collect();
                let ends = beginnings.iter().skip(1).copied().map(Some).chain([None]);
                let each = beginnings.iter().zip(ends).map(|(begins, next)| {
                    let until = begins.plus(*lasts);
                    Occurrence { from: *begins, until: next.map_or(until, |next| until.min(next)) }
                });
                each.filter(|occurrence| occurrence.until > from && occurrence.from < after).collect()
            }
            When::Within(calendar) => {
                let (mut found, mut now) = (Vec::new(), from);
                while now < after {
                    now = match calendar.until(now) {
                        Some(until) => {
                            found.push(Occurrence { from: now, until });
                            until
                        }
                        None => match calendar.opens(now, after) {
                            Some(opens) => opens,
                            None => break,
                        },
                    };
                }
                found
            }
        }
    }

    /// What it means, apart from how it is written. What was learnt of an event that means something else is nothing to it.
    #[must_use]
    pub fn definition(&self) -> String {
        let matchers = self.matchers.as_ref().map(|m| m.iter().map(ToString::to_string).collect::<Vec<_>>());
        let when = match &self.when {
            When::Begins { cron, lasts } => format!("{} {}", cron.definition(), lasts.as_millis()),
            When::Within(Calendar { spans, intervals }) => {
                format!("{spans:?} {:?}", intervals.iter().map(TimeInterval::definition).collect::<Vec<_>>())
            }
        };
        format!("{} {matchers:?} {when}", self.name)
    }
}

/// Looks a day around, and farther only where nothing is found: what begins every minute would be found by the thousands.
fn near(lasts: Duration, find: impl Fn(Duration) -> Vec<Timestamp>) -> Vec<Timestamp> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let found = find(lasts.min(DAY));
    if found.is_empty() && lasts > DAY { find(lasts) } else { found }
}

/// When the known events of a watch last, over a stretch of time: looked up once for many series.
#[derive(Clone, Debug, Default)]
pub struct Timetable {
    /// In the order in which the watch names them; those that do not occur are left out.
    events: Vec<(usize, Vec<Occurrence>)>,
}

impl Timetable {
    /// Of these events, from the first time to the second, both included.
    #[must_use]
    pub fn of(events: &[Arc<KnownEvent>], from: Timestamp, until: Timestamp) -> Timetable {
        let occurring = events.iter().enumerate().map(|(which, event)| (which, event.occurrences(from, until)));
        Timetable { events: occurring.filter(|(_, occurrences)| !occurrences.is_empty()).collect() }
    }

    /// The event that a series is judged and learnt by at this time, and its occurrence: the first one that the watch names.
    #[must_use]
    pub fn at(&self, at: Timestamp, covers: impl Fn(usize) -> bool) -> Option<(usize, Occurrence)> {
        self.events.iter().find_map(|(which, occurrences)| {
            let place = occurrences.partition_point(|occurrence| occurrence.until <= at);
            let occurrence = occurrences.get(place).filter(|occurrence| occurrence.from <= at)?;
            covers(*which).then_some((*which, *occurrence))
        })
    }
}

//! What several Alertmanagers list, as one list. An alert that several of them have is one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_domain::input::{INHIBITED_BY, Silence};
use tidegate_domain::labels::Labels;

use super::super::client::Seen;
use super::super::{ListedAlert, ListedGroup, Receiver};

/// Clients send what fires once a minute: Prometheus and vmalert with an evaluation interval of a minute in between, and
/// some time to be queued.
const SETTLED: Duration = Duration::from_secs(150);

/// What they list, all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// By fingerprint.
    pub(crate) alerts: BTreeMap<String, ListedAlert>,
    /// False where one of them has started so lately that it may not have been sent everything yet: what is not listed may
    /// fire all the same.
    pub(crate) whole: bool,
    /// For how long all of them have been up: what was listed since then and is not listed now has ended. None where that
    /// is not known.
    pub(crate) up: Option<Duration>,
}

impl Listing {
    pub(super) fn of(seen: Vec<Seen>) -> Listing {
        let up = seen.iter().map(|seen| seen.up).reduce(|one, other| Some(one?.min(other?))).flatten();
        let whole = up.is_some_and(|up| up >= SETTLED);
        Listing { alerts: merged(seen.into_iter().flat_map(|seen| seen.alerts)), whole, up }
    }

    /// What holds back one of these alerts. An inhibition by the host's own word that it sees to it does not count: `own`
    /// are the alerts by which it has said so. By its name alone anybody's alert could pass for one. Neither does one by
    /// another of these: where critical inhibits warning, the trouble is told of by the critical alert.
    pub(crate) fn silence_of(&self, fingerprints: &BTreeSet<String>, own: &BTreeSet<String>) -> Silence {
        let ours = fingerprints.iter().filter_map(|fingerprint| self.alerts.get(fingerprint));
        ours.filter_map(|alert| self.held_by(alert, own, fingerprints)).map(Silence::By).next().unwrap_or(Silence::None)
    }

    /// Of several of a kind always the same one: whose list comes first is chance.
    fn held_by(&self, alert: &ListedAlert, own: &BTreeSet<String>, ours: &BTreeSet<String>) -> Option<String> {
        let status = &alert.status;
        let counts = |by: &&String| !own.contains(*by) && !ours.contains(*by);
        let silence = status.silenced_by.iter().min().map(|id| format!("silence {id}"));
        let inhibitor = || status.inhibited_by.iter().filter(counts).min().map(|by| self.inhibition(by));
        let muted = || status.muted_by.iter().min().map(|name| format!("muted by {name}"));
        silence.or_else(inhibitor).or_else(muted)
    }

    fn inhibition(&self, by: &str) -> String {
        let name = self.alerts.get(by).and_then(|alert| alert.labels.get("alertname"));
        name.map_or_else(|| format!("{INHIBITED_BY}{by}"), |name| format!("{INHIBITED_BY}{by} ({name})"))
    }
}

/// Each alert once. What any of them says holds it back counts; the rest is as whoever heard last has it.
pub(super) fn merged(all: impl IntoIterator<Item = ListedAlert>) -> BTreeMap<String, ListedAlert> {
    let mut alerts: BTreeMap<String, ListedAlert> = BTreeMap::new();
    for alert in all {
        match alerts.remove(&alert.fingerprint) {
            Some(known) => alerts.insert(alert.fingerprint.clone(), both(known, alert)),
            None => alerts.insert(alert.fingerprint.clone(), alert),
        };
    }
    alerts
}

fn both(one: ListedAlert, other: ListedAlert) -> ListedAlert {
    let (mut newer, older) = match later(&other.updated_at, &one.updated_at) {
        true => (other, one),
        false => (one, other),
    };
    for (into, from) in [
        (&mut newer.status.silenced_by, older.status.silenced_by),
        (&mut newer.status.inhibited_by, older.status.inhibited_by),
        (&mut newer.status.muted_by, older.status.muted_by),
    ] {
        add_new(into, from);
    }
    if older.status.state == "suppressed" {
        newer.status.state = older.status.state;
    }
    add_new(&mut newer.receivers, older.receivers);
    newer
}

fn add_new<T: PartialEq>(into: &mut Vec<T>, from: Vec<T>) {
    for element in from {
        if !into.contains(&element) {
            into.push(element);
        }
    }
}

/// Is the one time after the other? What is no time is before everything.
pub(super) fn later(one: &str, other: &str) -> bool {
    let read = |text: &str| text.parse::<jiff::Timestamp>().ok();
    read(one) > read(other)
}

/// Each group once, with the alerts that any of them has in it.
pub(super) fn merged_groups(all: impl IntoIterator<Item = ListedGroup>) -> Vec<ListedGroup> {
    let mut groups: BTreeMap<(Receiver, Labels), Vec<ListedAlert>> = BTreeMap::new();
    for group in all {
        groups.entry((group.receiver, group.labels)).or_default().extend(group.alerts);
    }
    let group = |((receiver, labels), alerts)| {
        let alerts = merged(alerts).into_values().collect();
        ListedGroup { labels, receiver, alerts }
    };
    groups.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests;

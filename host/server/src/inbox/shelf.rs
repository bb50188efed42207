//! The alerts that were sent here and have not been forgotten: what another copy of one means, and which have lapsed.
//! No clock and no IO.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::event::Alert;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

/// How many alerts are held. Each may be an incident of its own, and a Prometheus that sends more than this is broken.
pub(super) const MOST_ALERTS: usize = 50_000;
/// What has ended is remembered for as long as Prometheus goes on saying so.
const KEEP_ENDED: Duration = Duration::from_secs(15 * 60);

/// An alert as somebody sent it, with every time settled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SentAlert {
    pub(crate) fingerprint: String,
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) generator_url: Option<String>,
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    /// True where the sender gave no end, and `ends_at` is when to stop believing it.
    pub(crate) times_out: bool,
    /// When it came.
    pub(crate) updated_at: Timestamp,
}

impl SentAlert {
    pub(crate) fn is_firing(&self, now: Timestamp) -> bool {
        self.ends_at > now
    }

    /// As the domain knows alerts.
    pub(super) fn told(&self, firing: bool) -> Alert {
        Alert {
            fingerprint: self.fingerprint.clone(),
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_at: self.starts_at,
            firing,
            generator_url: self.generator_url.clone(),
        }
    }

    fn says_the_same(&self, other: &SentAlert) -> bool {
        *self == SentAlert { updated_at: self.updated_at, ..other.clone() }
    }

    /// One alert of two copies whose times overlap, `newer` being the later one to come; as Alertmanager has it.
    fn merged(&self, newer: SentAlert, now: Timestamp) -> SentAlert {
        let starts_at = self.starts_at.min(newer.starts_at);
        let later_end = self.ends_at > newer.ends_at;
        let keeps_end = if newer.is_firing(now) { !self.times_out } else { !self.is_firing(now) };
        let ends_at = if later_end && keeps_end { self.ends_at } else { newer.ends_at };
        SentAlert { starts_at, ends_at, ..newer }
    }
}

/// By fingerprint.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    alerts: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    alert: SentAlert,
    /// True once the domain knows that it ended.
    settled: bool,
}

impl Shelf {
    /// What a copy that comes now means together with what is known of the alert, and whether that says anything new.
    pub(super) fn read(&self, sent: SentAlert, now: Timestamp) -> (SentAlert, bool) {
        let Some(kept) = self.alerts.get(&sent.fingerprint) else { return (sent, true) };
        let known = &kept.alert;
        let within = |at: Timestamp| known.starts_at < at && at < known.ends_at;
        let ends_within = known.starts_at < sent.ends_at && sent.ends_at < known.ends_at;
        let alert = if within(sent.starts_at) || ends_within { known.merged(sent, now) } else { sent };
        let is_news = !known.says_the_same(&alert);
        (alert, is_news)
    }

    /// True where there is room for this one beside so many others that are about to come, or it is there already.
    pub(super) fn has_room_for(&self, fingerprint: &str, coming: usize) -> bool {
        self.alerts.len() + coming < MOST_ALERTS || self.alerts.contains_key(fingerprint)
    }

    /// From now on this is what is known of it. To be called once the domain knows it.
    pub(super) fn put(&mut self, alert: SentAlert, now: Timestamp) {
        let settled = !alert.is_firing(now);
        self.alerts.insert(alert.fingerprint.clone(), Kept { alert, settled });
    }

    /// As [`Self::put`], unless something is known of it.
    pub(super) fn put_if_unknown(&mut self, alert: SentAlert, now: Timestamp) {
        if !self.alerts.contains_key(&alert.fingerprint) {
            self.put(alert, now);
        }
    }

    /// Those that nobody has sent again before their end, as long as the domain does not know that.
    pub(super) fn lapsed(&self, now: Timestamp) -> Vec<SentAlert> {
        let lapsed = self.alerts.values().filter(|kept| !kept.settled && !kept.alert.is_firing(now));
        lapsed.map(|kept| kept.alert.clone()).collect()
    }

    /// The domain knows that this one ended.
    pub(super) fn settle(&mut self, fingerprint: &str) {
        if let Some(kept) = self.alerts.get_mut(fingerprint) {
            kept.settled = true;
        }
    }

    /// Forgets what ended long ago; where there is no room left, all that has ended.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let is_full = self.alerts.len() >= MOST_ALERTS;
        let is_old = |alert: &SentAlert| is_full || now.since(alert.ends_at) >= KEEP_ENDED;
        self.alerts.retain(|_, kept| !(kept.settled && is_old(&kept.alert)));
    }

    /// Those that fire.
    pub(super) fn firing(&self, now: Timestamp) -> Vec<SentAlert> {
        self.alerts.values().map(|kept| &kept.alert).filter(|alert| alert.is_firing(now)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// Times in minutes. Without an end it stands for five, as it would if it came at its start.
    fn alert(starts_at: i64, ends_at: Option<i64>) -> SentAlert {
        SentAlert {
            fingerprint: "f".to_owned(),
            labels: Labels::new([("alertname", "QueueTooLong")]),
            annotations: Labels::empty(),
            generator_url: None,
            starts_at: Timestamp(starts_at * MINUTE),
            ends_at: Timestamp(ends_at.unwrap_or(starts_at + 5) * MINUTE),
            times_out: ends_at.is_none(),
            updated_at: Timestamp(0),
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp(minute * MINUTE)
    }

    #[test]
    fn copies_mean_what_alertmanager_makes_of_them() {
        // (known, sent, at, what comes of it as starts and ends, whether it is news)
        let cases = [
            ("again, with a later end", alert(0, Some(10)), alert(0, Some(11)), 1, (0, 11), true),
            ("the same again", alert(0, Some(10)), alert(0, Some(10)), 1, (0, 10), false),
            ("by another Prometheus, later", alert(0, Some(10)), alert(1, Some(9)), 2, (0, 10), false),
            ("by another Prometheus, earlier", alert(1, Some(10)), alert(0, Some(9)), 2, (0, 10), true),
            ("resolved", alert(0, Some(10)), alert(0, Some(3)), 3, (0, 3), true),
            ("resolved again", alert(0, Some(3)), alert(0, Some(3)), 4, (0, 3), false),
            ("resolved earlier by another", alert(0, Some(3)), alert(1, Some(2)), 4, (0, 3), false),
            ("again after its end", alert(0, Some(3)), alert(5, Some(9)), 5, (5, 9), true),
            ("without an end, again", alert(0, None), alert(1, None), 1, (0, 6), true),
            ("with an earlier end than the time-out", alert(0, None), alert(1, Some(4)), 1, (0, 4), true),
            ("without an end, after one with a late one", alert(0, Some(60)), alert(1, None), 1, (0, 60), true),
        ];
        for (name, known, sent, now, (starts, ends), news) in cases {
            let mut shelf = Shelf::default();
            shelf.put(known, at(0));
            let (read, is_news) = shelf.read(sent, at(now));
            assert_eq!((read.starts_at, read.ends_at), (at(starts), at(ends)), "{name}");
            assert_eq!(is_news, news, "{name}");
        }
        let (_, is_news) = Shelf::default().read(alert(0, None), at(0));
        assert!(is_news, "nothing was known of it");
    }

    #[test]
    fn what_nobody_sends_again_lapses_once_and_is_forgotten_later() {
        let mut shelf = Shelf::default();
        shelf.put(alert(0, Some(4)), at(0));
        assert_eq!((shelf.firing(at(3)).len(), shelf.lapsed(at(3)).len()), (1, 0));
        assert_eq!((shelf.firing(at(4)).len(), shelf.lapsed(at(4)).len()), (0, 1));
        assert_eq!(shelf.lapsed(at(30)).len(), 1, "nobody said that the domain knows it");
        shelf.sweep(at(30));
        assert_eq!(shelf.lapsed(at(30)).len(), 1, "and until then it is not forgotten");
        shelf.settle("f");
        assert_eq!(shelf.lapsed(at(30)).len(), 0);
        shelf.sweep(at(18));
        assert!(shelf.alerts.contains_key("f"));
        shelf.sweep(at(19));
        assert!(shelf.alerts.is_empty());
        shelf.settle("f");
    }

    #[test]
    fn what_came_ended_does_not_lapse() {
        let mut shelf = Shelf::default();
        shelf.put(alert(0, Some(4)), at(4));
        assert!(shelf.lapsed(at(5)).is_empty());
        assert!(shelf.firing(at(5)).is_empty());
    }

    #[test]
    fn room_is_bounded_and_what_has_ended_makes_way() {
        let mut shelf = Shelf::default();
        for number in 0..MOST_ALERTS {
            let ends_at = if number == 0 { Some(1) } else { Some(60) };
            shelf.put(SentAlert { fingerprint: format!("{number}"), ..alert(0, ends_at) }, at(2));
        }
        assert!(!shelf.has_room_for("one more", 0));
        assert!(shelf.has_room_for("7", 0));
        shelf.sweep(at(2));
        assert!(shelf.has_room_for("one more", 0));
        assert!(!shelf.alerts.contains_key("0"));
    }

    #[test]
    fn a_seed_does_not_replace_what_was_sent() {
        let mut shelf = Shelf::default();
        shelf.put(alert(0, Some(60)), at(0));
        shelf.put_if_unknown(alert(0, None), at(0));
        assert_eq!(shelf.firing(at(30)).len(), 1);
    }
}

//! Alerts that are sent straight here, by Prometheus, vmalert or `amtool`: taken in as Alertmanager takes them in.
//!
//! They become incidents through the keeper, durable before whoever sent them is answered, and go on to the upstream
//! Alertmanagers. Who sends an alert repeats it while it fires; what is not repeated before its end has lapsed. That is
//! kept in memory: after a restart an alert that nobody repeats lapses after [`RESOLVE_TIMEOUT`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{Alert, Origin};
use tidegate_domain::input::Input;
use tidegate_domain::rules::Rules;
use tidegate_domain::time::Timestamp;

use crate::alertmanager::{Listing, OutgoingAlert};
use crate::clock;
use crate::host::Host;
use crate::journal::JournalError;
use crate::metrics::Via;

mod shelf;

pub(crate) use shelf::SentAlert;
use shelf::{MOST_ALERTS, Shelf};

/// How long an alert stands that was sent without an end: Alertmanager's `resolve_timeout`.
pub(crate) const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How often is looked for what has lapsed.
const EVERY: Duration = Duration::from_secs(1);
/// Group keys of incidents that these alerts open begin so; Alertmanager's own begin with a brace.
const GROUP_KEY: &str = "api/";

/// All alerts that were sent here.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    shelf: Mutex<Shelf>,
    /// Held while alerts are taken in or lapse, one batch after the other: of two copies the later one counts.
    taking: tokio::sync::Mutex<()>,
}

/// Why alerts could not be taken in. Those before the trouble were.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// They could not be made durable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There are too many.
    #[error("{refused} alerts were not taken in: {MOST_ALERTS} alerts are held already, and no more fit")]
    Full {
        /// How many.
        refused: usize,
    },
}

impl Inbox {
    /// Those that fire, by fingerprint.
    pub(crate) fn firing(&self, now: Timestamp) -> Vec<SentAlert> {
        self.shelf().firing(now)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes alerts in. `by` is the person who sent them, where it was no program.
pub(crate) async fn take_in(host: &Arc<Host>, alerts: Vec<SentAlert>, by: Option<String>) -> Result<(), IntakeError> {
    let _alone = host.inbox.taking.lock().await;
    let now = clock::now();
    let (alerts, news, refused) = sort(host, alerts, now);
    // Whatever becomes of the journal: a full disk here must not keep a page from going out.
    host.forwarding.send(host, &news.iter().map(outgoing).collect::<Vec<_>>());
    let fingerprints: Vec<String> = alerts.iter().map(|alert| alert.fingerprint.clone()).collect();
    for (group_key, alerts) in groups(&host.keeper.rules(), alerts) {
        let told = news_of(&host.keeper.book(), &alerts, now);
        if !told.is_empty() {
            let input = Input::AlertsDelivered { group_key, alerts: told, by: by.clone(), left_out: None };
            host.keeper.submit(input).await?;
        }
        let firing = alerts.iter().filter(|alert| alert.is_firing(now)).count();
        host.metrics.alerts.received(Via::Api, firing, alerts.len() - firing);
        let mut shelf = host.inbox.shelf();
        for alert in alerts {
            shelf.put(alert, now);
        }
    }
    seen(host, &fingerprints, now);
    if refused > 0 {
        tracing::error!(refused, "alerts were not taken in: {MOST_ALERTS} are held already");
        return Err(IntakeError::Full { refused });
    }
    Ok(())
}

/// What each of them means, those of them that say anything new, and how many have no room.
fn sort(host: &Host, alerts: Vec<SentAlert>, now: Timestamp) -> (Vec<SentAlert>, Vec<SentAlert>, usize) {
    let mut shelf = host.inbox.shelf();
    shelf.sweep(now);
    let (mut read, mut news, mut refused) = (BTreeMap::new(), Vec::new(), 0);
    for alert in alerts {
        if !shelf.has_room_for(&alert.fingerprint, read.len()) {
            refused += 1;
            continue;
        }
        let (alert, is_news) = shelf.read(alert, now);
        if is_news {
            news.push(alert.clone());
        }
        // Of an alert that comes twice at once the last copy counts.
        read.insert(alert.fingerprint.clone(), alert);
    }
    (read.into_values().collect(), news, refused)
}

/// Each alert with those that make one incident with it.
fn groups(rules: &Rules, alerts: Vec<SentAlert>) -> BTreeMap<String, Vec<SentAlert>> {
    let mut groups: BTreeMap<String, Vec<SentAlert>> = BTreeMap::new();
    for alert in alerts {
        let route = rules.routes.iter().find(|route| route.matchers.iter().all(|m| m.matches(&alert.labels)));
        let (name, group) = match route {
            Some(route) => (route.name.as_str(), route.group_of(&alert.labels)),
            None => ("", alert.labels.clone()),
        };
        groups.entry(format!("{GROUP_KEY}{name}:{group}")).or_default().push(alert);
    }
    groups
}

/// What the domain does not know yet. Prometheus says the same of an alert every minute, for as long as it fires and
/// fifteen minutes longer.
fn news_of(book: &Book, alerts: &[SentAlert], now: Timestamp) -> Vec<Alert> {
    let told = |alert: &SentAlert| {
        let firing = alert.is_firing(now);
        let open = book.latest_with_alert(&alert.fingerprint).filter(|incident| incident.is_open());
        match open.and_then(|incident| incident.alerts.get(&alert.fingerprint)) {
            Some(known) if known.firing == firing => None,
            Some(known) if !firing => Some(ended(alert, known)),
            Some(_) => Some(alert.told(true)),
            None => firing.then(|| alert.told(true)),
        }
    };
    alerts.iter().filter_map(told).collect()
}

/// The end of what the book knows. Two Prometheus servers see the same alert begin at two times; whoever says that it
/// ended here means all of it.
fn ended(alert: &SentAlert, known: &Alert) -> Alert {
    Alert { starts_at: alert.starts_at.max(known.starts_at), ..alert.told(false) }
}

/// Somebody has just said how these alerts are: their open incidents are as fresh as that.
pub(crate) fn seen(host: &Host, fingerprints: &[String], now: Timestamp) {
    let book = host.keeper.book();
    let open = fingerprints.iter().filter_map(|fingerprint| book.latest_with_alert(fingerprint));
    for incident in open.filter(|incident| incident.is_open()) {
        host.pulse.alerted(&incident.id, now);
    }
}

fn outgoing(alert: &SentAlert) -> OutgoingAlert {
    OutgoingAlert {
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
        generator_url: alert.generator_url.clone(),
    }
}

/// Ends what nobody repeats, until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    remember(&host);
    let mut failed = false;
    loop {
        tokio::select! {
            () = host.stopped() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match lapse(&host).await {
            Ok(()) => failed = false,
            Err(error) if !failed => {
                tracing::error!(%error, "alerts lapsed, which could not be recorded; trying again");
                failed = true;
            }
            Err(_) => {}
        }
    }
}

/// Puts what the journal knows to fire on the shelf: whoever sent it may send it again in time.
fn remember(host: &Host) {
    let now = clock::now();
    let book = host.keeper.book();
    let mut shelf = host.inbox.shelf();
    for alert in book.open_incidents().filter(|incident| came_here(incident)).flat_map(|open| open.alerts.values()) {
        if alert.firing {
            let alert = SentAlert {
                fingerprint: alert.fingerprint.clone(),
                labels: alert.labels.clone(),
                annotations: alert.annotations.clone(),
                generator_url: alert.generator_url.clone(),
                starts_at: alert.starts_at,
                ends_at: now.plus(RESOLVE_TIMEOUT),
                times_out: true,
                updated_at: now,
            };
            shelf.put_if_unknown(alert, now);
        }
    }
}

pub(crate) fn came_here(incident: &Incident) -> bool {
    matches!(&incident.origin, Origin::Alert { group_key, .. } if group_key.starts_with(GROUP_KEY))
}

async fn lapse(host: &Arc<Host>) -> Result<(), JournalError> {
    let lapsed = host.inbox.shelf().lapsed(clock::now());
    if lapsed.is_empty() {
        return Ok(());
    }
    // An upstream Alertmanager may get the same alert from elsewhere. Then it has not ended, and is looked for there.
    let elsewhere: Arc<Listing> = match &host.setup().alertmanager {
        // Where none answers there is nobody to say that it goes on.
        Some(fleet) => fleet.look().await.unwrap_or_default(),
        None => Arc::default(),
    };
    let _alone = host.inbox.taking.lock().await;
    let now = clock::now();
    let lapsed = host.inbox.shelf().lapsed(now);
    for (group_key, alerts) in groups(&host.keeper.rules(), lapsed) {
        let goes_on =
            |alert: &SentAlert| elsewhere.alerts.get(&alert.fingerprint).is_some_and(|l| ends_after(&l.ends_at, now));
        let over: Vec<SentAlert> = alerts.iter().filter(|alert| !goes_on(alert)).cloned().collect();
        let told = news_of(&host.keeper.book(), &over, now);
        if !told.is_empty() {
            host.keeper.submit(Input::AlertsDelivered { group_key, alerts: told, by: None, left_out: None }).await?;
        }
        let mut shelf = host.inbox.shelf();
        alerts.iter().for_each(|alert| shelf.settle(&alert.fingerprint));
    }
    Ok(())
}

/// As Alertmanager writes times.
fn ends_after(ends_at: &str, now: Timestamp) -> bool {
    ends_at.parse::<jiff::Timestamp>().is_ok_and(|ends_at| ends_at.as_millisecond() > now.0)
}

//! Looking at Alertmanager for the open incidents: which of their alerts still fire, and whether they are held back.
//!
//! An alert that resolves while it is silenced sends no message, ever; and a silence sends none either.

mod sightings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{Alert, IncidentId, Origin};
use tidegate_domain::input::{Input, Look, Silence};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::alertmanager::{Fleet, Listing};
use crate::clock;
use crate::host::Host;
use crate::inbox;
use crate::notices;
use crate::prometheus::QueryError;
use crate::setup::Setup;
use crate::silencing;
use sightings::{Circumstances, Firing, Sightings};

/// How often the intervals are compared with the time: a reload may change them.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at least, whatever happens: a storm opens many incidents a second.
const LEAST: Duration = Duration::from_secs(1);
/// And so many times as long as the last look took, up to the interval: a list of very many alerts must not take a core.
const REST: u32 = 10;
/// How long is waited for the Alertmanagers to have been sent what is to be looked for. A dead one is not waited for.
const FIRST_TELL: Duration = Duration::from_secs(2);
/// A book may change a thousand times a second.
const LULL: Duration = Duration::from_millis(100);

/// Has the next look come at once.
#[derive(Debug, Default)]
pub(crate) struct Looking(Notify);

impl Looking {
    /// Something has happened there that the next look would see: somebody has made a silence, for example.
    pub(crate) fn notify(&self) {
        self.0.notify_one();
    }
}

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut looker = Looker::default();
    let mut revisions = host.keeper.revisions();
    loop {
        let setup = host.setup();
        let wait = looker.wait(&host, &setup);
        if wait.is_zero() {
            tokio::select! {
                () = host.stopped() => return,
                () = looker.look(&host, &setup) => looker.took = looker.last.map_or(Duration::ZERO, |last| last.elapsed()),
            }
        }
        tokio::select! {
            () = host.stopped() => return,
            () = host.looking.0.notified() => looker.wanted = true,
            // The sender lives as long as the host, so this only ends by a change.
            _ = revisions.changed() => tokio::time::sleep(LULL).await,
            () = tokio::time::sleep(wait.clamp(LULL, EVERY)) => {}
        }
    }
}

/// What is kept from one look to the next.
#[derive(Default)]
struct Looker {
    last: Option<Instant>,
    /// How long that took.
    took: Duration,
    /// True where somebody wants a look at once.
    wanted: bool,
    /// The incidents that were looked for the last time.
    known: BTreeSet<IncidentId>,
    sightings: Sightings,
    /// When Alertmanager was asked the last time, and answered.
    asked_at: Option<Timestamp>,
    /// The Alertmanagers that did not answer the last time.
    ailing: BTreeSet<String>,
    /// Who did not answer the last time; told when that changes.
    failing: BTreeSet<&'static str>,
}

/// An open incident, as far as it is looked for.
struct Open {
    id: IncidentId,
    /// The names that its alerts may have in Alertmanager.
    fingerprints: BTreeSet<String>,
    /// What holds it back is not over only because Alertmanager does not list it.
    stays_held: bool,
    /// For an incident of alerts, what they are.
    alerts: Option<BTreeMap<String, Known>>,
}

/// An alert as the book has it.
struct Known {
    labels: Labels,
    /// False where somebody has said that it is over.
    fires: bool,
}

impl Looker {
    /// How long until the next look.
    fn wait(&self, host: &Host, setup: &Setup) -> Duration {
        let Some(config) = &setup.config.alertmanager else {
            let held = host.keeper.book().open_incidents().any(|incident| incident.held.is_some());
            return if held { Duration::ZERO } else { EVERY };
        };
        let Some(last) = self.last else { return Duration::ZERO };
        let rest = LEAST.max(self.took * REST).min(config.poll_interval.max(LEAST));
        if last.elapsed() < rest {
            return rest - last.elapsed();
        }
        let book = host.keeper.book();
        if self.wanted || book.open_incidents().any(|incident| !self.known.contains(&incident.id)) {
            return Duration::ZERO;
        }
        pace(&book, config.poll_interval).saturating_sub(last.elapsed())
    }

    async fn look(&mut self, host: &Arc<Host>, setup: &Setup) {
        self.last = Some(Instant::now());
        self.wanted = false;
        let open: Vec<Open> = host.keeper.book().open_incidents().map(|incident| Open::of(host, incident)).collect();
        self.known = open.iter().map(|open| open.id.clone()).collect();
        let alerts = || open.iter().filter_map(|open| open.alerts.as_ref()).flatten();
        self.sightings.keep(&alerts().map(|(fingerprint, _)| fingerprint.as_str()).collect());
        let Some(fleet) = setup.alertmanager.as_ref().filter(|_| !open.is_empty()) else { return release(host).await };
        let asked_at = clock::now();
        let outcome = fleet.look_anew().await;
        for member in fleet.members() {
            let (url, ailing) = (member.url(), member.is_ailing());
            host.metrics.alertmanager.looked_up(url, !ailing);
            if ailing {
                self.ailing.insert(url.to_owned());
            } else if self.ailing.remove(url) {
                host.notices.forget(Some(url));
            }
        }
        let Some(listing) = self.told("Alertmanager", outcome) else { return };
        let before = self.asked_at.replace(asked_at);
        if before.is_some_and(|before| listing.up.is_some_and(|up| up < asked_at.since(before))) {
            // One of them was started anew without anybody having missed it, and keeps alerts in memory alone.
            host.notices.forget(None);
        }
        let own = notices::own_handling(host);
        let missed = alerts().any(|(fingerprint, _)| !listing.alerts.contains_key(fingerprint));
        // Alertmanager also drops the alerts of a Prometheus that died, so the source has to say it as well.
        let firing = if missed { self.firing(host, setup).await } else { Some(Firing::default()) };
        let look = Circumstances { asked_at, whole: listing.whole, up: listing.up };
        let looks = open.iter().map(|open| {
            let seen = self.look_at(open, (&listing, &own), firing.as_ref(), look);
            if !seen.firing.is_empty() {
                host.pulse.alerted(&open.id, asked_at);
            }
            (open.id.clone(), seen)
        });
        let looks = looks.collect();
        host.keeper.insist(Input::Looked { asked_at, looks }).await;
    }

    fn look_at(
        &mut self,
        open: &Open,
        (listing, own): (&Listing, &BTreeSet<String>),
        firing: Option<&Firing>,
        look: Circumstances,
    ) -> Look {
        let silence = silence_of(listing, own, &open.fingerprints, open.stays_held);
        let mut seen = Look { firing: BTreeSet::new(), gone: BTreeSet::new(), silence };
        for (fingerprint, known) in open.alerts.iter().flatten() {
            if listing.alerts.contains_key(fingerprint) {
                self.sightings.listed(fingerprint, look.asked_at);
                seen.firing.insert(fingerprint.clone());
                continue;
            }
            let over = self.sightings.missed(fingerprint, look) || !known.fires;
            if over && firing.is_some_and(|firing| !firing.has(&known.labels)) {
                seen.gone.insert(fingerprint.clone());
            }
        }
        seen
    }

    /// What fires by other accounts than Alertmanager's: Prometheus', and that of whoever sends alerts straight here. None
    /// where that is not known.
    async fn firing(&mut self, host: &Host, setup: &Setup) -> Option<Firing> {
        let known = match setup.prometheus.alerts().await {
            Err(error) if has_no_alerts(&error) => Ok(Vec::new()),
            outcome => outcome,
        };
        let mut firing = self.told("Prometheus", known)?;
        firing.extend(host.inbox.firing(clock::now()).into_iter().map(|alert| alert.labels));
        Some(Firing::of(firing))
    }

    /// What came back, if anything did. Logs where that has changed.
    fn told<T, E: std::fmt::Display>(&mut self, whom: &'static str, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(answer) => {
                if self.failing.remove(whom) {
                    tracing::info!("{whom} can be asked again for the alerts of open incidents");
                }
                Some(answer)
            }
            Err(error) => {
                if self.failing.insert(whom) {
                    tracing::error!(%error, "{whom} could not be asked for the alerts of open incidents; asking again");
                }
                None
            }
        }
    }
}

impl Open {
    fn of(host: &Host, incident: &Incident) -> Open {
        let known = |alert: &Alert| Known { labels: alert.labels.clone(), fires: alert.firing };
        let alerts =
            || incident.alerts.iter().map(|(fingerprint, alert)| (fingerprint.clone(), known(alert))).collect();
        Open {
            id: incident.id.clone(),
            fingerprints: notices::fingerprints(host, incident),
            stays_held: incident.held.is_some() && (is_on_its_way(host, incident) || is_silenced_here(incident)),
            alerts: matches!(incident.origin, Origin::Alert { .. }).then(alerts),
        }
    }
}

/// Nothing holds anything back where the config has no Alertmanager any more.
async fn release(host: &Arc<Host>) {
    let held = |incident: &&Incident| incident.held.is_some();
    let free = |incident: &Incident| {
        let look = Look { firing: BTreeSet::new(), gone: BTreeSet::new(), silence: Silence::None };
        (incident.id.clone(), look)
    };
    let looks: BTreeMap<_, _> = host.keeper.book().open_incidents().filter(held).map(free).collect();
    if !looks.is_empty() {
        host.keeper.insist(Input::Looked { asked_at: clock::now(), looks }).await;
    }
}

/// How often is looked. A repair is judged by several looks, all of which have to be over before its time is.
fn pace(book: &Book, poll_interval: Duration) -> Duration {
    let of_alerts = book.open_incidents().filter(|incident| matches!(incident.origin, Origin::Alert { .. }));
    let needed = of_alerts.filter_map(|incident| {
        let verify = &book.verifying(incident)?.proposal.action.verify;
        Some(verify.within.saturating_sub(verify.settle) / verify.healthy_for.saturating_add(1))
    });
    needed.min().unwrap_or(poll_interval).clamp(LEAST.min(poll_interval), poll_interval)
}

/// What has no such API, as a part of VictoriaMetrics or Mimir, has no alerts: they are somebody else's, and Alertmanager's word on them
/// is all there is.
fn has_no_alerts(error: &QueryError) -> bool {
    matches!(error, QueryError::Status { status: 404 | 405 | 501, .. } | QueryError::BadData(_))
}

/// Waits a moment for the Alertmanagers to have what this host sends them of an incident: only of an alert that they have
/// do they say whether it is held back.
pub(crate) async fn told_of(host: &Host, incident: &Incident) {
    match incident.origin {
        Origin::Alert { .. } if !inbox::came_here(incident) => {}
        Origin::Alert { .. } => host.forwarding.sent(&firing(incident), FIRST_TELL).await,
        _ => notices::told_of(host, incident).await,
    }
}

/// True where no Alertmanager can know the incident by now, because this host has not got through with it.
fn is_on_its_way(host: &Host, incident: &Incident) -> bool {
    match incident.origin {
        Origin::Alert { .. } => inbox::came_here(incident) && host.forwarding.holds(&firing(incident)),
        _ => !notices::is_told(host, incident),
    }
}

/// Somebody has silenced it from here for longer than until now. Its alerts may be those of an Alertmanager that is not asked.
fn is_silenced_here(incident: &Incident) -> bool {
    silencing::standing(incident, clock::now()).next().is_some()
}

fn firing(incident: &Incident) -> Vec<Labels> {
    incident.alerts.values().filter(|alert| alert.firing).map(|alert| alert.labels.clone()).collect()
}

/// Whether Alertmanager holds an incident back, as far as this listing says. `own` are the host's own alerts that it
/// handles something; `may_be_held` is whether something may hold back what is not listed.
fn silence_of(
    listing: &Listing,
    own: &BTreeSet<String>,
    fingerprints: &BTreeSet<String>,
    may_be_held: bool,
) -> Silence {
    let listed = fingerprints.iter().any(|fingerprint| listing.alerts.contains_key(fingerprint));
    // Of an alert that it has not been sent yet it does not say that it would hold it back.
    let why = match (listed, listing.whole) {
        (false, false) => "Alertmanager, which was started not long ago, does not list the alerts of the incident",
        (false, true) if may_be_held => "Alertmanager has not taken the alerts of the incident yet",
        _ => return listing.silence_of(fingerprints, own),
    };
    Silence::Unknown(why.to_owned())
}

/// As [`silence_of`], asked for just now: what it said for somebody else a moment ago is good enough where it is about what
/// was there then.
pub(crate) async fn silence(host: &Host, fleet: &Fleet, incident: &Incident) -> Silence {
    let fingerprints = notices::fingerprints(host, incident);
    match fleet.look().await {
        Ok(listing) if fingerprints.iter().any(|fingerprint| listing.alerts.contains_key(fingerprint)) => {
            listing.silence_of(&fingerprints, &notices::own_handling(host))
        }
        _ => silence_now(host, fleet, incident).await,
    }
}

/// The same, never from an earlier look.
pub(crate) async fn silence_now(host: &Host, fleet: &Fleet, incident: &Incident) -> Silence {
    // Before it is looked: what has arrived by then is listed.
    let is_on_its_way = is_on_its_way(host, incident);
    match fleet.look_anew().await {
        Ok(listing) => {
            let fingerprints = notices::fingerprints(host, incident);
            silence_of(&listing, &notices::own_handling(host), &fingerprints, is_on_its_way)
        }
        Err(error) => Silence::Unknown(error.to_string()),
    }
}

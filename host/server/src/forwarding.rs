//! Alerts that were sent here go on to every upstream Alertmanager, as Prometheus itself would send them: by a queue for
//! each, so that one that is slow or down holds up neither the others nor whoever sent them here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_domain::labels::Labels;
use tokio::sync::{Notify, watch};

use crate::alertmanager::{Client, OutgoingAlert};
use crate::clock;
use crate::host::Host;

mod line;

use line::{Line, MOST_WAITING};

/// Pause after the first failure; it doubles with every further one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Whoever was down for an hour is back in the picture half a minute after it is up.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The queues, by URL of the Alertmanager.
#[derive(Debug, Default)]
pub(crate) struct Forwarding {
    queues: Mutex<BTreeMap<String, Arc<Queue>>>,
    /// Counts what has arrived and what could not be sent, for those who wait for it.
    progress: watch::Sender<u64>,
}

#[derive(Debug)]
struct Queue {
    url: String,
    line: Mutex<Line>,
    /// True while it takes nothing.
    away: AtomicBool,
    /// Something waits.
    filled: Notify,
}

impl Forwarding {
    /// Has alerts sent on, soon. Never waits.
    pub(crate) fn send(&self, host: &Arc<Host>, alerts: &[OutgoingAlert]) {
        let setup = host.setup();
        let Some(fleet) = setup.alertmanager.as_ref().filter(|_| !alerts.is_empty()) else { return };
        for member in fleet.members() {
            let queue = self.queue(host, member.url());
            let dropped = queue.line().push(alerts);
            queue.dropped(host, dropped, "too many wait for it");
            queue.show(host);
            queue.filled.notify_one();
        }
    }

    /// True where one of them has yet to be sent an alert that was taken in here.
    pub(crate) fn holds(&self, alerts: &[Labels]) -> bool {
        self.any_holds(alerts, |_| true)
    }

    /// Waits until every Alertmanager that takes alerts has been sent these, or for as long as `at_most`.
    pub(crate) async fn sent(&self, alerts: &[Labels], at_most: Duration) {
        let mut progress = self.progress.subscribe();
        let all_sent = progress.wait_for(|_| !self.any_holds(alerts, |queue| !queue.away.load(Ordering::Relaxed)));
        // Whoever is slower than that hears of it later: what is waited for must go on.
        let _ = tokio::time::timeout(at_most, all_sent).await;
    }

    fn any_holds(&self, alerts: &[Labels], of: impl Fn(&Queue) -> bool) -> bool {
        let queues = self.queues();
        let holds = |queue: &Queue| {
            let line = queue.line();
            alerts.iter().any(|labels| line.holds(labels))
        };
        queues.values().any(|queue| of(queue) && holds(queue))
    }

    /// The queue of one of them, with somebody who serves it.
    fn queue(&self, host: &Arc<Host>, url: &str) -> Arc<Queue> {
        let mut queues = self.queues();
        let queue = queues.entry(url.to_owned()).or_insert_with(|| {
            let queue =
                Queue { url: url.to_owned(), line: Mutex::default(), away: false.into(), filled: Notify::new() };
            let queue = Arc::new(queue);
            tokio::spawn(serve(host.clone(), queue.clone()));
            queue
        });
        queue.clone()
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dropped(&self, host: &Host, alerts: usize, why: &str) {
        if alerts > 0 {
            host.metrics.alertmanager.dropped(&self.url, alerts);
            tracing::warn!(alertmanager = self.url, alerts, "alerts for Alertmanager were dropped: {why}");
        }
    }

    fn show(&self, host: &Host) {
        host.metrics.alertmanager.queued(&self.url, self.line().len());
    }
}

/// Sends what waits, until the host stops or there is no such Alertmanager any more.
async fn serve(host: Arc<Host>, queue: Arc<Queue>) {
    let (mut pause, mut told) = (FIRST_PAUSE, None);
    loop {
        let (batch, stale) = queue.line().take(clock::now());
        queue.dropped(&host, stale, "they ended long ago");
        if batch.is_empty() {
            tokio::select! {
                () = host.stopped() => return,
                () = queue.filled.notified() => continue,
            }
        }
        let Some(client) = member(&host, &queue.url) else { return retire(&host, &queue, batch) };
        let failed = tokio::select! {
            () = host.stopped() => return,
            failed = post(&host, &queue, &client, batch) => failed,
        };
        queue.show(&host);
        queue.away.store(failed.is_some(), Ordering::Relaxed);
        host.forwarding.progress.send_modify(|count| *count += 1);
        let Some(error) = failed else {
            if told.take().is_some() {
                tracing::info!(alertmanager = queue.url, "Alertmanager takes what is sent on again");
            }
            pause = FIRST_PAUSE;
            continue;
        };
        if told.as_ref() != Some(&error) {
            tracing::error!(alertmanager = queue.url, error, "alerts could not be sent on; trying again");
            told = Some(error);
        }
        tokio::select! {
            () = host.stopped() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The client as of now: a reload may have given it other credentials.
fn member(host: &Host, url: &str) -> Option<Arc<Client>> {
    let setup = host.setup();
    let members = setup.alertmanager.as_ref()?.members();
    members.into_iter().find(|member| member.url() == url)
}

/// Returns what went wrong, where it is worth another try.
async fn post(host: &Host, queue: &Queue, client: &Client, batch: Vec<OutgoingAlert>) -> Option<String> {
    let count = batch.len();
    match client.post(&batch).await {
        Ok(refused) => {
            queue.line().done();
            host.metrics.alertmanager.sent(&queue.url, count - refused.len());
            if let Some((alert, error)) = refused.first() {
                queue.dropped(host, refused.len(), &format!("{} was refused: {error}", alert.labels));
            }
            None
        }
        Err(error) => {
            host.metrics.alertmanager.failed(&queue.url, count);
            let dropped = queue.line().put_back(batch);
            queue.dropped(host, dropped, &format!("{MOST_WAITING} newer ones wait for it"));
            Some(error.to_string())
        }
    }
}

/// It is not among the Alertmanagers any more.
fn retire(host: &Host, queue: &Queue, batch: Vec<OutgoingAlert>) {
    let mut queues = host.forwarding.queues();
    let waiting = queue.line().len();
    queues.remove(&queue.url);
    drop(queues);
    queue.dropped(host, batch.len() + waiting, "it is none of the Alertmanagers any more");
}

//! Sends what is on the board to every Alertmanager: a task for each, so that one that is slow or dead delays no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_domain::decide::HANDLING;
use tidegate_domain::labels::Labels;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::board::Board;
use super::record::{Due, Record};
use crate::alertmanager::{AlertmanagerError, Client, OutgoingAlert, fingerprint};
use crate::clock;
use crate::host::Host;

/// How often the record is looked through for what is due again.
const EVERY: Duration = Duration::from_secs(1);
/// Alerts in one request: as many as Prometheus sends. What comes first is there before the rest is on its way.
const BATCH: usize = 256;
/// Pause after the first failure; it doubles with every further one, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// One that was away knows everything so soon after it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The host's own alerts, and what each Alertmanager knows of them.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    board: watch::Sender<Arc<Board>>,
    members: Mutex<BTreeMap<String, Member>>,
    /// Counts what was sent and what could not be, for those who wait for it.
    progress: watch::Sender<u64>,
}

#[derive(Debug)]
struct Member {
    known: Arc<Mutex<Known>>,
    task: JoinHandle<()>,
}

/// What one of them knows.
#[derive(Debug, Default)]
struct Known {
    record: Record,
    /// True while it takes nothing.
    away: bool,
}

impl Notices {
    /// Those of them that fire.
    pub(crate) fn standing(&self) -> Vec<OutgoingAlert> {
        let board = self.board.borrow();
        board.iter().filter(|(_, posted)| posted.over.is_none()).map(|(_, posted)| posted.alert.clone()).collect()
    }

    /// The fingerprints of those that say that something is handled, and of those that have said so lately.
    pub(super) fn handling(&self) -> BTreeSet<String> {
        let board = self.board.borrow();
        let handling = board.iter().filter(|(labels, _)| labels.get("alertname") == Some(HANDLING));
        handling.map(|(labels, _)| fingerprint(labels)).collect()
    }

    /// True where one of them has been sent this alert and has not lost it since, or would not take it.
    pub(super) fn any_knows(&self, labels: &Labels) -> bool {
        lock(&self.members).values().any(|member| lock(&member.known).record.knows(labels))
    }

    /// This is what all are to know from now on.
    pub(super) fn show(&self, board: &Board) {
        self.board.send_replace(Arc::new(board.clone()));
    }

    /// An Alertmanager may have lost what it was sent, or, where it is not known which, any of them: it is sent again.
    pub(crate) fn forget(&self, url: Option<&str>) {
        for (known, member) in lock(&self.members).iter() {
            if url.is_none_or(|url| url == known) {
                lock(&member.known).record.forget();
            }
        }
    }

    /// Waits until every Alertmanager that takes alerts knows that this one fires, or for as long as `at_most`.
    pub(super) async fn told(&self, labels: &Labels, at_most: Duration) {
        let mut progress = self.progress.subscribe();
        let all_know = progress.wait_for(|_| self.all_know(labels));
        // Whoever is slower than that hears of it later: what is waited for must go on.
        let _ = tokio::time::timeout(at_most, all_know).await;
    }

    fn all_know(&self, labels: &Labels) -> bool {
        let members = lock(&self.members);
        let knows = |member: &Member| {
            let known = lock(&member.known);
            known.away || known.record.knows(labels)
        };
        members.values().all(knows)
    }

    fn progressed(&self) {
        self.progress.send_modify(|count| *count += 1);
    }
}

/// Gives every Alertmanager that there is now somebody who serves it. Who serves one that is gone ends by itself.
pub(super) fn fit(host: &Arc<Host>) {
    let setup = host.setup();
    let clients = setup.alertmanager.as_ref().map(|fleet| fleet.members()).unwrap_or_default();
    let urls: BTreeSet<String> = clients.iter().map(|client| client.url().to_owned()).collect();
    let mut members = lock(&host.notices.members);
    if !urls.iter().eq(members.keys()) {
        host.metrics.alertmanager.members(urls.iter().cloned());
    }
    members.retain(|url, _| urls.contains(url));
    for url in urls {
        if members.get(&url).is_none_or(|member| member.task.is_finished()) {
            let known = Arc::<Mutex<Known>>::default();
            let task = tokio::spawn(serve(host.clone(), url.clone(), known.clone()));
            members.insert(url, Member { known, task });
        }
    }
}

/// Sends what is due to one Alertmanager, until it is none of the config's any more or the host stops.
async fn serve(host: Arc<Host>, url: String, known: Arc<Mutex<Known>>) {
    let mut boards = host.notices.board.subscribe();
    let mut pause = FIRST_PAUSE;
    loop {
        // The client as of now: a reload may have given it other credentials.
        let Some(client) = client(&host, &url) else { return };
        let board = boards.borrow_and_update().clone();
        let due = lock(&known).record.due(&board, clock::now());
        let wait = match due.chunks(BATCH).next() {
            None => EVERY,
            Some(batch) => {
                let sent = tokio::select! {
                    () = host.stopped() => return,
                    sent = send(&host, &client, batch, &known) => sent,
                };
                host.notices.progressed();
                if sent {
                    pause = FIRST_PAUSE;
                    continue;
                }
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
        };
        tokio::select! {
            () = host.stopped() => return,
            changed = boards.changed(), if due.is_empty() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn client(host: &Host, url: &str) -> Option<Arc<Client>> {
    let setup = host.setup();
    setup.alertmanager.as_ref()?.members().into_iter().find(|client| client.url() == url)
}

/// True where it has taken them, or said that it never will.
async fn send(host: &Host, client: &Client, batch: &[Due], known: &Mutex<Known>) -> bool {
    let alerts: Vec<_> = batch.iter().map(|due| due.alert.clone()).collect();
    let outcome = client.post(&alerts).await;
    host.metrics.count_notification("alertmanager", outcome.as_ref().is_ok_and(Vec::is_empty));
    let (url, metrics) = (client.url(), &host.metrics.alertmanager);
    let mut known = lock(known);
    match outcome {
        Ok(refused) => {
            metrics.sent(url, alerts.len() - refused.len());
            metrics.dropped(url, refused.len());
            known.record.sent(batch, clock::now());
            for (alert, _) in &refused {
                known.record.refused(&alert.labels);
            }
            if let Some((alert, error)) = refused.first() {
                let count = refused.len();
                tracing::error!(count, labels = %alert.labels, %error, "Alertmanager refuses alerts, of which this is the first");
            }
            if std::mem::take(&mut known.away) {
                tracing::info!(alertmanager = url, "Alertmanager takes alerts again");
            }
            true
        }
        Err(error) => {
            metrics.failed(url, alerts.len());
            gone(&mut known, &error);
            false
        }
    }
}

/// It may have been started anew when it answers again, and keeps alerts in memory alone.
fn gone(known: &mut Known, error: &AlertmanagerError) {
    known.record.forget();
    if !std::mem::replace(&mut known.away, true) {
        tracing::error!(%error, "alerts could not be sent to Alertmanager; trying again until it takes them");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

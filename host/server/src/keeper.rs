//! The keeper of the book: the one place where inputs become events, durable before anything follows from them.
//!
//! It knows the domain and the journal, no other edge.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use tidegate_domain::book::Book;
use tidegate_domain::decide::{DecisionError, check_decision, decide};
use tidegate_domain::event::{DecidedBy, Event, Fact, IncidentId, RequestId};
use tidegate_domain::input::{Input, Verdict};
use tidegate_domain::rules::Rules;
use tokio::sync::{Mutex, Notify, watch};

use crate::clock;
use crate::journal::{Entry, Journal, JournalError, Stored};
use crate::metrics::Metrics;
use crate::story;

/// How often `Tick` may follow from itself. Each round ends something, so a few are enough; a bug must not spin.
const MOST_ROUNDS: usize = 32;

/// Shared by everything that has an input to give or a question to ask.
pub(crate) struct Keeper {
    book: RwLock<Book>,
    journal: Journal,
    /// Held while an input is decided and recorded: one after the other.
    deciding: Mutex<()>,
    rules: RwLock<Arc<Rules>>,
    metrics: Arc<Metrics>,
    /// Wakes whoever carries out what is owed.
    changed: Notify,
    /// Counts how often the book has changed, for everybody else who wants to know.
    revision: watch::Sender<u64>,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideError {
    /// It does not count.
    #[error(transparent)]
    Refused(#[from] DecisionError),
    /// It could not be made durable.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Keeper {
    /// Folds the journal into the book.
    pub(crate) async fn open(journal: Journal, rules: Rules, metrics: Arc<Metrics>) -> Result<Keeper, JournalError> {
        let mut book = Book::default();
        let head = journal.reader().load_all(|stored| book.apply(&stored.event)).await?;
        // Where logs are kept elsewhere, this is a head noted elsewhere.
        tracing::info!(%head, "the journal is whole");
        let (book, rules) = (RwLock::new(book), RwLock::new(Arc::new(rules)));
        let (deciding, changed, revision) = (Mutex::default(), Notify::new(), watch::Sender::new(0));
        Ok(Keeper { book, journal, deciding, rules, metrics, changed, revision })
    }

    /// The book as it is now. Held for as short as it takes to read from it.
    pub(crate) fn book(&self) -> RwLockReadGuard<'_, Book> {
        // A poisoned lock means a panic while folding; what was folded before it is still the journal's.
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the config allows, as of now.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other rules from now on, between two inputs. `adopted` does at the same moment what must go with them.
    pub(crate) async fn adopt(&self, rules: Rules, adopted: impl FnOnce()) {
        let _alone = self.deciding.lock().await;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        adopted();
        // Something may be owed by these that was not before.
        self.changed.notify_one();
    }

    /// The events of one incident, oldest first.
    pub(crate) async fn timeline(&self, incident: &IncidentId) -> Result<Vec<Stored>, JournalError> {
        self.journal.reader().timeline(incident).await
    }

    /// Waits until the book has changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Tells of every change of the book from now on, several at once where they come quickly.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Decides an input and what follows from it. The events are durable when this returns.
    pub(crate) async fn submit(self: &Arc<Self>, input: Input) -> Result<Vec<Event>, JournalError> {
        let keeper = self.clone();
        to_the_end(async move {
            let _alone = keeper.deciding.lock().await;
            keeper.decide_all(input).await
        })
        .await
    }

    /// As [`Self::submit`], until the journal can be written. For what must not get lost.
    pub(crate) async fn insist(self: &Arc<Self>, input: Input) -> Vec<Event> {
        let mut pause = std::time::Duration::from_millis(500);
        loop {
            match self.submit(input.clone()).await {
                Ok(events) => return events,
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be written; trying again in {pause:?}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(std::time::Duration::from_secs(30));
                }
            }
        }
    }

    /// A person's decision. The error says why it does not count; nothing was changed then.
    pub(crate) async fn decision(
        self: &Arc<Self>,
        request: RequestId,
        by: DecidedBy,
        verdict: Verdict,
    ) -> Result<(), DecideError> {
        let keeper = self.clone();
        to_the_end(async move {
            let _alone = keeper.deciding.lock().await;
            // A request whose deadline has just passed is first recorded as expired.
            keeper.decide_all(Input::Tick).await?;
            check_decision(&keeper.book(), &keeper.rules(), &request, &by, &verdict, clock::now())?;
            keeper.decide_all(Input::Decided { request, by, verdict }).await?;
            Ok(())
        })
        .await
    }

    async fn decide_all(&self, input: Input) -> Result<Vec<Event>, JournalError> {
        let mut all = Vec::new();
        let mut next = input;
        for _ in 0..MOST_ROUNDS {
            let was_tick = matches!(next, Input::Tick);
            let events = decide(&self.book(), &self.rules(), &next, clock::now());
            if events.is_empty() && was_tick {
                break;
            }
            if !events.is_empty() {
                match self.commit(&events).await {
                    Ok(()) => all.extend(events),
                    Err(error) if all.is_empty() => return Err(error),
                    // The input itself is recorded, and the caller must know that; what follows from it stays owed.
                    Err(error) => {
                        tracing::error!(%error, "what follows from an input could not be recorded yet");
                        break;
                    }
                }
            }
            next = Input::Tick;
        }
        if !all.is_empty() {
            self.changed.notify_one();
            self.revision.send_modify(|count| *count += 1);
        }
        Ok(all)
    }

    /// Journal first, book second: what is in the book is durable.
    async fn commit(&self, events: &[Event]) -> Result<(), JournalError> {
        let concerned: Vec<Option<IncidentId>> = {
            let book = self.book();
            events.iter().map(|event| concerned(&book, events, &event.fact)).collect()
        };
        let entries: Vec<Entry<'_>> = events
            .iter()
            .zip(&concerned)
            .map(|(event, incident)| Entry { event, incident: incident.as_ref() })
            .collect();
        let began = Instant::now();
        let appended = self.journal.append(&entries).await;
        self.metrics.journal_written(began.elapsed(), appended.is_ok());
        appended?;
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            book.apply(event);
            self.metrics.count_event(&event.fact);
            tracing::info!(event = story::kind(&event.fact), "{}", story::line(&book, &event.fact));
        }
        Ok(())
    }
}

/// Runs something to its end even where the caller stops waiting, as an HTTP handler does when its client hangs up:
/// between the journal and the book nothing may be left out.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that is being taken down cancels a task; nobody waits for the answer then.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The incident that a fact is about; of a request just opened it is in the same batch.
fn concerned(book: &Book, batch: &[Event], fact: &Fact) -> Option<IncidentId> {
    let (incident, request) = story::subject(fact);
    incident.cloned().or_else(|| {
        let request = request?;
        let opened = batch.iter().find_map(|event| match &event.fact {
            Fact::RequestOpened { request: opened, incident, .. } if opened == request => Some(incident.clone()),
            _ => None,
        });
        opened.or_else(|| book.request(request).map(|known| known.incident.clone()))
    })
}

//! All Alertmanagers that the config names, as one.

mod clusters;
mod listing;
mod members;
mod silences;
mod whereabouts;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::client::Query;
use super::{AlertmanagerError, Client, ListedGroup, Status};
use crate::config;
use crate::http_client::HttpOptionsError;
use members::Members;

pub(crate) use listing::Listing;

/// A look as young as this is as good as another.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// One that did not answer the last time is waited for so long after the others have.
const PATIENCE: Duration = Duration::from_millis(500);

/// The Alertmanagers that get every alert and know every silence.
#[derive(Debug)]
pub(crate) struct Fleet {
    members: Members,
    looked: Mutex<Option<Looked>>,
}

/// The last look.
#[derive(Debug)]
struct Looked {
    since: Instant,
    outcome: Result<Arc<Listing>, AlertmanagerError>,
}

impl Fleet {
    /// Those that the config names. Where it has them looked up, that begins now and goes on for as long as this lives.
    pub(crate) fn new(config: &config::Alertmanager) -> Result<Fleet, HttpOptionsError> {
        Ok(Fleet { members: Members::new(config)?, looked: Mutex::new(None) })
    }

    /// Those that there are now; none in the first moments, where they have to be looked up.
    pub(crate) fn members(&self) -> Vec<Arc<Client>> {
        self.members.now()
    }

    /// The same, once they have been looked up.
    pub(crate) async fn members_found(&self) -> Vec<Arc<Client>> {
        self.members.found().await
    }

    /// What they list. One that answers is enough. Callers of about the same time share one look.
    pub(crate) async fn look(&self) -> Result<Arc<Listing>, AlertmanagerError> {
        let now = Instant::now();
        self.look_since(now.checked_sub(SHARED_FOR).unwrap_or(now)).await
    }

    /// What they list, never from a look that began before this call.
    pub(crate) async fn look_anew(&self) -> Result<Arc<Listing>, AlertmanagerError> {
        self.look_since(Instant::now()).await
    }

    async fn look_since(&self, earliest: Instant) -> Result<Arc<Listing>, AlertmanagerError> {
        let mut looked = self.looked.lock().await;
        if let Some(looked) = looked.as_ref().filter(|looked| looked.since >= earliest) {
            return looked.outcome.clone();
        }
        let since = Instant::now();
        let seen = self.ask(|member| async move { member.look().await }).await;
        let outcome = seen.map(|seen| Arc::new(Listing::of(seen)));
        *looked = Some(Looked { since, outcome: outcome.clone() });
        outcome
    }

    /// The groups in which alerts are told, each once, with the alerts that any of them has in it.
    pub(crate) async fn groups(&self, query: &[(&str, &str)]) -> Result<Vec<ListedGroup>, AlertmanagerError> {
        let query = owned(query);
        let ask = |member: Arc<Client>| {
            let query = query.clone();
            async move { member.groups(&query).await }
        };
        let all = self.ask(ask).await?;
        Ok(listing::merged_groups(all.into_iter().flatten()))
    }

    /// What each says about itself.
    pub(crate) async fn status(&self) -> Vec<Result<Status, AlertmanagerError>> {
        let members = self.members_found().await;
        let answers = ask_all(members, |member| async move { member.status().await }).await;
        answers.into_iter().map(|(_, status)| status).collect()
    }

    /// Asks all at once. One answer is enough; without any, the first error.
    async fn ask<T, F>(&self, ask: impl Fn(Arc<Client>) -> F) -> Result<Vec<T>, AlertmanagerError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AlertmanagerError>> + Send + 'static,
    {
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for (_, answer) in ask_all(self.members_found().await, ask).await {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) => errors.push(error),
            }
        }
        if answers.is_empty() {
            Err(errors.into_iter().next().unwrap_or(AlertmanagerError::Nobody))
        } else {
            Ok(answers)
        }
    }
}

/// The answers of all, in no particular order. Those that did not answer the last time hold nobody up: once the others
/// have answered they are waited for a moment longer, and what they say after that only tells that they are back.
async fn ask_all<T, F>(
    members: Vec<Arc<Client>>,
    ask: impl Fn(Arc<Client>) -> F,
) -> Vec<(Arc<Client>, Result<T, AlertmanagerError>)>
where
    T: Send + 'static,
    F: Future<Output = Result<T, AlertmanagerError>> + Send + 'static,
{
    let mut asked = JoinSet::new();
    let mut well = 0;
    for member in members {
        let was_ailing = member.is_ailing();
        well += usize::from(!was_ailing);
        let answer = ask(member.clone());
        asked.spawn(async move {
            let answer = answer.await;
            member.note(&answer);
            (member, was_ailing, answer)
        });
    }
    let (mut answers, mut useful) = (Vec::new(), false);
    loop {
        let enough = well == 0 && useful;
        let patience = async {
            match enough {
                true => tokio::time::sleep(PATIENCE).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            answer = asked.join_next() => match answer {
                None => return answers,
                Some(Ok((member, was_ailing, answer))) => {
                    well -= usize::from(!was_ailing);
                    useful |= answer.is_ok();
                    answers.push((member, answer));
                }
                // A panic in there was told by whoever panicked.
                Some(Err(_)) => {}
            },
            () = patience => {
                asked.detach_all();
                return answers;
            }
        }
    }
}

/// A query as each of them is asked it.
fn owned(query: &[(&str, &str)]) -> Query {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests;

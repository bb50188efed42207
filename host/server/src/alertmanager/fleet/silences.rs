//! Silences in several Alertmanagers: made once in each cluster, ended wherever they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::super::client::Query;
use super::super::{AlertmanagerError, Client, ListedSilence, NewSilence};
use super::clusters::Reached;
use super::listing::later;
use super::whereabouts::Whereabouts;
use super::{Fleet, owned};
use crate::http_client::TransportError;

/// A silence that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeSilence {
    /// Which Alertmanager has made it; its cluster has it as well.
    pub(crate) url: String,
    /// Its id there.
    pub(crate) id: String,
}

impl Fleet {
    /// Makes a silence once in each cluster that can be reached; with an id, changes that one and its twins. Never returns an
    /// empty list. What failed in one cluster while another did it is logged.
    pub(crate) async fn silence(&self, wanted: &NewSilence) -> Result<Vec<MadeSilence>, AlertmanagerError> {
        self.silence_and_tell(wanted).await.map(|(made, _)| made)
    }

    /// As [`Self::silence`]; said as well is where it was not made, or where nobody knows.
    pub(crate) async fn silence_and_tell(
        &self,
        wanted: &NewSilence,
    ) -> Result<(Vec<MadeSilence>, Vec<String>), AlertmanagerError> {
        let Reached { clusters, .. } = self.clusters().await?;
        let reached: BTreeSet<String> = clusters.iter().flatten().map(|member| member.url().to_owned()).collect();
        let mut places: Vec<(Vec<Arc<Client>>, NewSilence)> = Vec::new();
        match &wanted.id {
            None => places.extend(clusters.into_iter().map(|cluster| (cluster, wanted.clone()))),
            Some(id) => {
                for Whereabouts { members, id } in self.whereabouts(id, clusters).await? {
                    places.push((members, NewSilence { id: Some(id), ..wanted.clone() }));
                }
            }
        }
        let (mut made, mut failed, mut missed) = (Vec::new(), None, Vec::new());
        for outcome in join_all(places.iter().map(|(cluster, wanted)| make(cluster, wanted))).await {
            match outcome {
                Ok(silence) => made.push(silence),
                Err(error) => {
                    tracing::warn!(%error, "a silence could not be made in this Alertmanager");
                    missed.push(error.to_string());
                    failed = Some(error);
                }
            }
        }
        let silent = self.members().into_iter().filter(|member| !reached.contains(member.url()));
        missed.extend(silent.map(|member| {
            format!("Alertmanager at {} does not answer: it has this only from another of its cluster", member.url())
        }));
        if made.is_empty() { Err(failed.unwrap_or(AlertmanagerError::Nobody)) } else { Ok((made, missed)) }
    }

    /// Every silence that any of them has.
    pub(crate) async fn silences(&self, query: &[(&str, &str)]) -> Result<Vec<ListedSilence>, AlertmanagerError> {
        let query: Query = owned(query);
        let ask = |member: Arc<Client>| {
            let query = query.clone();
            async move { member.silences(&query).await }
        };
        Ok(newest(self.ask(ask).await?.into_iter().flatten()))
    }

    /// One silence, from whichever has it; None where none of those that answer does.
    pub(crate) async fn silence_by_id(&self, id: &str) -> Result<Option<ListedSilence>, AlertmanagerError> {
        let ask = |member: Arc<Client>| {
            let id = id.to_owned();
            async move { member.silence(&id).await }
        };
        Ok(newest(self.ask(ask).await?.into_iter().flatten()).pop())
    }

    /// Ends a silence wherever it is, with those that were made together with it. False where nobody has it; an error where
    /// nobody who answers has it.
    pub(crate) async fn expire(&self, id: &str) -> Result<bool, AlertmanagerError> {
        let Reached { clusters, lost } = self.clusters().await?;
        let known = match self.whereabouts(id, clusters).await {
            // Whoever does not answer may have it, and goes on with it.
            Err(AlertmanagerError::Refused { status: 404, .. }) => return lost.map_or(Ok(false), Err),
            known => known?,
        };
        let mut failed = None;
        for outcome in join_all(known.iter().map(|place| end(&place.members, &place.id))).await {
            failed = failed.or(outcome.err());
        }
        failed.map_or(Ok(true), Err)
    }
}

/// Has the first member that can be reached make it. Where a member may have made it already, no other is asked.
async fn make(cluster: &[Arc<Client>], wanted: &NewSilence) -> Result<MadeSilence, AlertmanagerError> {
    let mut failed = AlertmanagerError::Nobody;
    for member in cluster {
        match member.make_silence(wanted).await {
            Ok(id) => return Ok(MadeSilence { url: member.url().to_owned(), id }),
            Err(error) if is_certainly_not_done(&error) => failed = error,
            Err(error) => return Err(error),
        }
    }
    Err(failed)
}

async fn end(cluster: &[Arc<Client>], id: &str) -> Result<(), AlertmanagerError> {
    let mut failed = AlertmanagerError::Nobody;
    for member in cluster {
        match member.expire(id).await {
            Ok(()) => return Ok(()),
            // What has ended already cannot be ended, which Alertmanager answers with 500.
            Err(AlertmanagerError::Refused { status: 500, said, .. }) if said.contains("already expired") => {
                return Ok(());
            }
            // Gone since it was looked up.
            Err(AlertmanagerError::Refused { status: 404, .. }) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn is_certainly_not_done(error: &AlertmanagerError) -> bool {
    match error {
        AlertmanagerError::Transport { cause, .. } => {
            matches!(cause, TransportError::NotConnected(_) | TransportError::NoToken { .. })
        }
        AlertmanagerError::Refused { status, .. } => matches!(status, 401 | 403 | 500..),
        AlertmanagerError::Secret(_) | AlertmanagerError::Garbage { .. } | AlertmanagerError::Nobody => false,
    }
}

/// Each silence once, as whoever heard of a change last has it.
pub(super) fn newest(all: impl IntoIterator<Item = ListedSilence>) -> Vec<ListedSilence> {
    let mut silences: BTreeMap<String, ListedSilence> = BTreeMap::new();
    for silence in all {
        let known = silences.get(&silence.id);
        if known.is_none_or(|known| later(&silence.updated_at, &known.updated_at)) {
            silences.insert(silence.id.clone(), silence);
        }
    }
    silences.into_values().collect()
}

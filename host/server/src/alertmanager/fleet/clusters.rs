//! Which Alertmanagers are one cluster. Those share their silences; those apart each need their own.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::wire::Status;
use super::super::{AlertmanagerError, Client};
use super::{Fleet, ask_all};

/// Those that can be reached.
pub(super) struct Reached {
    /// By cluster.
    pub(super) clusters: Vec<Vec<Arc<Client>>>,
    /// Why one of the others cannot be.
    pub(super) lost: Option<AlertmanagerError>,
}

impl Fleet {
    /// All that can be reached. An error only where none can.
    pub(super) async fn clusters(&self) -> Result<Reached, AlertmanagerError> {
        let members = self.members_found().await;
        let (mut reached, mut lost) = (Vec::new(), None);
        for (member, status) in ask_all(members, |member| async move { member.status().await }).await {
            match status {
                Ok(status) => reached.push((member, names(&status))),
                // A proxy that keeps the status to itself: better one silence too many than one too few.
                Err(AlertmanagerError::Refused { status: 400..500, .. }) => reached.push((member, BTreeSet::new())),
                Err(error) => lost = Some(error),
            }
        }
        if reached.is_empty() {
            return Err(lost.unwrap_or(AlertmanagerError::Nobody));
        }
        Ok(Reached { clusters: by_cluster(reached), lost })
    }
}

/// The names of all that it sees in its cluster, its own included. Unclustered ones have none.
fn names(status: &Status) -> BTreeSet<String> {
    let peers = status.cluster.peers.iter().map(|peer| &peer.name);
    peers.chain(&status.cluster.name).filter(|name| !name.is_empty()).cloned().collect()
}

/// Puts together those that know a name in common.
fn by_cluster<T>(members: Vec<(T, BTreeSet<String>)>) -> Vec<Vec<T>> {
    let mut clusters: Vec<(Vec<T>, BTreeSet<String>)> = Vec::new();
    for (member, names) in members {
        let mut joined = (vec![member], names);
        let (near, apart) = clusters.into_iter().partition(|(_, known)| !known.is_disjoint(&joined.1));
        clusters = apart;
        let near: Vec<(Vec<T>, BTreeSet<String>)> = near;
        for (others, known) in near.into_iter().rev() {
            joined.0.splice(0..0, others);
            joined.1.extend(known);
        }
        clusters.push(joined);
    }
    clusters.into_iter().map(|(members, _)| members).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_know_each_other_are_one_cluster() {
        for (members, expected) in [
            (vec![("a", "")], vec![vec!["a"]]),
            (vec![("a", ""), ("b", "")], vec![vec!["a"], vec!["b"]]),
            (vec![("a", "x y"), ("b", "x y")], vec![vec!["a", "b"]]),
            // One that has just joined is seen by one alone.
            (vec![("a", "x y"), ("b", "y")], vec![vec!["a", "b"]]),
            (vec![("a", "x"), ("b", "y"), ("c", "x y")], vec![vec!["a", "b", "c"]]),
            (vec![("a", "x"), ("b", "y"), ("c", "x")], vec![vec!["b"], vec!["a", "c"]]),
        ] {
            let names = |names: &str| names.split_whitespace().map(str::to_owned).collect();
            let members = members.into_iter().map(|(member, known)| (member, names(known))).collect();
            assert_eq!(by_cluster(members), expected);
        }
    }

    #[test]
    fn names_are_read_from_every_kind_of_status() {
        for (status, expected) in [
            (r#"{"cluster":{"status":"disabled"}}"#, ""),
            (r#"{"cluster":{"status":"disabled","peers":null}}"#, ""),
            (r#"{"cluster":{"name":"","status":"settling","peers":[]}}"#, ""),
            (r#"{"cluster":{"name":"X","status":"ready","peers":[{"name":"Y","address":"a:1"},{"name":"X"}]}}"#, "X Y"),
        ] {
            let read: Status = serde_json::from_str(status).unwrap();
            assert_eq!(names(&read).into_iter().collect::<Vec<_>>().join(" "), expected, "{status}");
        }
    }
}

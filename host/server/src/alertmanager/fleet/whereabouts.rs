//! Where a silence is. Alertmanagers that are no cluster each have their own of what was one silence to whoever made it;
//! changing or ending one of those is meant for all of them.

use std::sync::Arc;

use super::super::{AlertmanagerError, Client, ListedSilence};
use super::silences::newest;
use super::{Fleet, ask_all};

/// A silence in one cluster.
pub(super) struct Whereabouts {
    /// The members, those that are known to have it first.
    pub(super) members: Vec<Arc<Client>>,
    /// Its id there.
    pub(super) id: String,
}

impl Fleet {
    /// Where the silence of this id is, and its twins. An answer of 404 where it is nowhere.
    pub(super) async fn whereabouts(
        &self,
        id: &str,
        clusters: Vec<Vec<Arc<Client>>>,
    ) -> Result<Vec<Whereabouts>, AlertmanagerError> {
        let (mut found, mut elsewhere, mut silence, mut failed) = (Vec::new(), Vec::new(), None, None);
        let mut asked = String::new();
        for cluster in clusters {
            let ask = |member: Arc<Client>| {
                let id = id.to_owned();
                async move { member.silence(&id).await }
            };
            let (mut members, mut others) = (Vec::new(), Vec::new());
            for (member, answer) in ask_all(cluster, ask).await {
                member.url().clone_into(&mut asked);
                match answer {
                    Ok(Some(known)) => {
                        silence = Some(known);
                        members.push(member);
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => failed = Some(error),
                }
                others.push(member);
            }
            if members.is_empty() {
                elsewhere.push(others);
            } else {
                members.extend(others);
                found.push(Whereabouts { members, id: id.to_owned() });
            }
        }
        let Some(silence) = silence else {
            let said = format!("there is no silence {id:?}");
            return Err(failed.unwrap_or(AlertmanagerError::Refused { url: asked, status: 404, said }));
        };
        for cluster in elsewhere {
            found.extend(twins(&silence, cluster).await);
        }
        Ok(found)
    }
}

/// What was made together with this silence, in a cluster that does not know its id.
async fn twins(silence: &ListedSilence, cluster: Vec<Arc<Client>>) -> Vec<Whereabouts> {
    let answers = ask_all(cluster.clone(), |member| async move { member.silences(&[]).await }).await;
    let all = newest(answers.into_iter().filter_map(|(_, answer)| answer.ok()).flatten());
    let twins = all.into_iter().filter(|other| is_twin(silence, other));
    twins.map(|twin| Whereabouts { members: cluster.clone(), id: twin.id }).collect()
}

/// The same person, the same words, the same end to the millisecond. Not the start: each Alertmanager makes that the time
/// at which it heard of it.
fn is_twin(silence: &ListedSilence, other: &ListedSilence) -> bool {
    let end = |silence: &ListedSilence| silence.ends_at.parse::<jiff::Timestamp>().ok();
    let matchers = |silence: &ListedSilence| {
        let mut matchers: Vec<_> = silence.matchers.iter().map(|matcher| format!("{matcher:?}")).collect();
        matchers.sort_unstable();
        matchers
    };
    other.status.state != "expired"
        && end(silence).is_some_and(|at| end(other) == Some(at))
        && silence.created_by == other.created_by
        && silence.comment == other.comment
        && matchers(silence) == matchers(other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn twins_are_alike_in_all_that_a_person_gives() {
        let silence = |changes: serde_json::Value| -> ListedSilence {
            let mut silence = json!({
                "id": "a", "status": { "state": "active" }, "createdBy": "alice", "comment": "known",
                "startsAt": "2026-11-22T09:37:15.014Z", "endsAt": "2026-11-22T10:37:15.01Z",
                "matchers": [
                    { "name": "a", "value": "1", "isRegex": false, "isEqual": true },
                    { "name": "b", "value": "2", "isRegex": true, "isEqual": false },
                ],
            });
            for (key, value) in changes.as_object().unwrap() {
                silence[key] = value.clone();
            }
            serde_json::from_value(silence).unwrap()
        };
        let turned = json!([
            { "name": "b", "value": "2", "isRegex": true, "isEqual": false },
            { "name": "a", "value": "1", "isRegex": false },
        ]);
        for (changes, twin) in [
            (json!({ "id": "b", "startsAt": "2026-11-22T09:37:15.5Z", "endsAt": "2026-11-22T10:37:15.010Z" }), true),
            (json!({ "matchers": turned, "status": { "state": "pending" } }), true),
            (json!({ "status": { "state": "expired" } }), false),
            (json!({ "endsAt": "2026-11-22T10:37:15.011Z" }), false),
            (json!({ "endsAt": "" }), false),
            (json!({ "createdBy": "bob" }), false),
            (json!({ "comment": "" }), false),
            (json!({ "matchers": [{ "name": "a", "value": "1" }] }), false),
        ] {
            assert_eq!(is_twin(&silence(json!({})), &silence(changes.clone())), twin, "{changes}");
        }
        assert!(!is_twin(&silence(json!({ "endsAt": "" })), &silence(json!({ "endsAt": "" }))), "no time is no match");
    }
}

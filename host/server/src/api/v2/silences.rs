//! Silences: they are the upstream Alertmanagers', and made and ended there. Who does so from here is a known person, and
//! is recorded.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tidegate_domain::event::DecidedBy;
use tidegate_domain::input::Input;
use tidegate_domain::labels::Matcher;
use tidegate_domain::text::one_line;

use super::super::Shared;
use super::super::access::Person;
use super::super::routes::MOST_BYTES;
use super::body;
use super::fault::Fault;
use super::query::Matchers;
use super::wanted::Wanted;
use crate::alertmanager::{AlertmanagerError, Fleet, ListedSilence, NewSilence, SilenceMatcher};
use crate::host::Host;

/// Silences are not kept here, so that there is one place where they are.
const NOWHERE: &str =
    "there is no upstream Alertmanager to keep silences: name one in [alertmanager] of tidegate's config";

/// In Alertmanager's order: those that hold first, the next one to end at the front.
pub(in crate::api) async fn list(
    _: Person,
    State(host): Shared,
    Matchers(wanted): Matchers,
) -> Result<Json<Vec<ListedSilence>>, Fault> {
    let Some(fleet) = host.setup().alertmanager.clone() else { return Ok(Json(Vec::new())) };
    let mut silences = fleet.silences(&[]).await.map_err(|error| Fault::failed(error.to_string()))?;
    silences.retain(|silence| wanted.iter().all(|wanted| silence.matchers.iter().any(|matcher| is(matcher, wanted))));
    silences.sort_by(order);
    Ok(Json(silences))
}

/// A silence is asked for by the matchers that it has, not by what they match.
fn is(matcher: &SilenceMatcher, wanted: &Matcher) -> bool {
    matcher.name == wanted.name()
        && matcher.value == wanted.value()
        && matcher.is_regex == wanted.is_regex()
        && matcher.is_equal == wanted.is_equal()
}

/// Times are all written the same way, in UTC.
fn order(one: &ListedSilence, other: &ListedSilence) -> std::cmp::Ordering {
    let states = ["active", "pending", "expired"];
    let rank = |silence: &ListedSilence| states.iter().position(|state| *state == silence.status.state);
    rank(one).cmp(&rank(other)).then_with(|| match one.status.state.as_str() {
        "pending" => one.starts_at.cmp(&other.starts_at),
        "expired" => other.ends_at.cmp(&one.ends_at),
        _ => one.ends_at.cmp(&other.ends_at),
    })
}

pub(in crate::api) async fn show(
    _: Person,
    State(host): Shared,
    Path(id): Path<String>,
) -> Result<Json<ListedSilence>, Fault> {
    let id = checked(id)?;
    let Some(fleet) = host.setup().alertmanager.clone() else { return Err(Fault::Unknown) };
    let silence = fleet.silence_by_id(&id).await.map_err(|error| Fault::failed(error.to_string()))?;
    silence.map(Json).ok_or(Fault::Unknown)
}

/// `createdBy` is the person who asks, whoever they say they are.
pub(in crate::api) async fn post(
    Person(by): Person,
    State(host): Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Fault> {
    let wanted = Wanted::read(&body::read(&headers, body, MOST_BYTES)?)?;
    let fleet = upstream(&host)?;
    let silence = wanted.by(&by.approver);
    let work = async move { make(&host, &fleet, &silence, by).await };
    // Whoever asks may hang up meanwhile; what stands upstream is to be recorded all the same.
    let id = tokio::spawn(work).await.unwrap_or_else(|error| Err(broken(&error)))?;
    Ok(Json(json!({ "silenceID": id })))
}

async fn make(host: &Arc<Host>, fleet: &Fleet, silence: &NewSilence, by: DecidedBy) -> Result<String, Fault> {
    let made = fleet.silence(silence).await.map_err(refused)?;
    let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    let mut first = None;
    for made in made {
        let id = made.id;
        let input = Input::Silenced {
            incident: None,
            silence: id.clone(),
            matchers: matchers.clone(),
            until: silence.ends_at,
            by: by.clone(),
            comment: silence.comment.clone(),
        };
        record(host, input, "the silence stands in Alertmanager").await?;
        first.get_or_insert(id);
    }
    first.ok_or_else(|| Fault::unavailable("no upstream Alertmanager took the silence"))
}

pub(in crate::api) async fn expire(
    Person(by): Person,
    State(host): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let id = checked(id)?;
    let fleet = upstream(&host)?;
    let work = async move {
        if !fleet.expire(&id).await.map_err(refused)? {
            return Err(Fault::Unknown);
        }
        record(&host, Input::SilenceExpired { silence: id, by }, "the silence was ended in Alertmanager").await
    };
    tokio::spawn(work).await.unwrap_or_else(|error| Err(broken(&error)))?;
    Ok(StatusCode::OK)
}

fn upstream(host: &Host) -> Result<Arc<Fleet>, Fault> {
    host.setup().alertmanager.clone().ok_or_else(|| Fault::unavailable(NOWHERE))
}

async fn record(host: &Arc<Host>, input: Input, done: &str) -> Result<(), Fault> {
    match host.keeper.submit(input).await {
        Ok(_) => {
            host.looking.notify();
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, "{done}, but the journal cannot be written");
            Err(Fault::unavailable(format!(
                "{done}, but that could not be recorded here: the journal cannot be written"
            )))
        }
    }
}

/// What an upstream says of the request itself is for whoever made it; of anything else it is this host that failed.
fn refused(error: AlertmanagerError) -> Fault {
    match error {
        AlertmanagerError::Refused { status: 400, said, .. } => Fault::bad(said),
        AlertmanagerError::Refused { status: 404, said, .. } => {
            Fault::Refused { status: StatusCode::NOT_FOUND, why: said }
        }
        other => Fault::unavailable(other.to_string()),
    }
}

fn broken(error: &tokio::task::JoinError) -> Fault {
    tracing::error!(%error, "a silence broke off");
    Fault::unavailable("it broke off; look into Alertmanager before you try again")
}

/// Ids are UUIDs.
fn checked(id: String) -> Result<String, Fault> {
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    if groups == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()) {
        return Ok(id);
    }
    Err(Fault::malformed(format!("silenceID in path must be of type uuid: {:?}", one_line(&id, 100))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(state: &str, starts_at: &str, ends_at: &str) -> ListedSilence {
        let text = format!(
            r#"{{"id":"{state}{starts_at}{ends_at}","status":{{"state":"{state}"}},"matchers":[],"startsAt":"{starts_at}",
                "endsAt":"{ends_at}"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn silences_are_listed_in_alertmanagers_order() {
        let mut silences = [
            silence("expired", "1", "3"),
            silence("pending", "6", "7"),
            silence("active", "1", "9"),
            silence("expired", "1", "4"),
            silence("pending", "5", "8"),
            silence("active", "2", "6"),
        ];
        silences.sort_by(order);
        let ids: Vec<&str> = silences.iter().map(|silence| silence.id.as_str()).collect();
        assert_eq!(ids, ["active26", "active19", "pending58", "pending67", "expired14", "expired13"]);
    }

    #[test]
    fn ids_are_uuids() {
        assert!(checked("5b3b1a8c-7f5f-4f0e-9d0a-00000000000F".to_owned()).is_ok());
        for wrong in
            ["", "nope", "5b3b1a8c7f5f4f0e9d0a000000000000", "5b3b1a8c-7f5f-4f0e-9d0a-00000000000/", "--------"]
        {
            assert!(checked(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_silence_is_asked_for_by_its_matchers() {
        let matcher = |is_regex, is_equal| SilenceMatcher {
            name: "service".to_owned(),
            value: "check.*".to_owned(),
            is_regex,
            is_equal,
        };
        for (text, is_regex, is_equal) in [
            ("service=\"check.*\"", false, true),
            ("service=~check.*", true, true),
            ("service!=check.*", false, false),
            ("service!~\"check.*\"", true, false),
        ] {
            let wanted = Matcher::parse(text).unwrap();
            for (r, e) in [(false, true), (true, true), (false, false), (true, false)] {
                assert_eq!(is(&matcher(r, e), &wanted), (r, e) == (is_regex, is_equal), "{text} {r} {e}");
            }
            assert_eq!(
                Matcher::parse(&matcher(is_regex, is_equal).to_string()).unwrap().to_string(),
                wanted.to_string()
            );
        }
        assert!(!is(&matcher(false, true), &Matcher::parse("service=check").unwrap()));
    }
}

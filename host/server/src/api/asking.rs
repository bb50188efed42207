//! What a request says besides who is asking: ids, lists in pages, bodies. Whatever is wrong with it is a [`Problem`].

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Problem;
use crate::host::Host;
use tidegate_domain::text::one_line;

/// How many of a list are told at once where nobody says.
const USUAL: usize = 100;
/// More than a person looks at, and some megabytes.
const MOST: usize = 1000;

/// The `{id}` of a path.
pub(super) struct Id(pub(super) String);

impl FromRequestParts<Arc<Host>> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Id, Problem> {
        let id = Path::<String>::from_request_parts(parts, host).await;
        id.map(|Path(id)| Id(id)).map_err(|error| Problem::new(error.status(), error.body_text()))
    }
}

/// Which part of a list is wanted, the newest first.
pub(super) struct Listing {
    /// At most so many; at least 1.
    limit: usize,
    /// Only those older than this one.
    pub(super) before: Option<String>,
    /// Only those whose `status` is this.
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<usize>,
    before: Option<String>,
    status: Option<String>,
}

impl FromRequestParts<Arc<Host>> for Listing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Listing, Problem> {
        let asked = Query::<Asked>::from_request_parts(parts, host).await;
        let Query(asked) = asked.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        let limit = asked.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(bad(format!("limit is {limit}, and must be from 1 to {MOST}")));
        }
        Ok(Listing { limit, before: asked.before, status: asked.status })
    }
}

impl Listing {
    /// True where only those are wanted whose `status` is `word`, the one word that may stand there.
    pub(super) fn only(&self, word: &str) -> Result<bool, Problem> {
        match self.status.as_deref() {
            None => Ok(false),
            Some(status) if status == word => Ok(true),
            Some(status) => {
                let status = one_line(status, 40);
                Err(bad(format!("status is {status:?}, and can only be {word:?}, or left out for all")))
            }
        }
    }

    /// There is nothing that has this id, so nothing is older than it.
    pub(super) fn unknown(kind: &str, id: &str) -> Problem {
        let why = format!("there is no {kind} {:?}: `before` takes the `next` of the page before", one_line(id, 40));
        Problem::new(StatusCode::NOT_FOUND, why)
    }

    /// One page of the list, and what to ask for to see the next one.
    pub(super) fn page<T>(&self, kind: &str, all: impl Iterator<Item = T>, shape: impl Fn(T) -> Value) -> Value {
        let mut all = all.fuse();
        let page: Vec<Value> = all.by_ref().take(self.limit).map(shape).collect();
        let last = page.last().map(|last| last["id"].clone());
        let next = last.filter(|_| all.next().is_some());
        json!({ kind: page, "next": next })
    }
}

/// A JSON object. Nothing at all is an empty one.
pub(super) struct Body<T>(pub(super) T);

impl<T: Default + DeserializeOwned> FromRequest<Arc<Host>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Body<T>, Problem> {
        let body = Bytes::from_request(request, host).await;
        let body = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        if body.is_empty() {
            return Ok(Body(T::default()));
        }
        // A list of the fields' values in their order would be read as well.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("the body is not a JSON object".to_owned()));
        }
        let read = serde_json::from_slice(&body);
        read.map(Body).map_err(|error| bad(format!("the body is not what is expected: {error}")))
    }
}

fn bad(why: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, why)
}

//! Refusals as Alertmanager's own API words them: an object with a code and a message for a request that is none, a bare
//! JSON string for one that cannot be done.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A request that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::api) enum Fault {
    /// It cannot be read: `{"code": ..., "message": ...}`. Of what is missing or malformed in a body, `code` says more
    /// than the status does.
    Unreadable { status: StatusCode, code: u16, message: String },
    /// It was read, and this is why not: a JSON string.
    Refused { status: StatusCode, why: String },
    /// There is no such thing. Says nothing, as Alertmanager does.
    Unknown,
}

/// Something that must be there is not.
const MISSING: u16 = 602;
/// There are fewer of something than there must be.
const TOO_FEW: u16 = 612;
/// Something does not have the form that it must have.
const MALFORMED: u16 = 601;

impl Fault {
    pub(super) fn unreadable(status: StatusCode, message: impl Into<String>) -> Fault {
        Fault::Unreadable { status, code: status.as_u16(), message: message.into() }
    }

    /// `field` must be there.
    pub(super) fn missing(field: &str) -> Fault {
        let message = format!("{field} in body is required");
        Fault::Unreadable { status: StatusCode::UNPROCESSABLE_ENTITY, code: MISSING, message }
    }

    /// `field` must hold something.
    pub(super) fn too_few(field: &str) -> Fault {
        let message = format!("{field} in body should have at least 1 items");
        Fault::Unreadable { status: StatusCode::UNPROCESSABLE_ENTITY, code: TOO_FEW, message }
    }

    /// Something is there in another form than it must have.
    pub(super) fn malformed(message: String) -> Fault {
        Fault::Unreadable { status: StatusCode::UNPROCESSABLE_ENTITY, code: MALFORMED, message }
    }

    pub(super) fn bad(why: impl Into<String>) -> Fault {
        Fault::Refused { status: StatusCode::BAD_REQUEST, why: why.into() }
    }

    /// It could be done at another time. Alertmanager's clients show the reason for this status, and for no other of its
    /// kind.
    pub(super) fn failed(why: impl Into<String>) -> Fault {
        Fault::Refused { status: StatusCode::INTERNAL_SERVER_ERROR, why: why.into() }
    }

    /// It could be done by another config, or at another time, and is nothing that Alertmanager has words for.
    pub(super) fn unavailable(why: impl Into<String>) -> Fault {
        Fault::Refused { status: StatusCode::SERVICE_UNAVAILABLE, why: why.into() }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Fault::Unreadable { status, code, message } => {
                (status, Json(json!({ "code": code, "message": message }))).into_response()
            }
            Fault::Refused { status, why } => (status, Json(why)).into_response(),
            Fault::Unknown => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

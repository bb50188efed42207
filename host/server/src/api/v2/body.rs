//! The body of a request, as Alertmanager takes it: JSON that says so.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};

use super::fault::Fault;
use tidegate_domain::text::one_line;

/// The bytes of a body of at most `most` bytes.
pub(super) fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>, most: usize) -> Result<Bytes, Fault> {
    let body = body.map_err(|rejection| {
        let why = format!("the body could not be read ({rejection}); at most {most} bytes are taken");
        Fault::unreadable(rejection.status(), why)
    })?;
    // Where there is no body it does not matter what it is said to be.
    if !body.is_empty() {
        is_json(headers)?;
    }
    Ok(body)
}

fn is_json(headers: &HeaderMap) -> Result<(), Fault> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("").trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let why = format!("unsupported media type {:?}, only [application/json] are allowed", one_line(media_type, 100));
    Err(Fault::unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
}

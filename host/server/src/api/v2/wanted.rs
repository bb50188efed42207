//! The body of `POST /api/v2/silences`. What makes a silence valid is for the upstream Alertmanager to say.

use axum::http::StatusCode;
use serde::Deserialize;
use tidegate_domain::time::Timestamp;

use super::fault::Fault;
use super::posted::time;
use crate::alertmanager::{NewSilence, SilenceMatcher};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    id: Option<String>,
    matchers: Option<Vec<WireMatcher>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    created_by: Option<String>,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a matcher")]
struct WireMatcher {
    name: Option<String>,
    value: Option<String>,
    is_regex: Option<bool>,
    is_equal: Option<bool>,
}

/// A silence that somebody wants, whoever that is.
#[derive(Debug)]
pub(super) struct Wanted {
    id: Option<String>,
    matchers: Vec<SilenceMatcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    comment: String,
}

impl Wanted {
    pub(super) fn read(body: &[u8]) -> Result<Wanted, Fault> {
        if body.is_empty() {
            return Err(Fault::missing("silence"));
        }
        let unreadable =
            |why: String| Fault::unreadable(StatusCode::BAD_REQUEST, format!("parsing silence body failed: {why}"));
        // A list of the fields' values in their order would be read as well.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(unreadable("it is not a JSON object".to_owned()));
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
        let comment = wire.comment.ok_or_else(|| Fault::missing("comment"))?;
        wire.created_by.ok_or_else(|| Fault::missing("createdBy"))?;
        let at = |text: Option<String>, field: &str| {
            let text = text.ok_or_else(|| Fault::missing(field))?;
            let read = time(&text).map_err(|error| unreadable(format!("{field}: {error}")))?;
            read.ok_or_else(|| Fault::missing(field))
        };
        let ends_at = at(wire.ends_at, "endsAt")?;
        let matchers = wire.matchers.ok_or_else(|| Fault::missing("matchers"))?;
        let matchers: Vec<SilenceMatcher> =
            matchers.into_iter().enumerate().map(|(at, matcher)| matcher.read(at)).collect::<Result<_, _>>()?;
        if matchers.is_empty() {
            return Err(Fault::too_few("matchers"));
        }
        let starts_at = at(wire.starts_at, "startsAt")?;
        Ok(Wanted { id: wire.id.filter(|id| !id.is_empty()), matchers, starts_at, ends_at, comment })
    }

    /// As this person's.
    pub(super) fn by(self, person: &str) -> NewSilence {
        let Wanted { id, matchers, starts_at, ends_at, comment } = self;
        NewSilence { id, matchers, starts_at, ends_at, created_by: person.to_owned(), comment }
    }
}

impl WireMatcher {
    fn read(self, at: usize) -> Result<SilenceMatcher, Fault> {
        let missing = |field: &str| Fault::missing(&format!("matchers.{at}.{field}"));
        Ok(SilenceMatcher {
            is_regex: self.is_regex.ok_or_else(|| missing("isRegex"))?,
            name: self.name.ok_or_else(|| missing("name"))?,
            value: self.value.ok_or_else(|| missing("value"))?,
            // Older clients do not know of it.
            is_equal: self.is_equal.unwrap_or(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2026-11-23T00:00:00Z",
        "endsAt":"2027-11-23T00:00:00Z","createdBy":"mallory","comment":"c"}"#;

    /// Its status and code.
    fn answered(body: &str) -> (u16, u16) {
        match Wanted::read(body.as_bytes()) {
            Ok(_) => (200, 200),
            Err(Fault::Unreadable { status, code, .. }) => (status.as_u16(), code),
            Err(other) => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn bodies_are_answered_as_alertmanager_does() {
        assert_eq!(answered(GOOD), (200, 200));
        let cases = [
            (r#""comment":"c""#, r#""comment":"""#, (200, 200)),
            (r#""comment":"c""#, r#""comment":"c","more":1"#, (200, 200)),
            (r#""comment":"c""#, r#""comment":null"#, (422, 602)),
            (r#""createdBy""#, r#""made""#, (422, 602)),
            (r#""matchers""#, r#""match""#, (422, 602)),
            (r#"[{"name":"a","value":"b","isRegex":false}]"#, "[]", (422, 612)),
            (r#"[{"name":"a","value":"b","isRegex":false}]"#, "[null]", (400, 400)),
            (r#""name":"a","#, "", (422, 602)),
            (r#","isRegex":false"#, "", (422, 602)),
            (r#""isRegex":false"#, r#""isRegex":"no""#, (400, 400)),
            (r#""startsAt""#, r#""begins""#, (422, 602)),
            ("2027-11-23T00:00:00Z", "tomorrow", (400, 400)),
            ("2027-11-23T00:00:00Z", "0001-01-01T00:00:00Z", (422, 602)),
        ];
        for (from, to, answer) in cases {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(answered(&GOOD.replace(from, to)), answer, "{from} -> {to}");
        }
        for (body, answer) in
            [("", (422, 602)), ("{}", (422, 602)), ("[]", (400, 400)), ("{{", (400, 400)), ("null", (400, 400))]
        {
            assert_eq!(answered(body), answer, "{body}");
        }
    }

    #[test]
    fn it_is_made_by_whoever_asks() {
        let silence = Wanted::read(GOOD.as_bytes()).unwrap().by("alice");
        assert_eq!(silence.created_by, "alice");
        assert!(silence.matchers[0].is_equal);
        assert_eq!(silence.id, None);
    }
}

//! What a token server answers.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

/// Longest error text that is kept.
const MOST_ERROR: usize = 300;
/// Whatever claims to last longer is asked for again by then, which also keeps the arithmetic from overflowing.
const MOST_LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A token that was granted.
#[derive(Debug)]
pub(super) struct Granted {
    /// The whole `Authorization` header.
    pub(super) header: HeaderValue,
    /// For how long it is good, where that was said.
    pub(super) lasts: Option<Duration>,
}

impl Granted {
    /// Reads a successful answer (RFC 6749, section 5.1). Nothing of it is repeated in an error: it may hold a token.
    pub(super) fn read(body: &[u8]) -> Result<Granted, String> {
        let answer: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| format!("its answer is no JSON object (line {}, {:?})", error.line(), error.classify()))?;
        let token = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() {
            return Err("its answer holds no access_token".to_owned());
        }
        let scheme = match answer.get("token_type").and_then(Value::as_str) {
            Some(named) if !named.eq_ignore_ascii_case("bearer") => {
                return Err("its token is of another type than Bearer, which is all that can be sent here".to_owned());
            }
            _ => "Bearer",
        };
        let mut header = HeaderValue::try_from(format!("{scheme} {token}"))
            .map_err(|_| "its access_token holds what no header may hold".to_owned())?;
        header.set_sensitive(true);
        Ok(Granted { header, lasts: answer.get("expires_in").and_then(seconds) })
    }
}

/// A number of seconds, which some write as a text. Zero and less is as good as not said: asking before every request is
/// what nobody means.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    let length = Duration::try_from_secs_f64(seconds).ok().filter(|length| !length.is_zero())?;
    Some(length.min(MOST_LASTS))
}

/// Why it refused, on one line: `error` and `error_description` (section 5.2), or the text. As long as the answer.
pub(super) fn refusal(body: &[u8]) -> String {
    let told = serde_json::from_slice::<Map<String, Value>>(body).ok();
    let text = |key: &str| told.as_ref()?.get(key)?.as_str().map(str::to_owned);
    let said = match (text("error"), text("error_description")) {
        (Some(error), Some(more)) => format!("{error}: {more}"),
        (Some(error), None) => error,
        (None, _) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_empty() { "(nothing more)".to_owned() } else { line }
}

/// As much of it as is kept.
pub(super) fn shortened(said: &str) -> String {
    said.chars().take(MOST_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_in_the_forms_they_come_in() {
        for (body, header, lasts) in [
            (r#"{"access_token":"t","token_type":"bearer","expires_in":3600}"#, "Bearer t", Some(3600)),
            (r#"{"access_token":"t","token_type":"BEARER","expires_in":"60"}"#, "Bearer t", Some(60)),
            (r#"{"access_token":"t","scope":"a b","more":{"x":1}}"#, "Bearer t", None),
            (r#"{"access_token":"t","expires_in":0}"#, "Bearer t", None),
            (r#"{"access_token":"t","expires_in":-1}"#, "Bearer t", None),
            (r#"{"access_token":"t","expires_in":1e300}"#, "Bearer t", None),
            (r#"{"access_token":"t","expires_in":1e15}"#, "Bearer t", Some(365 * 86_400)),
        ] {
            let granted = Granted::read(body.as_bytes()).unwrap();
            assert_eq!(granted.header, header, "{body}");
            assert_eq!(granted.lasts.map(|lasts| lasts.as_secs()), lasts, "{body}");
            assert!(granted.header.is_sensitive());
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"token":"hush"}"#,
            r#"{"access_token":"hush\nhush"}"#,
            r#"{"access_token":"hush","token_type":"mac"}"#,
            r#"{"access_token":"hush""#,
        ] {
            let error = Granted::read(body.as_bytes()).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn refusals_are_one_short_line() {
        assert_eq!(refusal(br#"{"error":"invalid_client"}"#), "invalid_client");
        let described = br#"{"error":"invalid_scope","error_description":"no\nsuch"}"#;
        assert_eq!(refusal(described), "invalid_scope: no such");
        assert_eq!(refusal(b" plain\n"), "plain");
        assert_eq!(refusal(b""), "(nothing more)");
        assert_eq!(shortened(&refusal(&[b'x'; 9000])).len(), MOST_ERROR);
    }
}

//! Does a request come from Slack, and for the first time? HMAC-SHA256 over the raw bytes, as Slack documents it.
//!
//! A signature proves who wrote the bytes and when, not that they are new: whoever overheard them can send them once
//! more. So every one that was taken is remembered for as long as it would be good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tidegate_domain::time::Timestamp;

use crate::hex::unhex;
use crate::http_client::Secret;

/// How far the time of a request may be from now, on both sides. Slack's own libraries allow as much.
pub(super) const TOLERANCE: Duration = Duration::from_secs(300);
/// More are never remembered. Only Slack can make one count, and it sends a few a second at the very most.
const MOST_SEEN: usize = 10_000;

/// Why a request does not count as Slack's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSlack {
    /// A header is missing, there twice, or not as Slack writes it.
    #[error("X-Slack-Request-Timestamp and X-Slack-Signature are not there, or not as Slack writes them")]
    Headers,
    /// It is too old, or from the future.
    #[error("its time is more than five minutes from this host's: is a clock wrong?")]
    Stale,
    /// The signature is another's.
    #[error("the signature does not match: is signing_secret in [slack] the app's own?")]
    Signature,
}

/// A signature that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    /// When Slack says that it wrote the request.
    pub(super) at: Timestamp,
    /// The signature.
    pub(super) mac: String,
}

/// Checks a request by its two headers and its body, byte for byte.
pub(super) fn verify(
    secret: &Secret,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<Signed, NotSlack> {
    // Digits alone: what is signed is this text, and a number could be written in more than one way.
    let digits = !timestamp.is_empty() && timestamp.len() <= 12 && timestamp.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(NotSlack::Headers)?;
    let mac = signature.strip_prefix("v0=").and_then(bytes_of).ok_or(NotSlack::Headers)?;
    let mut expected = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| NotSlack::Signature)?;
    expected.update(format!("v0:{timestamp}:").as_bytes());
    expected.update(body);
    // In constant time.
    expected.verify_slice(&mac).map_err(|_| NotSlack::Signature)?;
    let at = Timestamp(seconds.saturating_mul(1000));
    if at.0.abs_diff(now.0) > TOLERANCE.as_millis() as u64 {
        return Err(NotSlack::Stale);
    }
    Ok(Signed { at, mac: signature.to_owned() })
}

/// 32 bytes from 64 lower-case hexadecimal digits.
fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    unhex(digits).filter(|_| !digits.contains(|c: char| c.is_ascii_uppercase()))
}

/// What was taken already. Bounded.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// By when each may be forgotten.
    by_end: BTreeSet<(Timestamp, String)>,
    ends: BTreeMap<String, Timestamp>,
}

impl Seen {
    /// True for the first time, and remembers it until `end`.
    pub(super) fn is_new(&self, name: &str, end: Timestamp, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some((end, name)) = seen.by_end.first().cloned() {
            if end >= now && seen.ends.len() < MOST_SEEN {
                break;
            }
            seen.by_end.pop_first();
            seen.ends.remove(&name);
        }
        if seen.ends.contains_key(name) {
            return false;
        }
        seen.ends.insert(name.to_owned(), end);
        seen.by_end.insert((end, name.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::SecretSource;

    /// Slack's published example.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIMESTAMP: &str = "1531420618";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
        &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    fn secret(text: &str) -> Secret {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), text).unwrap();
        SecretSource::File(folder.path().join("secret")).read().unwrap()
    }

    fn check(timestamp: &str, signature: &str, body: &str, now: i64) -> Result<(), NotSlack> {
        verify(&secret(SECRET), timestamp, signature, body.as_bytes(), Timestamp(now * 1000)).map(drop)
    }

    #[test]
    fn slacks_own_example_passes_and_nothing_else() {
        let now = 1_531_420_618;
        assert_eq!(check(TIMESTAMP, SIGNATURE, BODY, now), Ok(()));
        let other = SIGNATURE.replace("v0=a2", "v0=a3");
        assert_eq!(check(TIMESTAMP, &other, BODY, now), Err(NotSlack::Signature));
        assert_eq!(check("1531420619", SIGNATURE, BODY, now), Err(NotSlack::Signature));
        assert_eq!(check(TIMESTAMP, SIGNATURE, &BODY.replace("U2C", "U2D"), now), Err(NotSlack::Signature));
        assert_eq!(check(TIMESTAMP, SIGNATURE, &format!("{BODY}&"), now), Err(NotSlack::Signature));
        let another = verify(&secret("another"), TIMESTAMP, SIGNATURE, BODY.as_bytes(), Timestamp(now * 1000));
        assert_eq!(another, Err(NotSlack::Signature));
    }

    #[test]
    fn five_minutes_are_too_old_and_too_young() {
        let at = 1_531_420_618;
        for (now, counts) in [(at + 300, true), (at + 301, false), (at - 300, true), (at - 301, false)] {
            let expected = if counts { Ok(()) } else { Err(NotSlack::Stale) };
            assert_eq!(check(TIMESTAMP, SIGNATURE, BODY, now), expected);
        }
    }

    #[test]
    fn headers_are_as_slack_writes_them_or_nothing() {
        let now = 1_531_420_618;
        for timestamp in ["", " 1531420618", "+1531420618", "1531420618.0", "99999999999999999999", "-1"] {
            assert_eq!(check(timestamp, SIGNATURE, BODY, now), Err(NotSlack::Headers), "{timestamp:?}");
        }
        let upper = SIGNATURE.to_uppercase();
        for signature in ["", "v0=", "v0=a211", &SIGNATURE[3..], &upper, &format!("{SIGNATURE}00"), "v0=ä"] {
            assert_eq!(check(TIMESTAMP, signature, BODY, now), Err(NotSlack::Headers), "{signature:?}");
        }
    }

    #[test]
    fn what_was_taken_is_known_until_it_would_not_count_any_more() {
        let seen = Seen::default();
        assert!(seen.is_new("a", Timestamp(10), Timestamp(0)));
        assert!(!seen.is_new("a", Timestamp(10), Timestamp(10)));
        assert!(seen.is_new("b", Timestamp(10), Timestamp(10)));
        assert!(seen.is_new("a", Timestamp(20), Timestamp(11)));
        for number in 0..3 * MOST_SEEN {
            assert!(seen.is_new(&number.to_string(), Timestamp(100), Timestamp(11)));
        }
        assert!(seen.0.lock().unwrap().ends.len() <= MOST_SEEN);
        assert!(!seen.is_new(&(3 * MOST_SEEN - 1).to_string(), Timestamp(100), Timestamp(11)));
    }
}

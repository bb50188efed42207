//! Sessions: who is logged in at which browser. In memory only, and only digests of what the browsers hold: a restart logs
//! everybody out, and a dump of the memory logs nobody in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hex::hex;

/// A session that nobody has used for this long is over: a shift that has gone home.
const IDLE: Duration = Duration::from_secs(8 * 60 * 60);
/// No session lasts longer, used or not.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How many browsers one person may be logged in at; the one used longest ago is logged out for a new one.
const MOST_OF_ONE: usize = 10;
/// How many pages of one session hear of changes at once. Browsers keep some six connections to one host.
const MOST_LISTENING: u32 = 16;

/// What a browser holds: 256 random bits.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    /// # Errors
    ///
    /// Where the system has no random bits to give.
    pub(super) fn new() -> Result<Secret, getrandom::Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)?;
        Ok(Secret(hex(&bits)))
    }

    /// From a cookie, where it can be one.
    pub(super) fn parse(text: &str) -> Option<Secret> {
        let is_one = text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Secret(text.to_owned()))
    }

    /// For the cookie.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// What the forms of its pages hold. Follows from the secret, and the secret not from it.
    pub(super) fn form_token(&self) -> String {
        hex(&Sha256::digest(format!("tidegate form {}", self.0)))
    }

    /// True for the token that the forms of its pages hold.
    pub(super) fn is_form_token(&self, given: &str) -> bool {
        self.form_token().as_bytes().ct_eq(given.as_bytes()).into()
    }

    fn key(&self) -> Key {
        Key(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// What a session is known by in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

/// The digest of the token that somebody has logged in with: when the config has another one, the session is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &str) -> TokenDigest {
        TokenDigest(Sha256::digest(token.as_bytes()).into())
    }

    pub(super) fn is_of(&self, token: &str) -> bool {
        self.0.ct_eq(&TokenDigest::of(token).0).into()
    }
}

/// A line that the next page shows once: what came of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flash {
    pub(super) good: bool,
    pub(super) text: String,
}

/// All who are logged in. How many is bounded by how many people the config knows.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<Key, Session>>);

#[derive(Debug)]
struct Session {
    name: String,
    token: TokenDigest,
    begun: Instant,
    used: Instant,
    flash: Option<Flash>,
    listening: u32,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.used) >= IDLE || now.duration_since(self.begun) >= LONGEST
    }
}

impl Sessions {
    /// Somebody has proved who they are.
    pub(super) fn begin(&self, secret: &Secret, name: &str, token: TokenDigest, now: Instant) {
        let mut sessions = self.lock();
        sessions.retain(|_, session| !session.is_over(now));
        let mut own: Vec<(Instant, Key)> =
            sessions.iter().filter(|(_, s)| s.name == name).map(|(key, s)| (s.used, *key)).collect();
        own.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in own.iter().take((own.len() + 1).saturating_sub(MOST_OF_ONE)) {
            sessions.remove(key);
        }
        let session = Session { name: name.to_owned(), token, begun: now, used: now, flash: None, listening: 0 };
        sessions.insert(secret.key(), session);
    }

    /// Whose session this is, unless it is over. `holds` says whether that person still has that token. What a page does by
    /// itself is no use of the session: an open tab must not keep it for ever.
    pub(super) fn find(
        &self,
        secret: &Secret,
        by_itself: bool,
        now: Instant,
        holds: impl FnOnce(&str, &TokenDigest) -> bool,
    ) -> Option<(Key, String)> {
        let (key, mut sessions) = (secret.key(), self.lock());
        let session = sessions.get_mut(&key)?;
        if session.is_over(now) || !holds(&session.name, &session.token) {
            sessions.remove(&key);
            return None;
        }
        if !by_itself {
            session.used = now;
        }
        Some((key, session.name.clone()))
    }

    /// As [`Self::find`], by what the session is known by.
    pub(super) fn lasts(&self, key: Key, now: Instant, holds: impl FnOnce(&str, &TokenDigest) -> bool) -> bool {
        self.lock().get(&key).is_some_and(|session| !session.is_over(now) && holds(&session.name, &session.token))
    }

    pub(super) fn end(&self, key: Key) {
        self.lock().remove(&key);
    }

    /// For the next page of this session.
    pub(super) fn flash(&self, key: Key, flash: Flash) {
        if let Some(session) = self.lock().get_mut(&key) {
            session.flash = Some(flash);
        }
    }

    /// What the next page shows, once.
    pub(super) fn take_flash(&self, key: Key) -> Option<Flash> {
        self.lock().get_mut(&key)?.flash.take()
    }

    /// One more page of this session hears of changes; false where too many do.
    pub(super) fn listen(&self, key: Key) -> bool {
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(&key).filter(|session| session.listening < MOST_LISTENING) else {
            return false;
        };
        session.listening += 1;
        true
    }

    /// One page less.
    pub(super) fn leave(&self, key: Key) {
        if let Some(session) = self.lock().get_mut(&key) {
            session.listening = session.listening.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        // What is in there is whole at any moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-that-only-alice-knows";

    fn begun(sessions: &Sessions, name: &str, now: Instant) -> Secret {
        let secret = Secret::new().unwrap();
        sessions.begin(&secret, name, TokenDigest::of(TOKEN), now);
        secret
    }

    fn whose(sessions: &Sessions, secret: &Secret, now: Instant) -> Option<String> {
        sessions.find(secret, false, now, |_, token| token.is_of(TOKEN)).map(|(_, name)| name)
    }

    #[test]
    fn a_session_is_found_by_its_secret_and_by_no_other() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let secret = begun(&sessions, "alice", now);
        assert_eq!(whose(&sessions, &secret, now).as_deref(), Some("alice"));
        assert_eq!(whose(&sessions, &Secret::new().unwrap(), now), None);
        let held = format!("{sessions:?}");
        assert!(!held.contains(secret.expose()) && !held.contains(TOKEN), "only digests are kept");
    }

    #[test]
    fn it_ends_when_it_is_left_alone_and_after_a_day_in_any_case() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let secret = begun(&sessions, "alice", now);
        assert!(whose(&sessions, &secret, now + IDLE - Duration::from_secs(1)).is_some());
        assert!(whose(&sessions, &secret, now + IDLE + IDLE - Duration::from_secs(2)).is_some(), "it was used");
        assert!(whose(&sessions, &secret, now + LONGEST).is_none());

        let secret = begun(&sessions, "alice", now);
        let just_before = now + IDLE - Duration::from_secs(1);
        assert!(sessions.find(&secret, true, just_before, |_, _| true).is_some());
        assert!(whose(&sessions, &secret, now + IDLE).is_none(), "a tab that is open is nobody at work");
    }

    #[test]
    fn it_ends_with_the_token_and_the_person() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let secret = begun(&sessions, "alice", now);
        assert!(sessions.find(&secret, false, now, |_, token| token.is_of("another")).is_none());
        assert!(whose(&sessions, &secret, now).is_none(), "for good");
    }

    #[test]
    fn nobody_is_logged_in_at_more_than_a_few_places() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let bob = begun(&sessions, "bob", now);
        let first = begun(&sessions, "alice", now);
        let second = begun(&sessions, "alice", now + Duration::from_secs(1));
        assert!(whose(&sessions, &first, now + Duration::from_secs(2)).is_some());
        for n in 0..MOST_OF_ONE as u64 - 1 {
            begun(&sessions, "alice", now + Duration::from_secs(3 + n));
        }
        let later = now + Duration::from_secs(60);
        assert!(whose(&sessions, &second, later).is_none(), "the one used longest ago");
        assert!(whose(&sessions, &first, later).is_some());
        assert!(whose(&sessions, &bob, later).is_some(), "others are none of hers");
    }

    #[test]
    fn a_flash_is_shown_once_and_to_its_own_session() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (alice, bob) = (begun(&sessions, "alice", now), begun(&sessions, "bob", now));
        let flash = Flash { good: true, text: "approved".to_owned() };
        sessions.flash(alice.key(), flash.clone());
        assert_eq!(sessions.take_flash(bob.key()), None);
        assert_eq!(sessions.take_flash(alice.key()), Some(flash));
        assert_eq!(sessions.take_flash(alice.key()), None);
    }

    #[test]
    fn few_pages_of_one_session_listen() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let key = begun(&sessions, "alice", now).key();
        assert_eq!((0..100).filter(|_| sessions.listen(key)).count(), MOST_LISTENING as usize);
        sessions.leave(key);
        assert!(sessions.listen(key) && !sessions.listen(key));
        sessions.end(key);
        assert!(!sessions.listen(key));
        assert!(!sessions.lasts(key, now, |_, _| true));
    }

    #[test]
    fn forms_hold_what_only_their_session_can_give() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert!(one.is_form_token(&one.form_token()));
        for wrong in [other.form_token(), String::new(), one.expose().to_owned(), one.form_token()[1..].to_owned()] {
            assert!(!one.is_form_token(&wrong));
        }
    }

    #[test]
    fn only_a_secret_is_a_secret() {
        let secret = Secret::new().unwrap();
        assert!(Secret::parse(secret.expose()).is_some());
        for other in ["", "abc", &"A".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            assert!(Secret::parse(other).is_none(), "{other}");
        }
    }
}

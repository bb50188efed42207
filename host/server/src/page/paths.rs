//! The pages that somebody may be sent to after a form: pages of this host and nothing else.

use tidegate_domain::event::{IncidentId, RequestId};

/// Where a form or a login was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    pub(super) fn front() -> Place {
        Place("/".to_owned())
    }

    pub(super) fn guests() -> Place {
        Place("/guests".to_owned())
    }

    pub(super) fn incident(id: &IncidentId) -> Place {
        Place(format!("/incidents/{id}"))
    }

    pub(super) fn request(id: &RequestId) -> Place {
        Place(format!("/requests/{id}"))
    }

    /// What a form or an address says, where it is one of the pages. A browser is sent there, so nothing else passes: not
    /// `//host`, not `/\host`, no escape of any kind.
    pub(super) fn parse(text: &str) -> Option<Place> {
        let is_name = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            (1..=64).contains(&name.len()) && name.chars().all(plain)
        };
        let known = match text.split_once('/')? {
            ("", "" | "guests") => true,
            ("", rest) => match rest.split_once('/') {
                Some(("incidents" | "requests", name)) => is_name(name),
                None => rest.strip_prefix("?before=").is_some_and(is_name),
                Some(_) => false,
            },
            _ => false,
        };
        known.then(|| Place(text.to_owned()))
    }

    pub(super) fn path(&self) -> &str {
        &self.0
    }

    /// The login page that leads here.
    pub(super) fn login(&self) -> String {
        match self.0.as_str() {
            "/" => "/login".to_owned(),
            // None of the characters that a place can have means anything in a query but these.
            path => format!("/login?next={}", path.replace('?', "%3F").replace('=', "%3D")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_host_are_places() {
        for own in ["/", "/guests", "/incidents/i7", "/requests/r12-9f3a", "/?before=i30"] {
            assert_eq!(Place::parse(own).as_ref().map(Place::path), Some(own));
        }
        for other in [
            "",
            "guests",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "/%2F/evil.example",
            "/requests/",
            "/requests/../logout",
            "/requests/a/b",
            "/requests/a?x=//evil",
            "/incidents/i1\r\nSet-Cookie: x",
            "/login",
            "/events",
            "/?before=",
            "/?next=//evil",
        ] {
            assert_eq!(Place::parse(other), None, "{other:?}");
        }
        assert_eq!(Place::parse(&format!("/requests/{}", "a".repeat(65))), None);
    }

    #[test]
    fn a_login_knows_where_it_leads() {
        assert_eq!(Place::front().login(), "/login");
        assert_eq!(Place::parse("/requests/r1-ab").unwrap().login(), "/login?next=/requests/r1-ab");
        assert_eq!(Place::parse("/?before=i3").unwrap().login(), "/login?next=/%3Fbefore%3Di3");
    }
}

//! What a config grants one guest beyond data in, data out, and the log.

use std::collections::BTreeSet;

/// The names of the imported interfaces granted to a guest, for example `host-metrics`.
///
/// `host-log` is granted to every guest and need not be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(BTreeSet<&'static str>);

/// A grant that this host does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no grant {name:?}; grants are: {}", Grants::KNOWN.join(", "))]
pub struct UnknownGrant {
    /// The name that was asked for.
    pub name: String,
}

impl Grants {
    /// Every grant that there is.
    pub const KNOWN: &[&str] = &[Self::HOST_METRICS];

    /// Queries to Prometheus. For policies alone: a detector that could ask would be no pure fold.
    pub const HOST_METRICS: &str = "host-metrics";

    /// Nothing beyond the log.
    pub fn none() -> Self {
        Self::default()
    }

    /// The grants of these names.
    ///
    /// # Errors
    ///
    /// The first name that is none of [`Grants::KNOWN`].
    pub fn parse<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, UnknownGrant> {
        names
            .into_iter()
            .map(|name| {
                let name = name.as_ref();
                let known = Self::KNOWN.iter().find(|known| **known == name);
                known.copied().ok_or_else(|| UnknownGrant { name: name.to_owned() })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `name` is granted.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Grants;

    #[test]
    fn nothing_is_granted_that_was_not_named() {
        assert!(!Grants::none().contains("host-metrics"));
        let named = Grants::parse(["host-metrics"]).expect("a known grant");
        assert!(named.contains("host-metrics"));
        assert!(!named.contains("host-log"));
    }

    #[test]
    fn a_misspelt_grant_is_an_error() {
        for name in ["host-metric", "", "*", "Host-Metrics"] {
            let error = Grants::parse(["host-metrics", name]).expect_err("an unknown grant");
            assert_eq!(error.name, name);
            assert!(error.to_string().contains("host-metrics"));
        }
    }
}

//! Label sets, and the matchers that select them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod matcher;

pub use matcher::{Matcher, MatcherError};

/// The labels of a series, an alert or a group: unique names, sorted. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Labels in any order; of a name given twice the last value counts.
    pub fn new<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Labels {
        let sorted: BTreeMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Labels(sorted.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// No label at all.
    #[must_use]
    pub fn empty() -> Labels {
        Labels(Arc::new([]))
    }

    /// The value of one label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Name and value of each label, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// True when there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the labels named, where present.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Labels {
        Labels(self.0.iter().filter(|(name, _)| names.iter().any(|n| **n == **name)).cloned().collect())
    }

    /// The labels on which both agree.
    #[must_use]
    pub fn common(&self, other: &Labels) -> Labels {
        Labels(self.0.iter().filter(|(name, value)| other.get(name) == Some(value)).cloned().collect())
    }

    /// True when one names the other or a part of it: `{service="a"}` and `{service="a", pod="x"}`. As targets, they
    /// must not be repaired at the same time.
    #[must_use]
    pub fn overlaps(&self, other: &Labels) -> bool {
        self.within(other) || other.within(self)
    }

    /// True when every label of this set is in `other` with the same value.
    #[must_use]
    pub fn within(&self, other: &Labels) -> bool {
        self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

/// As PromQL writes a selector: `{a="1", b="2"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
        BTreeMap::<String, String>::deserialize(from).map(Labels::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_compare_by_content() {
        let one = Labels::new([("b", "2"), ("a", "1")]);
        let two = Labels::new([("a", "1"), ("b", "3")]);
        assert_eq!(one.to_string(), r#"{a="1", b="2"}"#);
        assert_eq!(one.common(&two), Labels::new([("a", "1")]));
        assert!(one.common(&two).within(&one));
        assert!(!one.within(&two));
        assert!(one.overlaps(&one.common(&two)) && one.common(&two).overlaps(&one));
        assert!(!one.overlaps(&two));
        assert_eq!(one.only(&["b".into(), "c".into()]), Labels::new([("b", "2")]));
    }
}

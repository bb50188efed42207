//! What is asked of the Alertmanagers.

use tidegate_domain::time::Timestamp;

use super::Selector;
use crate::alertmanager::{Fleet, NewSilence, SilenceMatcher};

/// Makes the silence; returned are its names, one for each cluster, and where it could not be made. The error is for where
/// nobody made it.
pub(super) async fn make(
    fleet: &Fleet,
    selectors: &[Selector],
    (starts_at, ends_at): (Timestamp, Timestamp),
    by: &str,
    comment: String,
) -> Result<(Vec<String>, Vec<String>), String> {
    let matcher = |selector: &Selector| SilenceMatcher {
        name: selector.name.clone(),
        value: selector.value.clone(),
        is_regex: selector.is_regex,
        is_equal: true,
    };
    let matchers = selectors.iter().map(matcher).collect();
    let wanted = NewSilence { id: None, matchers, starts_at, ends_at, created_by: by.to_owned(), comment };
    let (made, missed) = fleet.silence_and_tell(&wanted).await.map_err(|error| error.to_string())?;
    Ok((made.into_iter().map(|made| made.id).collect(), missed))
}

/// Ends a silence. One that has ended already, or that nobody remembers, is ended as well.
pub(super) async fn end(fleet: &Fleet, id: &str) -> Result<(), String> {
    fleet.expire(id).await.map(drop).map_err(|error| error.to_string())
}

//! What the pipeline must know of the book: which groups are in trouble, and which are being repaired.

use std::collections::HashMap;

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{Evidence, MemberEnd, Origin};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;
use tidegate_domain::time::Timestamp;

/// What the book says of one watch.
#[derive(Clone, Debug, Default)]
pub struct BookView {
    /// Anomalies, by the labels of their group.
    pub open: HashMap<Labels, OpenGroup>,
    /// Groups with an open incident for their absence, and when they were last seen before it.
    pub absent: HashMap<Labels, Timestamp>,
    /// When the trouble of a group, or of a series of it, last ended, by the host's clock. After a crash the table may be
    /// older than that: then the samples up to there are folded again, and the end of the trouble is found again. Only what
    /// ended later than the oldest sample that is judged.
    pub ended: HashMap<Labels, Timestamp>,
}

/// One open incident.
#[derive(Clone, Debug)]
pub struct OpenGroup {
    /// A repair has been tried: from then on both sides count.
    pub repaired: bool,
    /// A repair is being verified: the group's health is wanted.
    pub verifying: bool,
    /// Its severity.
    pub severity: Severity,
    /// The series that are still in trouble.
    pub members: HashMap<Labels, Evidence>,
    /// True where a series of it is gone for good: nobody can say that it is well.
    pub vanished: bool,
}

impl BookView {
    /// What the book says of one watch, for a cycle whose samples are not older than `from`. Trouble that ended before is
    /// nothing to them, and there is ever more of it.
    #[must_use]
    pub fn of(book: &Book, watch: &str, from: Timestamp) -> BookView {
        let mut view = BookView::default();
        for incident in book.open_incidents().chain(book.closed_since(from)) {
            match &incident.origin {
                Origin::Anomaly { watch: name, group } if name == watch => {
                    let members = incident.members.values().filter_map(|member| member.ended);
                    if let Some(at) = members.map(|(at, _)| at).chain(incident.closed.map(|(at, _)| at)).max() {
                        let last = view.ended.entry(group.clone()).or_insert(at);
                        *last = at.max(*last);
                    }
                    if incident.is_open() {
                        view.open.insert(group.clone(), OpenGroup::of(book, incident));
                    }
                }
                Origin::Absence { watch: name, group } if name == watch && incident.is_open() => {
                    view.absent.insert(group.clone(), incident.since);
                }
                _ => {}
            }
        }
        view
    }
}

impl OpenGroup {
    fn of(book: &Book, incident: &Incident) -> OpenGroup {
        let members = incident.members.iter().filter(|(_, member)| member.ended.is_none());
        OpenGroup {
            repaired: book.requests_of(incident).any(|request| request.started_at().is_some()),
            verifying: book.verifying(incident).is_some(),
            severity: incident.severity,
            members: members.map(|(series, member)| (series.clone(), member.evidence.clone())).collect(),
            vanished: incident.members.values().any(|m| matches!(m.ended, Some((_, MemberEnd::Vanished)))),
        }
    }
}

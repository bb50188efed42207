//! What the pipeline must know of the book: which groups are in trouble, and which are being repaired.

use std::collections::{HashMap, HashSet};

use tidegate_domain::book::Book;
use tidegate_domain::event::{Evidence, Origin};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;

/// The open incidents of one watch.
#[derive(Clone, Debug, Default)]
pub struct BookView {
    /// Anomalies, by the labels of their group.
    pub open: HashMap<Labels, OpenGroup>,
    /// Groups with an open incident for their absence.
    pub absent: HashSet<Labels>,
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
}

impl BookView {
    /// What the book says of one watch.
    #[must_use]
    pub fn of(book: &Book, watch: &str) -> BookView {
        let mut view = BookView::default();
        for incident in book.open_incidents() {
            match &incident.origin {
                Origin::Anomaly { watch: name, group } if name == watch => {
                    let members = incident.members.iter().filter(|(_, member)| member.ended.is_none());
                    view.open.insert(
                        group.clone(),
                        OpenGroup {
                            repaired: book.requests_of(incident).any(|request| request.started_at().is_some()),
                            verifying: book.verifying(incident).is_some(),
                            severity: incident.severity,
                            members: members
                                .map(|(series, member)| (series.clone(), member.evidence.clone()))
                                .collect(),
                        },
                    );
                }
                Origin::Absence { watch: name, group } if name == watch => {
                    view.absent.insert(group.clone());
                }
                _ => {}
            }
        }
        view
    }
}

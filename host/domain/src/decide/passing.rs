//! What passes without a person, and when.

use super::{Context, autonomy};
use crate::book::{Approval, Incident, Run};
use crate::event::{Origin, ResolvedAction, RunResult};
use crate::rules::{Mode, Severity};
use crate::terms::Terms;

/// How an approval came about without a person.
pub(super) struct Pass {
    /// The higher of severity and risk.
    pub(super) level: Severity,
    /// Up to where the config lets pass.
    pub(super) limit: Severity,
    /// Where the action has proved itself: how many verified fixes in a row it had.
    pub(super) earned: Option<u32>,
}

/// In mode `auto`, and nowhere else: the higher of the severity and the action's risk decides, and above that whether the
/// action has proved itself. A person's no, a run whose outcome nobody knows, and one that did not help put a person
/// back in charge of the incident.
pub(super) fn by_itself(
    context: &Context<'_>,
    incident: &Incident,
    action: &ResolvedAction,
    terms: &Terms,
) -> Option<Pass> {
    let in_doubt = context.book.requests_of(incident).any(|earlier| {
        let ran = matches!(&earlier.run, Run::Finished { result, .. } if *result != RunResult::DryRun);
        ran || matches!(earlier.approval, Approval::Denied { .. })
    });
    if !is_auto(context, incident) || in_doubt {
        return None;
    }
    let level = incident.severity.max(action.risk);
    if level <= terms.auto_approve {
        return Some(Pass { level, limit: terms.auto_approve, earned: None });
    }
    let autonomy = terms.autonomy.as_ref().filter(|autonomy| level <= autonomy.up_to)?;
    let standing = autonomy::standing(context, incident, action, autonomy);
    standing.is_earned().then_some(Pass { level, limit: autonomy.up_to, earned: Some(standing.fixes) })
}

/// Was it opened in mode `auto`, and does the config still say so? Whoever has taken `auto` away wants to be asked from now
/// on, about what is open as well.
pub(super) fn is_auto(context: &Context<'_>, incident: &Incident) -> bool {
    let now = match &incident.origin {
        Origin::Anomaly { watch, .. } | Origin::Absence { watch, .. } => {
            context.rules.watches.get(watch).map(|watch| watch.mode)
        }
        Origin::Alert { route, .. } => context.rules.routes.iter().find(|r| r.name == *route).map(|route| route.mode),
    };
    incident.mode == Mode::Auto && now == Some(Mode::Auto)
}

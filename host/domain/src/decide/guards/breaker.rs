//! The circuit breaker: what did not help several times in a row is not the cure, on whatever target it is tried next.

use super::over_by;
use crate::book::Request;
use crate::decide::Context;
use crate::event::Guard;
use crate::rules::Action;
use crate::time::Timestamp;

/// Open for so long after the last of them. Then one run is let through, and only one at a time, to see.
pub(super) fn open(context: &Context<'_>, action: &Action, under_repair: &[&Request]) -> Option<Guard> {
    let breaker = action.breaker.as_ref()?;
    let unhelpful = context.book.ends_of(&action.name).take_while(|(_, request)| !request.is_fixed());
    // A fix that was taken back counts from then on, so the last one is not always the latest.
    let (runs, last) = unhelpful.fold((0_u32, Timestamp::MIN), |(runs, last), (at, _)| (runs + 1, last.max(at)));
    if runs < breaker.after {
        return None;
    }
    let until = last.plus(breaker.reset);
    if context.now < until {
        return Some(Guard::CircuitOpen { runs, until });
    }
    let trial = under_repair.iter().find(|r| r.proposal.action.name == action.name && !r.proposal.action.dry_run)?;
    Some(Guard::CircuitOpen { runs, until: over_by(context, trial) })
}

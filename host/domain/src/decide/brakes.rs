//! The storm brake: when many things break at once, the cause is larger than any one repair.

use super::Context;
use crate::event::Fact;

/// How often a storm that goes on is noted again.
const CONTINUE_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Called when incidents open: is one of them one too many?
pub(super) fn count(context: &Context<'_>, opening: usize) -> Option<Fact> {
    let brake = &context.rules.storm;
    let latest_first = context.book.index.opened.iter().rev().filter_map(|id| context.book.incident(id));
    let recent =
        latest_first.take_while(|i| context.now.since(i.opened_at) <= brake.window).take(brake.incidents).count();
    // Those that are being opened are not in the book yet.
    if context.book.storm.is_some() || opening == 0 || recent + opening <= brake.incidents {
        return None;
    }
    let window = crate::time::format_duration(brake.window);
    Some(Fact::StormStarted { reason: format!("more than {} incidents within {window}", brake.incidents) })
}

/// How much of one watch is anomalous.
pub(super) fn share(context: &Context<'_>, watch: &str, anomalous: usize, total: usize) -> Vec<Fact> {
    let brake = &context.rules.storm;
    if total < brake.min_groups || !exceeds(anomalous, total, brake.share) {
        return Vec::new();
    }
    feed(context, format!("{anomalous} of {total} groups of watch {watch} anomalous at once"))
}

/// How much of Prometheus' targets is down.
pub(super) fn targets(context: &Context<'_>, down: usize, total: usize) -> Vec<Fact> {
    let brake = &context.rules.storm;
    if total < brake.min_groups || !exceeds(down, total, brake.share) {
        return Vec::new();
    }
    feed(context, format!("{down} of {total} Prometheus targets down"))
}

fn exceeds(part: usize, total: usize, share: f64) -> bool {
    part as f64 > total as f64 * share
}

fn feed(context: &Context<'_>, reason: String) -> Vec<Fact> {
    match &context.book.storm {
        None => vec![Fact::StormStarted { reason }],
        Some(storm) if context.now.since(storm.fed_at) >= CONTINUE_EVERY => {
            vec![Fact::StormContinued {}]
        }
        Some(_) => Vec::new(),
    }
}

/// Called as time goes by: has it been quiet for long enough?
pub(super) fn calm_down(context: &Context<'_>) -> Option<Fact> {
    let storm = context.book.storm.as_ref()?;
    (context.now.since(storm.fed_at) >= context.rules.storm.quiet).then_some(Fact::StormEnded {})
}

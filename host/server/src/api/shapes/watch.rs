//! A watch as the API shows it.

use serde_json::{Map, Value, json};
use tidegate_domain::number::Number;
use tidegate_domain::rules::Mode;
use tidegate_domain::time::format_duration;

use crate::clock::rfc3339;
use crate::overview::{Look, WatchOverview};

/// One watch, with what it saw in its last cycle.
pub(in crate::api) fn watch(watch: &WatchOverview) -> Value {
    let mode = match watch.mode {
        Mode::Observe => "observe",
        Mode::Ask => "ask",
        Mode::Auto => "auto",
    };
    let cold = &watch.cold_start;
    json!({
        "name": watch.name,
        "expr": watch.expr,
        "mode": mode,
        "interval": format_duration(watch.interval),
        "detectors": watch.detectors,
        "cold_start": {
            "history": format_duration(cold.history),
            "above": cold.above.map(Number),
            "below": cold.below.map(Number),
        },
        "known_events": watch.known_events,
        "error": watch.error.as_ref().map(|(since, why)| json!({ "since": rfc3339(*since), "why": why })),
        "last_cycle": watch.look.as_ref().map(look),
    })
}

fn look(look: &Look) -> Value {
    let young = look.young.map(|young| {
        json!({
            "series": young.series,
            "since": rfc3339(young.oldest.since),
            "first_until": rfc3339(young.oldest.until),
            "until": rfc3339(young.youngest.until),
            "so_far": young.so_far(look.upto),
        })
    });
    let events = look
        .events
        .iter()
        .map(|(event, series)| (event.clone(), json!({ "judged": series.known, "learning": series.learning })));
    json!({
        "at": rfc3339(look.at),
        "upto": rfc3339(look.upto),
        "series": look.series,
        "known_series": look.known,
        "young": young,
        "awaiting_history": look.awaiting_history,
        "absent_groups": look.absent_groups,
        "normal": look.normal,
        "anomalous": look.anomalous,
        "unjudged": look.unjudged,
        "events": events.collect::<Map<_, _>>(),
    })
}

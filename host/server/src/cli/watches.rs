//! `watch list`: what is watched, and what judges it now.

use super::Output;
use super::client::Client;
use super::exit::Failure;
use super::found::number;
use super::show::print;
use super::table::columns;
use super::wire::{Bounds, InEvent, Watch, Watches, Young};

pub(super) fn list(client: &Client, output: Output) -> Result<(), Failure> {
    print(client.get("/api/v1/watches")?, output, |watches| listed(&watches))
}

pub(super) fn listed(Watches { watches }: &Watches) -> String {
    let row = |watch: &Watch| {
        let series = watch.last_cycle.as_ref().map(|cycle| cycle.series.to_string()).unwrap_or_default();
        vec![watch.name.clone(), stands(watch), watch.mode.clone(), series, watch.detectors.join(", "), remark(watch)]
    };
    let rows: Vec<Vec<String>> = watches.iter().map(row).collect();
    columns(&["WATCH", "STATUS", "MODE", "SERIES", "DETECTORS", "REMARK"], &rows)
}

fn stands(watch: &Watch) -> String {
    match (&watch.error, &watch.last_cycle) {
        (Some(_), _) => "not judging".to_owned(),
        (None, None) => "starting".to_owned(),
        (None, Some(cycle)) if cycle.anomalous > 0 => "anomalous".to_owned(),
        (None, Some(cycle)) if cycle.young.is_some() && bounds(&watch.cold_start).is_none() => {
            "not judged yet".to_owned()
        }
        (None, Some(cycle)) if cycle.young.is_some() => "by static bounds".to_owned(),
        (None, Some(cycle)) if cycle.awaiting_history > 0 => "learning".to_owned(),
        (None, Some(_)) => "judging".to_owned(),
    }
}

/// Why it does not judge; or which series are not judged as the others are, and what judges them.
fn remark(watch: &Watch) -> String {
    if let Some(error) = &watch.error {
        return format!("since {}: {}", error.since, error.why);
    }
    let Some(cycle) = &watch.last_cycle else { return String::new() };
    let young = cycle.young.as_ref().map(|young| cold_start(&watch.cold_start, young));
    let events = cycle.events.iter().map(|(event, InEvent { judged, learning })| {
        format!("{event} lasts: {judged} series judged by the last times, {learning} still being learnt")
    });
    young.into_iter().chain(events).collect::<Vec<_>>().join("; ")
}

fn cold_start(rules: &Bounds, Young { series, until, so_far }: &Young) -> String {
    let by = bounds(rules).map_or_else(|| "nothing judges".to_owned(), |bounds| format!("{bounds} judges"));
    format!("{by} {series} series until {until} ({so_far})")
}

fn bounds(Bounds { above, below }: &Bounds) -> Option<String> {
    let above = above.map(|bound| format!("above {}", number(Some(bound))));
    let below = below.map(|bound| format!("below {}", number(Some(bound))));
    let bounds: Vec<String> = above.into_iter().chain(below).collect();
    (!bounds.is_empty()).then(|| format!("static bound {}", bounds.join(" or ")))
}

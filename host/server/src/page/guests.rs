//! `GET /guests`: the components that judge and propose, and what the watches see and learn.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use tidegate_domain::rules::Mode;
use tidegate_domain::time::Timestamp;
use tidegate_sandbox::GuestKind;
use tidegate_workbench::text::{bytes, count, grouped};

use super::frame::Frame;
use super::paths::Place;
use super::said::{self, said};
use super::standing::{Tone, chip};
use super::viewer::Viewer;
use super::when;
use crate::cold_start::{self, Young};
use crate::host::Host;
use crate::overview::{self, GuestOverview, Look, Use, WatchOverview};

pub(super) async fn show(viewer: Viewer, State(host): State<Arc<Host>>) -> Response {
    let overview = overview::of(&host);
    let frame = Frame::new(&host, viewer, Place::guests());
    let main = html! {
        // Rates change without the book: the script asks again by itself.
        section #guests aria-labelledby="guests-heading" data-every="5" {
            h1 #guests-heading tabindex="-1" { "Guests" }
            @if overview.guests.is_empty() { p.quiet { "The config names no guest." } }
            div.grid { @for guest in &overview.guests { (card(guest, frame.now)) } }
        }
        section #watches aria-labelledby="watches-heading" {
            h2 #watches-heading { "Watches" }
            @if overview.watches.is_empty() { p.quiet { "Nothing is watched." } }
            div.grid { @for watch in &overview.watches { (watched(watch, frame.now)) } }
        }
    };
    frame.page(&host.keeper.book(), "Guests", &main)
}

fn card(guest: &GuestOverview, now: Timestamp) -> Markup {
    let kind = match guest.kind {
        GuestKind::Detector => "detector",
        GuestKind::Remediation => "policy",
    };
    html! {
        article.card.guest id={ "guest-" (said::plain(&guest.name)) } {
            header {
                h3 { (said(&guest.name)) " " span.quiet { (kind) } }
                (health(guest, now))
            }
            p { (said(&guest.summary)) }
            dl.facts {
                dt { "Digest" } dd { (said::digest(&guest.digest)) @if guest.pinned { " " (chip(Tone::Still, "pinned")) } }
                dt { "Says it is" } dd { (said(&guest.own_name)) " " (said(&guest.version)) @if let Some(since) = guest.since { ", running since " (when::moment(since, now)) } }
                dt { "Used by" } dd { (users(&guest.used_by)) }
                dt { "Pace" } dd { (pace(guest)) }
                dt { "So far" } dd {
                    (count(guest.calls, "call"))
                    @if guest.scores > 0 { ", " (count(guest.scores, "sample")) " scored" }
                }
                dt { "Errors" } dd { (errors(guest)) }
                dt { "Instances" } dd { (guest.instances) " alive, " (guest.retired) " retired for their memory; at most " (bytes(guest.memory_peak)) " used of " (bytes(guest.limits.memory_bytes as u64)) }
                dt { "Grants" } dd { @if guest.grants.is_empty() { "none: data and the log" } @else { @for grant in &guest.grants { code { (grant) } " " } } }
                dt { "Limits" } dd { (when::exact(guest.limits.call_timeout)) " a call, " (when::exact(guest.limits.open_timeout)) " to open, " (bytes(guest.limits.memory_bytes as u64)) " memory" }
            }
            @if let Some((at, why)) = &guest.refused {
                p.barred { "A new file was refused " (when::ago(*at, now)) ", this version goes on: " (said(why)) }
            }
        }
    }
}

fn health(guest: &GuestOverview, now: Timestamp) -> Markup {
    if let Some(until) = guest.quarantined_until {
        return html! { (chip(Tone::Bad, "quarantined")) " " span.quiet { "until " (when::moment(until, now)) } };
    }
    match (&guest.refused, guest.errors.is_empty()) {
        (Some(_), _) => chip(Tone::Waits, "old version"),
        (None, false) => chip(Tone::Waits, "had errors"),
        (None, true) => chip(Tone::Good, "healthy"),
    }
}

fn users(users: &[Use]) -> Markup {
    let named = |user: &Use| match user {
        Use::Detector(name) => html! { "detector " (said(name)) },
        Use::Watch(name) => html! { "watch " (said(name)) },
        Use::Route(name) => html! { "alert route " (said(name)) },
    };
    html! {
        @if users.is_empty() { span.none { "nothing" } }
        @for (nth, user) in users.iter().enumerate() { @if nth > 0 { ", " } (named(user)) }
    }
}

fn pace(guest: &GuestOverview) -> String {
    let calls = rate(guest.calls_per_second);
    match guest.kind {
        GuestKind::Detector => format!("{} scores a second, {calls} calls", rate(guest.scores_per_second)),
        GuestKind::Remediation => format!("{calls} calls a second"),
    }
}

/// Enough digits to tell little from nothing.
fn rate(rate: f64) -> String {
    match rate {
        rate if rate >= 100.0 => grouped(rate.round() as u64),
        rate if rate >= 10.0 => format!("{rate:.0}"),
        rate if rate >= 0.995 => format!("{rate:.1}"),
        rate if rate > 0.0 => format!("{rate:.2}"),
        _ => "0".to_owned(),
    }
}

fn errors(guest: &GuestOverview) -> Markup {
    html! {
        @if guest.errors.is_empty() { "none" }
        @for (nth, (kind, times)) in guest.errors.iter().enumerate() {
            @if nth > 0 { ", " }
            (grouped(*times)) " " (kind.replace('_', " "))
        }
    }
}

fn watched(watch: &WatchOverview, now: Timestamp) -> Markup {
    let mode = match watch.mode {
        Mode::Observe => "observe",
        Mode::Ask => "ask",
        Mode::Auto => "auto",
    };
    let bounds = cold_start::bounds(&watch.cold_start);
    html! {
        article.card.watch id={ "watch-" (said::plain(&watch.name)) } {
            header {
                h3 { (said(&watch.name)) " " span.quiet { (mode) } }
                @match (&watch.error, &watch.look) {
                    (Some(_), _) => (chip(Tone::Bad, "not judging")),
                    (None, None) => (chip(Tone::Still, "starting")),
                    (None, Some(look)) if look.anomalous > 0 => (chip(Tone::Waits, "anomalous")),
                    (None, Some(look)) if look.young.is_some() && bounds.is_none() => (chip(Tone::Waits, "learning, not judged")),
                    (None, Some(look)) if look.young.is_some() => (chip(Tone::Goes, "by static bounds")),
                    (None, Some(look)) if look.awaiting_history > 0 => (chip(Tone::Goes, "learning")),
                    (None, Some(_)) => (chip(Tone::Good, "judging")),
                }
            }
            p { code.expr { (said(&watch.expr)) } }
            @if let Some((since, why)) = &watch.error { p.barred { (said(why)) ", since " (when::moment(*since, now)) } }
            dl.facts {
                dt { "Every" } dd { (when::exact(watch.interval)) ", judged by " (said(&watch.detectors.join(", "))) }
                @if !watch.known_events.is_empty() { dt { "Judged apart" } dd { "during " (said(&watch.known_events.join(", "))) } }
                @if let Some(look) = &watch.look { (seen(watch, look, now)) }
            }
        }
    }
}

fn seen(watch: &WatchOverview, look: &Look, now: Timestamp) -> Markup {
    html! {
        dt { "Series" } dd {
            (grouped(look.series)) " of " (grouped(look.known as u64)) " known gave samples"
            @if look.absent_groups > 0 { ", " (count(look.absent_groups, "group")) " stopped coming" }
        }
        dt { "Judged" } dd {
            "up to " (when::moment(look.upto, now)) ", " (when::ago(look.at, now)) ", in " (when::exact(Duration::from_millis(look.took.as_millis() as u64)))
        }
        dt { "Found" } dd {
            (grouped(look.normal)) " normal, " (grouped(look.anomalous)) " anomalous"
            @for (why, samples) in &look.unjudged { ", " (grouped(*samples)) " not judged (" (why.replace('_', " ")) ")" }
        }
        @for (event, series) in &look.events {
            dt { "Known event" } dd {
                b { (said(event)) } " lasts: " (count(series.known, "series")) " judged by what it was like the last times"
                @if series.learning > 0 { ", " (grouped(series.learning)) " of which that is still being learnt" }
            }
        }
        @if look.awaiting_history > 0 { dt { "Waiting" } dd { (count(look.awaiting_history, "series")) " for their history" } }
        @if let Some(young) = look.young {
            dt { "Cold start" } dd { (cold_start(watch, look, &young, now)) }
        }
    }
}

/// Who judges the series that are too young for the detectors, since when, and until when.
fn cold_start(watch: &WatchOverview, look: &Look, young: &Young, now: Timestamp) -> Markup {
    let (wanted, had) = (young.youngest.wanted().as_secs(), look.upto.since(young.youngest.since).as_secs());
    html! {
        @match cold_start::bounds(&watch.cold_start) {
            Some(bounds) => { "Static bounds judge " (of_all(young, look)) ", too young for the detectors: " b { (bounds) " is anomalous" } },
            None => { b { "Nothing judges " (of_all(young, look)) } ": too young for the detectors, and the watch has no static bounds" },
        }
        ". Known since " (when::moment(young.oldest.since, now)) ", with " (young.so_far(look.upto)) "; the detectors judge "
        @if young.oldest == young.youngest { "from " (when::moment(young.youngest.until, now)) " on" } @else {
            "the first from " (when::moment(young.oldest.until, now)) ", the last from " (when::moment(young.youngest.until, now)) " on"
        }
        progress max=(wanted.max(1)) value=(had.min(wanted)) aria-label="History of the youngest series" {}
    }
}

fn of_all(young: &Young, look: &Look) -> String {
    format!("{} of {} series", grouped(young.series), grouped(look.series))
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_has_as_many_digits_as_it_needs() {
        for (given, text) in
            [(0.0, "0"), (0.016, "0.02"), (0.997, "1.0"), (7.25, "7.2"), (41.6, "42"), (123_456.7, "123,457")]
        {
            assert_eq!(rate(given), text);
        }
    }
}

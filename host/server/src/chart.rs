//! Charts of incidents: a series in trouble, what was expected of it, and when what was decided and done about it, from
//! before the trouble to after the repair. Drawn from the journal's events of the incident and from the newest samples, which
//! are not in the journal yet.
//!
//! Absences have no samples, and so no chart. Of alerts there is what the second opinions on them rest on.

mod moments;

use std::collections::{BTreeMap, BTreeSet};

use tidegate_domain::book::Incident;
use tidegate_domain::event::{Evidence, Fact, IncidentId, OpinionVerdict, Origin, SecondOpinion, TracePoint};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Number;
use tidegate_domain::time::Timestamp;
use tidegate_workbench::plot::{self, Band, Chart, Moment, Point, Size};
use tidegate_workbench::text::{count, short};

use crate::host::Host;
use crate::journal::{JournalError, Stored};

/// The style sheet of the charts. They carry no styles of their own: a page that allows no inline styles shows them too.
pub(crate) fn css() -> String {
    [plot::STYLE, include_str!("chart/chart.css")].concat()
}

/// Most series of one incident that a chart is offered of.
const MOST_SERIES: usize = 10;

/// From so many points on not every sample is there any more: see [`crate::traces`].
const THINNED: usize = crate::traces::DENSE;

/// For which screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A desk: from some 640 pixels on.
    Wide,
    /// A column of a page on a desk, some 600 pixels wide.
    Column,
    /// A phone: readable at 360 pixels.
    Narrow,
}

/// All that charts of one incident show.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    /// What all of its charts are about, in a line.
    name: String,
    summary: String,
    /// The samples by series, the one that shows the trouble best first.
    series: Vec<(Labels, Vec<TracePoint>)>,
    moments: Vec<moments::Told>,
}

/// What there is to show of an incident; `None` where there is no such incident, and for alerts that nobody looked behind.
///
/// # Errors
///
/// When the journal cannot be read.
pub(crate) async fn of(host: &Host, incident: &IncidentId) -> Result<Option<Traced>, JournalError> {
    match host.keeper.book().incident(incident) {
        None => return Ok(None),
        // An incident of alerts may have thousands of events, of which none is a sample.
        Some(known) if matches!(known.origin, Origin::Alert { .. }) => {
            let traced = Traced::new(known, &[], Vec::new());
            return Ok(Some(traced).filter(|traced| traced.series().next().is_some()));
        }
        Some(_) => {}
    }
    let live = host.traces.newest(incident);
    let timeline = host.keeper.timeline(incident).await?;
    let book = host.keeper.book();
    Ok(book.incident(incident).map(|incident| Traced::new(incident, &timeline, live)))
}

impl Traced {
    /// From the events of an incident, and from what [`crate::traces::Traces::newest`] gave before these were read.
    pub(crate) fn new(incident: &Incident, timeline: &[Stored], live: Vec<(Labels, Vec<TracePoint>)>) -> Traced {
        let second = incident.second_opinion().and_then(|opinion| opinion.evidence.as_deref());
        let worst = incident.worst().or(second).map(|evidence| evidence.series.clone());
        let chosen = chosen(worst.as_ref(), timeline, &live);
        let mut points: BTreeMap<&Labels, BTreeMap<Timestamp, TracePoint>> = BTreeMap::new();
        for stored in timeline {
            match &stored.event.fact {
                Fact::IncidentOpened { evidence: Some(evidence), .. } | Fact::MemberJoined { evidence, .. }
                    if chosen.contains(&evidence.series) =>
                {
                    add(points.entry(&evidence.series).or_default(), &seen(evidence, true));
                }
                Fact::SeriesTraced { series, points: traced, .. } if chosen.contains(series) => {
                    add(points.entry(series).or_default(), traced);
                }
                _ => {}
            }
        }
        for (evidence, is_unusual) in behind_alerts(incident) {
            add(points.entry(&evidence.series).or_default(), &seen(evidence, is_unusual));
        }
        for (series, newest) in live.iter().filter(|(series, _)| chosen.contains(series)) {
            add(points.entry(series).or_default(), newest);
        }
        let mut series: Vec<(Labels, Vec<TracePoint>)> =
            points.into_iter().map(|(series, points)| (series.clone(), points.into_values().collect())).collect();
        series.sort_by_key(|(series, _)| Some(series) != worst.as_ref());
        let by_bound = incident.worst().is_some_and(|worst| worst.cold_start);
        let by = if by_bound { ", by a static bound" } else { "" };
        Traced {
            name: incident.origin.name().to_owned(),
            summary: format!("incident {}, severity {}{by}", incident.id, incident.severity.name()),
            series,
            moments: moments::of(timeline),
        }
    }

    /// The series that there is a chart of, the one that shows the trouble best first. None for alerts and absences.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Labels> {
        self.series.iter().map(|(series, _)| series)
    }

    /// The samples of one of them, oldest first.
    pub(crate) fn points(&self, series: &Labels) -> Option<&[TracePoint]> {
        self.series.iter().find(|(known, _)| known == series).map(|(_, points)| points.as_slice())
    }
}

/// The chart of one series as an SVG element to stand in a page with [`css`]; `None` where nothing is known of the series.
pub(crate) fn svg(traced: &Traced, series: &Labels, shape: Shape) -> Option<String> {
    let points = traced.points(series)?;
    let told = moments::told(&traced.moments, series);
    let moments: Vec<Moment<'_>> = told.iter().map(|(at, text)| Moment { at: at.0, text }).collect();
    let drawn: Vec<Point> = points.iter().map(point).collect();
    let (title, subtitle) = (format!("{} {series}", traced.name), subtitle(&traced.summary, points));
    let chart = Chart { title: &title, subtitle: &subtitle, points: &drawn, step_ms: step(points) };
    let size = match shape {
        Shape::Wide => Size { width: 960, height: 340 },
        Shape::Column => Size { width: 600, height: 290 },
        Shape::Narrow => Size { width: 360, height: 300 },
    };
    Some(plot::inline(&chart, &moments, size))
}

/// The chart of one series for screens of any width: that for a desk and that for a phone, of which [`css`] shows the one
/// that fits.
pub(crate) fn figure(traced: &Traced, series: &Labels, desk: Shape) -> Option<String> {
    let (wide, narrow) = (svg(traced, series, desk)?, svg(traced, series, Shape::Narrow)?);
    Some(format!(
        "<div class=\"tg-figure\"><div class=\"tg-wide\">{wide}</div><div class=\"tg-narrow\">{narrow}</div></div>\n"
    ))
}

/// The worst series, and those that were traced. Of an incident that nobody traced, the first ones.
fn chosen(worst: Option<&Labels>, timeline: &[Stored], live: &[(Labels, Vec<TracePoint>)]) -> BTreeSet<Labels> {
    let traced = timeline.iter().filter_map(|stored| match &stored.event.fact {
        Fact::SeriesTraced { series, .. } => Some(series),
        _ => None,
    });
    let members = timeline.iter().filter_map(|stored| match &stored.event.fact {
        Fact::IncidentOpened { evidence: Some(evidence), .. } | Fact::MemberJoined { evidence, .. } => {
            Some(&evidence.series)
        }
        _ => None,
    });
    let mut chosen = BTreeSet::new();
    for series in worst.into_iter().chain(traced).chain(live.iter().map(|(series, _)| series)).chain(members) {
        if chosen.len() == MOST_SERIES {
            break;
        }
        chosen.insert(series.clone());
    }
    chosen
}

/// What was seen behind the alerts of an incident that still fire, and whether it was unusual.
fn behind_alerts(incident: &Incident) -> impl Iterator<Item = (&Evidence, bool)> {
    let opinions = incident.opinions.iter().flat_map(|(_, opinions)| opinions);
    let fires =
        move |opinion: &&SecondOpinion| incident.alerts.get(&opinion.fingerprint).is_some_and(|alert| alert.firing);
    let seen = opinions.filter(fires).filter_map(|opinion| {
        let is_unusual = opinion.verdict == OpinionVerdict::Unusual;
        opinion.evidence.as_deref().map(|evidence| (evidence, is_unusual))
    });
    seen.take(MOST_SERIES)
}

/// The samples that somebody judged by, as far as the evidence tells.
fn seen(evidence: &Evidence, anomalous: bool) -> Vec<TracePoint> {
    let bare = |(at, value): &(Timestamp, Number)| TracePoint {
        at: *at,
        value: *value,
        expected: Number::NAN,
        lower: Number::NAN,
        upper: Number::NAN,
        score: Number::NAN,
        anomalous: false,
    };
    let Evidence { at, value, expected, lower, upper, score, .. } = *evidence;
    let judged = TracePoint { at, value, expected, lower, upper, score, anomalous };
    evidence.window.iter().filter(|(before, _)| *before != at).map(bare).chain([judged]).collect()
}

fn add(known: &mut BTreeMap<Timestamp, TracePoint>, more: &[TracePoint]) {
    for point in more {
        let known = known.entry(point.at).or_insert_with(|| point.clone());
        // What was said of a sample is worth more than that it was there.
        if band(known).is_none() {
            *known = point.clone();
        }
    }
}

fn point(point: &TracePoint) -> Point {
    Point { at: point.at.0, value: point.value.0, band: band(point) }
}

/// What was expected, where anything was: by a score or, of a young series, by the bounds of the config.
fn band(point: &TracePoint) -> Option<Band> {
    let TracePoint { expected, lower, upper, score, anomalous, .. } = *point;
    let known = [expected, lower, upper, score].iter().any(|number| !number.0.is_nan());
    known.then_some(Band { anomalous, score: score.0, expected: expected.0, lower: lower.0, upper: upper.0 })
}

/// In a few words what a reader is to see, and what one who cannot see it is told.
fn subtitle(summary: &str, points: &[TracePoint]) -> String {
    let anomalous = points.iter().filter(|point| point.anomalous).count();
    let of = count(points.len() as u64, "sample");
    let score = |point: &&TracePoint| if point.score.0.is_nan() { 0.0 } else { point.score.0 };
    let worst = points.iter().filter(|point| point.anomalous).max_by(|a, b| score(a).total_cmp(&score(b)));
    let worst = worst.map_or_else(String::new, |TracePoint { value, lower, upper, .. }| {
        format!("at worst {}, expected {}; ", short(value.0), plot::range(lower.0, upper.0))
    });
    format!("{worst}{anomalous} of {of} anomalous; {summary}")
}

/// How far samples are apart where none is missing.
fn step(points: &[TracePoint]) -> u64 {
    // The last one may be a look in between: that of a second opinion is as of when it was asked for.
    let regular = &points[..points.len().saturating_sub(1)];
    let regular = if regular.len() < 2 { points } else { regular };
    let distances = regular.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_millis());
    let step = if points.len() > THINNED {
        // The latest are the farthest apart.
        let mut latest: Vec<u128> = distances.skip(points.len() - 50).collect();
        latest.sort_unstable();
        latest.get(latest.len() / 2).copied()
    } else {
        distances.min()
    };
    step.and_then(|step| u64::try_from(step).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests;

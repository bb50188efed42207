//! The marks of a chart, thinned to what its pixels can show: of each column of pixels the first, lowest, highest and last
//! value, and never less than one marker where there is an anomaly.

use std::fmt::Write as _;

use super::scale::Scale;
use super::{Band, Point};

/// Where things are drawn.
pub(super) struct Place<'a> {
    pub(super) times: &'a Scale,
    pub(super) values: &'a Scale,
}

/// One or more anomalous samples at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Marker {
    pub(super) x: f64,
    pub(super) y: f64,
    /// The sample with the highest score of those it stands for.
    pub(super) worst: Point,
    /// How many samples it stands for.
    pub(super) together: usize,
}

/// Anomalies this close together share a marker, in pixels: less than a marker is wide.
const TOGETHER: f64 = 3.0;

impl Place<'_> {
    fn x(&self, point: &Point) -> f64 {
        self.times.of(point.at as f64)
    }

    fn y(&self, value: f64) -> f64 {
        self.values.length - self.values.of(value)
    }

    /// The time between two samples from which on the line is broken: a missing sample, if that can be seen at all.
    fn gap(&self, step_ms: u64) -> f64 {
        let pixel = (self.times.high - self.times.low) / self.times.length;
        (1.5 * step_ms as f64).max(pixel)
    }
}

/// The values as lines.
pub(super) fn value(points: &[Point], place: &Place<'_>, step_ms: u64) -> String {
    let mut path = String::new();
    for run in runs(points, |point| point.value.is_finite(), place.gap(step_ms)) {
        let mut line = Vec::new();
        for column in columns(&run, place) {
            line.extend(extremes(column).into_iter().map(|point| (place.x(point), place.y(point.value))));
        }
        draw(&mut path, &line);
    }
    path
}

/// What was expected, as lines.
pub(super) fn expected(points: &[Point], place: &Place<'_>, step_ms: u64) -> String {
    let mut path = String::new();
    for run in runs(points, |point| point.band.is_some_and(|band| band.expected.is_finite()), place.gap(step_ms)) {
        let mut line = Vec::new();
        for column in columns(&run, place) {
            let middles: Vec<f64> = column.iter().filter_map(|point| point.band).map(|band| band.expected).collect();
            let mean = middles.iter().map(|middle| middle / middles.len() as f64).sum();
            line.extend(column.first().map(|point| (place.x(point), place.y(mean))));
        }
        draw(&mut path, &line);
    }
    path
}

/// The band as areas: along the upper edges, and back along the lower ones.
pub(super) fn band(points: &[Point], place: &Place<'_>, step_ms: u64) -> String {
    let mut path = String::new();
    for run in runs(points, |point| point.band.is_some(), place.gap(step_ms)) {
        let mut upper = Vec::new();
        let mut lower = Vec::new();
        for column in columns(&run, place) {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for Band { lower, upper, .. } in column.iter().filter_map(|point| point.band) {
                low = low.min(lower);
                high = high.max(upper);
            }
            let ends = [column.first(), column.last().filter(|_| column.len() > 1)];
            for x in ends.into_iter().flatten().map(|point| place.x(point)) {
                upper.push((x, place.y(high)));
                lower.push((x, place.y(low)));
            }
        }
        // One sample alone has no width.
        if let ([(x, _)], [_]) = (upper.as_slice(), lower.as_slice()) {
            let x = *x;
            upper.push((x + 1.0, upper[0].1));
            lower.push((x + 1.0, lower[0].1));
        }
        lower.reverse();
        upper.extend(lower);
        draw(&mut path, &upper);
        path.push('Z');
    }
    path
}

/// Where samples were not judged, from and to. What is closer than a pixel is drawn as one.
pub(super) fn unjudged(points: &[Point], place: &Place<'_>, step_ms: u64) -> Vec<(f64, f64)> {
    let half = place.times.length * step_ms as f64 / (place.times.high - place.times.low) / 2.0;
    // As wide as can be seen, and not so wide that a lone sample in a short series fills the chart.
    let half = half.clamp(0.5, 20.0);
    let mut stretches: Vec<(f64, f64)> = Vec::new();
    let mut open = false;
    for point in points {
        if point.band.is_some() {
            open = false;
            continue;
        }
        let (from, to) = (place.x(point) - half, place.x(point) + half);
        match stretches.last_mut() {
            // The samples of one stretch belong together even where some are missing in between.
            Some((_, end)) if open || from - *end < 1.0 => *end = to,
            _ => stretches.push((from, to)),
        }
        open = true;
    }
    stretches
}

/// One marker an anomaly; where many are too close together to be told apart, two that stand for all of them.
pub(super) fn anomalies(points: &[Point], place: &Place<'_>) -> Vec<Marker> {
    let anomalous: Vec<&Point> = points.iter().filter(|point| point.is_anomalous()).collect();
    let column = |point: &Point| (place.x(point) / TOGETHER).floor();
    anomalous
        .chunk_by(|one, other| column(one) == column(other))
        .flat_map(|near| match near {
            [_] | [_, _] => near.iter().map(|point| marker(&[point], point, place)).collect(),
            _ => outermost(near, place),
        })
        .collect()
}

/// A marker at the lowest and one at the highest value, each for those that are nearer to it.
fn outermost(near: &[&Point], place: &Place<'_>) -> Vec<Marker> {
    let by_value = |a: &&&Point, b: &&&Point| a.value.total_cmp(&b.value);
    let (Some(lowest), Some(highest)) = (near.iter().min_by(by_value), near.iter().max_by(by_value)) else {
        return Vec::new();
    };
    let middle = lowest.value / 2.0 + highest.value / 2.0;
    let (low, high): (Vec<&Point>, Vec<&Point>) = near.iter().copied().partition(|point| point.value <= middle);
    [(low, lowest), (high, highest)]
        .into_iter()
        .filter(|(some, _)| !some.is_empty())
        .map(|(some, at)| marker(&some, at, place))
        .collect()
}

fn marker(of: &[&Point], at: &Point, place: &Place<'_>) -> Marker {
    let worst = of.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(at);
    Marker { x: place.x(at), y: place.y(at.value), worst: *worst, together: of.len() }
}

fn score(point: &Point) -> f64 {
    point.band.map_or(0.0, |band| band.score)
}

/// The points that are to be drawn, in runs without a gap.
fn runs(points: &[Point], drawn: impl Fn(&Point) -> bool, gap: f64) -> Vec<Vec<&Point>> {
    let mut runs: Vec<Vec<&Point>> = Vec::new();
    let mut before: Option<i64> = None;
    for point in points.iter().filter(|point| drawn(point)) {
        let near = before.is_some_and(|before| point.at as f64 - before as f64 <= gap);
        match runs.last_mut() {
            Some(run) if near => run.push(point),
            _ => runs.push(vec![point]),
        }
        before = Some(point.at);
    }
    runs
}

/// A run cut into columns of a pixel; where points are sparse, each is a column of its own.
fn columns<'a, 'p>(run: &'a [&'p Point], place: &Place<'_>) -> impl Iterator<Item = &'a [&'p Point]> {
    run.chunk_by(|one, other| place.x(one).floor() == place.x(other).floor())
}

/// The points of a column that its pixels show, in their order: first, lowest, highest, last.
fn extremes<'p>(column: &[&'p Point]) -> Vec<&'p Point> {
    if column.len() <= 4 {
        return column.to_vec();
    }
    let by_value = |a: &usize, b: &usize| column[*a].value.total_cmp(&column[*b].value);
    let lowest = (0..column.len()).min_by(by_value).unwrap_or(0);
    let highest = (0..column.len()).max_by(by_value).unwrap_or(0);
    let mut places = vec![0, lowest, highest, column.len() - 1];
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|at| column[at]).collect()
}

fn draw(path: &mut String, line: &[(f64, f64)]) {
    for (at, (x, y)) in line.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{x:.1} {y:.1}");
    }
    // A lone point is a dot.
    if line.len() == 1 {
        path.push_str("h0");
    }
}

//! A series, its expected band and its anomalies as an SVG picture.
//!
//! Data in, text out: no file, no script, nothing that is not in the arguments, so that a page of the host can show the same
//! picture. All looks are classes with the prefix `tg-`, dark and light by the reader's preference, and there are no ids:
//! several charts may stand in one page. However long the series, the picture stays small, and no anomaly is left out.

mod marks;
mod moments;
mod scale;
mod ticks;

use std::fmt::Write as _;

use crate::text::{count, printable, short};
use marks::{Marker, Place};
use scale::Scale;

pub use moments::Moment;

/// The looks of a chart, as every chart carries them.
pub const STYLE: &str = include_str!("plot/style.css");

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// What the values are; cut to what fits into a line.
    pub title: &'a str,
    /// What else to say, in smaller type below it.
    pub subtitle: &'a str,
    /// The samples, by time.
    pub points: &'a [Point],
    /// How far samples are apart where none is missing, in milliseconds. A longer gap is a gap in the line.
    pub step_ms: u64,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// The value; nothing is drawn where it is NaN or infinite.
    pub value: f64,
    /// What was said of it; `None` where it was not judged.
    pub band: Option<Band>,
}

/// What was expected of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// True where it counts as an anomaly, which gets a marker.
    pub anomalous: bool,
    /// How unusual it is: above 1 is anomalous. NaN where something else than a score said so.
    pub score: f64,
    /// The value that was expected.
    pub expected: f64,
    /// Lower edge of what is normal. May be minus infinity.
    pub lower: f64,
    /// Upper edge of what is normal. May be plus infinity.
    pub upper: f64,
}

/// How large a chart is, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// From left to right; at least 240.
    pub width: u32,
    /// From top to bottom; at least 160.
    pub height: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { width: 960, height: 400 }
    }
}

/// Height of title and subtitle.
const TOP: f64 = 52.0;
/// Height of the times, in two lines.
const TIMES: f64 = 40.0;
/// Height of a line of the legend.
const LINE: f64 = 20.0;
/// So that the last time's label is not cut.
const RIGHT: f64 = 24.0;
/// How wide a character of the small type is, at most.
const CHARACTER: f64 = 6.5;

impl Point {
    fn is_anomalous(&self) -> bool {
        self.value.is_finite() && self.band.is_some_and(|band| band.anomalous)
    }
}

/// Draws a picture that needs nothing else: a file.
#[must_use]
pub fn svg(chart: &Chart<'_>, size: Size) -> String {
    draw(chart, &[], size, Dress { style: STYLE, unjudged: "not judged" })
}

/// Draws a part of a page that carries [`STYLE`] in a style sheet of its own, with what happened meanwhile, by time. The
/// picture is as much higher than `size` as it takes to tell that.
#[must_use]
pub fn inline(chart: &Chart<'_>, moments: &[Moment<'_>], size: Size) -> String {
    draw(chart, moments, size, Dress { style: "", unjudged: "no verdict" })
}

/// What is different in a file and in a page.
struct Dress {
    style: &'static str,
    /// What samples without a band are called. Of samples that a host judged long ago nobody may know how.
    unjudged: &'static str,
}

fn draw(chart: &Chart<'_>, moments: &[Moment<'_>], size: Size, dress: Dress) -> String {
    let width = f64::from(size.width.max(240));
    let legend = legend(chart.points, dress.unjudged, width);
    let told = list(moments, width);
    let flags = if moments.is_empty() { 0.0 } else { LINE };
    let height = f64::from(size.height.max(160)) + flags + LINE * told.lines;
    let top = TOP + flags;
    let values = Scale::of_values(chart.points, height - top - TIMES - LINE * (legend.lines + told.lines));
    let value_ticks = ticks::values(&values, 6);
    let longest = value_ticks.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
    let left = 16.0 + CHARACTER * longest as f64;
    let times = Scale::of_times(chart.points, moments, chart.step_ms, width - left - RIGHT);
    let mut drawing = Drawing { chart, moments, top, times, values, svg: String::new() };
    drawing.open(width, height, dress.style);
    drawing.head(left, width);
    drawing.axes(left, &value_ticks);
    drawing.plot(left);
    drawing.flags(left);
    drawing.legend(&legend, height - LINE * told.lines);
    drawing.legend(&told, height);
    drawing.svg.push_str("</svg>\n");
    drawing.svg
}

struct Drawing<'a> {
    chart: &'a Chart<'a>,
    moments: &'a [Moment<'a>],
    /// Where the plot begins.
    top: f64,
    times: Scale,
    values: Scale,
    svg: String,
}

/// Writing to a string cannot fail.
macro_rules! put {
    ($drawing:expr, $($text:tt)*) => { let _ = write!($drawing.svg, $($text)*); };
}

impl Drawing<'_> {
    fn open(&mut self, width: f64, height: f64, style: &str) {
        let title = escaped(self.chart.title, 200);
        put!(
            self,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tg-chart\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<desc>{}",
            escaped(self.chart.subtitle, 400)
        );
        for (place, moment) in self.moments.iter().enumerate().take(moments::MOST) {
            put!(self, "; {} {}", place + 1, escaped(&moments::told(moment), 200));
        }
        self.svg.push_str("</desc>\n");
        if !style.is_empty() {
            put!(self, "<style>\n{style}</style>\n");
        }
        put!(self, "<rect class=\"tg-paper\" width=\"{width}\" height=\"{height}\"/>\n");
    }

    fn head(&mut self, left: f64, width: f64) {
        let room = width - left - RIGHT;
        let title = escaped(self.chart.title, (room / 9.5) as usize);
        let subtitle = escaped(self.chart.subtitle, (room / 6.5) as usize);
        put!(self, "<text class=\"tg-title\" x=\"{left}\" y=\"22\">{title}</text>\n");
        put!(self, "<text class=\"tg-small\" x=\"{left}\" y=\"40\">{subtitle}</text>\n");
    }

    fn axes(&mut self, left: f64, value_ticks: &[ticks::Tick<f64>]) {
        let (width, height) = (self.times.length, self.values.length);
        for tick in value_ticks {
            let y = self.top + height - self.values.of(tick.at);
            put!(self, "<path class=\"tg-grid\" d=\"M{left} {y:.1}h{width:.1}\"/>");
            put!(
                self,
                "<text class=\"tg-small tg-end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                left - 8.0,
                y + 4.0,
                tick.label
            );
        }
        let most = (width / 90.0) as usize;
        for tick in ticks::times(self.times.low as i64, self.times.high as i64, most.max(2)) {
            let x = left + self.times.of(tick.at as f64);
            let y = self.top + height;
            put!(self, "<path class=\"tg-tick\" d=\"M{x:.1} {y:.1}v5\"/>");
            for (line, label) in tick.label.lines().enumerate() {
                put!(
                    self,
                    "<text class=\"tg-small tg-middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>\n",
                    y + 18.0 + 13.0 * line as f64
                );
            }
        }
        put!(self, "<path class=\"tg-tick\" d=\"M{left} {:.1}h{width:.1}\"/>\n", self.top + height);
    }

    /// What lies between the axes; a drawing of its own, so that nothing reaches out of it.
    fn plot(&mut self, left: f64) {
        let (width, height) = (self.times.length, self.values.length);
        let top = self.top;
        put!(self, "<svg x=\"{left}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height:.1}\" overflow=\"hidden\">\n");
        let place = Place { times: &self.times, values: &self.values };
        for (from, to) in marks::unjudged(self.chart.points, &place, self.chart.step_ms) {
            put!(
                self,
                "<rect class=\"tg-unjudged\" x=\"{from:.1}\" y=\"0\" width=\"{:.1}\" height=\"{height:.1}\"/>\n",
                to - from
            );
        }
        for (class, path) in [
            ("tg-band", marks::band(self.chart.points, &place, self.chart.step_ms)),
            ("tg-value", marks::value(self.chart.points, &place, self.chart.step_ms)),
            // Above the values, which as a dense line would hide it.
            ("tg-expected", marks::expected(self.chart.points, &place, self.chart.step_ms)),
        ] {
            if !path.is_empty() {
                put!(self, "<path class=\"{class}\" d=\"{path}\"/>\n");
            }
        }
        for moment in self.moments {
            put!(self, "<path class=\"tg-moment\" d=\"M{:.1} 0v{height:.1}\"/>\n", self.times.of(moment.at as f64));
        }
        let markers = marks::anomalies(self.chart.points, &place);
        // A crowd of them must not hide the line.
        let radius = match markers.len() {
            0..=60 => 4.0,
            61..=300 => 3.0,
            _ => 2.5,
        };
        for Marker { x, y, worst, together } in markers {
            put!(self, "<circle class=\"tg-anomaly\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>");
            put!(self, "{}", told(&worst, together));
            self.svg.push_str("</title></circle>\n");
        }
        if self.chart.points.is_empty() {
            put!(
                self,
                "<text class=\"tg-small tg-middle\" x=\"{:.1}\" y=\"{:.1}\">no samples</text>\n",
                width / 2.0,
                height / 2.0
            );
        }
        self.svg.push_str("</svg>\n");
    }

    /// Above the plot, each over its line.
    fn flags(&mut self, left: f64) {
        for flag in moments::flags(self.moments, &self.times) {
            let (x, y) = (left + flag.x, self.top - 4.0);
            self.svg.push_str("<g><title>");
            for (place, moment) in
                self.moments.iter().enumerate().take(flag.last + 1).skip(flag.first).take(moments::MOST)
            {
                put!(self, "{} {}\n", place + 1, escaped(&moments::told(moment), 200));
            }
            put!(
                self,
                "</title><rect class=\"tg-flag\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"15\" rx=\"3\"/>\
                 <text class=\"tg-number tg-middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text></g>\n",
                x - flag.width / 2.0,
                y - 15.0,
                flag.width,
                y - 4.0,
                flag.label()
            );
        }
    }

    fn legend(&mut self, legend: &Legend, height: f64) {
        for Entry { name, sample, x, line } in &legend.entries {
            let y = height - 8.0 - LINE * (legend.lines - 1.0 - line);
            put!(
                self,
                "<g transform=\"translate({x:.1} {y:.1})\">{sample}<text class=\"tg-small\" x=\"27\">{name}</text></g>\n"
            );
        }
    }
}

struct Legend {
    entries: Vec<Entry>,
    lines: f64,
}

struct Entry {
    /// As XML holds it.
    name: String,
    sample: String,
    x: f64,
    /// From the top.
    line: f64,
}

/// What there is to see, in as many lines as it takes.
fn legend(points: &[Point], unjudged: &'static str, width: f64) -> Legend {
    let judged = points.iter().any(|point| point.band.is_some());
    let all = [
        (points.iter().any(|point| point.value.is_finite()), "value", "<path class=\"tg-value\" d=\"M0 -4h20\"/>"),
        (judged, "expected", "<path class=\"tg-expected\" d=\"M0 -4h20\"/>"),
        (judged, "expected band", "<rect class=\"tg-band\" y=\"-10\" width=\"20\" height=\"12\"/>"),
        (
            points.iter().any(Point::is_anomalous),
            "anomalous",
            "<circle class=\"tg-anomaly\" cx=\"10\" cy=\"-4\" r=\"4\"/>",
        ),
        (
            points.iter().any(|point| point.band.is_none()),
            unjudged,
            "<rect class=\"tg-unjudged\" y=\"-10\" width=\"20\" height=\"12\"/>",
        ),
    ];
    let shown = all.into_iter().filter(|(shown, ..)| *shown);
    set(shown.map(|(_, name, sample)| (name.to_owned(), sample.to_owned())), width, 1.0)
}

/// The moments by their numbers, each told.
fn list(moments: &[Moment<'_>], width: f64) -> Legend {
    let room = ((width - 2.0 * MARGIN - 27.0) / CHARACTER) as usize;
    let told = moments.iter().enumerate().take(moments::MOST).map(|(place, moment)| {
        let number = place + 1;
        let flag = format!(
            "<rect class=\"tg-flag\" y=\"-11\" width=\"20\" height=\"15\" rx=\"3\"/>\
             <text class=\"tg-number tg-middle\" x=\"10\">{number}</text>"
        );
        (escaped(&moments::told(moment), room), flag)
    });
    let more = moments.len().saturating_sub(moments::MOST);
    let more = (more > 0).then(|| (format!("and {more} more"), String::new()));
    set(told.chain(more), width, 0.0)
}

/// Where the legend begins, on the left.
const MARGIN: f64 = 16.0;

/// Sets entries in lines, of which there are at least so many.
fn set(entries: impl Iterator<Item = (String, String)>, width: f64, least: f64) -> Legend {
    let mut legend = Legend { entries: Vec::new(), lines: least };
    let mut x = MARGIN;
    for (name, sample) in entries {
        let long = 27.0 + CHARACTER * name.chars().count() as f64;
        if x > MARGIN && x + long > width {
            x = MARGIN;
            legend.lines += 1.0;
        }
        legend.lines = legend.lines.max(1.0);
        legend.entries.push(Entry { name, sample, x, line: legend.lines - 1.0 });
        x += long + 18.0;
    }
    legend
}

/// What a reader sees on pointing at a marker.
fn told(worst: &Point, together: usize) -> String {
    let at = crate::instant::show(worst.at);
    let value = short(worst.value);
    let band = worst.band.map_or_else(String::new, |band| {
        let range = range(band.lower, band.upper);
        let expected = match band.expected {
            unknown if unknown.is_nan() => format!(", expected {range}"),
            expected => format!(", expected {} ({range})", short(expected)),
        };
        let score = if band.score.is_nan() { String::new() } else { format!(", score {}", short(band.score)) };
        format!("{expected}{score}")
    });
    let more = if together > 1 {
        format!("; the worst of {}", count(together as u64, "anomalous sample"))
    } else {
        String::new()
    };
    format!("{at}: {value}{band}{more}")
}

/// What lies between two edges, either of which may be endless or unknown.
#[must_use]
pub fn range(lower: f64, upper: f64) -> String {
    match (lower.is_finite(), upper.is_finite()) {
        (true, true) => format!("{} to {}", short(lower), short(upper)),
        (true, false) => format!("at least {}", short(lower)),
        (false, true) => format!("at most {}", short(upper)),
        (false, false) => "anything".to_owned(),
    }
}

/// Text as XML holds it. What deceives a reader is replaced, what is too long is cut.
fn escaped(text: &str, max: usize) -> String {
    let mut safe = String::new();
    for character in printable(text, max).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No character of XML 1.0, not even escaped.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests;

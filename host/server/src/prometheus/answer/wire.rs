//! How the parts of an answer are read: each by a visitor that keeps nothing but what is kept in the end.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::frame::{Frame, FrameSeries};

use super::InstantSample;

/// The data of a range query.
#[derive(Deserialize)]
pub(super) struct Matrix {
    #[serde(rename = "resultType")]
    pub(super) result_type: String,
    pub(super) result: Elements,
}

/// The data of an instant query.
#[derive(Deserialize)]
pub(super) struct Instant {
    #[serde(rename = "resultType")]
    pub(super) result_type: String,
    pub(super) result: InstantResult,
}

/// All elements of a result, as columns.
#[derive(Default)]
pub(super) struct Elements {
    pub(super) frame: Frame,
    pub(super) histograms_skipped: u64,
}

/// One element of a matrix. Both lists may be there: a series can change from floats to native histograms.
#[derive(Deserialize)]
struct Element {
    metric: Metric,
    #[serde(default)]
    values: Columns,
    #[serde(default)]
    histograms: Skipped,
}

/// One element of a vector, with one of the two.
#[derive(Deserialize)]
struct Single {
    metric: Metric,
    value: Option<Point>,
    #[serde(rename = "histogram")]
    _histogram: Option<IgnoredAny>,
}

/// What an instant query evaluated to.
pub(super) enum InstantResult {
    Scalar(Point),
    Vector(Vec<InstantSample>),
}

struct Metric(Labels);

#[derive(Default)]
struct Columns {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

/// How many elements a list had.
#[derive(Default)]
struct Skipped(u64);

/// `[seconds, "value"]`.
pub(super) struct Point {
    at: i64,
    pub(super) value: f64,
}

/// Seconds as a number, with or without a fraction, read as whole milliseconds.
struct Seconds(i64);

/// A float in a string.
struct Text(f64);

/// Writes the `Deserialize` that hands a type to its visitor.
macro_rules! by_visitor {
    ($type:ty, $method:ident, $visitor:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                from.$method($visitor)
            }
        }
    };
}

by_visitor!(Elements, deserialize_seq, ElementsVisitor);
by_visitor!(InstantResult, deserialize_seq, InstantVisitor);
by_visitor!(Metric, deserialize_map, MetricVisitor);
by_visitor!(Columns, deserialize_seq, ColumnsVisitor);
by_visitor!(Skipped, deserialize_seq, SkippedVisitor);
by_visitor!(Point, deserialize_seq, PointVisitor);
by_visitor!(Seconds, deserialize_any, SecondsVisitor);
by_visitor!(Text, deserialize_str, TextVisitor);

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements, A::Error> {
        let mut all = Elements::default();
        while let Some(Element { metric, values, histograms }) = list.next_element()? {
            all.histograms_skipped += histograms.0;
            // A series of native histograms alone has nothing that could be judged.
            if !values.timestamps.is_empty() {
                let Columns { timestamps, values } = values;
                all.frame.series.push(FrameSeries { labels: metric.0, timestamps, values });
            }
        }
        Ok(all)
    }
}

struct InstantVisitor;

impl<'de> Visitor<'de> for InstantVisitor {
    type Value = InstantResult;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples, or one [seconds, \"value\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<InstantResult, A::Error> {
        let mut samples = Vec::new();
        match list.next_element::<Head>()? {
            None => return Ok(InstantResult::Vector(samples)),
            Some(Head::Scalar(Seconds(at))) => {
                let Text(value) = list.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                return match list.next_element::<IgnoredAny>()? {
                    None => Ok(InstantResult::Scalar(Point { at, value })),
                    Some(_) => Err(de::Error::invalid_length(3, &self)),
                };
            }
            Some(Head::Single(single)) => samples.extend(single.sample()),
        }
        while let Some(single) = list.next_element::<Single>()? {
            samples.extend(single.sample());
        }
        Ok(InstantResult::Vector(samples))
    }
}

impl Single {
    fn sample(self) -> Option<InstantSample> {
        let Point { at, value } = self.value?;
        Some(InstantSample { labels: self.metric.0, at: Timestamp(at), value })
    }
}

/// The first element of an instant result tells which kind it is.
enum Head {
    Scalar(Seconds),
    Single(Single),
}

by_visitor!(Head, deserialize_any, HeadVisitor);

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sample or a time in seconds")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Head, A::Error> {
        Single::deserialize(MapAccessDeserializer::new(map)).map(Head::Single)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Head, E> {
        SecondsVisitor.visit_u64(seconds).map(Head::Scalar)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Head, E> {
        SecondsVisitor.visit_f64(seconds).map(Head::Scalar)
    }
}

struct MetricVisitor;

impl<'de> Visitor<'de> for MetricVisitor {
    type Value = Metric;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metric, A::Error> {
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(8);
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Metric(Labels::new(pairs)))
    }
}

struct ColumnsVisitor;

impl<'de> Visitor<'de> for ColumnsVisitor {
    type Value = Columns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples, oldest first")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Columns, A::Error> {
        // Most answers bring one new sample a series.
        let mut columns = Columns { timestamps: Vec::with_capacity(1), values: Vec::with_capacity(1) };
        while let Some(Point { at, value }) = list.next_element()? {
            if columns.timestamps.last().is_some_and(|last| *last >= at) {
                return Err(de::Error::custom(format_args!("the samples are not in order at {at} ms")));
            }
            columns.timestamps.push(at);
            columns.values.push(value);
        }
        Ok(columns)
    }
}

struct SkippedVisitor;

impl<'de> Visitor<'de> for SkippedVisitor {
    type Value = Skipped;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of histograms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Skipped, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Skipped(count))
    }
}

struct PointVisitor;

impl<'de> Visitor<'de> for PointVisitor {
    type Value = Point;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[seconds, \"value\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Point, A::Error> {
        let Seconds(at) = pair.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let Text(value) = pair.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        match pair.next_element::<IgnoredAny>()? {
            None => Ok(Point { at, value }),
            Some(_) => Err(de::Error::invalid_length(3, &self)),
        }
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in seconds")
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
        let millis = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
        millis.map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(seconds), &self))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
        let millis = seconds.checked_mul(1000);
        millis.map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Seconds, E> {
        let millis = (seconds * 1000.0).round();
        // Up to here every whole number of milliseconds is a float of its own.
        if millis.abs() < 9_007_199_254_740_992.0 {
            Ok(Seconds(millis as i64))
        } else {
            Err(E::invalid_value(Unexpected::Float(seconds), &self))
        }
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a float in a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        // Rust reads "NaN", "+Inf" and "-Inf" as Go writes them.
        text.parse().map(Text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

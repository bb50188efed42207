//! A Prometheus that is a table of numbers: one sample a minute, or none.

use std::collections::BTreeMap;

use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::frame::{Frame, FrameSeries};
use crate::tests::scripted::value_of;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const START: i64 = 1_700_000_040_000;

pub(crate) fn at(minute: u64) -> Timestamp {
    Timestamp(START + i64::try_from(minute).expect("few minutes") * MINUTE)
}

pub(crate) fn minute(at: Timestamp) -> u64 {
    u64::try_from((at.0 - START) / MINUTE).expect("not before the start")
}

/// `web-1` of app `web`.
pub(crate) fn pod(name: &str) -> Labels {
    let app = name.split('-').next().unwrap_or(name);
    Labels::new([("app", app), ("pod", name)])
}

pub(crate) fn app(name: &str) -> Labels {
    Labels::new([("app", name)])
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Data(pub(crate) BTreeMap<Labels, BTreeMap<u64, f64>>);

impl Data {
    /// Letters as [`value_of`] reads them, a minute each from `from` on; `.` is no sample.
    pub(crate) fn write(&mut self, name: &str, from: u64, letters: &str) -> &mut Data {
        let samples = self.0.entry(pod(name)).or_default();
        let letters = letters.chars().enumerate().filter(|(_, letter)| *letter != '.');
        samples.extend(letters.map(|(offset, letter)| (from + offset as u64, value_of(letter))));
        self
    }

    pub(crate) fn frame(&self, from: u64, until: u64) -> Frame {
        let series = self.0.iter().map(|(labels, samples)| {
            let (timestamps, values) =
                samples.range(from..=until).map(|(minute, value)| (at(*minute).0, *value)).unzip();
            FrameSeries { labels: labels.clone(), timestamps, values }
        });
        Frame { series: series.filter(|series| !series.timestamps.is_empty()).collect() }
    }
}

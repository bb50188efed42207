//! The shop's metrics in the OpenMetrics text format, which Prometheus scrapes and promtool backfills alike.

use std::fmt::Write as _;

use crate::model::{BUCKETS, Reading};

/// The content type of what [`exposition`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A group of series that share a name, a type and a help text.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) help: &'static str,
    pub(crate) series: Vec<Series>,
}

/// One series and its value now. The name ends in whatever its family's type demands.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: f64,
}

/// All families, always in the same order and with the same series.
pub(crate) fn families(reading: &Reading) -> Vec<Family> {
    vec![
        Family {
            name: "shop_queue_length",
            kind: "gauge",
            help: "Jobs that wait for a worker.",
            series: vec![series("shop_queue_length", None, reading.queue_length)],
        },
        Family {
            name: "http_requests",
            kind: "counter",
            help: "Requests since the shop opened, by status code.",
            series: vec![
                series("http_requests_total", Some(("code", "200".into())), reading.requests_ok as f64),
                series("http_requests_total", Some(("code", "500".into())), reading.requests_failed as f64),
            ],
        },
        Family {
            name: "http_request_duration_seconds",
            kind: "histogram",
            help: "How long requests took.",
            series: durations(reading),
        },
    ]
}

/// A whole page for Prometheus to scrape.
pub fn exposition(reading: &Reading) -> String {
    let mut page = String::new();
    for family in families(reading) {
        write_head(&mut page, &family);
        for series in &family.series {
            write_line(&mut page, series.name, &series.labels, series.value, None);
        }
    }
    page.push_str("# EOF\n");
    page
}

pub(crate) fn write_head(page: &mut String, family: &Family) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "# TYPE {} {}", family.name, family.kind);
    let _ = writeln!(page, "# HELP {} {}", family.name, family.help);
}

/// One sample; with `second`, its time as well. No label value here needs escaping.
pub(crate) fn write_line(
    page: &mut String,
    name: &str,
    labels: &[(&'static str, String)],
    value: f64,
    second: Option<i64>,
) {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let _ = write!(page, "{name}{{{}}} {value}", labels.join(","));
    if let Some(second) = second {
        let _ = write!(page, " {second}");
    }
    page.push('\n');
}

fn series(name: &'static str, label: Option<(&'static str, String)>, value: f64) -> Series {
    let mut labels = vec![("service", "checkout".to_owned())];
    labels.extend(label);
    Series { name, labels, value }
}

fn durations(reading: &Reading) -> Vec<Series> {
    let mut all = Vec::new();
    let mut count = 0;
    // `{:?}` writes 1.0 and not 1: Prometheus 3 renames the latter while it scrapes, but not in a backfill.
    let edges = BUCKETS.iter().map(|edge| format!("{edge:?}")).chain(["+Inf".to_owned()]);
    for (edge, requests) in edges.zip(reading.durations) {
        count += requests;
        all.push(series("http_request_duration_seconds_bucket", Some(("le", edge)), count as f64));
    }
    all.push(series("http_request_duration_seconds_sum", None, reading.duration_sum));
    all.push(series("http_request_duration_seconds_count", None, count as f64));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_openmetrics() {
        let reading = Reading {
            queue_length: 17.0,
            requests_ok: 9,
            requests_failed: 1,
            durations: [1, 2, 3, 0, 0, 0, 4],
            duration_sum: 12.5,
        };
        assert_eq!(
            exposition(&reading),
            r#"# TYPE shop_queue_length gauge
# HELP shop_queue_length Jobs that wait for a worker.
shop_queue_length{service="checkout"} 17
# TYPE http_requests counter
# HELP http_requests Requests since the shop opened, by status code.
http_requests_total{service="checkout",code="200"} 9
http_requests_total{service="checkout",code="500"} 1
# TYPE http_request_duration_seconds histogram
# HELP http_request_duration_seconds How long requests took.
http_request_duration_seconds_bucket{service="checkout",le="0.05"} 1
http_request_duration_seconds_bucket{service="checkout",le="0.1"} 3
http_request_duration_seconds_bucket{service="checkout",le="0.25"} 6
http_request_duration_seconds_bucket{service="checkout",le="0.5"} 6
http_request_duration_seconds_bucket{service="checkout",le="1.0"} 6
http_request_duration_seconds_bucket{service="checkout",le="2.5"} 6
http_request_duration_seconds_bucket{service="checkout",le="+Inf"} 10
http_request_duration_seconds_sum{service="checkout"} 12.5
http_request_duration_seconds_count{service="checkout"} 10
# EOF
"#
        );
    }
}

//! The two formats in which the metrics are served, and which of them a request asks for.
//!
//! The registry writes OpenMetrics. Tools that ask for nothing in particular read Prometheus' text format, which has other
//! names and types for the same families, so it is made from the first.

use std::fmt::Write as _;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// How the metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' text format, version 0.0.4: for whoever does not ask for the other.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What the `Accept` headers of a request ask for. Version 0.0.1 of OpenMetrics, which old versions of Prometheus name
    /// beside the text format, is not spoken here.
    pub(crate) fn asked_for<'a>(accept: impl IntoIterator<Item = &'a str>) -> Format {
        let (mut text, mut openmetrics) = (0.0, 0.0);
        for range in accept.into_iter().flat_map(|header| header.split(',')).map(Range::read) {
            match (range.media_type.as_str(), range.version) {
                ("text/plain", None | Some("0.0.4")) => text = range.weight.max(text),
                ("application/openmetrics-text", None | Some("1.0.0")) => openmetrics = range.weight.max(openmetrics),
                _ => {}
            }
        }
        if openmetrics > 0.0 && openmetrics >= text { Format::OpenMetrics } else { Format::Text }
    }

    /// What stands in `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Everything that is registered.
    pub(super) fn write(self, registry: &Registry) -> String {
        let mut written = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut written, registry);
        match self {
            Format::Text => text(&written),
            Format::OpenMetrics => written,
        }
    }
}

/// One entry of an `Accept` header.
struct Range<'a> {
    media_type: String,
    version: Option<&'a str>,
    /// From 0, not wanted, to 1.
    weight: f32,
}

impl Range<'_> {
    fn read(entry: &str) -> Range<'_> {
        let mut parts = entry.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut range = Range { media_type, version: None, weight: 1.0 };
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("q") {
                range.weight = value.parse().unwrap_or(0.0);
            } else if name.trim().eq_ignore_ascii_case("version") {
                range.version = Some(value);
            }
        }
        range
    }
}

/// What the registry wrote, as Prometheus' text format has it: a family has the name of its samples, which matters for
/// counters and infos; there are fewer types, no units and no end mark. Samples are the same: none of ours has an exemplar
/// or a time, which are written differently.
fn text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines() {
        if let Some((_, said)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            // The type, which comes next, decides on the name.
            help = said;
        } else if let Some((family, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {family}{suffix} {help}\n# TYPE {family}{suffix} {kind}\n");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;
    use prometheus_client::registry::Unit;

    use super::*;

    #[test]
    fn whoever_asks_for_openmetrics_gets_it_and_nobody_else() {
        let openmetrics = [
            // Prometheus 2.42, 2.53 and 3, and the OpenTelemetry collector.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
             application/openmetrics-text; version=\"1.0.0\"; q=0.8,text/plain;q=0.5",
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=1.0.0; Q=0.1",
            "text/plain, application/openmetrics-text",
        ];
        for accept in openmetrics {
            assert_eq!(Format::asked_for([accept]), Format::OpenMetrics, "{accept}");
        }
        let text = [
            "",
            "*/*",
            "text/plain;version=0.0.4",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=much",
            "application/openmetrics-text;q=0.3, text/plain;q=0.7",
            "application/openmetrics-text-but-not-quite",
            ";;;,,,=;q=;version",
        ];
        for accept in text {
            assert_eq!(Format::asked_for([accept]), Format::Text, "{accept}");
        }
        assert_eq!(Format::asked_for([]), Format::Text);
        assert_eq!(Format::asked_for(["text/plain;q=0.5", "application/openmetrics-text"]), Format::OpenMetrics);
    }

    #[test]
    fn each_format_has_its_own_names_and_types() {
        let mut registry = Registry::with_prefix("t");
        registry.register("build", "Version", Info::new(vec![("version", "1.2.3")]));
        let family = Family::<Vec<(String, String)>, Counter>::default();
        let hostile = "# TYPE t_calls gauge\n# EOF \"\\";
        family.get_or_create(&vec![("of".to_owned(), hostile.to_owned())]).inc();
        registry.register("calls", "Calls", family);
        registry.register("never", "Nothing yet", Family::<Vec<(String, String)>, Gauge>::default());
        let open: Gauge = Gauge::default();
        registry.register_with_unit("memory", "Memory", Unit::Bytes, open);
        let took = Histogram::new([0.5]);
        took.observe(0.25);
        registry.register("took_seconds", "Time", took);

        expect![[r##"
            # HELP t_build Version.
            # TYPE t_build info
            t_build_info{version="1.2.3"} 1
            # HELP t_calls Calls.
            # TYPE t_calls counter
            t_calls_total{of="# TYPE t_calls gauge\n# EOF \"\\"} 1
            # HELP t_memory_bytes Memory.
            # TYPE t_memory_bytes gauge
            # UNIT t_memory_bytes bytes
            t_memory_bytes 0
            # HELP t_took_seconds Time.
            # TYPE t_took_seconds histogram
            t_took_seconds_sum 0.25
            t_took_seconds_count 1
            t_took_seconds_bucket{le="0.5"} 1
            t_took_seconds_bucket{le="+Inf"} 1
            # EOF
        "##]]
        .assert_eq(&Format::OpenMetrics.write(&registry));
        expect![[r##"
            # HELP t_build_info Version.
            # TYPE t_build_info gauge
            t_build_info{version="1.2.3"} 1
            # HELP t_calls_total Calls.
            # TYPE t_calls_total counter
            t_calls_total{of="# TYPE t_calls gauge\n# EOF \"\\"} 1
            # HELP t_memory_bytes Memory.
            # TYPE t_memory_bytes gauge
            t_memory_bytes 0
            # HELP t_took_seconds Time.
            # TYPE t_took_seconds histogram
            t_took_seconds_sum 0.25
            t_took_seconds_count 1
            t_took_seconds_bucket{le="0.5"} 1
            t_took_seconds_bucket{le="+Inf"} 1
        "##]]
        .assert_eq(&Format::Text.write(&registry));
    }
}

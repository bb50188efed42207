//! Days gone by, as Prometheus would have recorded them: the text that
//! `promtool tsdb create-blocks-from openmetrics` turns into blocks.

use crate::metrics::{self, Family, Series};
use crate::model::{Calendar, Shop};

/// Which stretch of time to write, and under which target's labels.
#[derive(Debug, Clone)]
pub struct Span {
    /// The second at which the shop opens and its counters begin; the first sample.
    pub from: i64,
    /// No sample is later than this second.
    pub to: i64,
    /// Seconds from one sample to the next; at least 1.
    pub step: u32,
    /// The `job` label that Prometheus gives the live scrapes.
    pub job: String,
    /// The `instance` label that Prometheus gives the live scrapes.
    pub instance: String,
}

/// The samples of all series in `span`. An empty span gives a page without samples.
pub fn openmetrics(span: &Span, calendar: Calendar) -> String {
    let seconds: Vec<i64> = (span.from..=span.to).step_by(span.step.max(1) as usize).collect();
    let mut shop = Shop::opened_at(span.from, calendar);
    let rows: Vec<Vec<Family>> = seconds
        .iter()
        .map(|second| {
            shop.advance_to(*second);
            let mut families = metrics::families(shop.reading());
            families.push(up());
            families
        })
        .collect();

    let mut page = String::new();
    let columns = rows.first().map_or(&[][..], Vec::as_slice);
    for (f, family) in columns.iter().enumerate() {
        metrics::write_head(&mut page, family);
        for (s, series) in family.series.iter().enumerate() {
            let mut labels = series.labels.clone();
            labels.push(("job", span.job.clone()));
            labels.push(("instance", span.instance.clone()));
            // promtool wants the samples of one series together, oldest first.
            for (second, row) in seconds.iter().zip(&rows) {
                metrics::write_line(&mut page, series.name, &labels, row[f].series[s].value, Some(*second));
            }
        }
    }
    page.push_str("# EOF\n");
    page
}

/// What Prometheus itself records beside each scrape that succeeds.
fn up() -> Family {
    Family {
        name: "up",
        kind: "gauge",
        help: "Whether the scrape succeeded.",
        series: vec![Series { name: "up", labels: Vec::new(), value: 1.0 }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(from: i64, to: i64, step: u32) -> String {
        let span = Span { from, to, step, job: "shop".into(), instance: "shop-1".into() };
        openmetrics(&span, Calendar { night_at: 0 })
    }

    #[test]
    fn samples_of_one_series_stand_together_oldest_first() {
        let page = page(100, 105, 2);
        let queue: Vec<&str> = page.lines().filter(|line| line.starts_with("shop_queue_length{")).collect();
        let times: Vec<&str> = queue.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(times, ["100", "102", "104"]);
        assert!(queue[0].starts_with(r#"shop_queue_length{service="checkout",job="shop",instance="shop-1"} "#));
        assert!(page.contains(r#"up{job="shop",instance="shop-1"} 1 104"#));
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn history_goes_over_into_the_live_shop_without_a_step() {
        let page = page(0, 900, 1);
        let mut live = Shop::opened_at(0, Calendar { night_at: 0 });
        live.advance_to(900);
        let expected = format!(
            r#"http_requests_total{{service="checkout",code="200",job="shop",instance="shop-1"}} {} 900"#,
            live.reading().requests_ok
        );
        assert!(page.lines().any(|line| line == expected), "{expected}");
    }

    #[test]
    fn an_empty_span_is_an_empty_page() {
        assert_eq!(page(100, 99, 1), "# EOF\n");
    }
}

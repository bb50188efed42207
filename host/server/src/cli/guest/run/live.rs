//! Series live from a Prometheus, with the history that a detector asks for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::time::{Timestamp, format_duration};
use tidegate_workbench::instant::show;
use tidegate_workbench::run::series::Series;
use tokio::runtime::Runtime;

use super::{Data, source};
use crate::cli::exit::Failure;
use crate::cli::guest::file;
use crate::http_client::{BaseUrl, HttpClientOptions};
use crate::prometheus::{Client, QueryLimits, plan_chunks};

/// Most samples that are held at once, all series together: some 2 GB with what is said of each.
const MAX_SAMPLES: u64 = 10_000_000;

/// Largest file of HTTP options.
const MAX_OPTIONS: usize = 1 << 20;

/// A Prometheus, and the runtime that its client needs.
pub(super) struct Live {
    pub(super) runtime: Runtime,
    pub(super) prometheus: Arc<Client>,
}

impl Live {
    /// Connects nowhere yet.
    pub(super) fn new(url: &str, data: &Data) -> Result<Live, Failure> {
        let base = BaseUrl::parse(url).map_err(|error| Failure::Usage(format!("--prometheus: {error}")))?;
        let options = match &data.http_config {
            Some(path) => options(path)?,
            None => HttpClientOptions::default(),
        };
        let http = options.build_for(&base).map_err(|error| Failure::Usage(format!("--http-config: {error}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
        Ok(Live { runtime, prometheus: Arc::new(Client::new(base, http, QueryLimits::default())) })
    }

    /// The series of an expression from `start` to `end`.
    pub(super) fn series(&self, asked: &Asked<'_>) -> Result<Vec<Series>, Failure> {
        let series = self.range(asked, asked.start, asked.end, 1)?;
        if series.is_empty() {
            let (start, end) = (show(asked.start.0), show(asked.end.0));
            return Err(Failure::Usage(format!("no samples for {:?} from {start} to {end}", asked.expr)));
        }
        Ok(series)
    }

    /// Puts in front of each series as much as `history` has of it.
    pub(super) fn add_history(
        &self,
        series: &mut [Series],
        asked: &Asked<'_>,
        history: Duration,
    ) -> Result<(), Failure> {
        let points = (history.as_millis() / asked.step.as_millis().max(1)) as u64;
        if points.saturating_mul(series.len() as u64) > MAX_SAMPLES {
            return Err(Failure::Usage(format!(
                "{} of history of {} series are more than {MAX_SAMPLES} samples; select fewer by --series, or ask for less by \
                 --history",
                format_duration(history),
                series.len()
            )));
        }
        let end = asked.start.align_down(asked.step);
        let end = if end < asked.start { end } else { end.minus(asked.step) };
        let mut earlier = self.range(asked, asked.start.minus(history), end, series.len())?;
        for one in series {
            if let Some(place) = earlier.iter().position(|before| before.name == one.name) {
                one.put_before(earlier.swap_remove(place));
            }
        }
        Ok(())
    }

    /// As many requests as it takes, oldest first, joined by series.
    fn range(
        &self,
        asked: &Asked<'_>,
        start: Timestamp,
        end: Timestamp,
        estimate: usize,
    ) -> Result<Vec<Series>, Failure> {
        let mut all: Vec<Series> = Vec::new();
        let mut samples = 0;
        for (from, to) in plan_chunks(start, end, asked.step, estimate) {
            let answer = self.runtime.block_on(self.prometheus.query_range(asked.expr, from, to, asked.step));
            let answer = answer.map_err(|error| Failure::Failed(error.to_string()))?;
            if answer.frame.series.is_empty() && answer.histograms_skipped == 0 {
                continue;
            }
            let part = source::selected(answer, asked.selector).map_err(Failure::Usage)?;
            samples += part.iter().map(|series| series.values.len() as u64).sum::<u64>();
            if samples > MAX_SAMPLES {
                let what = format!("{:?} gives more than {MAX_SAMPLES} samples", asked.expr);
                return Err(Failure::Usage(format!("{what}; ask for a shorter time, a longer step or fewer series")));
            }
            for one in part {
                match all.iter_mut().find(|series| series.name == one.name) {
                    Some(known) => {
                        known.timestamps.extend(one.timestamps);
                        known.values.extend(one.values);
                    }
                    None => all.push(one),
                }
            }
        }
        Ok(all)
    }
}

/// What is asked of a Prometheus.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) expr: &'a str,
    pub(super) selector: Option<&'a str>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) step: Duration,
}

fn options(path: &Path) -> Result<HttpClientOptions, Failure> {
    let wrong = |what: String| Failure::Usage(format!("the HTTP options in {}: {what}", path.display()));
    let text = String::from_utf8(file::read(path, MAX_OPTIONS)?).map_err(|_| wrong("not UTF-8 text".to_owned()))?;
    let options: HttpClientOptions = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    Ok(options.below(path.parent().unwrap_or(Path::new("."))))
}

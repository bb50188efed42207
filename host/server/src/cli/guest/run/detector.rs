//! A detector over series: where they come from, what is said of each sample, and a picture of it.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value;
use tidegate_domain::time::{Timestamp, format_duration};
use tidegate_sandbox::{Detector, Guest};
use tidegate_workbench::plot::{Chart, Size, svg};
use tidegate_workbench::run::judge::{Judged, judge};
use tidegate_workbench::run::render::{CSV_HEADER, Only, Subject, csv, document, summary, table};
use tidegate_workbench::run::series::{Series, usual_step};

use super::live::{Asked, Live};
use super::{Data, Format, not_opened, source, when};
use crate::cli::exit::Failure;
use crate::clock;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Which of several series to run, for example '{service="checkout"}'; without it all are
    #[arg(long, value_name = "SELECTOR", help_heading = "Detectors")]
    series: Option<String>,
    /// From when samples are judged and shown; those before are learnt from. For --query, 6h ago if not given
    #[arg(long, value_name = "TIME", help_heading = "Detectors")]
    start: Option<String>,
    /// Until when; for --query, now if not given
    #[arg(long, value_name = "TIME", help_heading = "Detectors")]
    end: Option<String>,
    /// The distance between two samples; told from the data if not given, for --query chosen by the time asked for
    #[arg(long, value_name = "DURATION", help_heading = "Detectors")]
    step: Option<String>,
    /// How much before --start is asked for and learnt from, with --query; what the guest wants if not given, 0 for none
    #[arg(long, value_name = "DURATION", help_heading = "Detectors", requires = "query")]
    history: Option<String>,
    /// Show anomalous samples only, and those without an answer
    #[arg(long, value_enum, help_heading = "Detectors")]
    only: Option<Which>,
    /// Also draw the series, what was expected and what is anomalous, as SVG
    #[arg(long, value_name = "FILE.svg", help_heading = "Detectors")]
    plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Which {
    Anomalous,
}

/// How far back a live query goes unless told.
const LOOK_BACK: Duration = Duration::from_secs(6 * 60 * 60);

pub(super) fn run(args: &super::Args, guest: &Guest, settings: &Value) -> Result<(), Failure> {
    let Opened { detector, series, step, from } = open(args, guest, settings)?;
    if args.detector.plot.is_some() && series.len() > 1 {
        let names: Vec<String> = series.iter().map(|series| series.name.clone()).collect();
        let what = format!("--plot draws one series; choose it by --series among {}", source::listed(&names));
        return Err(Failure::Usage(what));
    }
    let manifest = guest.manifest();
    let subject = Subject {
        guest: guest.name(),
        version: &manifest.version,
        digest: guest.digest(),
        settings,
        step,
        min_samples: detector.needs().min_samples,
    };
    let judged: Vec<Judged> = series.iter().map(|series| judge(&detector, series, from.map(|from| from.0))).collect();
    let only = if args.detector.only.is_some() { Only::Anomalous } else { Only::All };
    written(write(args.output, &subject, &judged, only))?;
    if let (Some(path), [one]) = (&args.detector.plot, judged.as_slice()) {
        plot(path, &subject, one, &args.data)?;
    }
    // Each failure was shown where it happened, but perhaps among many rows.
    let mut failed = false;
    for (kind, (count, first)) in judged.iter().flat_map(|judged| &judged.failures) {
        failed = true;
        let first = crate::cli::table::plain(first);
        eprintln!("error: guest {:?} did not answer {count} times ({kind}); the first time: {first}", guest.name());
    }
    if failed { Err(Failure::Answered(1)) } else { Ok(()) }
}

struct Opened {
    detector: Detector,
    series: Vec<Series>,
    step: Duration,
    /// What is before is history.
    from: Option<Timestamp>,
}

fn open(args: &super::Args, guest: &Guest, settings: &Value) -> Result<Opened, Failure> {
    let now = clock::now();
    let Args { series: selector, start, end, step, history, .. } = &args.detector;
    let selector = selector.as_deref();
    let start = start.as_deref().map(|text| when::point("--start", text, now)).transpose()?;
    let end = end.as_deref().map(|text| when::point("--end", text, now)).transpose()?;
    let step = step.as_deref().map(|text| when::length("--step", text)).transpose()?;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(Failure::Usage("--start is after --end".to_owned()));
    }
    let opened = |step| guest.open_detector(settings, step).map_err(|error| not_opened(guest, &error));
    let data = &args.data;
    if let (Some(url), Some(expr)) = (&data.prometheus, &data.query) {
        let end = end.unwrap_or(now);
        let start = start.unwrap_or_else(|| end.minus(LOOK_BACK));
        let step = step.unwrap_or_else(|| when::step_for(end.since(start)));
        let detector = opened(step)?;
        let asked = Asked { expr, selector, start, end, step };
        let live = Live::new(url, data)?;
        let mut series = live.series(&asked)?;
        let history = match history.as_deref() {
            Some("0") => Duration::ZERO,
            Some(text) => when::length("--history", text)?,
            None => detector.needs().history,
        };
        if !history.is_zero() {
            if io::stderr().is_terminal() {
                eprintln!("asking for {} of history as well", format_duration(history));
            }
            live.add_history(&mut series, &asked, history)?;
        }
        return Ok(Opened { detector, series, step, from: Some(start) });
    }
    let mut series = match (&data.csv, &data.range_json) {
        (Some(path), _) => vec![source::from_csv(path)?],
        (None, Some(path)) => source::from_range_json(path, selector)?,
        (None, None) => return Err(no_data(args, guest)),
    };
    if selector.is_some() && data.csv.is_some() {
        return Err(Failure::Usage("--series chooses among several series, and a CSV file holds one".to_owned()));
    }
    if let Some(end) = end {
        series.iter_mut().for_each(|series| series.end_at(end.0));
    }
    let step = step.or_else(|| usual_step(&series)).ok_or_else(|| {
        Failure::Usage("the step cannot be told from a single sample; give it by --step, for example 1m".to_owned())
    })?;
    Ok(Opened { detector: opened(step)?, series, step, from: start })
}

fn no_data(args: &super::Args, guest: &Guest) -> Failure {
    let name = guest.name();
    Failure::Usage(if args.data.incident.is_some() {
        format!(
            "guest {name:?} is a detector, and --incident is for policies; give it a series by --csv, --range-json or --query"
        )
    } else if args.data.prometheus.is_some() {
        "--prometheus needs a --query to ask it".to_owned()
    } else {
        format!("guest {name:?} is a detector: give it a series by --csv, --range-json, or --prometheus with --query")
    })
}

fn write(format: Format, subject: &Subject<'_>, all: &[Judged], only: Only) -> io::Result<()> {
    let stdout = io::stdout();
    let color = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let mut out = BufWriter::new(stdout.lock());
    match format {
        Format::Text => {
            for (place, judged) in all.iter().enumerate() {
                if place > 0 {
                    writeln!(out)?;
                }
                table(&mut out, subject, judged, only, color)?;
            }
        }
        Format::Csv => {
            out.write_all(CSV_HEADER.as_bytes())?;
            all.iter().try_for_each(|judged| csv(&mut out, judged, only))?;
        }
        Format::Json => document(&mut out, subject, all, only)?,
    }
    out.flush()
}

/// A reader who has seen enough (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write the answer: {error}")))
        }
        _ => Ok(()),
    }
}

fn plot(path: &Path, subject: &Subject<'_>, judged: &Judged, data: &Data) -> Result<(), Failure> {
    let file = data.csv.as_ref().or(data.range_json.as_ref());
    let title = match (&data.query, file) {
        _ if !judged.name.is_empty() && judged.name != "{}" => judged.name.clone(),
        (Some(query), _) => query.clone(),
        (None, Some(file)) => crate::cli::guest::file::shown(file),
        (None, None) => subject.guest.to_owned(),
    };
    let points = judged.points();
    let step_ms = u64::try_from(subject.step.as_millis()).unwrap_or(u64::MAX);
    let chart = Chart { title: &title, subtitle: &summary(subject, judged), points: &points, step_ms };
    std::fs::write(path, svg(&chart, Size::default()))
        .map_err(|error| Failure::Failed(format!("cannot write the picture to {}: {error}", path.display())))?;
    eprintln!("drawn to {}", path.display());
    Ok(())
}

//! Whole cycles of the real program: one new sample of each series, all detectors, and the series table written.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::canned::Canned;
use super::detectors::Detectors;
use super::host::{Host, Metrics};
use super::swap::{self, Swap};

/// Seconds between two samples of a series, and between two cycles: each brings one sample.
const STEP: u64 = 10;

/// Steps of a season: the 288 slots that a day at five minutes has, so that states are as large as they get.
const PERIOD: u64 = 288;

/// Periods of history that there are: one more than the seasonal detector wants before it judges.
const PERIODS: u64 = 3;

/// Longest that a host may take until it judges: the history of 100,000 series is read before.
pub(super) const PATIENCE: Duration = Duration::from_secs(15 * 60);

const CONFIG: &str = r#"
[server]
listen = "{listen}"
data_dir = "data"
guest_dir = "guests"
snapshot_interval = "1d"

[prometheus]
url = "http://{prometheus}"

{detectors}
[[watch]]
name = "bench"
expr = "http_request_duration_seconds"
interval = "10s"
query_offset = "1s"
detectors = {names}
cold_start = { history = "1h" }
mode = "observe"
"#;

/// What was measured over so many series.
pub(super) struct Run {
    series: usize,
    /// Until the first verdict of a host that knows nothing, and of one that reads its series table.
    first_start: Cost,
    restart: Cost,
    cycle: Cycle,
    /// A new version of a guest, dropped in.
    swap: Swap,
    /// The series table written for the first time, and over the rows of the time before.
    first_snapshot: Cost,
    later_snapshot: Cost,
    /// Most memory until the host stopped; of the second one also before the table was written.
    first_peak: u64,
    cycles_peak: u64,
    restart_peak: u64,
}

/// Time on the clock and on the processors.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// One cycle, or the medians of several, in seconds.
#[derive(Clone, Copy, Default)]
pub(super) struct Cycle {
    wall: f64,
    cpu: f64,
    query: f64,
    parse: f64,
    fold: f64,
    deliver: f64,
    guests: f64,
}

/// Runs a host twice over the same data folder, and measures cycles in the second run, where the memory of reading the
/// history is not in the way.
pub(super) fn measure(
    tidegate: &Path,
    guests: &Path,
    detectors: &Detectors,
    series: usize,
    cycles: u32,
) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let now = std::time::UNIX_EPOCH.elapsed().context("the clock stands before 1970")?.as_secs();
    let first = i64::try_from(now - PERIODS * PERIOD * STEP)?;
    let prometheus = Canned::start(series, first, i64::try_from(PERIOD)?)?;
    let config = CONFIG.replace("{prometheus}", &prometheus.address().to_string());
    let config = config.replace("{detectors}", &detectors.sections()).replace("{names}", &detectors.of_watch());
    detectors.link(guests, &folder.path().join("guests"))?;

    eprintln!("{series} series: a new host reads their history");
    let (mut host, first_start) = started(tidegate, folder.path(), &config)?;
    settle(&mut host, &prometheus, detectors, series)?;
    let (wall, cpu, first_peak) = host.stop()?;
    let first_snapshot = Cost { wall, cpu };

    eprintln!("{series} series: the host again, with its series table");
    let (mut host, restart) = started(tidegate, folder.path(), &config)?;
    settle(&mut host, &prometheus, detectors, series)?;
    let mut measured = Vec::new();
    for nth in 0..cycles {
        let cycle = next(&mut host, &prometheus, detectors, series)?
            .with_context(|| format!("cycle {nth} did not bring one sample of each series; is the machine busy?"))?;
        eprintln!(
            "{series} series: cycle {} of {cycles}: {:.3} s, {:.2} s of processor",
            nth + 1,
            cycle.wall,
            cycle.cpu
        );
        measured.push(cycle);
    }
    eprintln!("{series} series: another version of a guest");
    let swap = swap::measure(&mut host, folder.path(), &prometheus, detectors, series)?;
    let cycles_peak = host.peak_memory()?;
    let (wall, cpu, restart_peak) = host.stop()?;
    let later_snapshot = Cost { wall, cpu };
    let cycle = median(&measured);
    Ok(Run {
        series,
        first_start,
        restart,
        cycle,
        swap,
        first_snapshot,
        later_snapshot,
        first_peak,
        cycles_peak,
        restart_peak,
    })
}

/// Starts a host and waits for its first cycle.
fn started(tidegate: &Path, folder: &Path, config: &str) -> anyhow::Result<(Host, Cost)> {
    let began = Instant::now();
    let mut host = Host::start(tidegate, folder, config)?;
    loop {
        if host.metrics()?.is_some_and(|metrics| cycles_of(&metrics) > 0.0) {
            let cpu = host.cpu()?;
            return Ok((host, Cost { wall: began.elapsed(), cpu }));
        }
        if began.elapsed() > PATIENCE {
            bail!("tidegate finished no cycle within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until a cycle brings one sample of each series: before that, it catches up.
fn settle(host: &mut Host, prometheus: &Canned, detectors: &Detectors, series: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    while next(host, prometheus, detectors, series)?.is_none() {
        if began.elapsed() > PATIENCE {
            bail!("tidegate did not come to one sample a cycle within {} s", PATIENCE.as_secs());
        }
    }
    Ok(())
}

/// The next cycle; None unless it judged one sample of each series.
pub(super) fn next(
    host: &mut Host,
    prometheus: &Canned,
    detectors: &Detectors,
    series: usize,
) -> anyhow::Result<Option<Cycle>> {
    let (before, cpu_before) = quiet(host)?;
    let answered = prometheus.answered();
    let asked = Instant::now();
    while prometheus.answered() == answered {
        if asked.elapsed() > PATIENCE {
            bail!("tidegate asked nothing within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
    let (after, cpu_after) = loop {
        let (after, cpu) = quiet(host)?;
        // On a busy machine a host can be quiet in the middle of a cycle.
        if cycles_of(&after) > cycles_of(&before) {
            break (after, cpu);
        }
    };
    let grown = |name: &str, label: &str| after.sum(name, label) - before.sum(name, label);
    let judged = grown("tidegate_samples_total", r#"standing="normal""#)
        + grown("tidegate_samples_total", r#"standing="anomalous""#);
    let calls = |guest: &str| grown("tidegate_guest_calls_total", &format!("guest=\"{guest}\"")) as usize;
    let whole = judged as usize == series && detectors.names().all(|guest| calls(guest) >= series);
    let failed = grown("tidegate_detector_failures_total", "");
    if failed > 0.0 {
        bail!("{failed} guest calls failed; what was measured is not what was meant");
    }
    let stage = |name: &str| grown("tidegate_cycle_stage_duration_seconds_sum", &format!(r#"stage="{name}""#));
    let cycle = Cycle {
        wall: grown("tidegate_cycle_duration_seconds_sum", ""),
        cpu: cpu_after.saturating_sub(cpu_before).as_secs_f64(),
        query: stage("query"),
        parse: stage("parse"),
        fold: stage("fold"),
        deliver: stage("deliver"),
        guests: grown("tidegate_guest_call_seconds_total", ""),
    };
    Ok((whole && grown("tidegate_cycle_duration_seconds_count", "") as usize == 1).then_some(cycle))
}

/// Metrics and processor time while nothing is going on: what a cycle leaves behind has been cleared away.
pub(super) fn quiet(host: &mut Host) -> anyhow::Result<(Metrics, Duration)> {
    loop {
        let before = host.cpu()?;
        thread::sleep(Duration::from_millis(300));
        let after = host.cpu()?;
        // The guests' clock ticks always, and costs next to nothing.
        if after.saturating_sub(before) <= Duration::from_millis(20)
            && let Some(metrics) = host.metrics()?
        {
            return Ok((metrics, after));
        }
    }
}

pub(super) fn cycles_of(metrics: &Metrics) -> f64 {
    metrics.sum("tidegate_cycle_duration_seconds_count", "")
}

fn median(cycles: &[Cycle]) -> Cycle {
    let of = |field: fn(&Cycle) -> f64| {
        let mut values: Vec<f64> = cycles.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Cycle {
        wall: of(|cycle| cycle.wall),
        cpu: of(|cycle| cycle.cpu),
        query: of(|cycle| cycle.query),
        parse: of(|cycle| cycle.parse),
        fold: of(|cycle| cycle.fold),
        deliver: of(|cycle| cycle.deliver),
        guests: of(|cycle| cycle.guests),
    }
}

/// Prints one column a run.
pub(super) fn print(runs: &[Run], detectors: &Detectors) {
    let row = |what: &str, value: &dyn Fn(&Run) -> String| {
        let values: Vec<String> = runs.iter().map(|run| format!("{:>20}", value(run))).collect();
        println!("{what:<46}{}", values.concat());
    };
    let seconds = |value: f64| format!("{value:.3} s");
    let cost = |cost: Cost| format!("{:.2} s / {:.2} s", cost.wall.as_secs_f64(), cost.cpu.as_secs_f64());
    let memory = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
    println!();
    row("series", &|run| run.series.to_string());
    row("a cycle, wall", &|run| seconds(run.cycle.wall));
    row("  waiting for Prometheus, receiving", &|run| seconds(run.cycle.query));
    row("  parsing", &|run| seconds(run.cycle.parse));
    row("  folding (guests and domain, all threads)", &|run| seconds(run.cycle.fold));
    row("  delivering", &|run| seconds(run.cycle.deliver));
    row("a cycle, processor", &|run| seconds(run.cycle.cpu));
    row("  parsing", &|run| seconds(run.cycle.parse));
    row(&format!("  guests, calls a series: {}", detectors.names().count()), &|run| seconds(run.cycle.guests));
    row("  domain and the rest", &|run| seconds(run.cycle.cpu - run.cycle.parse - run.cycle.guests));
    row("processor a series", &|run| format!("{:.1} us", run.cycle.cpu / run.series as f64 * 1e6));
    row("swap of a guest: the watch is held", &|run| seconds(run.swap.held.as_secs_f64()));
    row("swap of a guest: from file to running", &|run| seconds(run.swap.taken.as_secs_f64()));
    row("snapshot and stop, new rows, wall / cpu", &|run| cost(run.first_snapshot));
    row("snapshot and stop, known rows, wall / cpu", &|run| cost(run.later_snapshot));
    row("first start with history, wall / cpu", &|run| cost(run.first_start));
    row("restart with the series table, wall / cpu", &|run| cost(run.restart));
    row("peak memory, first start to stop", &|run| memory(run.first_peak));
    row("peak memory, restart and cycles", &|run| memory(run.cycles_peak));
    row("peak memory, restart to stop", &|run| memory(run.restart_peak));
}

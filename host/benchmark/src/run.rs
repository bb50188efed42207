//! One detector over all series: played on all processors at once, measured on one.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, bail};
use tidegate_domain::time::format_duration;
use tidegate_pipeline::sounding::History;

use crate::causality;
use crate::cost::{self, Cost};
use crate::data::{Series, Set};
use crate::play::{Play, levels, scores};
use crate::report::{Ranked, Row};
use crate::results;
use crate::trial::{Candidate, Failures};

/// What came of one series.
struct Played {
    play: Play,
    /// Why the detector cannot be used on it.
    refused: Option<String>,
    failures: Failures,
}

/// Puts one detector on trial. What it said is written to `results`, if there is such a folder.
///
/// # Errors
///
/// When it cannot be opened, is not causal, or what it said cannot be written.
pub fn detector(candidate: &Candidate, sets: &[Set], results: Option<&Path>) -> anyhow::Result<Row> {
    let of_set = |set: &'_ Set| set.series.iter().map(|series| (set.name.clone(), series.clone())).collect::<Vec<_>>();
    let series: Vec<(String, Series)> = sets.iter().flat_map(of_set).collect();
    let began = Instant::now();
    let played = play_all(candidate, &series)?;
    if let Some(folder) = results {
        for ((set, series), played) in series.iter().zip(&played) {
            results::write(folder, &candidate.name, set, &series.name, &played.play)?;
        }
    }
    let cost = measure_all(candidate, &series)?;
    let remarks = remarks(&candidate.name, &series, &played);
    let mut plays = played.into_iter().map(|played| played.play);
    let figures = sets.iter().map(|set| {
        let plays: Vec<Play> = plays.by_ref().take(set.series.len()).collect();
        (set.name.clone(), Ranked::of(&set.name, &plays))
    });
    let row = Row { detector: candidate.name.clone(), sets: figures.collect(), cost, remarks };
    let samples: usize = series.iter().map(|(_, series)| series.timestamps.len()).sum();
    let took = began.elapsed().as_secs_f64();
    eprintln!("{}: {} series with {samples} samples, {took:.0} s", candidate.name, series.len());
    Ok(row)
}

/// In the order of the series.
fn play_all(candidate: &Candidate, series: &[(String, Series)]) -> anyhow::Result<Vec<Played>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut played = BTreeMap::new();
        loop {
            let which = next.fetch_add(1, Relaxed);
            let Some((set, one)) = series.get(which) else { return Ok(played) };
            let outcome = play(candidate, one).with_context(|| format!("{} on {set}/{}", candidate.name, one.name))?;
            played.insert(which, outcome);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let parts: Vec<anyhow::Result<BTreeMap<usize, Played>>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    });
    let mut all = BTreeMap::new();
    for part in parts {
        all.extend(part?);
    }
    Ok(all.into_values().collect())
}

fn play(candidate: &Candidate, series: &Series) -> anyhow::Result<Played> {
    let said = |scores, levels, alerts| Play {
        timestamps: series.timestamps.clone(),
        scores,
        levels,
        alerts,
        spans: series.spans.clone(),
    };
    let samples = series.timestamps.len();
    let detector = match candidate.open(series.step)? {
        Ok(detector) => detector,
        Err(why) => {
            let nothing = vec![f64::NAN; samples];
            let play = said(nothing.clone(), nothing, vec![false; samples]);
            return Ok(Played { play, refused: Some(why), failures: Failures::new() });
        }
    };
    let history = History { timestamps: &series.timestamps, values: &series.values };
    let (rehearsed, failures) = candidate.play(&detector, series, history);
    if let Err(leak) = causality::check(history, &rehearsed, |piece| candidate.play(&detector, series, piece).0) {
        bail!(
            "it is not causal: sample {} is judged otherwise where the series ends after {} of {samples} samples",
            leak.sample,
            leak.cut_after,
        );
    }
    let alerts = rehearsed.iter().map(|sample| sample.opened.is_some()).collect();
    Ok(Played { play: said(scores(&rehearsed), levels(&rehearsed), alerts), refused: None, failures })
}

/// One series after the other: what else runs on the processors would change what is measured.
fn measure_all(candidate: &Candidate, series: &[(String, Series)]) -> anyhow::Result<Cost> {
    let mut cost = Cost::default();
    for (set, one) in series {
        if let Ok(detector) = candidate.open(one.step)? {
            let of_series = cost::measure(&detector, one);
            cost.add(of_series.with_context(|| format!("{} on {set}/{}", candidate.name, one.name))?);
        }
    }
    Ok(cost)
}

fn remarks(name: &str, series: &[(String, Series)], played: &[Played]) -> Vec<String> {
    let mut remarks = Vec::new();
    let refused = || series.iter().zip(played).filter_map(|(of, played)| Some((of, played.refused.as_ref()?)));
    if let Some(((set, first), why)) = refused().next() {
        remarks.push(format!(
            "{name} cannot be used as it is shipped on {} of {} series, and counts as silent there. The first, {set}/{} with a \
             step of {}: {why}",
            refused().count(),
            series.len(),
            first.name,
            format_duration(first.step),
        ));
    }
    let mut failures = Failures::new();
    for (kind, (count, text)) in played.iter().flat_map(|played| &played.failures) {
        failures.entry(kind).or_insert_with(|| (0, text.clone())).0 += count;
    }
    for (kind, (count, first)) in failures {
        remarks.push(format!(
            "{name} failed {count} times ({kind}), and could not be asked then. The first time: {first}"
        ));
    }
    remarks
}

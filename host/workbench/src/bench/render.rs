//! Figures as a table for people and as JSON for programs.

use serde_json::{Value, json};
use tidegate_sandbox::GuestKind;

use super::{Figures, Plan};
use crate::text::{bytes, columns, duration, elapsed, grouped, printable};

/// Guests side by side, and what the figures mean.
#[must_use]
pub fn table(all: &[Figures], plan: &Plan) -> String {
    let head = ["GUEST", "CALLS/S", "A CALL", "BULK, A SAMPLE", "STATE", "MEMORY", "COLD LOAD", "WARM LOAD", "SIZE"];
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let mut text = columns(&head, &rows, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let series = grouped(plan.series as u64);
    text.push_str(&format!(
        "\nFigures of this machine ({processors} processors), on one thread, as busy as it is just now.\n\
         A detector: one sample a call, {series} series in turn, step {}; bulk: 1,000 samples a call.\n\
         A policy: one incident a call, in a fresh instance. Cold load compiles, warm load takes the code from a cache.\n",
        duration(plan.step)
    ));
    if cfg!(debug_assertions) {
        text.push_str(
            "This tidegate was built without optimization: all figures but the sizes are several times too large.\n",
        );
    }
    for figures in all {
        if figures.calls.detector.as_ref().is_some_and(|folding| folding.judged < 0.5) {
            let share = figures.calls.detector.as_ref().map_or(0.0, |folding| folding.judged * 100.0);
            text.push_str(&format!(
                "{}: only {share:.0} % of the samples were judged; judging may cost more than learning.\n",
                printable(&figures.guest, 80)
            ));
        }
    }
    text
}

fn row(figures: &Figures) -> Vec<String> {
    let calls = &figures.calls;
    let folding = calls.detector.as_ref();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        printable(&figures.guest, 40),
        grouped(per_second(calls.nanos)),
        elapsed(calls.nanos),
        or_dash(folding.map(|folding| elapsed(folding.bulk_nanos))),
        or_dash(folding.map(|folding| bytes(folding.state_bytes as u64))),
        or_dash(folding.map(|folding| bytes(folding.memory_bytes as u64))),
        elapsed(figures.cold_load.as_nanos() as f64),
        elapsed(figures.warm_load.as_nanos() as f64),
        bytes(figures.wasm_bytes as u64),
    ]
}

fn per_second(nanos: f64) -> u64 {
    if nanos > 0.0 { (1e9 / nanos).round() as u64 } else { 0 }
}

/// For programs.
#[must_use]
pub fn document(all: &[Figures], plan: &Plan) -> Value {
    let guests = all.iter().map(|figures| {
        let calls = &figures.calls;
        let mut shape = json!({
            "guest": figures.guest,
            "kind": match figures.kind {
                GuestKind::Detector => "detector",
                GuestKind::Remediation => "remediation",
            },
            "digest": figures.digest,
            "wasm_bytes": figures.wasm_bytes,
            "cold_load_seconds": figures.cold_load.as_secs_f64(),
            "warm_load_seconds": figures.warm_load.as_secs_f64(),
            "calls_measured": calls.measured,
            "calls_per_second": per_second(calls.nanos),
            "call_nanoseconds": calls.nanos,
        });
        if let Some(folding) = &calls.detector {
            shape["bulk_sample_nanoseconds"] = folding.bulk_nanos.into();
            shape["state_bytes"] = folding.state_bytes.into();
            shape["memory_bytes"] = folding.memory_bytes.into();
            shape["judged_share"] = folding.judged.into();
        }
        shape
    });
    json!({
        "machine": {
            "processors": std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            "architecture": std::env::consts::ARCH,
            "optimized": !cfg!(debug_assertions),
        },
        "series": plan.series,
        "step_ms": u64::try_from(plan.step.as_millis()).unwrap_or(u64::MAX),
        "settings": plan.settings,
        "guests": guests.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::super::{Calls, Folding};
    use super::*;

    #[test]
    fn guests_stand_side_by_side() {
        let plan = Plan {
            settings: json!({}),
            actions: vec![],
            time: Duration::from_secs(1),
            series: 1_000,
            step: Duration::from_secs(60),
        };
        let folding = Folding { bulk_nanos: 9.5, state_bytes: 1_006, memory_bytes: 1 << 20, judged: 0.25 };
        let figures = |guest: &str, kind, nanos, detector| Figures {
            guest: guest.to_owned(),
            kind,
            wasm_bytes: 87_123,
            digest: "ab".to_owned(),
            cold_load: Duration::from_millis(35),
            warm_load: Duration::from_micros(1_250),
            calls: Calls { measured: 10, nanos, detector },
        };
        let all = [
            figures("zscore", GuestKind::Detector, 1_234.0, Some(folding)),
            figures("runbook\u{1b}", GuestKind::Remediation, 45_600.0, None),
        ];
        let text = table(&all, &plan);
        let first: Vec<&str> = text.lines().take(3).collect();
        expect![[r#"
            GUEST     CALLS/S   A CALL  BULK, A SAMPLE   STATE   MEMORY  COLD LOAD  WARM LOAD      SIZE
            zscore    810,373  1.23 us           10 ns  1006 B  1.0 MiB    35.0 ms    1.25 ms  85.1 KiB
            runbook�   21,930  45.6 us               -       -        -    35.0 ms    1.25 ms  85.1 KiB"#]]
        .assert_eq(&first.join("\n"));
        assert!(text.contains("zscore: only 25 % of the samples were judged"), "{text}");
        let document = document(&all, &plan);
        assert_eq!(document["guests"][0]["calls_per_second"], 810_373);
        assert_eq!(document["guests"][1]["state_bytes"], Value::Null);
    }
}

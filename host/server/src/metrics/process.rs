//! What every program shows of itself under the same names: processor time, memory, open files. From `/proc`, so on Linux
//! alone.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};

/// In which `/proc` counts processor time, a second: the same on every machine whatever its kernel's own clock.
const TICKS: f64 = 100.0;

/// The metrics of this process.
#[derive(Default)]
pub(super) struct ProcessMetrics {
    cpu: Counter<f64, AtomicU64>,
    memory: Gauge,
    started: Gauge<f64, AtomicU64>,
    open_files: Gauge,
    most_files: Gauge,
}

impl ProcessMetrics {
    /// Without a prefix: dashboards for any program know these names.
    pub(super) fn register(&self, r: &mut Registry) {
        self.started.set(super::now());
        r.register("process_start_time_seconds", "When this process was started", self.started.clone());
        if !self.show() {
            return;
        }
        r.register("process_cpu_seconds", "Processor time used", self.cpu.clone());
        r.register("process_resident_memory_bytes", "Memory held", self.memory.clone());
        r.register("process_open_fds", "Files and connections that are open", self.open_files.clone());
        r.register("process_max_fds", "Most files and connections that may be open", self.most_files.clone());
    }

    /// Looks again. False where there is nothing to see.
    pub(super) fn show(&self) -> bool {
        let Some((cpu, memory, open)) = look() else { return false };
        self.cpu.inner().store(cpu.to_bits(), Relaxed);
        self.memory.set(memory);
        self.open_files.set(open);
        // None is no limit.
        self.most_files
            .set(getrlimit(Resource::Nofile).current.and_then(|most| most.try_into().ok()).unwrap_or(i64::MAX));
        true
    }
}

/// Seconds of processor time, bytes of memory, open files.
fn look() -> Option<(f64, i64, i64)> {
    let cpu = cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let memory = resident_bytes(&fs::read_to_string("/proc/self/status").ok()?)?;
    // The folder itself is open while it is read.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some((cpu, memory, i64::try_from(open).ok()?))
}

/// The program's name stands in brackets and may hold any character; behind it `utime` and `stime` are the 12th and 13th.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_moves_nothing() {
        let stat = "7 (tide) gate) 1 (x) S 1 7 7 0 -1 4194560 2095 0 3 0 1250 250 0 0 20 0 5 0 9154 1 2";
        assert_eq!(cpu_seconds(stat), Some(15.0));
        assert_eq!(cpu_seconds("7 (tidegate) S 1"), None);
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(resident_bytes("VmHWM:\t  9 kB\nVmRSS:\t   34320 kB\nThreads:\t5\n"), Some(34320 * 1024));
        assert_eq!(resident_bytes("VmRSS:\t much\n"), None);
    }
}

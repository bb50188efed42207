//! Every limit that the sandbox sets, with its default and its reason.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::compile::Compiling;

/// Limits of one guest. [`Limits::default`] suits a guest of any language; a config may tighten or loosen each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest that one `score`, `needs` or `propose` may compute; a wait for an answer of the host does not count.
    ///
    /// Default 1 s: a thousand times what the slowest language needs, and short enough that a guest in an endless loop
    /// does not eat a cycle.
    pub call_timeout: Duration,
    /// Longest that instantiating, `describe` or `open` may compute.
    ///
    /// Default 5 s: an interpreter inside a guest starts in milliseconds, on a busy machine in a second.
    pub open_timeout: Duration,
    /// Most linear memory that one instance may hold, over all its memories. At three quarters of it an instance is
    /// replaced between two calls, before it traps.
    ///
    /// Default 256 MiB: a JavaScript guest needs more than 64 MiB to live long, a Rust one about 1 MiB.
    pub memory_bytes: usize,
    /// Most elements that one instance's tables may hold together.
    ///
    /// Default 100,000: an interpreter's table of functions has up to 20,000.
    pub table_elements: usize,
    /// Largest component that is read at all.
    ///
    /// Default 64 MiB: a Python guest has 18 MB. Compiling takes time and memory in proportion to the size.
    pub max_wasm_bytes: usize,
    /// Longest that compiling it may take, where a child process does that.
    ///
    /// Default 5 min: a Python guest takes 7 s on a quiet machine and two minutes on one that has ten things to do.
    pub compile_timeout: Duration,
    /// Most address space that compiling it may take, in bytes, where a child process does that.
    ///
    /// Default 2 GiB: a Python or JavaScript guest takes 600 MiB of it.
    pub compile_memory_bytes: u64,
    /// Largest state that `score` may return.
    ///
    /// Default 64 KiB: eight times and more what the shipped detectors use; a million series hold that many states.
    pub max_state_bytes: usize,
    /// Longest text for people (note, reason, summary, rationale, error, log line) in bytes; what is longer is cut.
    ///
    /// Default 4 KiB: several screens, and less than any chat or log service refuses.
    pub max_text_bytes: usize,
    /// Longest arguments of a plan, in bytes of JSON. Arguments are never cut: longer ones are refused.
    ///
    /// Default 64 KiB.
    pub max_arguments_bytes: usize,
    /// Largest answer of `describe`, in bytes; nearly all of it is the schema of the settings.
    ///
    /// Default 1 MiB.
    pub max_manifest_bytes: usize,
    /// Longest history that a detector may ask for.
    ///
    /// Default four years: three periods of a year and a spare one. More is a mistake, and would be asked of Prometheus
    /// for every new series.
    pub max_history: Duration,
    /// Most queries that a policy may send to `host-metrics` in one call.
    ///
    /// Default 32: each is a request to Prometheus, made while an incident waits.
    pub max_queries: u32,
    /// Longest that the answer to one query may take.
    ///
    /// Default 10 s: Prometheus answers in milliseconds what a policy needs to know.
    pub query_timeout: Duration,
    /// Longest that all queries of one call may take together.
    ///
    /// Default 30 s: 32 queries of 10 s each would keep an incident waiting for five minutes.
    pub queries_timeout: Duration,
    /// Most series in one answer. An answer with more is withheld, never cut: half of it would be taken for all.
    ///
    /// Default 1000: what decides about one incident is a handful.
    pub max_query_series: usize,
    /// Most bytes that all answers of one call may have together, names and values of labels included. The journal keeps
    /// every answer that a policy got.
    ///
    /// Default 256 KiB: a few thousand series with a few labels each.
    pub max_answer_bytes: usize,
    /// Most instances that a detector keeps ready between calls; what more threads than that open at once is closed
    /// after use.
    ///
    /// Default: the number of processors, which is how many can compute at once.
    pub idle_instances: usize,
    /// Log lines that a guest may write at once before the rate bites.
    ///
    /// Default 20: a panic with its context fits.
    pub log_burst: u32,
    /// Log lines a second that a guest may write for long. What is dropped is counted, and the next line says so.
    ///
    /// Default 2.
    pub log_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(1),
            open_timeout: Duration::from_secs(5),
            memory_bytes: 256 << 20,
            table_elements: 100_000,
            max_wasm_bytes: 64 << 20,
            compile_timeout: Duration::from_secs(300),
            compile_memory_bytes: 2 << 30,
            max_state_bytes: 64 << 10,
            max_text_bytes: 4 << 10,
            max_arguments_bytes: 64 << 10,
            max_manifest_bytes: 1 << 20,
            max_history: Duration::from_secs(4 * 366 * 24 * 60 * 60),
            max_queries: 32,
            query_timeout: Duration::from_secs(10),
            queries_timeout: Duration::from_secs(30),
            max_query_series: 1000,
            max_answer_bytes: 256 << 10,
            idle_instances: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            log_burst: 20,
            log_per_second: 2,
        }
    }
}

/// When a guest that keeps trapping is put aside, and for how long.
///
/// A pause that ends leads to a fresh start; the next one is twice as long. As long without a pause as the last one
/// lasted takes one doubling back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRules {
    /// How many traps within `window` start a pause. Default 5: one or two may be the data's fault.
    pub traps: u32,
    /// How far back traps count. Default 60 s.
    pub window: Duration,
    /// The first pause. Default 1 min.
    pub first_pause: Duration,
    /// The longest pause, which doubling never exceeds. Default 1 h: a repaired guest has another digest and need not
    /// wait; one that nobody repairs is still tried now and then.
    pub longest_pause: Duration,
}

impl Default for QuarantineRules {
    fn default() -> Self {
        Self {
            traps: 5,
            window: Duration::from_secs(60),
            first_pause: Duration::from_secs(60),
            longest_pause: Duration::from_secs(60 * 60),
        }
    }
}

/// What holds for the whole sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxOptions {
    /// Most instances alive at once, of all guests together.
    ///
    /// Default 1000: each takes 4 GiB of address space, not of memory, so that no access needs a bounds check. Where
    /// that much cannot be reserved (a container with a limit on address space), instances are made on demand instead,
    /// which costs about 20 us more each.
    pub max_instances: u32,
    /// When a trapping guest is put aside.
    pub quarantine: QuarantineRules,
    /// Where guests are compiled. Default: in this process.
    pub compiling: Compiling,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self { max_instances: 1000, quarantine: QuarantineRules::default(), compiling: Compiling::default() }
    }
}

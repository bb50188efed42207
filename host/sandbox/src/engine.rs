//! The WebAssembly engine: how code is made, where instances live, and the clock that ends endless guests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::SandboxError;
use crate::limits::SandboxOptions;

/// How often the guests' clock ticks. Ten milliseconds: fine enough for limits of a second, and a hundred wake-ups a
/// second of a thread that does nothing else cannot be measured.
const TICK: Duration = Duration::from_millis(10);

/// Where an engine gets code from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Code<'a> {
    /// It compiles.
    Compiled,
    /// It takes what a compiler has left in this folder, and can do nothing else.
    Kept(&'a Path),
}

/// Makes the engine that runs guests, and starts its clock.
pub(crate) fn start(options: &SandboxOptions, code: Code<'_>) -> Result<Engine, SandboxError> {
    let mut config = match code {
        Code::Compiled => compiling(),
        Code::Kept(folder) => {
            let mut config = running();
            let kept = cache(folder)
                .map_err(|error| SandboxError::CodeCache { folder: folder.to_owned(), reason: format!("{error:#}") })?;
            config.enable_compiler(false).cache(Some(kept));
            config
        }
    };
    let on_demand = config.clone();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    let engine = match Engine::new(&config) {
        Ok(engine) => engine,
        // Address space is limited, for example by `ulimit -v` or a container. Slower, but it works.
        Err(refused) => {
            tracing::warn!(
                instances = options.max_instances,
                error = %format_args!("{refused:#}"),
                "cannot reserve address space for guest instances, making them on demand instead"
            );
            Engine::new(&on_demand).map_err(|error| SandboxError::Engine(format!("{error:#}")))?
        }
    };
    start_ticker(&engine)?;
    Ok(engine)
}

/// Makes an engine that only compiles, for [`start`]'s to run.
pub(crate) fn compiler(kept: Option<Cache>) -> Result<Engine, SandboxError> {
    Engine::new(compiling().cache(kept)).map_err(|error| SandboxError::Engine(format!("{error:#}")))
}

/// Wasmtime's cache in a folder.
pub(crate) fn cache(folder: &Path) -> wasmtime::Result<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    // Files that are used often would be compressed anew; they must stay the bytes that were put there.
    config.with_optimized_compression_usage_counter_threshold(u64::MAX);
    Cache::new(config)
}

/// What compiler and runner must agree on.
fn running() -> Config {
    let mut config = Config::new();
    // A detector is a fold that must give the same bits on every machine: this is one of the two places where WebAssembly
    // leaves the bits open, and the compiler closes the other.
    config.relaxed_simd_deterministic(true);
    config.epoch_interruption(true);
    // Half the price of a call; guests of this contract are synchronous.
    config.concurrency_support(false);
    // Shipped guests are stripped, so a backtrace would be numbers; the panic's message comes through the log.
    config.wasm_backtrace_max_frames(None);
    config
}

/// As [`running`], with what concerns the compiler alone.
fn compiling() -> Config {
    let mut config = running();
    config.cranelift_nan_canonicalization(true);
    config
}

fn pool(options: &SandboxOptions) -> PoolingAllocationConfig {
    let instances = options.max_instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    // A component of one language is one core module plus one or two of glue; linked ones (Python) have a dozen, but
    // few of those run at once.
    pool.total_core_instances(instances.saturating_mul(4));
    pool.total_memories(instances);
    pool.total_tables(instances.saturating_mul(2));
    // One guest of very many parts must not take the room of all others. A linked one has one memory, one table and some
    // forty core instances.
    pool.max_memories_per_component(16);
    pool.max_tables_per_component(16);
    pool.max_core_instances_per_component(200);
    // The store's limiter, not the pool, says how large a guest may grow; the pool only must not be the smaller one.
    pool.table_elements(100_000);
    pool.max_core_instance_size(4 << 20);
    pool.max_component_instance_size(4 << 20);
    pool
}

/// The clock must not keep the engine alive, nor may guests wait for an async runtime that they might be blocking: so a
/// plain thread, with a weak hold.
fn start_ticker(engine: &Engine) -> Result<(), SandboxError> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("tidegate-guest-clock".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else {
                    break;
                };
                engine.increment_epoch();
            }
        })
        .map_err(|error| SandboxError::Ticker(Arc::new(error)))?;
    Ok(())
}

/// How many ticks `time` is, rounded up, plus the one that may come right after the start.
pub(crate) fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(TICK.as_nanos()).saturating_add(1);
    // The deadline is added to the present epoch, so it must stay far from the end of its range.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(1 << 40)
}

#[cfg(test)]
mod tests {
    use super::ticks;
    use std::time::Duration;

    #[test]
    fn a_deadline_is_never_shorter_than_asked() {
        for (millis, expected) in [(0, 1), (1, 2), (10, 2), (11, 3), (1000, 101)] {
            assert_eq!(ticks(Duration::from_millis(millis)), expected, "{millis} ms");
        }
        assert_eq!(ticks(Duration::MAX), 1 << 40);
    }
}

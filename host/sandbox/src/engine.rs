//! The one WebAssembly engine: how it compiles, where instances live, and the clock that ends endless guests.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::SandboxError;
use crate::limits::SandboxOptions;

/// How often the guests' clock ticks. Ten milliseconds: fine enough for limits of a second, and a hundred wake-ups a
/// second of a thread that does nothing else cannot be measured.
const TICK: Duration = Duration::from_millis(10);

/// Makes the engine and starts its clock.
pub(crate) fn start(options: &SandboxOptions) -> Result<Engine, SandboxError> {
    let engine = match Engine::new(&config(Some(pool(options)))) {
        Ok(engine) => engine,
        // Address space is limited, for example by `ulimit -v` or a container. Slower, but it works.
        Err(refused) => {
            tracing::warn!(
                instances = options.max_instances,
                error = %format_args!("{refused:#}"),
                "cannot reserve address space for guest instances, making them on demand instead"
            );
            Engine::new(&config(None)).map_err(|error| SandboxError::Engine(format!("{error:#}")))?
        }
    };
    start_ticker(&engine)?;
    Ok(engine)
}

fn config(pool: Option<PoolingAllocationConfig>) -> Config {
    let mut config = Config::new();
    // A detector is a fold that must give the same bits on every machine: the two places where WebAssembly leaves the
    // bits open are closed.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.epoch_interruption(true);
    // Half the price of a call; guests of this contract are synchronous.
    config.concurrency_support(false);
    // Shipped guests are stripped, so a backtrace would be numbers; the panic's message comes through the log.
    config.wasm_backtrace_max_frames(None);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
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

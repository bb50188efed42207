//! `wasi:clocks`: clocks that show the time of the data and move only when they are looked at, or waited for.

use std::time::Duration;

use wasmtime::component::{ComponentType, Lift, Lower, Resource};

use super::{Caller, Instance, Pollable};

/// WASI's own type for a point in time and for a span of the wall clock.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl From<Duration> for Datetime {
    fn from(time: Duration) -> Self {
        Self { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
    }
}

/// The finest difference that either clock shows.
const RESOLUTION: Duration = Duration::from_micros(1);

pub(super) fn monotonic_clock(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "now" => instance.func_wrap(function, |mut caller: Caller<'_>, ()| {
            Ok((u64::try_from(caller.data_mut().machine.monotonic().as_nanos())?,))
        }),
        "resolution" => instance.func_wrap(function, |_: Caller<'_>, ()| Ok((u64::try_from(RESOLUTION.as_nanos())?,))),
        "subscribe-instant" => instance.func_wrap(function, |mut caller: Caller<'_>, (when,): (u64,)| {
            let timer = caller.data_mut().machine.timer_at(Duration::from_nanos(when))?;
            Ok((Resource::<Pollable>::new_own(timer),))
        }),
        "subscribe-duration" => instance.func_wrap(function, |mut caller: Caller<'_>, (wait,): (u64,)| {
            let timer = caller.data_mut().machine.timer_after(Duration::from_nanos(wait))?;
            Ok((Resource::<Pollable>::new_own(timer),))
        }),
        _ => return Ok(false),
    }?;
    Ok(true)
}

pub(super) fn wall_clock(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "now" => instance
            .func_wrap(function, |mut caller: Caller<'_>, ()| Ok((Datetime::from(caller.data_mut().machine.wall()),))),
        "resolution" => instance.func_wrap(function, |_: Caller<'_>, ()| Ok((Datetime::from(RESOLUTION),))),
        _ => return Ok(false),
    }?;
    Ok(true)
}

//! `wasi:io`: an input that has ended, outputs that are the log, and waiting, which takes no time.

use wasmtime::bail;
use wasmtime::component::{ComponentType, Lift, Lower, Resource};

use super::console::Stream;
use super::{Caller, InputStream, Instance, Nowhere, OutputStream, Pollable};

/// What an output takes in one write. WASI's own number for the writes that wait.
const WRITE_BYTES: u64 = 4096;

/// The representations of the two outputs; the only input needs none.
pub(super) const OUTPUT: u32 = 1;
pub(super) const ERROR: u32 = 2;

/// WASI's own type for what can go wrong with a stream. The first case is never made.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<Nowhere>),
    #[component(name = "closed")]
    Closed,
}

type Written<T = ()> = Result<T, StreamError>;
type Source = Resource<InputStream>;
type Sink = Resource<OutputStream>;

pub(super) fn poll(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "[method]pollable.ready" => {
            instance.func_wrap(function, |mut caller: Caller<'_>, (pollable,): (Resource<Pollable>,)| {
                Ok((caller.data_mut().machine.is_ready(pollable.rep())?,))
            })
        }
        "[method]pollable.block" => {
            instance.func_wrap(function, |mut caller: Caller<'_>, (pollable,): (Resource<Pollable>,)| {
                caller.data_mut().machine.wait([pollable.rep()].into_iter())?;
                Ok(())
            })
        }
        "poll" => instance.func_wrap(function, |mut caller: Caller<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
            Ok((caller.data_mut().machine.wait(pollables.iter().map(Resource::rep))?,))
        }),
        _ => return Ok(false),
    }?;
    Ok(true)
}

pub(super) fn streams(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            instance.func_wrap(function, |_: Caller<'_>, _: (Source, u64)| Ok((ended::<Vec<u8>>(),)))
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            instance.func_wrap(function, |_: Caller<'_>, _: (Source, u64)| Ok((ended::<u64>(),)))
        }
        "[method]input-stream.subscribe" => {
            instance.func_wrap(function, |caller: Caller<'_>, _: (Source,)| Ok((ready(caller)?,)))
        }
        "[method]output-stream.check-write" => {
            instance.func_wrap(function, |_: Caller<'_>, _: (Sink,)| Ok((Written::Ok(WRITE_BYTES),)))
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            instance.func_wrap(function, |caller: Caller<'_>, (sink, contents): (Sink, Vec<u8>)| {
                check_length(u64::try_from(contents.len())?)?;
                print(caller, &sink, &contents)
            })
        }
        "[method]output-stream.write-zeroes" | "[method]output-stream.blocking-write-zeroes-and-flush" => {
            // Zeroes are no text: a log has nothing to print for them.
            instance.func_wrap(function, |_: Caller<'_>, (_, length): (Sink, u64)| {
                check_length(length)?;
                Ok((Written::Ok(()),))
            })
        }
        // A line is complete at its end, not when somebody is in a hurry.
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            instance.func_wrap(function, |_: Caller<'_>, _: (Sink,)| Ok((Written::Ok(()),)))
        }
        "[method]output-stream.subscribe" => {
            instance.func_wrap(function, |caller: Caller<'_>, _: (Sink,)| Ok((ready(caller)?,)))
        }
        "[method]output-stream.splice" | "[method]output-stream.blocking-splice" => {
            instance.func_wrap(function, |_: Caller<'_>, _: (Sink, Source, u64)| Ok((ended::<u64>(),)))
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

/// What every look at the input brings.
fn ended<T>() -> Written<T> {
    Err(StreamError::Closed)
}

/// Streams are always ready: the input to tell that it has ended, the outputs to be written to.
fn ready(mut caller: Caller<'_>) -> wasmtime::Result<Resource<Pollable>> {
    Ok(Resource::new_own(caller.data_mut().machine.ready()?))
}

fn check_length(bytes: u64) -> wasmtime::Result<()> {
    if bytes > WRITE_BYTES {
        bail!("writes {bytes} bytes at once, more than the {WRITE_BYTES} that its output stream takes");
    }
    Ok(())
}

fn print(mut caller: Caller<'_>, sink: &Sink, contents: &[u8]) -> wasmtime::Result<(Written,)> {
    let stream = if sink.rep() == ERROR { Stream::Error } else { Stream::Output };
    caller.data_mut().print(stream, contents);
    Ok((Ok(()),))
}

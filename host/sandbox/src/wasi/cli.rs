//! `wasi:cli` and the files that a program starts with: nothing was handed over when this program was started.

use wasmtime::bail;
use wasmtime::component::Resource;

use super::io::{ERROR, OUTPUT};
use super::{Caller, InputStream, Instance, Nowhere, OutputStream, handle};

pub(super) fn environment(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-environment" => instance.func_wrap(function, |_: Caller<'_>, ()| Ok((Vec::<(String, String)>::new(),))),
        "get-arguments" => instance.func_wrap(function, |_: Caller<'_>, ()| Ok((Vec::<String>::new(),))),
        "initial-cwd" => instance.func_wrap(function, |_: Caller<'_>, ()| Ok((None::<String>,))),
        _ => return Ok(false),
    }?;
    Ok(true)
}

/// A guest answers by returning. One that exits has not answered, whatever it calls a success.
pub(super) fn exit(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "exit" => instance.func_wrap(function, |_: Caller<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
            bail!("exited with {} instead of returning", if status.is_ok() { "success" } else { "failure" })
        }),
        "exit-with-code" => instance.func_wrap(function, |_: Caller<'_>, (code,): (u8,)| -> wasmtime::Result<()> {
            bail!("exited with code {code} instead of returning")
        }),
        _ => return Ok(false),
    }?;
    Ok(true)
}

pub(super) fn standard_streams(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-stdin" => {
            instance.func_wrap(function, |mut caller: Caller<'_>, ()| Ok((handle::<InputStream>(&mut caller, 0)?,)))
        }
        "get-stdout" => instance
            .func_wrap(function, |mut caller: Caller<'_>, ()| Ok((handle::<OutputStream>(&mut caller, OUTPUT)?,))),
        "get-stderr" => instance
            .func_wrap(function, |mut caller: Caller<'_>, ()| Ok((handle::<OutputStream>(&mut caller, ERROR)?,))),
        _ => return Ok(false),
    }?;
    Ok(true)
}

pub(super) fn terminals(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-terminal-stdin" | "get-terminal-stdout" | "get-terminal-stderr" => {
            instance.func_wrap(function, |_: Caller<'_>, ()| Ok((None::<Resource<Nowhere>>,)))
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

pub(super) fn preopened_files(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-directories" => {
            instance.func_wrap(function, |_: Caller<'_>, ()| Ok((Vec::<(Resource<Nowhere>, String)>::new(),)))
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

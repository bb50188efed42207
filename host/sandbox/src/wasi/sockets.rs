//! `wasi:sockets`: a network of which nothing may be had, neither a socket nor the address behind a name.

use wasmtime::component::Val;

use super::{Caller, Instance, Network, handle};

/// The network itself can be asked for and has no function of its own: it is what a program asks for first.
pub(super) fn instance_network(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "instance-network" => {
            instance.func_wrap(function, |mut caller: Caller<'_>, ()| Ok((handle::<Network>(&mut caller, 0)?,)))
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

/// What would lead somewhere is denied, with the error that a program sees where it may not.
pub(super) fn refused(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    let code = match function {
        "create-tcp-socket" | "create-udp-socket" => "access-denied",
        "resolve-addresses" => "access-denied",
        _ => return Ok(false),
    };
    // By name and not by type, which would have to spell out all of the 21 errors that a socket knows.
    instance.func_new(function, move |_, _, _, results| {
        if let [result] = results {
            *result = Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned())))));
        }
        Ok(())
    })?;
    Ok(true)
}

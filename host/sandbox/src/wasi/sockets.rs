//! `wasi:sockets`: a network of which nothing may be had, neither a socket nor the address behind a name.

use wasmtime::component::{ResourceAny, Val};

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

/// What would lead somewhere is denied.
pub(super) fn denied(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    if !matches!(function, "create-tcp-socket" | "create-udp-socket" | "resolve-addresses") {
        return Ok(false);
    }
    // Without types of our own, which would have to spell out all of the 21 errors that a socket knows.
    instance.func_new(function, |mut caller, _, parameters, results| {
        for borrowed in parameters.iter().filter_map(resource) {
            borrowed.resource_drop(&mut caller)?;
        }
        if let [result] = results {
            *result = Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
        }
        Ok(())
    })?;
    Ok(true)
}

fn resource(parameter: &Val) -> Option<ResourceAny> {
    match parameter {
        Val::Resource(resource) => Some(*resource),
        _ => None,
    }
}

//! `wasi:random`: numbers that look random and are the same in every call. A detector is a pure fold, and a policy's
//! answer must be the same in a replay, so neither can have any others.

use wasmtime::bail;

use super::{Caller, Instance};

/// Most bytes that one call brings. A seed or a key is a few dozen; an interpreter that starts asks for 2500.
const MAX_BYTES: u64 = 64 << 10;

/// The functions of all three interfaces: secure or not makes no difference here.
pub(super) fn any(instance: &mut Instance<'_>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            instance.func_wrap(function, |caller: Caller<'_>, (length,): (u64,)| Ok((bytes(caller, length)?,)))
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            instance.func_wrap(function, |mut caller: Caller<'_>, ()| Ok((caller.data_mut().machine.random(),)))
        }
        "insecure-seed" => instance.func_wrap(function, |mut caller: Caller<'_>, ()| {
            let machine = &mut caller.data_mut().machine;
            Ok(((machine.random(), machine.random()),))
        }),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn bytes(mut caller: Caller<'_>, length: u64) -> wasmtime::Result<Vec<u8>> {
    if length > MAX_BYTES {
        bail!("asks for {length} random bytes at once, more than the {MAX_BYTES} that the empty machine gives");
    }
    let machine = &mut caller.data_mut().machine;
    let length = usize::try_from(length)?;
    let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
    while bytes.len() < length {
        bytes.extend_from_slice(&machine.random().to_le_bytes());
    }
    bytes.truncate(length);
    Ok(bytes)
}

//! The empty machine: WASI 0.2 for guests whose toolchain imports it, with nothing in it.
//!
//! A program built for an operating system asks for its arguments, its clock, its files before it computes anything. Here
//! it gets answers, the same ones in every call: no arguments, no environment, no files, no sockets, an input that has
//! ended, outputs that end up in the log, clocks that show the time of the data, numbers that only look random. So it
//! needs no grant: there is nothing behind it. Every answer is immediate, so that no call of the host outlives a deadline.
//!
//! Defined are exactly the functions that a component imports, under the version that it names: all of 0.2 agree on
//! what they share. What could only work on a thing that is never handed out, such as an open file, traps with its name.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType};
use wasmtime::{StoreContextMut, bail};

use crate::store::HostState;

mod cli;
mod clocks;
mod console;
mod io;
mod machine;
mod output;
mod random;
mod sockets;

pub(crate) use machine::Machine;

/// The part of WASI that is answered, for messages.
pub(crate) const OFFERED: &str = "WASI 0.2 without HTTP";

/// An imported interface while it is being filled.
type Instance<'a> = LinkerInstance<'a, HostState>;

/// The guest that calls.
type Caller<'a> = StoreContextMut<'a, HostState>;

/// Defines one function of an interface by name, and says whether it has such a one.
type Define = fn(&mut Instance<'_>, &str) -> wasmtime::Result<bool>;

/// Every interface that a component may import, by its name without the version. What none of them defines is absent.
const INTERFACES: &[(&str, Define)] = &[
    ("wasi:cli/environment", cli::environment),
    ("wasi:cli/exit", cli::exit),
    ("wasi:cli/stdin", cli::standard_streams),
    ("wasi:cli/stdout", cli::standard_streams),
    ("wasi:cli/stderr", cli::standard_streams),
    ("wasi:cli/terminal-input", nothing),
    ("wasi:cli/terminal-output", nothing),
    ("wasi:cli/terminal-stdin", cli::terminals),
    ("wasi:cli/terminal-stdout", cli::terminals),
    ("wasi:cli/terminal-stderr", cli::terminals),
    ("wasi:clocks/monotonic-clock", clocks::monotonic_clock),
    ("wasi:clocks/timezone", nothing),
    ("wasi:clocks/wall-clock", clocks::wall_clock),
    ("wasi:filesystem/preopens", cli::preopened_files),
    ("wasi:filesystem/types", nothing),
    ("wasi:io/error", nothing),
    ("wasi:io/poll", io::poll),
    ("wasi:io/streams", io::streams),
    ("wasi:random/insecure", random::any),
    ("wasi:random/insecure-seed", random::any),
    ("wasi:random/random", random::any),
    ("wasi:sockets/instance-network", sockets::instance_network),
    ("wasi:sockets/ip-name-lookup", sockets::denied),
    ("wasi:sockets/network", nothing),
    ("wasi:sockets/tcp", nothing),
    ("wasi:sockets/tcp-create-socket", sockets::denied),
    ("wasi:sockets/udp", nothing),
    ("wasi:sockets/udp-create-socket", sockets::denied),
];

/// What the handles of a guest stand for. Each has a type of its own, so that none can be taken for another.
enum Pollable {}
enum InputStream {}
enum OutputStream {}
enum Network {}

/// What is never handed out: files, sockets, terminals, errors of streams.
enum Nowhere {}

/// Whether this import is part of the empty machine.
pub(crate) fn offers(import: &str) -> bool {
    interface(import).is_some()
}

/// Whether this import belongs to WASI, of whatever version, offered or not.
pub(crate) fn is_wasi(import: &str) -> bool {
    import.starts_with("wasi:")
}

/// Gives the guests that this linker makes of `component` the parts of the machine that it imports, and no others.
pub(crate) fn offer(linker: &mut Linker<HostState>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine();
    for (import, item) in component.component_type().imports(engine) {
        let (Some(define), ComponentItem::ComponentInstance(interface)) = (interface(import), item.ty) else {
            continue;
        };
        let mut instance = linker.instance(import)?;
        for (name, item) in interface.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    let defined = define(&mut instance, name)?;
                    if !defined {
                        absent(&mut instance, import, name)?;
                    }
                }
                ComponentItem::Resource(_) => resource(&mut instance, name)?,
                // Types need nothing. Nothing else occurs in WASI; left undefined, it keeps the guest from loading.
                _ => {}
            }
        }
    }
    Ok(())
}

/// How an interface's functions are defined, if the machine has it in this version.
fn interface(import: &str) -> Option<Define> {
    let (name, version) = import.split_once('@')?;
    // All of 0.2 and no candidate of it: those differ from release to release.
    let patch = version.strip_prefix("0.2.")?;
    if patch.is_empty() || !patch.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    INTERFACES.iter().find(|(known, _)| *known == name).map(|(_, define)| *define)
}

/// For interfaces all of whose functions work on things that are never handed out.
fn nothing(_: &mut Instance<'_>, _: &str) -> wasmtime::Result<bool> {
    Ok(false)
}

fn absent(instance: &mut Instance<'_>, interface: &str, function: &str) -> wasmtime::Result<()> {
    let name = format!("{interface}#{function}");
    instance.func_new(function, move |_, _, _, _| bail!("called {name}, which the empty machine does not have"))
}

/// WASI uses each of these names for one resource only, wherever it is mentioned.
fn resource(instance: &mut Instance<'_>, name: &str) -> wasmtime::Result<()> {
    match name {
        "pollable" => instance.resource(name, ResourceType::host::<Pollable>(), |mut caller, pollable| {
            caller.data_mut().machine.drop_pollable(pollable);
            Ok(())
        }),
        "input-stream" => held(instance, name, ResourceType::host::<InputStream>()),
        "output-stream" => held(instance, name, ResourceType::host::<OutputStream>()),
        "network" => held(instance, name, ResourceType::host::<Network>()),
        _ => instance.resource(name, ResourceType::host::<Nowhere>(), |_, _| Ok(())),
    }
}

/// A resource of which the machine knows no more than how many handles there are.
fn held(instance: &mut Instance<'_>, name: &str, ty: ResourceType) -> wasmtime::Result<()> {
    instance.resource(name, ty, |mut caller, _| {
        caller.data_mut().machine.release();
        Ok(())
    })
}

/// One more handle to something that `rep` stands for.
fn handle<T: 'static>(caller: &mut Caller<'_>, rep: u32) -> wasmtime::Result<Resource<T>> {
    caller.data_mut().machine.hold()?;
    Ok(Resource::new_own(rep))
}

#[cfg(test)]
mod tests {
    use super::offers;

    #[test]
    fn all_of_0_2_is_offered_and_nothing_beside_it() {
        for import in [
            "wasi:cli/environment@0.2.0",
            "wasi:cli/environment@0.2.6",
            "wasi:io/streams@0.2.12",
            "wasi:sockets/tcp@0.2.99",
        ] {
            assert!(offers(import), "{import}");
        }
        for import in [
            "wasi:cli/environment",
            "wasi:cli/environment@0.2",
            "wasi:cli/environment@0.2.",
            "wasi:cli/environment@0.3.0",
            "wasi:cli/environment@0.2.0-rc-2023-11-10",
            "wasi:cli/environment@1.0.0",
            "wasi:cli/run@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:config/store@0.2.0",
            "wasi:keyvalue/store@0.2.0",
            "notwasi:cli/environment@0.2.0",
            "wasi:cli/environment2@0.2.0",
            "",
        ] {
            assert!(!offers(import), "{import}");
        }
    }
}

//! Typed calls for both worlds of the contract, generated from the WIT itself.
//!
//! Typed and not dynamic, because only typed calls copy a list of numbers in bulk. Nothing in here leaves the crate.

/// The world of detectors.
pub(crate) mod detector {
    wasmtime::component::bindgen!({ path: "../../wit/v0.1", world: "detector-guest" });
}

/// The world of remediation policies. What both worlds share is the detectors' one.
pub(crate) mod remediation {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "remediation-guest",
        with: {
            "tidegate:plugin/types": super::detector::tidegate::plugin::types,
            "tidegate:plugin/host-log": super::detector::tidegate::plugin::host_log,
        },
    });
}

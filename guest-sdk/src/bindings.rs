//! What `wit-bindgen` makes of the contract in `wit/v0.1`: the types of both worlds and the glue behind the export macros.
//!
//! Nothing is written by hand here and nothing else may live here: this is the one module whose code holds `unsafe`, all
//! of it generated. Both worlds share one set of `types` and one `host-log`, so that a guest sees a single `Error`.

/// The world of a detector component.
pub mod detector {
    wit_bindgen::generate!({
        path: "../wit/v0.1",
        world: "detector-guest",
        pub_export_macro: true,
        export_macro_name: "export",
        additional_derives: [Clone, PartialEq],
    });
}

/// The world of a remediation policy component.
pub mod remediation {
    wit_bindgen::generate!({
        path: "../wit/v0.1",
        world: "remediation-guest",
        pub_export_macro: true,
        export_macro_name: "export",
        additional_derives: [Clone, PartialEq],
        with: {
            "tidegate:plugin/types@0.1.0": crate::bindings::detector::tidegate::plugin::types,
            "tidegate:plugin/host-log@0.1.0": crate::bindings::detector::tidegate::plugin::host_log,
        },
    });
}

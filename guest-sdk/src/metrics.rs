//! Questions to Prometheus, for policies whose host grants them.
//!
//! Calling [`query`] makes the component import `host-metrics`; a component that does not call it does not ask for it.

pub use crate::bindings::remediation::tidegate::plugin::host_metrics::Sample;

/// Evaluates a PromQL expression now and returns the instant vector.
///
/// # Errors
/// Text for people: what was refused, and by whom. On native targets only a test case has answers.
pub fn query(expr: &str) -> Result<Vec<Sample>, String> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::remediation::tidegate::plugin::host_metrics::query(expr);
    #[cfg(not(target_arch = "wasm32"))]
    match crate::testing::answers::Answers::present() {
        Some(answers) => answers.answer(expr),
        None => Err(format!("cannot evaluate `{expr}`: outside of a host there is no Prometheus to ask")),
    }
}

//! The larger and the smaller of two numbers, for the inner loops.
//!
//! `f64::max` ignores NaN, which no instruction of WebAssembly does: it becomes a call, and there are dozens for a sample. None
//! of the numbers here is NaN, and a comparison is an instruction.

/// The larger of two numbers; the second where they cannot be compared.
pub(crate) fn larger(one: f64, other: f64) -> f64 {
    if one > other { one } else { other }
}

/// The smaller of two numbers; the second where they cannot be compared.
pub(crate) fn smaller(one: f64, other: f64) -> f64 {
    if one < other { one } else { other }
}

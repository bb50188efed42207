//! A guest over data: a detector over a series, a policy over an incident.

pub mod csv;
pub mod decision;
pub mod incident;
pub mod judge;
pub mod render;
pub mod series;

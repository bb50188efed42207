//! seasonal

//! zscore

//! series_store

//! A folder for a new guest that builds, has cases, and passes them.

//! What must hold for every page, whatever stands in it.

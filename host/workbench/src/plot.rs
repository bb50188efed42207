//! A series, its expected band and its anomalies as an SVG picture.

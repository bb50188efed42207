//! What a query returned: many series over the same stretch of time.

use tidegate_domain::labels::Labels;

/// The answer to one range query.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// One entry per series; label sets are unique.
    pub series: Vec<FrameSeries>,
}

/// The samples of one series, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameSeries {
    /// All labels of the series.
    pub labels: Labels,
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps: Vec<i64>,
    /// One value per timestamp; may be NaN or infinite.
    pub values: Vec<f64>,
}

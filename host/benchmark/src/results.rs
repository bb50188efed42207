//! What was said, as files: `<detector>/<set>/<series>.csv` with the columns `timestamp`, `score` and `alert`.
//!
//! Rows are those of the data, in their order. Another scorer can be held against this one with them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::play::Play;

/// Writes one series.
///
/// # Errors
///
/// When the folder cannot be made, or the file not be written.
pub fn write(folder: &Path, detector: &str, set: &str, series: &str, play: &Play) -> anyhow::Result<()> {
    let folder = folder.join(detector).join(set);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let path = folder.join(format!("{series}.csv"));
    fs::write(&path, text(play)).with_context(|| format!("cannot write {}", path.display()))
}

fn text(play: &Play) -> String {
    let mut text = String::from("timestamp,score,alert\n");
    for ((at, score), alert) in play.timestamps.iter().zip(&play.scores).zip(&play.alerts) {
        let score = if score.is_nan() { String::new() } else { score.to_string() };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{},{score},{}", *at as f64 / 1000.0, u8::from(*alert));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{text, write};
    use crate::play::Play;

    #[test]
    fn rows_as_they_are_read_elsewhere() {
        let play = Play {
            timestamps: vec![1_404_172_800_000, -500, 0],
            scores: vec![f64::NAN, 0.1 + 0.2, f64::INFINITY],
            alerts: vec![false, false, true],
            spans: Vec::new(),
        };
        let expected = "timestamp,score,alert\n1404172800,,0\n-0.5,0.30000000000000004,0\n0,inf,1\n";
        assert_eq!(text(&play), expected);
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "tide", "nab", "a", &play).expect("written");
        let written = std::fs::read_to_string(folder.path().join("tide/nab/a.csv")).expect("there");
        assert_eq!(written, expected);
        let file = folder.path().join("tide/nab/a.csv");
        let error = write(&file, "tide", "nab", "a", &play).expect_err("a file is no folder");
        assert!(error.to_string().contains("cannot make the folder"), "{error}");
    }
}

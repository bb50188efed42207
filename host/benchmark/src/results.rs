//! What was said, as files: `<detector>/<set>/<series>.csv` with the columns `timestamp`, `score`, `alert` and `raw`.
//!
//! `score` is the level of the watch, `raw` the score of the sample by itself. Rows are those of the data, in their order. Another scorer can be held against this one with them.

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
    let mut text = String::from("timestamp,score,alert,raw\n");
    let number = |value: &f64| if value.is_nan() { String::new() } else { value.to_string() };
    for (((at, score), level), alert) in play.timestamps.iter().zip(&play.scores).zip(&play.levels).zip(&play.alerts) {
        let (at, alert) = (*at as f64 / 1000.0, u8::from(*alert));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{at},{},{alert},{}", number(level), number(score));
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
            levels: vec![f64::NAN, 0.7, 2.0],
            alerts: vec![false, false, true],
            spans: Vec::new(),
        };
        let expected = "timestamp,score,alert,raw\n1404172800,,0,\n-0.5,0.7,0,0.30000000000000004\n0,2,1,inf\n";
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

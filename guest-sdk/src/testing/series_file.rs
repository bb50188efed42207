//! A series in a CSV file beside a case: a line a sample, after one that names the columns.
//!
//! Fields are numbers and times, so nothing is quoted.

use super::bound::named;
use super::instant;
use crate::Timestamp;

/// One line: when, where the file says so, and the value, where there is one.
pub(super) type Line = (Option<Timestamp>, Option<f64>);

/// Most lines that are read: a year of minutes. A case that needs more should be made smaller.
const MAX_LINES: usize = 600_000;

/// Reads the text of a file, or says in which line what is wrong.
pub(super) fn read(text: &str) -> Result<Vec<Line>, (usize, String)> {
    // Spreadsheets begin their files with a mark of byte order.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).collect();
    let head = lines.first().map_or("", |(_, head)| head);
    let fields: Vec<&str> = head.split(',').map(str::trim).collect();
    let width = fields.len();
    let place = |name| fields.iter().position(|field| *field == name);
    let (time, value) = match (place("timestamp"), place("value"), fields.as_slice()) {
        (time, Some(value), _) => {
            lines.remove(0);
            (time, value)
        }
        (_, _, [time, value]) if instant::read(time).is_some() && (value.is_empty() || number_of(value).is_some()) => {
            (Some(0), 1)
        }
        _ => {
            return Err((1, format!("`{head}` names no columns; write `timestamp,value`, or only `value`")));
        }
    };
    let mut series: Vec<Line> = Vec::new();
    // A blank line is a missing value in a file of one column; at the end it is only how an editor ends a file.
    let end = lines.iter().rposition(|(_, line)| !line.is_empty()).map_or(0, |last| last + 1);
    for &(number, line) in &lines[..end] {
        if series.len() == MAX_LINES {
            return Err((number, format!("more than {MAX_LINES} samples; take a part of them")));
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if fields.len() != width {
            return Err((number, format!("{} fields for {width} columns", fields.len())));
        }
        let at = match time.map(|column| fields[column]) {
            None => None,
            Some(text) => Some(instant::read(text).ok_or_else(|| {
                let what = format!("`{text}` is no timestamp; write 2026-01-05T00:00:00Z, or Unix seconds");
                (number, what)
            })?),
        };
        let value = match fields[value] {
            "" => None,
            text => Some(number_of(text).ok_or_else(|| {
                (
                    number,
                    format!("`{text}` is no value; write a number, NaN, +Inf, -Inf, or nothing where it is missing"),
                )
            })?),
        };
        series.push((at, value));
    }
    Ok(series)
}

/// Rust reads more names of numbers than Prometheus writes.
fn number_of(text: &str) -> Option<f64> {
    named(text).or_else(|| text.parse().ok().filter(|number: &f64| number.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_line_by_line() {
        let text = "\u{feff}timestamp,value\r\n1970-01-01T00:00:01Z, 1.5\r\n2,\r\n3,-Inf\r\n\r\n";
        let read = read(text).expect("a series");
        assert_eq!(read, [(Some(1000), Some(1.5)), (Some(2000), None), (Some(3000), Some(f64::NEG_INFINITY))]);
        assert_eq!(super::read("value\n1\n\n2\n\n"), Ok(vec![(None, Some(1.0)), (None, None), (None, Some(2.0))]));
        assert_eq!(super::read("value"), Ok(vec![]));
        assert_eq!(super::read("1,2\n"), Ok(vec![(Some(1000), Some(2.0))]));
        assert_eq!(super::read("host,value,timestamp\na,1,2\n"), Ok(vec![(Some(2000), Some(1.0))]));
    }

    #[test]
    fn faults_name_their_line() {
        for (text, line, part) in [
            ("", 1, "write `timestamp,value`"),
            ("time,number\n", 1, "`time,number`"),
            ("1\n2\n", 1, "`1` names no columns"),
            ("timestamp,value\n1,1\n1\n", 3, "1 fields for 2 columns"),
            ("timestamp,value\nnoon,1\n", 2, "`noon`"),
            ("value\n1\nmuch\n", 3, "`much`"),
            ("value\ninfinity\n", 2, "`infinity`"),
            ("value\n1e999\n", 2, "`1e999`"),
        ] {
            let (at, what) = read(text).expect_err(text);
            assert_eq!(at, line, "{text}: {what}");
            assert!(what.contains(part), "{text}: {what}");
        }
    }
}

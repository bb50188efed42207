//! A series from a CSV file: a column of times and one of values.

use csv::{ReaderBuilder, StringRecord};

use super::series::Series;
use crate::instant;
use crate::text::printable;

/// What a file held.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The samples.
    pub series: Series,
    /// Rows without a value: samples that are missing.
    pub missing: u64,
}

/// Why a file is not a series. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// Nothing but, at most, a header.
    #[error("it holds no sample; write lines of timestamp,value")]
    Empty,
    /// Bytes that are no text.
    #[error("line {line}: not UTF-8 text; is this a CSV file?")]
    NotText {
        /// Where.
        line: u64,
    },
    /// The header does not say which columns to take.
    #[error("line 1: cannot tell the columns apart in {header:?}; name them timestamp and value")]
    Columns {
        /// The header.
        header: String,
    },
    /// Too few columns, or more than two without a header.
    #[error("line {line}: {found} columns, expected {expected}")]
    Width {
        /// Where.
        line: u64,
        /// How many there are.
        found: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// The time cannot be read.
    #[error("line {line}: {why}")]
    Time {
        /// Where.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The value cannot be read.
    #[error(
        "line {line}: {value:?} is not a number; write one such as 0.25 or 1e6, NaN, +Inf or -Inf, or leave it empty"
    )]
    Value {
        /// Where.
        line: u64,
        /// What stands there.
        value: String,
    },
    /// Times go back or come twice.
    #[error(
        "line {line}: the time {time} is not after the one before it, {before}; sort the file by time, one row a time"
    )]
    Order {
        /// Where.
        line: u64,
        /// The time that is too early.
        time: String,
        /// The time before it.
        before: String,
    },
}

const TIMES: [&str; 6] = ["timestamp", "time", "ts", "date", "datetime", "ds"];
const WITHOUT_HEADER: &str = "two, or a header that names timestamp and value";
const VALUES: [&str; 4] = ["value", "val", "v", "y"];

/// Reads a file of `timestamp,value` lines.
///
/// A first line without any number or time in it is a header; with one, further columns may stand beside those named
/// `timestamp` and `value` (or the like). Columns are parted by commas, semicolons or tabs. A row without a value is a
/// sample that is missing.
///
/// # Errors
///
/// The first line that cannot be read, and why.
pub fn read(bytes: &[u8]) -> Result<Read, CsvError> {
    // Spreadsheets begin their files with a mark of the encoding.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(bytes)).from_reader(bytes);
    let mut read = Read { series: Series::default(), missing: 0 };
    let mut record = StringRecord::new();
    let mut places = None;
    while more(&mut reader, &mut record)? {
        let line = record.position().map_or(0, |start| line_of(bytes, start));
        let (time, value) = match places {
            Some(places) => places,
            None => {
                let header = header(&record)?;
                let found = *places.insert(header.unwrap_or((0, 1)));
                if header.is_some() {
                    continue;
                }
                if record.len() > 2 {
                    return Err(CsvError::Width { line, found: record.len(), expected: WITHOUT_HEADER });
                }
                found
            }
        };
        let (Some(time), Some(value)) = (record.get(time), record.get(value)) else {
            return Err(CsvError::Width { line, found: record.len(), expected: "a timestamp and a value" });
        };
        read.take(line, time, value.trim())?;
    }
    if read.series.timestamps.is_empty() { Err(CsvError::Empty) } else { Ok(read) }
}

impl Read {
    fn take(&mut self, line: u64, time: &str, value: &str) -> Result<(), CsvError> {
        let at = instant::parse(time).map_err(|why| CsvError::Time { line, why })?;
        if let Some(&before) = self.series.timestamps.last()
            && at <= before
        {
            return Err(CsvError::Order { line, time: instant::show(at), before: instant::show(before) });
        }
        if value.is_empty() || value.eq_ignore_ascii_case("null") {
            self.missing += 1;
            return Ok(());
        }
        let number = value.parse().map_err(|_| CsvError::Value { line, value: printable(value, 40) })?;
        self.series.timestamps.push(at);
        self.series.values.push(number);
        Ok(())
    }
}

fn more(reader: &mut csv::Reader<&[u8]>, record: &mut StringRecord) -> Result<bool, CsvError> {
    reader.read_record(record).map_err(|error| {
        let line = error.position().map_or_else(|| reader.position().line(), csv::Position::line);
        CsvError::NotText { line }
    })
}

/// The line in which a record begins. The reader counts blank lines before a record as part of it.
fn line_of(bytes: &[u8], start: &csv::Position) -> u64 {
    let ahead = usize::try_from(start.byte()).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let blank = ahead.iter().take_while(|byte| b"\r\n".contains(byte));
    start.line() + blank.filter(|&&byte| byte == b'\n').count() as u64
}

/// Where the two columns are, if this first record is a header.
fn header(record: &StringRecord) -> Result<Option<(usize, usize)>, CsvError> {
    let holds_data = |cell: &str| cell.trim().parse::<f64>().is_ok() || instant::parse(cell).is_ok();
    if record.iter().any(holds_data) {
        return Ok(None);
    }
    let place =
        |names: &[&str]| record.iter().position(|cell| names.contains(&cell.trim().to_ascii_lowercase().as_str()));
    match (place(&TIMES), place(&VALUES)) {
        (Some(time), Some(value)) => Ok(Some((time, value))),
        _ if record.len() == 2 => Ok(Some((0, 1))),
        _ => Err(CsvError::Columns { header: printable(&record.iter().collect::<Vec<_>>().join(","), 80) }),
    }
}

/// What parts the columns: the first of the three in the first line.
fn delimiter(bytes: &[u8]) -> u8 {
    let mut line = bytes.iter().take_while(|&&byte| byte != b'\n');
    *line.find(|byte| b",;\t".contains(byte)).unwrap_or(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<(Vec<i64>, Vec<f64>), String> {
        read(text.as_bytes())
            .map(|read| (read.series.timestamps, read.series.values))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn files_of_many_hands_are_read() {
        let expected = Ok((vec![60_000, 120_000], vec![1.5, -2.0]));
        for text in [
            "60,1.5\n120,-2\n",
            "60,1.5\r\n120,-2",
            "timestamp,value\n60,1.5\n120,-2\n",
            "\u{feff}timestamp,value\n60,1.5\n120,-2\n",
            "when,how much\n60,1.5\n120,-2\n",
            "host,Value,Time\na,1.5,60\nb,-2,120\n",
            "1970-01-01T00:01:00Z;1.5\n1970-01-01 00:02:00;-2e0",
            "\"timestamp\",\"value\"\n\"60\",\"1.5\"\n\"120\",\"-2\"\n",
            "time\tvalue\n60\t1.5\n90\t\n100\tnull\n120\t-2\n",
        ] {
            assert_eq!(read_text(text), expected, "{text:?}");
        }
        assert_eq!(read(b"1,\n2,5\n3,null\n").map(|read| read.missing), Ok(2));
    }

    #[test]
    fn numbers_that_are_none_are_kept() {
        let read = read(b"1,NaN\n2,+Inf\n3,-Inf\n").expect("a series");
        assert!(read.series.values[0].is_nan());
        assert_eq!(read.series.values[1..], [f64::INFINITY, f64::NEG_INFINITY]);
    }

    #[test]
    fn a_broken_file_is_told_by_its_line() {
        for (text, said) in [
            ("", "holds no sample"),
            ("\n\n", "holds no sample"),
            ("timestamp,value\n", "holds no sample"),
            ("1,1\n2,x\n", "line 2: \"x\" is not a number"),
            ("1,1\n2,1.000,5\nthen,2\n", "line 3: \"then\" is not a time"),
            ("1,1\n\n\n2\n", "line 4: 1 columns"),
            ("1,1,1\n", "line 1: 3 columns, expected two"),
            ("a,b,c\n1,2,3\n", "line 1: cannot tell the columns apart in \"a,b,c\""),
            (
                "1,1\n3,1\n2,1\n",
                "line 3: the time 1970-01-01T00:00:02Z is not after the one before it, 1970-01-01T00:00:03Z",
            ),
            ("1,1\n1,1\n", "line 2: the time"),
            ("1,1\n2,\"3\n4,5\n", "line 2:"),
            ("<html>\n<body>\n", "line 1: cannot tell the columns apart"),
            ("1,1\r\n\r\n2,x\r\n", "line 3: \"x\""),
        ] {
            let error = read_text(text).expect_err(text);
            assert!(error.contains(said), "{text:?}: {error}");
        }
        assert_eq!(read(b"1,1\n2,\xff\xfe\n"), Err(CsvError::NotText { line: 2 }));
        assert!(read(&[0; 1000]).is_err());
    }
}

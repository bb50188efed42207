//! Standard output and standard error: bytes that the guest writes, until they make a line for the log.

use std::mem;

/// Lines that are not yet complete.
#[derive(Debug, Default)]
pub(super) struct Console {
    output: Line,
    error: Line,
}

/// The two streams that a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

impl Console {
    /// Takes in what a guest wrote and hands on what is a line now, of at most about `max` bytes. Empty lines are left out:
    /// they would only eat into the lines that a guest may log.
    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8], max: usize, mut log: impl FnMut(&str)) {
        let line = match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        };
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // What comes after the last end of a line, if only nothing, is the beginning of the next one.
        let rest = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            line.extend(piece, max);
            line.end(&mut log);
        }
        line.extend(rest, max);
    }

    /// Hands on what was written without the end of a line, if anything.
    pub(super) fn flush(&mut self, mut log: impl FnMut(Stream, &str)) {
        self.output.end(|text| log(Stream::Output, text));
        self.error.end(|text| log(Stream::Error, text));
    }

    /// Whether [`Console::flush`] has nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.output.0.is_empty() && self.error.0.is_empty()
    }
}

#[derive(Debug, Default)]
struct Line(Vec<u8>);

impl Line {
    /// Keeps no more of a line than the log would print, and the one byte that shows that there was more.
    fn extend(&mut self, bytes: &[u8], max: usize) {
        let room = max.saturating_add(1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self, mut log: impl FnMut(&str)) {
        let line = mem::take(&mut self.0);
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            log(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Console, Stream};

    fn lines(writes: &[&[u8]], max: usize) -> (Vec<String>, Vec<String>) {
        let mut console = Console::default();
        let mut lines = Vec::new();
        for bytes in writes {
            console.write(Stream::Error, bytes, max, |line| lines.push(line.to_owned()));
        }
        let mut rest = Vec::new();
        console.flush(|stream, line| {
            assert_eq!(stream, Stream::Error);
            rest.push(line.to_owned());
        });
        assert!(console.is_empty());
        (lines, rest)
    }

    /// Writes, the lines that they complete, and what is left over.
    type Case<'a> = (&'a [&'a [u8]], &'a [&'a str], &'a [&'a str]);

    #[test]
    fn writes_become_lines() {
        let cases: &[Case<'_>] = &[
            (&[], &[], &[]),
            (&[b""], &[], &[]),
            (&[b"one\n"], &["one"], &[]),
            (&[b"o", b"n", b"e", b"\n", b"two"], &["one"], &["two"]),
            (&[b"one\ntwo\n\n \r\nthree"], &["one", "two"], &["three"]),
            (&[b"\n\n\n"], &[], &[]),
            (&[b"\xc3", b"\xa9\n"], &["\u{e9}"], &[]),
            (&[b"\xff\xfe\n"], &["\u{fffd}\u{fffd}"], &[]),
        ];
        for (writes, complete, rest) in cases {
            let (found, unfinished) = lines(writes, 100);
            assert_eq!(found, *complete, "{writes:?}");
            assert_eq!(unfinished, *rest, "{writes:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept_whole() {
        let long = [b'x'; 1000];
        let mut writes: Vec<&[u8]> = vec![&long; 100];
        writes.push(b"\nshort\n");
        let (found, rest) = lines(&writes, 10);
        assert_eq!(found, ["x".repeat(11), "short".to_owned()]);
        assert!(rest.is_empty());
    }

    #[test]
    fn the_two_streams_are_apart() {
        let mut console = Console::default();
        let mut found = Vec::new();
        for (stream, bytes) in [(Stream::Output, "out"), (Stream::Error, "err"), (Stream::Output, "put\n")] {
            console.write(stream, bytes.as_bytes(), 100, |line| found.push(line.to_owned()));
        }
        assert_eq!(found, ["output"]);
        assert!(!console.is_empty());
    }
}

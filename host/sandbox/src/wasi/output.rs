//! What a guest prints, in the host's log: its standard output as information, its standard error as warnings.

use crate::bindings::detector::tidegate::plugin::host_log::Level;
use crate::store::HostState;
use crate::text::one_line;

use super::console::Stream;

impl HostState {
    /// Takes in what the guest wrote. Complete lines go to the log, bounded like all that it says there.
    pub(super) fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let max = self.log.max_text_bytes;
        let Self { machine, log, last_words, .. } = self;
        machine.console.write(stream, bytes, max, |line| {
            let line = one_line(line, max);
            match stream {
                Stream::Output => log.write(Level::Info, &line),
                Stream::Error => {
                    log.write(Level::Warn, &line);
                    add_words(last_words, &line, max);
                }
            }
        });
    }

    /// Logs what the guest wrote without ending the line.
    pub(crate) fn finish_lines(&mut self) {
        if self.machine.console.is_empty() {
            return;
        }
        let Self { machine, log, .. } = self;
        let max = log.max_text_bytes;
        machine.console.flush(|stream, line| {
            let level = match stream {
                Stream::Output => Level::Info,
                Stream::Error => Level::Warn,
            };
            log.write(level, &one_line(line, max));
        });
    }
}

/// A program that breaks off says why on its standard error, in several lines of which the last ones count.
fn add_words(last_words: &mut Option<String>, line: &str, max: usize) {
    let words = last_words.get_or_insert_default();
    if !words.is_empty() {
        words.push_str(" | ");
    }
    words.push_str(line);
    let cut = words.ceil_char_boundary(words.len().saturating_sub(max));
    words.drain(..cut);
}

#[cfg(test)]
mod tests {
    use super::add_words;

    #[test]
    fn the_last_lines_are_the_last_words() {
        let mut words = None;
        add_words(&mut words, "Traceback:", 20);
        assert_eq!(words.as_deref(), Some("Traceback:"));
        add_words(&mut words, "no", 20);
        assert_eq!(words.as_deref(), Some("Traceback: | no"));
        add_words(&mut words, "a lot more", 20);
        assert_eq!(words.as_deref(), Some("ck: | no | a lot more").map(|all| &all[1..]));
        add_words(&mut words, "éééééééééééé", 7);
        assert_eq!(words.as_deref(), Some("ééé"));
    }
}

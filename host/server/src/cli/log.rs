//! Where log lines go and what they look like.

use std::fmt;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use super::LogFormat;
use super::exit::Failure;
use crate::story;

/// Sends log lines to standard error from here on; standard output belongs to what a command was asked for.
pub(super) fn start(format: LogFormat, level: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Failure::Usage(format!(
            "{level:?} is not a log filter: {error}; write for example \"info\" or \"info,tidegate=debug\""
        ))
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).fmt_fields(one_line()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::Failed(format!("cannot start logging: {error}")))
}

/// The usual fields, with control characters written as escapes whatever they come from: an error quotes what a server
/// answered, and no server gets to write a line of this log.
fn one_line() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    let field = |to: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn fmt::Debug| {
        let value = story::escaped(format!("{value:?}"));
        match field.name() {
            "message" => to.write_str(&value),
            name if to.has_ansi_escapes() => write!(to, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}"),
            name => write!(to, "{name}={value}"),
        }
    };
    debug_fn(field).delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::one_line;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one writer").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_that_a_server_says_is_a_line_of_its_own() {
        let page = Page::default();
        let writer = page.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).without_time().fmt_fields(one_line());
        let subscriber = lines.with_writer(move || writer.clone()).finish();
        let error =
            io::Error::other("it said: no\n2026-01-01T00:00:00Z  INFO approved by alice\u{1b}[2J\u{9b}1m\u{202e}");
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(incident = "i1", %error, tries = 3, "Alertmanager could not be asked: {error}");
        });
        let said = String::from_utf8(page.0.lock().expect("no writer").clone()).expect("text");
        let quoted = "it said: no\\n2026-01-01T00:00:00Z  INFO approved by alice\\u{1b}[2J\\u{9b}1m\\u{202e}";
        assert_eq!(
            said,
            format!(
                " WARN tidegate::cli::log::tests: Alertmanager could not be asked: {quoted} incident=\"i1\" \
                 error={quoted} tries=3\n"
            )
        );
    }
}

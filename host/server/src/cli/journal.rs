//! `journal verify` and `journal export`: the journal of this machine, whether a host is running on it or not.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use serde_json::json;

use super::exit::Failure;
use super::show::say;
use crate::config;
use crate::journal::{JournalError, Reader, Stored};

pub(super) fn verify(file: &Path) -> Result<(), Failure> {
    let head = with_journal(file, async |journal| journal.verify().await)?;
    let hash = head.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    say(&format!("{} events, none missing, none changed; the last one's hash is {hash}\n", head.seq))
}

/// One line an event. The chain is checked on the way: what is printed is what was written.
pub(super) fn export(file: &Path) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    with_journal(file, async |journal| {
        let each = |Stored { seq, incident, event }: Stored| {
            if written.is_ok() {
                written = writeln!(out, "{}", json!({ "seq": seq, "incident": incident, "event": event }));
            }
        };
        journal.load_all(each).await
    })?;
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write the events: {error}")))
        }
        _ => Ok(()),
    }
}

fn with_journal<T>(file: &Path, read: impl AsyncFnOnce(&Reader) -> Result<T, JournalError>) -> Result<T, Failure> {
    let data_dir = config::server(file)?.data_dir;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(async { read(&Reader::open(&data_dir).await?).await });
    result.map_err(|error| Failure::Failed(format!("{error}; --config names the config of the host")))
}

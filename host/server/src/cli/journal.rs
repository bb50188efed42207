//! `journal verify`, `journal export` and `journal accept`: the journal of this machine, or a copy of one. The first two
//! only read, whether a host is running on it or not.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::Output;
use super::exit::Failure;
use super::show::say;
use crate::clock::rfc3339;
use crate::config;
use crate::journal::{Head, Inspection, Journal, JournalError, Reader, Stored};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for rows that were edited, moved, dropped or added, and name them
    Verify {
        /// A head that was noted earlier, as this command printed it: the row must still be there, the same
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<Head>,
        /// How the answer is written
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
        #[command(flatten)]
        place: Place,
    },
    /// Print every event as a line of JSON, oldest first
    Export {
        #[command(flatten)]
        place: Place,
    },
    /// Take a journal that was restored, or whose journal.head was lost, for whole up to its last row; no host may be
    /// running on it
    Accept {
        /// The data folder; without it, `data_dir` of the config says where it is
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
    },
}

/// Which journal to read.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The data folder, or a copy of it; without it, `data_dir` of the config says where it is
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The journal's key, where it does not lie in the data folder
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(super) fn run(command: &Command, config: &Path) -> Result<(), Failure> {
    match command {
        Command::Verify { head, output, place } => verify(place, config, head.as_ref(), *output),
        Command::Export { place } => export(place, config),
        Command::Accept { data_dir } => {
            let data_dir = folder(data_dir.as_deref(), config)?;
            let head = wait_for(Journal::accept(&data_dir))?;
            say(&format!("accepted: the journal ends at row {}\nhead: {head}\n", head.seq))
        }
    }
}

fn verify(place: &Place, config: &Path, head: Option<&Head>, output: Output) -> Result<(), Failure> {
    let data_dir = folder(place.data_dir.as_deref(), config)?;
    let inspection = wait_for(async { Reader::open(&data_dir, place.key_file.as_deref()).await?.inspect(head).await })?;
    match output {
        Output::Text => say(&describe(&inspection, head))?,
        Output::Json => say(&format!("{:#}\n", as_json(&inspection)))?,
    }
    if inspection.findings.is_empty() { Ok(()) } else { Err(Failure::Answered(1)) }
}

/// What a person reads: all that is wrong first, the head last.
fn describe(inspection: &Inspection, noted: Option<&Head>) -> String {
    let Inspection { head, findings, notes } = inspection;
    let mut text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    if findings.is_empty() {
        text.push_str(&format!("{} events: none edited, missing, moved or added by anybody else\n", head.seq));
        if let Some(noted) = noted {
            text.push_str(&format!("row {} is the one that was noted\n", noted.seq));
        }
    } else {
        text.push_str(
            "\nkeep a copy of the data folder for whoever looks into this; then restore journal.db, journal.head and \
             journal.key together from a backup\n",
        );
        if findings.iter().any(|finding| finding.first == 1 && finding.last.unsigned_abs() == head.seq) {
            text.push_str("every row has the same fault: is this the key that the journal was written with?\n");
        }
    }
    for note in notes.iter().filter(|note| note.is_ours) {
        let (seq, at) = (note.seq, rfc3339(note.at));
        text.push_str(&match note.what.as_str() {
            "taken_over" => {
                format!("note: rows up to {seq} are of an older version, and vouched for only since {at}\n")
            }
            _ => format!("note: row {seq} was accepted for the last one by a person at {at}\n"),
        });
    }
    text.push_str(&format!("head: {head}\n"));
    text
}

fn as_json(inspection: &Inspection) -> Value {
    let Inspection { head, findings, notes } = inspection;
    let finding = |finding: &crate::journal::Finding| {
        json!({
            "first": finding.first,
            "last": finding.last,
            "fault": finding.fault.name(),
            "text": finding.to_string(),
        })
    };
    let note = |note: &crate::journal::Note| json!({ "seq": note.seq, "at": rfc3339(note.at), "what": note.what });
    json!({
        "events": head.seq,
        "head": head.to_string(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "notes": notes.iter().filter(|note| note.is_ours).map(note).collect::<Vec<_>>(),
    })
}

/// One line an event. Each row is checked on the way: what is printed is what was written.
fn export(place: &Place, config: &Path) -> Result<(), Failure> {
    let data_dir = folder(place.data_dir.as_deref(), config)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let loaded = wait_for(async {
        let each = |Stored { seq, incident, event }: Stored| {
            if written.is_ok() {
                written = writeln!(out, "{}", json!({ "seq": seq, "incident": incident, "event": event }));
            }
        };
        Reader::open(&data_dir, place.key_file.as_deref()).await?.load_all(each).await
    });
    // What was good before the first bad row is printed all the same.
    let flushed = written.and_then(|()| out.flush());
    loaded?;
    match flushed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write the events: {error}")))
        }
        _ => Ok(()),
    }
}

fn folder(given: Option<&Path>, config: &Path) -> Result<PathBuf, Failure> {
    match given {
        Some(folder) => Ok(folder.to_owned()),
        None => Ok(config::server(config)?.data_dir),
    }
}

fn wait_for<T>(work: impl Future<Output = Result<T, JournalError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    runtime.block_on(work).map_err(|error| Failure::Failed(error.to_string()))
}

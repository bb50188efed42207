//! What the page about the sandbox says of limits is what the limits are.

use std::time::Duration;

use tidegate_sandbox::{Limits, SandboxOptions};

/// The cells of the table of limits: name, key, default.
fn documented() -> Vec<[String; 3]> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md");
    let page = std::fs::read_to_string(page).expect("the page about the sandbox");
    let section = page.split("\n## Limits\n").nth(1).expect("a section about limits");
    let section = section.split("\n## ").next().expect("its text");
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| limit |"));
    let cells = |row: &str| {
        let mut cells = row.split('|').map(|cell| cell.trim().replace('`', ""));
        cells.next();
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    };
    rows.map(cells).collect()
}

fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

fn bytes(count: usize) -> String {
    size(u64::try_from(count).expect("a size"))
}

fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds.is_multiple_of(60) { format!("{}m", seconds / 60) } else { format!("{seconds}s") }
}

#[test]
fn the_page_about_the_sandbox_says_what_the_limits_are() {
    // Without `..`: a limit that is added does not compile before it has its row.
    let Limits {
        call_timeout,
        open_timeout,
        memory_bytes,
        table_elements,
        max_wasm_bytes,
        compile_timeout,
        compile_memory_bytes,
        max_state_bytes,
        max_text_bytes,
        max_arguments_bytes,
        max_manifest_bytes,
        max_history,
        max_queries,
        query_timeout,
        queries_timeout,
        max_query_series,
        max_answer_bytes,
        idle_instances: _,
        log_burst,
        log_per_second,
    } = Limits::default();
    let years = format!("{} years", max_history.as_secs() / (366 * 24 * 3600));
    let expected = [
        ("size of the file", "max_wasm_size", bytes(max_wasm_bytes)),
        ("compiling, time", "compile_timeout", time(compile_timeout)),
        ("compiling, memory", "compile_memory", size(compile_memory_bytes)),
        ("instantiating, describe, open", "open_timeout", time(open_timeout)),
        ("needs, score, propose", "call_timeout", time(call_timeout)),
        ("memory of an instance", "memory", bytes(memory_bytes)),
        ("elements of tables", "fixed", table_elements.to_string()),
        // Wasmtime's own; `handles_without_end_end` meets it.
        ("handles of resources", "fixed", "100000".to_owned()),
        ("state of one series", "max_state_size", bytes(max_state_bytes)),
        ("text for people", "fixed", bytes(max_text_bytes)),
        ("arguments of a plan", "fixed", bytes(max_arguments_bytes)),
        ("answer of describe", "fixed", bytes(max_manifest_bytes)),
        ("history that needs asks for", "fixed", years),
        ("queries of one call", "max_queries", max_queries.to_string()),
        ("one query", "query_timeout", time(query_timeout)),
        ("all queries of one call", "queries_timeout", time(queries_timeout)),
        ("series of one answer", "max_query_series", max_query_series.to_string()),
        ("all answers of one call", "max_answer_size", bytes(max_answer_bytes)),
        // The host's own, where it reads the answer.
        ("answer of Prometheus as it is read", "fixed", "8 MiB".to_owned()),
        ("length of an expression", "fixed", bytes(max_text_bytes)),
        ("log lines at once", "fixed", log_burst.to_string()),
        ("log lines a second", "fixed", log_per_second.to_string()),
        ("idle instances of a detector", "fixed", "one a processor".to_owned()),
        ("instances of all guests", "fixed", SandboxOptions::default().max_instances.to_string()),
    ];
    let expected = expected.map(|(limit, key, default)| [limit.to_owned(), key.to_owned(), default]);
    let documented = documented();
    for (row, expected) in documented.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(documented.len(), expected.len());
}

//! What the reader of the demo sees: plain sentences, each with the time since the start.

use std::time::Instant;

/// Prints sentences as things happen. Copies share one clock.
#[derive(Clone, Copy)]
pub(crate) struct Narrator {
    start: Instant,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// A new part of the story begins.
    pub(crate) fn heading(self, text: &str) {
        println!("\n== {text}");
    }

    /// Something happened.
    pub(crate) fn say(self, text: &str) {
        let seconds = self.start.elapsed().as_secs();
        println!("{:>3}:{:02}  {text}", seconds / 60, seconds % 60);
    }

    /// More on what was just said, line by line.
    pub(crate) fn detail(self, text: &str) {
        for line in text.lines() {
            println!("        {line}");
        }
    }
}

//! What must pass before a change lands, stage by stage, and the stage of all tests on its own.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::demo::{self, Options};
use crate::{guests, setup, shell, test_tools};

/// All tests of the workspace: guests natively, each in its language, and as the components that they become.
pub(crate) fn test(root: &Path) -> anyhow::Result<()> {
    set_up(root)?;
    guests::build_all(root)?;
    guests::test_foreign(root)?;
    shell::run(&mut shell::cargo(root, &["test", "--workspace"]))
}

/// Every stage in turn; the first that fails ends the run.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let cargo = |arguments: &[&str]| shell::run(&mut shell::cargo(root, arguments));
    stage("setup", || set_up(root))?;
    stage("format", || cargo(&["fmt", "--all", "--check"]))?;
    stage("guests", || guests::build_all(root).map(drop))?;
    stage("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    stage("docs", || {
        let mut doc: Command = shell::cargo(root, &["doc", "--workspace", "--no-deps"]);
        shell::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    stage("tests", || test(root))?;
    for options in [Options::check(), Options::check_deny(), Options::check_ignore()] {
        stage(&options.to_string(), || {
            if demo::run(root, &options) != ExitCode::SUCCESS {
                bail!("see above");
            }
            Ok(())
        })?;
    }
    println!("== all stages passed");
    Ok(())
}

/// All that building and testing need of this machine.
pub(crate) fn set_up(root: &Path) -> anyhow::Result<()> {
    setup::run(root)?;
    setup::other_languages()?;
    setup::newer::install(root)?;
    test_tools::install(root)
}

fn stage(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("== {name}");
    let start = Instant::now();
    work().with_context(|| format!("the stage `{name}` failed"))?;
    println!("== {name}: passed in {} s", start.elapsed().as_secs());
    Ok(())
}

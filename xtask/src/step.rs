//! Steps: each says what it does and how long it took.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Steps of one command. A failed step does not hide what the next ones would find.
#[derive(Default)]
pub(crate) struct Steps(Vec<(String, Duration, bool)>);

impl Steps {
    /// Runs `work`; a failure is shown at once and remembered. Answers whether it went well.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> bool {
        eprintln!("==> {name}");
        let started = now();
        let result = work();
        let took = started.elapsed();
        match &result {
            Ok(()) => eprintln!("<== {name}: {}", seconds(took)),
            Err(error) => eprintln!("<== {name}: FAILED after {}: {error:#}", seconds(took)),
        }
        self.0.push((name.to_owned(), took, result.is_ok()));
        result.is_ok()
    }

    /// The summary; an error if any step failed.
    pub(crate) fn finish(self) -> Result<()> {
        eprintln!();
        for (name, took, well) in &self.0 {
            eprintln!("{:>9}  {}  {name}", seconds(*took), if *well { "ok    " } else { "FAILED" });
        }
        let failed: Vec<_> = self.0.iter().filter(|(_, _, well)| !well).map(|(name, ..)| name.as_str()).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// Runs a command to its end; anything but success is an error that shows the command.
pub(crate) fn command(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Whether a command can be started and succeeds; what it prints is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[allow(clippy::disallowed_methods, reason = "times what it starts; no product code")]
fn now() -> Instant {
    Instant::now()
}

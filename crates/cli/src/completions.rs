//! `quittance completions`: what a shell completes.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use crate::output::print_bytes;

#[derive(Args)]
pub(crate) struct Options {
    /// Which shell is to read it.
    #[arg(value_enum)]
    shell: Known,
}

#[derive(Clone, Copy, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script.
pub(crate) fn run<C: CommandFactory>(options: &Options) -> Result<ExitCode> {
    let shell = match options.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut C::command(), "quittance", &mut script);
    print_bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

//! The `quittance` command.

mod demo;
mod logging;
mod run;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

// Many megabyte-sized buffers come and go across threads; glibc's allocator would keep them as fragments.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Collects security events of AWS accounts and delivers them to Devo, each against a receipt.
#[derive(Parser)]
#[command(version, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t)]
    log_format: logging::Format,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a collector until it is told to stop (SIGTERM, or Ctrl-C).
    Run {
        /// The configuration, as written for Devo's collector.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Shows the whole way on this machine: an embedded AWS with generated events, a mutual-TLS receiver, and the real
    /// collector between them.
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = matches!(arguments.command, Command::Demo(_));
    logging::start(arguments.log_format, quiet);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            match arguments.command {
                Command::Run { config } => run::run(&config).await,
                Command::Demo(options) => demo::demo(options).await,
            }
        })
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

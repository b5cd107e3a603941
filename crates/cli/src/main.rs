//! The `quittance` command.

mod backfill;
mod bench;
mod check;
mod completions;
mod demo;
mod documents;
mod errors;
mod health;
mod iam;
mod logging;
mod output;
mod plain;
mod privileges;
mod quarantine;
mod reference;
mod reload;
mod run;
mod services;
mod signals;
mod simulate;
mod state;
mod statistics;
mod tap;
mod test;
mod watch;
mod whereabouts;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use quittance_collector::{CollectorError, messages};
use quittance_monitor::Problems;
use rustix::process::{Resource, Rlimit, setrlimit};

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
    Run(documents::Options),
    /// Says everything that is wrong with a configuration, its certificates, its destinations and its units.
    #[command(visible_alias = "validate")]
    Check(check::Options),
    /// Lists the services, their types and the Devo tables of their events.
    Services(services::Options),
    /// Says what would become of samples: the tag of each event, and what the filters do with it. Nothing is asked of anybody.
    Test(test::Options),
    /// Gives what a bucket holds of a range of time, without a queue. A run that was cut short goes on where it was; the collector
    /// may run meanwhile.
    Backfill(backfill::Options),
    /// Asks a running collector how its units and outputs get on.
    Health(health::Options),
    /// Shows live events of a running collector, as they leave for their outputs. Looking disturbs no delivery.
    Tap(tap::Options),
    /// Explains the codes of what goes wrong.
    Errors(errors::Options),
    /// Prints the JSON schema of a configuration, for editors.
    Schema(services::SchemaOptions),
    /// Prints what a shell needs to complete this command.
    Completions(completions::Options),
    /// Writes what AWS must allow for a configuration, or a template that sets everything up there. Nothing is asked of AWS.
    #[command(subcommand)]
    Iam(iam::Command),
    /// Shows what a collector remembers, or makes it forget how far it has come. The collector must not run meanwhile.
    #[command(subcommand)]
    State(state::Command),
    /// Shows what could not be delivered and was set aside, gives it once more, or discards it. The collector must not run
    /// meanwhile.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Shows the whole way on this machine: an embedded AWS with generated events, a mutual-TLS receiver, and the real
    /// collector between them.
    Demo(demo::Options),
    /// Compares the collector with the least that could do its work.
    #[command(hide = true)]
    Bench(bench::Options),
    /// Runs the whole collector through days of virtual time, with faults by seed.
    #[command(hide = true)]
    Simulate(simulate::Options),
    /// The other end of a bench, in a process of its own.
    #[command(hide = true)]
    BenchTown(bench::TownOptions),
    /// The demo without its collector, which runs in a container of its own.
    #[command(hide = true)]
    DemoTown(demo::TownOptions),
}

fn main() -> ExitCode {
    // Before everything else, while there is no other thread.
    let given_up = privileges::give_up();
    let arguments = Arguments::parse();
    write_no_memory_to_disk();
    let quiet = !matches!(arguments.command, Command::Run(_));
    let logged = match &arguments.command {
        Command::Run(_) => "info",
        // A bar says how far it is.
        Command::Backfill(_) if io::stderr().is_terminal() => "warn",
        Command::Backfill(_) => "info",
        _ => "error",
    };
    let (sink, messages) = messages();
    let problems = Problems::default();
    let verbosity = logging::start(arguments.log_format, logged, sink, problems.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        match given_up? {
            Some(what) if !quiet => tracing::warn!("{what}"),
            _ => {}
        }
        runtime.block_on(async {
            match arguments.command {
                Command::Run(options) => Box::pin(run::run(options.into(), messages, problems, &verbosity)).await,
                Command::Check(options) => check::run(options).await,
                Command::Services(options) => services::run(&options),
                Command::Test(options) => Box::pin(test::run(options)).await,
                Command::Backfill(options) => Box::pin(backfill::run(options)).await,
                Command::Health(options) => health::run(options).await,
                Command::Tap(options) => tap::run(options).await,
                Command::Errors(options) => errors::run(&options),
                Command::Schema(options) => services::schema(&options),
                Command::Completions(options) => completions::run::<Arguments>(&options),
                Command::Iam(command) => iam::run(command),
                Command::State(command) => state::run(command).await,
                Command::Quarantine(command) => Box::pin(quarantine::run(command)).await,
                Command::Demo(options) => demo::demo(options).await,
                Command::Bench(options) => bench::bench(options).await,
                Command::Simulate(options) => simulate::simulate(&options),
                Command::BenchTown(options) => bench::town(options).await,
                Command::DemoTown(options) => demo::town(options).await,
            }
        })
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            let code = error.chain().find_map(|cause| cause.downcast_ref::<CollectorError>()?.code());
            let error = format!("error: {error:#}{}", code.map(|code| format!(" [{code}]")).unwrap_or_default());
            eprintln!("{}", plain::lines(&error));
            ExitCode::from(1)
        }
    }
}

/// A crash must not leave a core dump behind: keys are in it.
fn write_no_memory_to_disk() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // It can fail only where dumps are forbidden already.
    _ = setrlimit(Resource::Core, none);
}

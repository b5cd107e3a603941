//! `cargo xtask faults`: the real binary over real sockets, between a fake AWS and a receiver that are processes of their own,
//! while one kind of fault strikes after another.

mod arrivals;
mod aws;
mod bounds;
mod classes;
mod clock;
mod load;
mod remote;
mod report;
mod round;
mod sdk;
mod sink;
mod watch;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use classes::Class;
use report::Row;
use round::Outcome;

/// Runs the real binary over real sockets, between a fake AWS and a receiver that are processes, while faults strike.
#[derive(Parser)]
#[command(name = "cargo xtask faults", max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    helper: Option<Helper>,
    /// What everything of the first round of each class follows from; the next round has the next seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Rounds of each class that is run, not of all together.
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// Only these classes; may be given several times.
    #[arg(long)]
    class: Vec<String>,
    /// Names the classes that this machine can run, one a line, and runs nothing.
    #[arg(long)]
    list: bool,
    /// The last line is a JSON object, `{"faults": [...]}`, with a row a class.
    #[arg(long)]
    json: bool,
    /// The same faults on Devo's own SDK too, where they apply.
    #[arg(long)]
    sdk: bool,
    /// Rounds that run at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

#[derive(Subcommand)]
enum Helper {
    /// Loads that are enormous in one way, and what the collector takes of the machine.
    Bounds(bounds::Arguments),
    /// The receiver of a round.
    #[command(hide = true)]
    Sink {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        certs: PathBuf,
        #[arg(long)]
        arrivals: PathBuf,
    },
    /// The fake AWS of a round.
    #[command(hide = true)]
    Aws {
        #[arg(long)]
        from: u64,
        #[arg(long)]
        arrivals: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
fn run(arguments: Arguments) -> Result<bool> {
    match &arguments.helper {
        Some(Helper::Sink { listen, certs, arrivals }) => return sink::run(*listen, certs, arrivals).map(|()| true),
        Some(Helper::Aws { from, arrivals }) => return aws::run(*from, arrivals.clone()).map(|()| true),
        Some(Helper::Bounds(arguments)) => return bounds::run(arguments),
        None => {}
    }
    let chosen = chosen(&arguments.class)?;
    if arguments.list {
        chosen.iter().for_each(|class| println!("{}", class.name));
        return Ok(true);
    }
    let outcomes = play(&chosen, &arguments);
    let rows: Vec<Row> = chosen.iter().enumerate().map(|(at, class)| Row::new(class.name, &outcomes[&at])).collect();
    let well = rows.iter().all(Row::is_well);
    println!("{}", report::table(&rows));
    if arguments.json {
        println!("{}", serde_json::json!({ "faults": rows }));
    }
    Ok(well)
}

/// The classes of these names, or all that this machine can run.
fn chosen(names: &[String]) -> Result<Vec<&'static Class>> {
    if names.is_empty() {
        return Ok(classes::all().filter(|class| (class.can)()).collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        match classes::all().find(|class| class.name == name) {
            Some(class) if (class.can)() => chosen.push(class),
            Some(_) => bail!("this machine cannot run `{name}`: see `docs/faults.md` for what it takes"),
            None => bail!("no class is called `{name}`: `--list` names them"),
        }
    }
    Ok(chosen)
}

/// Plays all rounds, class after class, several at a time.
fn play(classes: &[&'static Class], arguments: &Arguments) -> BTreeMap<usize, Vec<Outcome>> {
    let rounds = usize::try_from(arguments.rounds).unwrap_or(usize::MAX);
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Vec<Outcome>>> =
        Mutex::new((0..classes.len()).map(|class| (class, Vec::new())).collect());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    // Round by round, so that what runs side by side is of different classes.
                    let (round, class) = (number / classes.len(), number % classes.len());
                    if round >= rounds {
                        break;
                    }
                    let outcome = round::play(classes[class], arguments.seed + round as u64, arguments.sdk);
                    say(classes[class], &outcome);
                    done.lock().unwrap_or_else(PoisonError::into_inner).entry(class).or_default().push(outcome);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What must not be is said at once, with the command that plays the round again.
fn say(class: &Class, outcome: &Outcome) {
    if outcome.problems.is_empty() {
        return;
    }
    let problems = outcome.problems.join("\n  ");
    let mut text = format!("{} ({}): seed {}: {problems}\n", class.name, class.what, outcome.seed);
    text.push_str(&format!("  again: cargo xtask faults --class {} --seed {}\n", class.name, outcome.seed));
    if let Some(folder) = &outcome.folder {
        text.push_str(&format!("  its logs: {}\n", folder.display()));
    }
    eprint!("{text}");
}

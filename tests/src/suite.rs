//! The list of tests, and how each is run.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::time::Instant;

use crate::tools::Missing;

/// Tests wait for timers and other processes more than they compute.
const THREADS_PER_CORE: usize = 3;

/// Every test, and what is missing for some.
#[derive(Default)]
pub struct Suite {
    trials: Vec<Trial>,
    missing: BTreeSet<String>,
    times: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Suite {
    /// Adds a test, called by its place (`module_path!()`) and name.
    pub fn test<F: Future<Output = Result<()>>>(
        &mut self,
        module: &str,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) {
        let trial = self.trial(module, name, test);
        self.trials.push(trial);
    }

    /// Adds a test that needs something which the environment may lack: then it counts as ignored.
    pub fn test_with<T: Send + 'static, F: Future<Output = Result<()>>>(
        &mut self,
        tool: Result<T, Missing>,
        module: &str,
        name: &str,
        test: impl FnOnce(T) -> F + Send + 'static,
    ) {
        match tool {
            Ok(tool) => self.test(module, name, move || test(tool)),
            Err(Missing(what)) => {
                let trial = Trial::test(full_name(module, name), move || Err(Failed::from("cannot run")));
                self.trials.push(trial.with_ignored_flag(true));
                self.missing.insert(what);
            }
        }
    }

    fn trial<F: Future<Output = Result<()>>>(
        &self,
        module: &str,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Trial {
        let name = full_name(module, name);
        let times = self.times.clone();
        Trial::test(name.clone(), move || {
            let started = Instant::now();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let result = runtime.block_on(test());
            runtime.shutdown_background();
            times.lock().unwrap_or_else(PoisonError::into_inner).push((started.elapsed(), name));
            result.map_err(|error| Failed::from(format!("{error:?}")))
        })
    }

    /// Runs the tests that the command line asks for.
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        if arguments.test_threads.is_none() {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            arguments.test_threads = Some(cores * THREADS_PER_CORE);
        }
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        if arguments.list {
            return conclusion.exit_code();
        }
        let mut times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable_by(|a, b| b.cmp(a));
        if times.len() > 1 {
            println!("slowest:");
            times.iter().take(10).for_each(|(time, name)| println!("  {:6.2} s  {name}", time.as_secs_f64()));
        }
        if conclusion.num_ignored > 0 {
            eprintln!("\nWARNING: {} tests did NOT run, for lack of:", conclusion.num_ignored);
            self.missing.iter().for_each(|what| eprintln!("WARNING:   {what}"));
            eprintln!();
        }
        conclusion.exit_code()
    }
}

/// Without the name of the test binary.
fn full_name(module: &str, name: &str) -> String {
    match module.split_once("::") {
        Some((_, module)) => format!("{module}::{name}"),
        None => name.to_owned(),
    }
}

/// Adds functions as tests of the module where they stand: `tests!(suite; first, second)`.
#[macro_export]
macro_rules! tests {
    ($suite:expr; $($test:ident),+ $(,)?) => {
        $($suite.test(module_path!(), stringify!($test), $test);)+
    };
}

//! The list of tests, and how each is run.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, RwLock},
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
    /// Held for reading by tests that share the machine, for writing by one that wants it for itself.
    machine: Arc<RwLock<()>>,
}

impl Suite {
    /// Adds a test, called by its place (`module_path!()`) and name.
    pub fn test<F: Future<Output = Result<()>>>(
        &mut self,
        module: &str,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) {
        let trial = self.trial(module, name, false, test);
        self.trials.push(trial);
    }

    /// Adds a test that measures, and so runs while no other does.
    pub fn test_alone<F: Future<Output = Result<()>>>(
        &mut self,
        module: &str,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) {
        let trial = self.trial(module, name, true, test);
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
        alone: bool,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Trial {
        let name = full_name(module, name);
        let (times, machine) = (self.times.clone(), self.machine.clone());
        Trial::test(name.clone(), move || {
            // What a failed test left is no reason to stop the others.
            let _shared = (!alone).then(|| machine.read().unwrap_or_else(PoisonError::into_inner));
            let _alone = alone.then(|| machine.write().unwrap_or_else(PoisonError::into_inner));
            let started = Instant::now();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let result = runtime.block_on(test());
            runtime.shutdown_background();
            times.lock().unwrap_or_else(PoisonError::into_inner).push((started.elapsed(), name));
            result.map_err(|error| Failed::from(format!("{error:?}")))
        })
    }

    /// Runs the tests that the command line asks for.
    pub fn run(mut self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        if !self.missing.is_empty() {
            // A runner that starts a process for each test shows this test's output (`.config/nextest.toml`).
            let warning = self.warning();
            let say = move || {
                eprintln!("{warning}");
                Ok(())
            };
            self.trials.push(Trial::test("missing::tools_for_ignored_tests", say));
        }
        if arguments.test_threads.is_none() {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            arguments.test_threads = Some(cores * THREADS_PER_CORE);
        }
        let conclusion = libtest_mimic::run(&arguments, std::mem::take(&mut self.trials));
        let mut times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable_by(|a, b| b.cmp(a));
        if times.len() > 1 {
            println!("slowest:");
            times.iter().take(10).for_each(|(time, name)| println!("  {:6.2} s  {name}", time.as_secs_f64()));
        }
        if conclusion.num_ignored > 0 {
            eprintln!("{}", self.warning());
        }
        conclusion.exit_code()
    }

    fn warning(&self) -> String {
        let missing: String = self.missing.iter().map(|what| format!("WARNING:   {what}\n")).collect();
        format!("\nWARNING: some end-to-end tests are NOT run, but ignored, for lack of:\n{missing}")
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

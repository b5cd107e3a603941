//! `quittance run` as a process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::{tools, until};

/// Lines of the log that a failed test shows.
const SHOWN: usize = 40;

/// A running collector, killed when it is dropped.
pub struct Collector {
    child: Child,
    log: PathBuf,
    output: PathBuf,
}

impl Collector {
    /// Starts it with this configuration; its log goes to a file beside.
    pub fn start(configuration: &Path) -> Result<Collector> {
        Collector::start_with(configuration, &[])
    }

    /// Starts it with some environment.
    pub fn start_with(configuration: &Path, environment: &[(&str, &str)]) -> Result<Collector> {
        Collector::command("run", configuration, environment)
    }

    /// Starts another command of the binary that takes a configuration; `command` may have several words.
    pub fn command(command: &str, configuration: &Path, environment: &[(&str, &str)]) -> Result<Collector> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let log = configuration.with_file_name(format!("collector-{number}.log"));
        let output = log.with_extension("out");
        let level = std::env::var("QUITTANCE_LOG").unwrap_or_else(|_| "info".to_owned());
        let binary = tools::binary()?;
        let child = Command::new(&binary)
            .args(command.split(' '))
            .arg("--config")
            .arg(configuration)
            // Nothing of the caller's own AWS settings or proxies must leak in.
            .env_clear()
            .env("QUITTANCE_LOG", level)
            .envs(environment.iter().copied())
            .current_dir(configuration.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start `{}`", binary.display()))?;
        Ok(Collector { child, log, output })
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub fn output(&self) -> Vec<u8> {
        fs::read(&self.output).unwrap_or_default()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How many lines of its log hold `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until that many lines of its log hold `text`.
    pub async fn says_times(&self, text: &str, times: usize) {
        let what = format!("the collector says `{text}` {times} times");
        until(&what, Duration::from_secs(20), || self.logged(text) >= times).await;
    }

    /// Waits until a line of its log holds `text`.
    pub async fn says(&self, text: &str) {
        until(&format!("the collector says `{text}`"), Duration::from_secs(20), || self.logged(text) > 0).await;
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// # Panics
    ///
    /// If it has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.has_ended() {
            panic!("the collector ended by itself: {status}");
        }
    }

    /// The most memory that it has had resident so far, in bytes.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is no number")?;
        Ok(kib * 1024)
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("cannot signal the collector")
    }

    /// Has it read its configuration again (SIGHUP).
    pub fn hang_up(&self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::HUP).context("cannot signal the collector")
    }

    /// Ends it as a power cut would (SIGKILL).
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it is still there after `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        until("the collector ends", limit, || {
            status = self.has_ended();
            status.is_some()
        })
        .await;
        status.expect("the wait ends with a status")
    }

    /// Asks it to stop, and waits for an end that it calls a success.
    ///
    /// # Panics
    ///
    /// If it ends otherwise, or not within 10 s.
    pub async fn stop(mut self) -> Result<()> {
        self.terminate()?;
        let status = self.ended(Duration::from_secs(10)).await;
        assert!(status.success(), "the collector ended with {status}");
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(SHOWN);
            eprintln!("--- the collector's log, last lines:\n{}\n---", lines[from..].join("\n"));
        }
    }
}

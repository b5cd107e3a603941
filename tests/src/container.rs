//! The collector in a container.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use crate::until;

/// A container that was started, removed when this is dropped.
pub struct Container {
    name: String,
    /// What started it, and shows what it says.
    client: Child,
    said: PathBuf,
}

impl Container {
    /// A name that no other container has.
    pub fn new_name() -> String {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        format!("collector-quittance-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs a line of a shell in `folder`, which starts a container of that name in the foreground, at a terminal; and waits
    /// until it runs.
    pub async fn run(name: &str, folder: &Path, line: &str) -> Result<Container> {
        let said = folder.join(format!("{name}.log"));
        let client = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", line])
            .arg(folder.join(format!("{name}.typescript")))
            .current_dir(folder)
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null())
            .stdout(File::create(&said)?)
            .stderr(Stdio::inherit())
            .spawn()
            .context("cannot start `script`, which gives a command a terminal")?;
        let container = Container { name: name.to_owned(), client, said };
        let runs = || container.inspect("{{.State.Running}}").is_some_and(|runs| runs == "true");
        until("the container runs", Duration::from_secs(60), runs).await;
        Ok(container)
    }

    /// What it has said so far, without the colours that it has for a terminal.
    pub fn said(&self) -> String {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        let mut pieces = said.split("\x1b[");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |plain, piece| plain + piece.split_once('m').map_or(piece, |(_, rest)| rest))
    }

    /// What docker knows of it, by a template; nothing before it is there.
    pub fn inspect(&self, template: &str) -> Option<String> {
        let said = Command::new("docker").args(["inspect", "--format", template, &self.name]).output().ok()?;
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }

    /// When its process was started.
    pub fn started(&self) -> Result<Timestamp> {
        let started = self.inspect("{{.State.StartedAt}}").context("the container is not there")?;
        Ok(started.parse()?)
    }

    /// A line of its process's `/proc/<id>/status`.
    pub fn status(&self, field: &str) -> Result<String> {
        let id = self.inspect("{{.State.Pid}}").context("the container is not there")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(line.with_context(|| format!("no line `{field}`"))?.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Waits until docker's own health check says that all is well.
    pub async fn turns_healthy(&self) {
        until("the health check says healthy", Duration::from_secs(60), || {
            self.inspect("{{.State.Health.Status}}").is_some_and(|status| status == "healthy")
        })
        .await;
    }

    /// `docker stop`, and what whoever started it was told: the exit code of the collector.
    pub fn stop(mut self) -> Result<String> {
        let stopped =
            Command::new("docker").args(["stop", "--time", "45", &self.name]).stdout(Stdio::null()).status()?;
        ensure!(stopped.success(), "`docker stop` failed");
        let status = self.client.wait()?;
        ensure!(status.success(), "the collector ended with {status}: {}", self.said());
        Ok(self.said())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It is gone already if all went well.
        let _ = Command::new("docker")
            .args(["rm", "--force", &self.name])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let _ = self.client.kill();
        let _ = self.client.wait();
        if std::thread::panicking() {
            eprintln!("--- what the container said:\n{}\n---", self.said());
        }
    }
}

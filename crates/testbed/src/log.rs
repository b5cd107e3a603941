//! The log of this thread, kept to be read.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{fmt::MakeWriter, util::SubscriberInitExt};

/// What is logged on one thread from its making on, until the guard beside it is dropped.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

/// Keeps logging to a [`Log`] while it lives.
pub type LogGuard = tracing::subscriber::DefaultGuard;

impl Log {
    /// Keeps what this thread logs from now on, as lines that look like those of the command.
    pub fn keep() -> (Log, LogGuard) {
        let log = Log::default();
        let lines = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).with_target(false);
        (log, lines.set_default())
    }

    /// The lines so far that hold `text`.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = String::from_utf8_lossy(&log);
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

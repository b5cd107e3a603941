//! A helper process and the orders that it takes: one JSON value a line, each answered by another.

use std::{
    io::{BufRead, BufReader, Write, stdin},
    marker::PhantomData,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Serialize, de::DeserializeOwned};

/// What a process can be told, and what it answers.
pub(crate) trait Order: Serialize + DeserializeOwned {
    /// The answer to every one of them.
    type Answer: Serialize + DeserializeOwned;
}

/// A process that takes orders; killed when it is dropped.
pub(crate) struct Remote<O> {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    order: PhantomData<O>,
}

impl<O: Order> Remote<O> {
    /// Starts it; its first line is what it says of itself.
    pub(crate) fn start<H: DeserializeOwned>(command: &mut Command) -> Result<(Remote<O>, H)> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start a helper")?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let (orders, answers) = orders.zip(answers).context("a helper without pipes")?;
        let mut remote = Remote { child, orders, answers: BufReader::new(answers), order: PhantomData };
        let hello = remote.read()?;
        Ok((remote, hello))
    }

    /// Gives an order, and waits for its answer.
    pub(crate) fn ask(&mut self, order: &O) -> Result<O::Answer> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).context("a helper takes no orders any more")?;
        let answer: Result<O::Answer, String> = self.read()?;
        answer.map_err(|problem| anyhow!("a helper says: {problem}"))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("cannot signal a helper")
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "a helper ended by itself");
        serde_json::from_str(&line).context("not what a helper says")
    }
}

impl<O> Drop for Remote<O> {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The helper's side: says `hello`, and follows orders until there are no more. Then it ends, whatever is still under way.
pub(crate) fn follow<O: Order>(hello: &impl Serialize, mut order: impl FnMut(O) -> Result<O::Answer>) -> Result<()> {
    say(hello)?;
    for line in stdin().lines() {
        let answer = order(serde_json::from_str(&line?)?);
        say(&answer.map_err(|error| format!("{error:#}")))?;
    }
    Ok(())
}

fn say(value: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush().context("nobody listens")
}

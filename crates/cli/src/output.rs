//! Results, on standard output.

use std::io::{self, ErrorKind, Write};

use crate::plain;

/// Prints `text`, and nothing that a terminal would obey; a reader that has seen enough, as in `quittance schema | head`, is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(plain::lines(text).as_bytes())
}

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

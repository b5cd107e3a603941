//! End-to-end tests: the real binary, the real TLS, and everything that can go wrong around them.

mod certificates;
mod emulators;
mod kill;
mod memory;
mod no_fault;
mod notifications;
mod resets;
mod rsyslog;
mod samples;
mod shutdown;
mod start;

use std::process::ExitCode;

use quittance_tests::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    certificates::add(&mut suite);
    emulators::add(&mut suite);
    kill::add(&mut suite);
    memory::add(&mut suite);
    no_fault::add(&mut suite);
    notifications::add(&mut suite);
    resets::add(&mut suite);
    rsyslog::add(&mut suite);
    samples::add(&mut suite);
    shutdown::add(&mut suite);
    start::add(&mut suite);
    suite.run()
}

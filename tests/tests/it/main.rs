//! End-to-end tests: the real binary, the real TLS, and everything that can go wrong around them.

mod backfill;
mod botocore_logs;
mod botocore_metrics;
mod bounds;
mod certificates;
mod confirm_modes;
mod docker;
mod emulators;
mod faults;
mod filters;
mod forging;
mod health;
mod iam;
mod kill;
mod memory;
mod no_fault;
mod notifications;
mod outputs;
mod page;
mod progress;
mod reaching_aws;
mod reload;
mod resets;
mod rsyslog;
mod samples;
mod schema;
mod secrets;
mod several_outputs;
mod shutdown;
mod simulation;
mod start;
mod systemd;
mod wire_options;

use std::process::ExitCode;

use quittance_tests::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::default();
    backfill::add(&mut suite);
    botocore_logs::add(&mut suite);
    botocore_metrics::add(&mut suite);
    bounds::add(&mut suite);
    certificates::add(&mut suite);
    confirm_modes::add(&mut suite);
    docker::add(&mut suite);
    emulators::add(&mut suite);
    forging::add(&mut suite);
    health::add(&mut suite);
    faults::add(&mut suite);
    filters::add(&mut suite);
    iam::add(&mut suite);
    kill::add(&mut suite);
    memory::add(&mut suite);
    no_fault::add(&mut suite);
    notifications::add(&mut suite);
    outputs::add(&mut suite);
    page::add(&mut suite);
    progress::add(&mut suite);
    reaching_aws::add(&mut suite);
    reload::add(&mut suite);
    resets::add(&mut suite);
    rsyslog::add(&mut suite);
    samples::add(&mut suite);
    schema::add(&mut suite);
    secrets::add(&mut suite);
    several_outputs::add(&mut suite);
    shutdown::add(&mut suite);
    simulation::add(&mut suite);
    start::add(&mut suite);
    systemd::add(&mut suite);
    wire_options::add(&mut suite);
    suite.run()
}

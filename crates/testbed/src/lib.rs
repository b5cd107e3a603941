//! A fake AWS and a Devo sink with faults on demand, for the demo, tests and benches.

pub mod aws;
pub mod certificates;
pub mod generate;
pub mod sink;

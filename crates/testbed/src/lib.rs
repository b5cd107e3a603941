//! A fake AWS and a Devo sink with faults on demand, for the demo, tests and benches; and the parameters of a collector
//! that runs in virtual time: clock, links, store.

pub mod aws;
pub mod certificates;
pub mod generate;
pub mod link;
pub mod log;
pub mod sink;
pub mod store;
pub mod unit;
pub mod world;

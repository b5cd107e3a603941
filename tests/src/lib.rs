//! The harness of the end-to-end tests: the real `quittance` binary between a source and a receiver.
//!
//! A [`Scene`] is the usual set: a fake AWS and a receiver in this process, certificates and a configuration in a
//! temporary folder. Its parts also stand alone, for tests that replace one of them by an independent implementation
//! ([`emulators`], [`rsyslog`]).

pub mod browser;
pub mod cloud;
pub mod collector;
pub mod configuration;
pub mod container;
pub mod emulators;
pub mod expect;
pub mod front;
pub mod ledger;
pub mod proxy;
pub mod raw_json;
pub mod receiver;
pub mod rsyslog;
pub mod samples;
pub mod scene;
pub mod suite;
pub mod tools;
pub mod trail;
pub mod wait;

pub use cloud::Cloud;
pub use collector::Collector;
pub use configuration::{Configuration, Credentials, Place};
pub use front::Front;
pub use ledger::{Events, Verdict};
pub use proxy::Proxy;
pub use receiver::Receiver;
pub use scene::{Options, Scene};
pub use suite::Suite;
pub use wait::until;

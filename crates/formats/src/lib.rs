//! Bytes in, events out: finds where each event of a log file begins and ends, without parsing or copying it.
//!
//! [`Inflate`] undoes gzip, a [`Framer`] ([`Lines`], [`Records`], [`Values`], [`Csv`]) cuts the bytes into events,
//! [`fields`] reads what a tag needs from an event, [`elements`] finds the events in a message, and
//! [`compact`](compact::compact) makes a JSON event one line. [`paths`] and [`Cells`] find what a user's filters ask for, and
//! [`mask`] overwrites it where it stands.
//!
//! Promises: input may be cut anywhere with the same outcome; memory stays bounded whatever the input is; damaged input
//! gives an error that names its place, never a panic. Never: I/O, async, parsing an event and writing it anew.

mod cells;
mod columns;
pub mod compact;
pub mod csv;
mod elements;
mod error;
pub mod fields;
mod frame;
mod inflate;
mod lines;
pub mod mask;
pub mod paths;
mod position;
mod records;
mod scan;
mod skip;
mod sniff;
mod text;
mod values;

pub use cells::{Cells, column_names};
pub use csv::Csv;
pub use elements::elements;
pub use error::FormatError;
pub use frame::{Frame, Framer, Renamed};
pub use inflate::Inflate;
pub use lines::{Header, Lines, MAX_HEADER_BYTES};
pub use records::Records;
pub use sniff::unreadable;
pub use values::Values;

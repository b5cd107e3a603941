//! What the crate promises, one module a behaviour.
#![allow(clippy::unwrap_used)]

mod compaction;
mod csv_rows;
mod damaged_json;
mod field_reading;
mod filtering;
mod fuzz;
mod gzip;
mod json_elements;
mod json_records;
mod json_values;
mod plain_lines;
mod size_limit;
mod support;

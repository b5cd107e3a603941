//! Reading configurations.

mod devo_shape;
mod environment;
mod garbage;
mod positions;
mod schema;
mod support;

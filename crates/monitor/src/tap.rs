//! Live events: who looks at them, and how they are told to who asks.

mod asked;
mod client;
mod stream;

pub use asked::{Tapped, Wish};
pub use client::{Tapping, tap};
pub(crate) use stream::{Form, stream};

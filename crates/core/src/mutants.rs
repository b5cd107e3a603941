//! Planted bugs: without them, a simulation that finds nothing would prove nothing.
//!
//! Each stands in one line at the place where somebody could write it, and asks [`planted`] whether it is there. In every
//! build but that of the feature `mutants` the answer is a constant `false`, of which no code is left.

#[cfg(feature = "mutants")]
use std::cell::Cell;

#[cfg(feature = "mutants")]
thread_local! {
    static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Whether the bug of this name is planted: never, but where somebody looks for it.
#[cfg(feature = "mutants")]
pub fn planted(name: &str) -> bool {
    PLANTED.get() == Some(name)
}

/// Whether the bug of this name is planted: never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn planted(_: &str) -> bool {
    false
}

/// Plants one bug in everything that this thread does, or none.
#[cfg(feature = "mutants")]
pub fn plant(name: Option<&'static str>) {
    PLANTED.set(name);
}

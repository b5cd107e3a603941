//! Fuzzing of parsers: one target is one test, which states a property of every input.
//!
//! Run as a test, a target is tried with its seeds, with the files of its corpus (`tests/corpus/<target>/` of its crate),
//! and with what fixed seeds of randomness make of these: the same inputs every time. Built by `cargo xtask fuzz`, the
//! same target is libFuzzer's, which is led by what the code under test does with an input.

mod cuts;
#[cfg(not(fuzzing_libfuzzer))]
mod engine;
#[cfg(not(fuzzing_libfuzzer))]
mod mutate;

use std::panic::{AssertUnwindSafe, RefUnwindSafe};

pub use cuts::{cuts, random};

/// Checks that `property` holds: it panics at an input for which it does not.
///
/// `seeds` are inputs of the kind that the parser is there for; whatever else is tried is made of them.
pub fn fuzz<S: AsRef<[u8]>>(target: &str, seeds: impl IntoIterator<Item = S>, property: impl Fn(&[u8])) {
    fuzz_slowly(target, 1, seeds, property);
}

/// The same for a property that takes milliseconds: a test tries only one of `share` inputs.
pub fn fuzz_slowly<S: AsRef<[u8]>>(
    target: &str,
    share: u64,
    seeds: impl IntoIterator<Item = S>,
    property: impl Fn(&[u8]),
) {
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|seed| seed.as_ref().to_vec()).collect();
    let property = AssertUnwindSafe(property);
    run(target, share, seeds, move |input: &[u8]| {
        let property = &property;
        (property.0)(input);
    });
}

#[cfg(not(fuzzing_libfuzzer))]
fn run(target: &str, share: u64, seeds: Vec<Vec<u8>>, property: impl Fn(&[u8]) + RefUnwindSafe) {
    bolero::TestTarget::new(engine::Mutations::new(target, share, seeds)).for_each(property);
}

/// libFuzzer reads its seeds from the folder that `cargo xtask fuzz` names to both.
#[cfg(fuzzing_libfuzzer)]
fn run(target: &str, _: u64, seeds: Vec<Vec<u8>>, property: impl Fn(&[u8]) + RefUnwindSafe) {
    if let Some(folder) = std::env::var_os("QUITTANCE_FUZZ_SEEDS") {
        for (n, seed) in seeds.iter().enumerate() {
            let file = std::path::Path::new(&folder).join(format!("{target}-{n}"));
            std::fs::write(file, seed).expect("the folder for seeds can be written");
        }
    }
    bolero::check!().for_each(property);
}

//! Whatever is in a file, it is told and nothing breaks.

use std::path::Path;

use proptest::prelude::*;
use quittance_collector::config::Config;

use crate::support::{GOOD, check, environment, examine};

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::examine_text(&bytes, Path::new("c"), &environment);
    }

    #[test]
    fn any_yaml_like_text(words in prop::collection::vec(
        prop::sample::select(vec![
            "a", ":", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "&a ", "*a", "<<", "? ", "!!str ", "!x", "|", ">",
            "\"", "'", "#", "---", "...", "%TAG", "${", "}", "$", "~", "\t", "globals", "inputs", "services", "é", "\u{0}",
        ]), 0..40)) {
        examine(&words.concat());
    }

    #[test]
    fn a_good_configuration_with_a_piece_of_it_elsewhere(from in 0..600usize, length in 0..60usize, to in 0..600usize) {
        let from = from.min(GOOD.len());
        let piece = &GOOD[from..(from + length).min(GOOD.len())];
        let mut yaml = GOOD.replacen(piece, "", 1);
        yaml.insert_str(to.min(yaml.len()), piece);
        examine(&yaml);
    }
}

#[test]
fn bounds_are_kept() {
    check(&"[".repeat(100_000), &["1:256: error: no YAML: recursion limit exceeded"]);
    check(
        &"a:\n ".repeat(3),
        &[
            "1:1: error: globals: missing: expected a section of keys",
            "1:1: error: inputs: missing: expected a section of keys",
            "1:1: error: outputs: missing: expected a section of keys",
            "1:1: warning: a: unknown key, ignored (known here: `global_overrides`, `globals`, `inputs`, `outputs`)",
            "3:2: error: a.a: the key is given twice, first in line 2",
        ],
    );
    let bombs: String = (1..30).map(|n| format!("k{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1)).collect();
    check(&format!("k0: &a0 [x, x, x, x]\n{bombs}"), &["7:5: error: no YAML: more values than any configuration has"]);
    check(
        &format!("a: [{}]", "b, ".repeat(200_000)),
        &["1:300002: error: no YAML: more values than any configuration has"],
    );
    assert_eq!(examine(&"a: 1\n".repeat(20_000)).problems.errors(), 20_002);
}

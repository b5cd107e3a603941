//! Events made one line.

use proptest::prelude::*;
use quittance_formats::compact::compact;

use crate::support::{mutate, mutation, value};

fn compacted(json: &str) -> String {
    let mut bytes = json.as_bytes().to_vec();
    let len = compact(&mut bytes);
    bytes.truncate(len);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn line_ends_go_and_all_white_space_with_them() {
    assert_eq!(compacted("{\r\n  \"a b\" : [ 1,\t2 ],\n \"c\": \"d\\\" e\"\n}\n"), r#"{"a b":[1,2],"c":"d\" e"}"#);
}

#[test]
fn one_line_is_left_as_it_is() {
    for json in [r#"{ "a" : 1 }"#, "", " ", "\"a\nb\"", "{ \"raw\nnewline\" : \"in strings\r\" }", "\"open\n "] {
        assert_eq!(compacted(json), json);
    }
}

#[test]
fn line_ends_within_strings_stay() {
    assert_eq!(compacted("{ \"a\nb\" :\n1}"), "{\"a\nb\":1}");
}

proptest! {
    #[test]
    fn the_meaning_stays(json in value()) {
        let compact = compacted(&json);
        let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).expect("valid");
        prop_assert_eq!(parse(&compact), parse(&json));
        prop_assert!(!compact.contains(['\r', '\n']));
        prop_assert!(compact == json || json.contains(['\r', '\n']));
        prop_assert_eq!(compacted(&compact), compact);
    }

    #[test]
    fn damage_never_panics(json in value(), mutations in prop::collection::vec(mutation(), 1..4)) {
        let mut json = mutate(&json, &mutations);
        prop_assert!(compact(&mut json) <= json.len());
    }
}

//! Fields read from raw JSON objects.

use std::fmt::Formatter;

use proptest::prelude::*;
use quittance_formats::fields::{read, text};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::support::{mutate, mutation, object, string};

fn one<'a>(json: &'a str, path: &[&str]) -> Option<&'a str> {
    let [value] = read(json.as_bytes(), [path]);
    value.map(|value| std::str::from_utf8(value).unwrap())
}

#[test]
fn values_of_every_kind_are_given_raw() {
    let json = r#" { "s" : "a\"b" , "n":-1.5e3,"t":true,"z":null,"o":{"x":[1,{}]},"a":[ 1, "]"],"e":{} } "#;
    let expected = [r#""a\"b""#, "-1.5e3", "true", "null", r#"{"x":[1,{}]}"#, r#"[ 1, "]"]"#, "{}"];
    let values = read(json.as_bytes(), [&["s"], &["n"], &["t"], &["z"], &["o"], &["a"], &["e"]]);
    assert_eq!(values, expected.map(|value| Some(value.as_bytes())));
}

#[test]
fn paths_lead_inwards_and_may_share_a_way() {
    let json = br#"{"a":{"x":{"y":1,"z":{}},"b":{"c":2,"d":3}},"e":4}"#;
    let values = read(json, [&["e"], &["a", "b", "d"], &["a", "x", "y"], &["a", "b"], &["a", "q"], &["e", "f"], &[]]);
    let expected = [Some("4"), Some("3"), Some("1"), Some(r#"{"c":2,"d":3}"#), None, None, None];
    assert_eq!(values, expected.map(|value| value.map(str::as_bytes)));
}

#[test]
fn a_walk_goes_on_behind_what_it_left_early() {
    let json = br#"{"a":{"x":{"y":1,"z":[{}]},"b":"}"},"e":4}"#;
    assert_eq!(read(json, [&["a", "x", "y"], &["e"]]), [Some(&b"1"[..]), Some(&b"4"[..])]);
    assert_eq!(read(json, [&["a", "x", "q"], &["e"]]), [None, Some(&b"4"[..])]);
}

#[test]
fn only_the_top_level_counts() {
    assert_eq!(one(r#"{"a":{"b":1},"c":[{"b":2}],"b":3}"#, &["b"]), Some("3"));
    assert_eq!(one(r#"{"a":"\"b\":1","b":3}"#, &["b"]), Some("3"));
}

#[test]
fn the_first_of_a_repeated_key_counts() {
    assert_eq!(one(r#"{"a":1,"a":2}"#, &["a"]), Some("1"));
    assert_eq!(one(r#"{"a":{"c":1},"a":{"b":2}}"#, &["a", "b"]), None);
    assert_eq!(one(r#"{"a":1,"a":{"b":2}}"#, &["a", "b"]), None);
}

#[test]
fn keys_are_known_in_any_spelling() {
    assert_eq!(one(r#"{"\u0061b":1}"#, &["ab"]), Some("1"));
    assert_eq!(one(r#"{"a\n":1,"a\\":2,"a":3}"#, &["a"]), Some("3"));
    assert_eq!(one(r#"{"a\\":2,"":3}"#, &[""]), Some("3"));
}

#[test]
fn what_is_found_before_damage_stands() {
    let [a, b] = read(br#"{"a":1,"x":],"b":2}"#, [&["a"], &["b"]]);
    assert_eq!((a, b), (Some(&b"1"[..]), None));
    let [b] = read(br#"{"a":{"b":"c"},]]]"#, [&["a", "b"]]);
    assert_eq!(b, Some(&br#""c""#[..]));
}

#[test]
fn other_things_than_objects_have_no_fields() {
    for json in ["", " ", "[]", "1", "\"a\"", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"", "{a:1}"] {
        assert_eq!(one(json, &["a"]), None, "{json}");
    }
}

#[test]
fn strings_become_text() {
    assert_eq!(text(br#""plain""#).as_deref(), Some("plain"));
    assert_eq!(text(br#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 x""#).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\té😀 x"));
    for raw in [
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83d\u0041""#,
        r#""\x""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\""#,
        "\"",
        "",
        "a",
        "\"a\nb\"",
        r#""a"b""#,
    ] {
        assert_eq!(text(raw.as_bytes()), None, "{raw}");
    }
    assert_eq!(text(b"\"\xff\""), None);
}

/// What a path leads to as serde_json sees it, the first of repeated keys taken.
pub(crate) fn reference(json: &str, path: &[&str]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let members = serde_json::from_str::<Members>(json).ok()?.0;
    let (_, value) = members.into_iter().find(|(key, _)| key == first)?;
    if rest.is_empty() { Some(value.get().to_owned()) } else { reference(value.get(), rest) }
}

/// An object's members in their order, repeated ones too.
pub(crate) struct Members(pub(crate) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;
            fn expecting(&self, text: &mut Formatter<'_>) -> std::fmt::Result {
                text.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

pub(crate) const PATHS: [&[&str]; 9] = [
    &["a"],
    &["b"],
    &["Records"],
    &["a", "b"],
    &["a", "a"],
    &["b", "a", "c"],
    &["ab", "id"],
    &["id", "id", "id"],
    &["c", "a"],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    #[test]
    fn fields_are_those_of_serde_json(json in object()) {
        let values = read(json.as_bytes(), PATHS);
        for (path, value) in PATHS.iter().zip(values) {
            let value = value.map(|value| String::from_utf8_lossy(value).into_owned());
            prop_assert_eq!(&value, &reference(&json, path), "{:?}", path);
            prop_assert_eq!(&one(&json, path).map(str::to_owned), &value, "{:?} alone", path);
        }
    }

    #[test]
    fn damage_never_panics(json in object(), mutations in prop::collection::vec(mutation(), 1..5)) {
        let json = mutate(&json, &mutations);
        for value in read(&json, PATHS).into_iter().flatten() {
            text(value);
        }
    }

    #[test]
    fn text_is_that_of_serde_json(string in string(), mutations in prop::collection::vec(mutation(), 0..3)) {
        let raw = mutate(&string, &mutations);
        if raw.trim_ascii() == raw {
            prop_assert_eq!(text(&raw).map(|text| text.into_owned()), serde_json::from_slice::<String>(&raw).ok());
        }
    }
}

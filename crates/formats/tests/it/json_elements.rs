//! Elements: the objects of an array somewhere inside a text.

use proptest::prelude::*;
use quittance_formats::elements;
use serde_json::value::RawValue;

use crate::support::value;

fn texts<'a>(json: &'a str, path: &[&str]) -> Option<Vec<&'a str>> {
    Some(elements(json.as_bytes(), path)?.into_iter().map(|at| &json[at]).collect())
}

#[test]
fn elements_are_found_where_the_path_leads() {
    let body =
        r#" {"a":[{"x":1}],"detail":{"n":{"findings":[{"no":0}]}, "findings" : [ {"Id":"],}"} ,{"b":[{}]},{} ] }}"#;
    assert_eq!(texts(body, &["detail", "findings"]), Some(vec![r#"{"Id":"],}"}"#, r#"{"b":[{}]}"#, "{}"]));
    assert_eq!(texts(body, &["a"]), Some(vec![r#"{"x":1}"#]));
    assert_eq!(texts(r#"{"a":[]}"#, &["a"]), Some(vec![]));
    assert_eq!(texts(r#"[{"a":1},{"b":2}]"#, &[]), Some(vec![r#"{"a":1}"#, r#"{"b":2}"#]));
}

#[test]
fn elements_may_be_of_any_kind() {
    let check = |json: &str, expected: &[&str]| assert_eq!(texts(json, &["a"]).as_deref(), Some(expected), "{json}");
    check(r#"{"a":[1,2]}"#, &["1", "2"]);
    check(r#"{"a":[{}, "b,]" ,null,[[],{}],-1.5e3 , true]}"#, &["{}", r#""b,]""#, "null", "[[],{}]", "-1.5e3", "true"]);
}

#[test]
fn what_is_no_array_has_none() {
    let check = |json: &str, path: &[&str]| assert_eq!(texts(json, path), None, "{json}");
    check(r#"{"a":{"b":1}}"#, &["a"]);
    check(r#"{"a":"[{}]"}"#, &["a"]);
    check(r#"{"a":null}"#, &["a"]);
    check(r#"{"a":[1 2]}"#, &["a"]);
    check(r#"{"a":[{},nul]}"#, &["a"]);
    check(r#"{"a":[{},]}"#, &["a"]);
    check(r#"{"a":[{} {}]}"#, &["a"]);
    check(r#"{"a":[{}"#, &["a"]);
    check(r#"{"a":[{}]}"#, &["b"]);
    check(r#"{"a":[{}]}"#, &[]);
    check("[{}] and more", &[]);
    check(r#"[{}]}{"a":[{}]"#, &[]);
    check("not json", &["a"]);
    check("", &[]);
}

proptest! {
    /// serde_json finds the same objects.
    #[test]
    fn elements_are_those_of_serde_json(values in proptest::collection::vec(value(), 0..6)) {
        let objects: Vec<String> = values.iter().map(|value| format!(r#"{{"v":{value}}}"#)).collect();
        let json = format!(r#"{{"k":{{"list": [{}]}}}}"#, objects.join(" , "));
        prop_assert!(serde_json::from_str::<&RawValue>(&json).is_ok());
        prop_assert_eq!(texts(&json, &["k", "list"]), Some(objects.iter().map(String::as_str).collect()));
    }
}

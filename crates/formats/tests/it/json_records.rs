//! Records: the elements of the array at one key.

use std::collections::HashMap;

use proptest::prelude::*;
use quittance_formats::{FormatError, Records};
use serde_json::value::RawValue;

use crate::support::{Found, Outcome, ROOMY, array_of, cuts, document, object, outcome, run, scale, string, value};

fn records(input: &str) -> Outcome {
    outcome(|| Records::new("Records", ROOMY), input.as_bytes(), ROOMY)
}

fn error(input: &str) -> String {
    records(input).error.expect("damage").to_string()
}

#[test]
fn elements_are_given_byte_for_byte() {
    let input = "\u{feff} { \"Records\" : [ {\"a\" : 1} ,\n{\"b\":\"}]\\\"\"},{}] } \n";
    assert_eq!(records(input).events(), [r#"{"a" : 1}"#, r#"{"b":"}]\""}"#, "{}"]);
}

#[test]
fn no_elements_no_events() {
    assert_eq!(records(r#"{"Records":[]}"#).events(), [""; 0]);
    assert_eq!(records(r#"{"Records" : [ ] }"#).events(), [""; 0]);
}

#[test]
fn an_input_of_nothing_is_valid() {
    assert_eq!(records("").events(), [""; 0]);
    assert_eq!(records("\u{feff} \r\n").events(), [""; 0]);
}

#[test]
fn other_keys_are_skipped_with_any_value() {
    let input = r#"{"a":{"Records":[{"no":1}]},"b":[1,"]",{"Records":[]}],"c":"x\"","d":-1.5e3,"e":true,"f":false,"g":null,"h":1,
        "Records":[{"yes":1}],"Recor":1,"Recordss":[{"no":2}],"z":{}}"#;
    assert_eq!(records(input).events(), [r#"{"yes":1}"#]);
}

#[test]
fn the_key_is_known_in_any_spelling() {
    assert_eq!(records(r#"{"\u0052ecords":[{}]}"#).events(), ["{}"]);
    assert_eq!(records(r#"{"\u0052\u0065\u0063\u006f\u0072\u0064\u0073":[{}]}"#).events(), ["{}"]);
}

#[test]
fn both_arrays_count_if_the_key_stands_twice() {
    assert_eq!(records(r#"{"Records":[{"a":1}],"x":0,"Records":[{"a":2}]}"#).events(), [r#"{"a":1}"#, r#"{"a":2}"#]);
}

#[test]
fn the_key_is_a_parameter() {
    let outcome = outcome(
        || Records::new("configurationItems", ROOMY),
        br#"{"fileVersion":"1.0","configurationItems":[{}]}"#,
        ROOMY,
    );
    assert_eq!(outcome.events(), ["{}"]);
}

#[test]
fn a_document_without_the_key_is_an_error() {
    let missing = |offset| Some(FormatError::MissingKey { offset, key: "Records".to_owned() });
    assert_eq!(records("{}").error, missing(1));
    assert_eq!(records(r#"{"logFiles":[]}"#).error, missing(14));
    assert_eq!(error("{}"), "byte 1: the document ends without the key \"Records\"");
}

#[test]
fn the_value_must_be_an_array_of_objects() {
    assert_eq!(error(r#"{"Records":null}"#), "byte 11: expected an array of events, found 'n'");
    assert_eq!(error(r#"{"Records":{}}"#), "byte 11: expected an array of events, found '{'");
    assert_eq!(error(r#"{"Records":[1]}"#), "byte 12: expected an event (a JSON object) or ']', found '1'");
    assert_eq!(error(r#"{"Records":[{},[]]}"#), "byte 15: expected an event (a JSON object), found '['");
}

#[test]
fn events_before_the_damage_stand() {
    let outcome = records(r#"{"Records":[{"a":1},{"b":2} x"#);
    assert_eq!(outcome.found, [r#"{"a":1}"#, r#"{"b":2}"#].map(|event| Found::Event(event.into())));
    assert_eq!(outcome.error.expect("damage").to_string(), "byte 28: expected ',' or ']', found 'x'");
}

#[test]
fn damaged_structure_is_named() {
    for (input, text) in [
        ("[]", "byte 0: expected a JSON object, found '['"),
        ("PAR1", "byte 0: expected a JSON object, found 'P'"),
        ("\u{1f}", "byte 0: expected a JSON object, found '\\x1f'"),
        ("{1", "byte 1: expected a key or '}', found '1'"),
        (r#"{"a" 1}"#, "byte 5: expected ':', found '1'"),
        (r#"{"a":}"#, "byte 5: expected a JSON value, found '}'"),
        (r#"{"a":nul}"#, "byte 8: expected the rest of true, false or null, found '}'"),
        (r#"{"a":1 "b"}"#, "byte 7: expected ',' or '}', found '\\\"'"),
        (r#"{"a":1,}"#, "byte 7: expected a key, found '}'"),
        (r#"{"a":[}"#, "byte 6: expected ']', found '}'"),
        (r#"{"Records":[{}{}]}"#, "byte 14: expected ',' or ']', found '{'"),
        (r#"{"Records":[{},]}"#, "byte 15: expected an event (a JSON object), found ']'"),
        (r#"{"Records":[,{}]}"#, "byte 12: expected an event (a JSON object) or ']', found ','"),
        (r#"{"Records":[{"a":[1}]}"#, "byte 19: expected ']', found '}'"),
        (r#"{"Records":[{"a":{1]}]}"#, "byte 19: expected '}', found ']'"),
        (r#"{"Records":[]}]"#, "byte 14: expected the end of the input, or another JSON object, found ']'"),
    ] {
        assert_eq!(error(input), text, "{input}");
    }
}

#[test]
fn an_input_that_ends_early_is_truncated_wherever_it_ends() {
    let input = r#"{"a":1,"b":[2],"c":null,"Records":[{"d":"\""},{}],"e":"f"}"#;
    for len in 1..input.len() {
        let outcome = records(&input[..len]);
        assert!(
            matches!(outcome.error, Some(FormatError::Truncated { offset, .. }) if offset == len as u64),
            "{outcome:?}"
        );
    }
    assert_eq!(error(r#"{"Records":[{"#), "the input ends at byte 13: expected the rest of an event");
    assert_eq!(error(r#"{"Records":[{}"#), "the input ends at byte 14: expected ',' or ']'");
}

#[test]
fn documents_may_stand_one_after_the_other() {
    let joined = "{\"Records\":[{\"a\":1}]}{\"x\":0,\"Records\":[]} \n{\"Records\":[{\"a\":2},{\"a\":3}]}\n";
    assert_eq!(records(joined).events(), [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#]);
    let lacking = records(r#"{"Records":[{"a":1}]}{"b":2}"#);
    assert_eq!(lacking.found, [Found::Event(br#"{"a":1}"#.to_vec())]);
    assert_eq!(lacking.error, Some(FormatError::MissingKey { offset: 27, key: "Records".to_owned() }));
}

#[test]
fn a_record_nested_however_deep_is_an_event_like_those_around_it() {
    let nested = |depth: usize, inside: &str| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"a":{open}{inside}{close}}}"#)
    };
    for depth in [127, 128, 129, 130, 5_000] {
        let deep = nested(depth, r#""[{\"[", {"b":"]"}"#);
        let input = format!(r#"{{"skipped":{deep},"Records":[{{"x":1}},{deep},{{"x":2}}]}}"#);
        for cuts in [Vec::new(), (0..input.len()).collect()] {
            let all = run(Records::new("Records", ROOMY), input.as_bytes(), &cuts, ROOMY);
            assert_eq!(all.events(), [r#"{"x":1}"#, &deep, r#"{"x":2}"#], "{depth}");
        }
    }
    let long = format!(r#"{{"Records":[{},{{}}]}}"#, nested(200, ""));
    assert_eq!(
        run(Records::new("Records", 100), long.as_bytes(), &[], 100).found,
        [Found::Oversized { offset: 12, len: 404 }, Found::Event(b"{}".to_vec())]
    );
    // What stands within the first levels must still match.
    assert_eq!(error(&format!(r#"{{"a":{}}}]"#, "[".repeat(100))), "byte 105: expected ']', found '}'");
}

/// The elements as serde_json sees them, if it sees a document of this kind.
fn reference(input: &[u8]) -> Option<Vec<Found>> {
    let mut document: HashMap<String, Box<RawValue>> = serde_json::from_slice(input).ok()?;
    let elements: Vec<Box<RawValue>> = serde_json::from_str(document.remove("Records")?.get()).ok()?;
    Some(elements.iter().map(|element| Found::Event(element.get().into())).collect())
}

proptest! {
    #[test]
    fn elements_are_those_of_serde_json(input in document(), cuts in cuts()) {
        let outcome = run(Records::new("Records", ROOMY), input.as_bytes(), &scale(&cuts, input.len()), ROOMY);
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(Some(outcome.found), reference(input.as_bytes()));
    }

    #[test]
    fn elements_of_any_kind_must_be_objects(key in string(), records in array_of(value()), cuts in cuts()) {
        let input = format!(r#"{{{key}:{records},"Records":{records}}}"#);
        let outcome = run(Records::new("Records", ROOMY), input.as_bytes(), &scale(&cuts, input.len()), ROOMY);
        let expected = reference(input.as_bytes()).expect("valid");
        let objects = expected.iter().take_while(|found| matches!(found, Found::Event(event) if event[0] == b'{'));
        prop_assert_eq!(&outcome.found, &objects.cloned().collect::<Vec<_>>());
        prop_assert_eq!(outcome.error.is_none(), outcome.found.len() == expected.len());
    }

    #[test]
    fn every_key_may_be_the_one_looked_for(input in object(), cuts in cuts()) {
        let run = |cuts: &[usize]| run(Records::new("Records", ROOMY), input.as_bytes(), cuts, ROOMY);
        prop_assert_eq!(run(&scale(&cuts, input.len())), run(&[]));
        let document: HashMap<String, Box<RawValue>> = serde_json::from_str(&input).expect("valid");
        prop_assert_eq!(matches!(run(&[]).error, Some(FormatError::MissingKey { .. })), !document.contains_key("Records"));
    }
}

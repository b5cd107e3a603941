//! Values: JSON after JSON.

use proptest::prelude::*;
use quittance_formats::Values;
use serde_json::value::RawValue;

use crate::support::{Found, Outcome, ROOMY, cuts, outcome, run, scale, value};

fn values(input: &str) -> Outcome {
    outcome(|| Values::new(ROOMY), input.as_bytes(), ROOMY)
}

fn error(input: &str) -> String {
    values(input).error.expect("damage").to_string()
}

#[test]
fn lines_concatenated_and_pretty_printed() {
    assert_eq!(values("{\"a\":1}\n{\"b\":2}\r\n\r\n{}").events(), [r#"{"a":1}"#, r#"{"b":2}"#, "{}"]);
    assert_eq!(values(r#"{"a":"}{"}{"b":2}"#).events(), [r#"{"a":"}{"}"#, r#"{"b":2}"#]);
    assert_eq!(values("\u{feff}{\n  \"a\": [\n 1 ] }{\n}").events(), ["{\n  \"a\": [\n 1 ] }", "{\n}"]);
}

#[test]
fn any_value_is_an_event() {
    assert_eq!(
        values(r#"[{}] "a\"b" -1.5 true null"c"7"#).events(),
        ["[{}]", r#""a\"b""#, "-1.5", "true", "null", r#""c""#, "7"]
    );
}

#[test]
fn nothing_is_no_event() {
    assert_eq!(values("").events(), [""; 0]);
    assert_eq!(values(" \r\n\t").events(), [""; 0]);
}

#[test]
fn damage_is_named() {
    for (input, text) in [
        ("{},{}", "byte 2: expected a JSON value, found ','"),
        ("{}]", "byte 2: expected a JSON value, found ']'"),
        ("plain text", "byte 0: expected a JSON value, found 'p'"),
        ("no", "byte 1: expected the rest of true, false or null, found 'o'"),
        ("{]", "byte 1: expected '}', found ']'"),
        ("{\"a", "the input ends at byte 3: expected the rest of a JSON value"),
        ("\"a", "the input ends at byte 2: expected the rest of a JSON value"),
        ("tru", "the input ends at byte 3: expected the rest of a JSON value"),
    ] {
        assert_eq!(error(input), text, "{input}");
    }
}

#[test]
fn a_value_nested_however_deep_is_an_event() {
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let all = run(Values::new(ROOMY), format!("{deep}1 {deep}").as_bytes(), &[], ROOMY);
    assert_eq!(all.events(), [&deep, "1", &deep]);
}

proptest! {
    #[test]
    fn values_are_those_of_serde_json(
        all in prop::collection::vec((value(), prop::sample::select(vec!["\n", "\r\n", " ", "\n\n", "\t"])), 0..6),
        cuts in cuts(),
    ) {
        let input: String = all.iter().map(|(value, between)| format!("{value}{between}")).collect();
        let outcome = run(Values::new(ROOMY), input.as_bytes(), &scale(&cuts, input.len()), ROOMY);
        prop_assert_eq!(outcome.error, None);
        let stream = serde_json::Deserializer::from_str(&input).into_iter::<Box<RawValue>>();
        let expected: Vec<Found> = stream.map(|value| Found::Event(value.expect("valid").get().into())).collect();
        prop_assert_eq!(outcome.found, expected);
    }
}

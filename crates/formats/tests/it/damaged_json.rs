//! JSON with faults: no panic, the same outcome for all cuts, and nothing refused or cut otherwise than serde_json
//! would.

use std::collections::HashMap;

use proptest::prelude::*;
use quittance_formats::{FormatError, Framer, Records, Values, fields};
use serde_json::value::RawValue;

use crate::support::{Found, Outcome, ROOMY, cuts, document, mutate, mutation, run, scale, value};

fn same_for_cuts<F: Framer>(make: impl Fn() -> F, input: &[u8], cuts: &[usize]) -> Result<Outcome, TestCaseError> {
    let whole = run(make(), input, &[], ROOMY);
    prop_assert_eq!(&run(make(), input, &scale(cuts, input.len()), ROOMY), &whole);
    let each: Vec<usize> = (0..input.len()).collect();
    prop_assert_eq!(&run(make(), input, &each, ROOMY), &whole);
    Ok(whole)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    #[test]
    fn records(input in document(), mutations in prop::collection::vec(mutation(), 1..4), cuts in cuts()) {
        let input = mutate(&input, &mutations);
        let outcome = same_for_cuts(|| Records::new("Records", ROOMY), &input, &cuts)?;
        let Ok(mut members) = serde_json::from_slice::<HashMap<String, Box<RawValue>>>(&input) else { return Ok(()) };
        let Some(records) = members.remove("Records") else {
            prop_assert!(matches!(outcome.error, Some(FormatError::MissingKey { .. })), "{:?}", outcome);
            return Ok(());
        };
        let elements = serde_json::from_str::<Vec<Box<RawValue>>>(records.get());
        match elements {
            Ok(elements) if elements.iter().all(|element| element.get().starts_with('{')) => {
                let expected: Vec<Found> = elements.iter().map(|element| Found::Event(element.get().into())).collect();
                prop_assert_eq!(outcome.error, None);
                prop_assert!(outcome.found.ends_with(&expected), "{:?} and {:?}", outcome.found, expected);
            }
            _ => prop_assert!(outcome.error.is_some()),
        }
    }

    #[test]
    fn values(all in prop::collection::vec(value(), 1..4), mutations in prop::collection::vec(mutation(), 1..4), cuts in cuts()) {
        let input = mutate(&all.join("\n"), &mutations);
        let outcome = same_for_cuts(|| Values::new(ROOMY), &input, &cuts)?;
        let stream = serde_json::Deserializer::from_slice(&input).into_iter::<Box<RawValue>>();
        let expected: Vec<_> = stream.collect();
        if expected.iter().all(Result::is_ok) {
            let expected: Vec<Found> = expected.iter().flatten().map(|value| Found::Event(value.get().into())).collect();
            prop_assert_eq!(outcome.error, None);
            prop_assert_eq!(outcome.found, expected);
        }
    }

    #[test]
    fn garbage(
        input in prop::collection::vec(prop::sample::select(br#"{}[]",:\ 1tRecords"#.to_vec()), 0..60),
        start in prop::sample::select(vec!["", "{", r#"{"Records":["#, r#"{"Records":[{"#]),
        cuts in cuts(),
    ) {
        let input = [start.as_bytes(), &input].concat();
        same_for_cuts(|| Records::new("Records", ROOMY), &input, &cuts)?;
        same_for_cuts(|| Values::new(ROOMY), &input, &cuts)?;
        let [_, _] = fields::read(&input, [&["Records"], &["a", "b"]]);
        fields::text(&input);
    }
}

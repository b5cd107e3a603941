//! An event beyond the limit is reported and never held, however the input is cut.

use proptest::prelude::*;
use quittance_formats::{Csv, Framer, Header, Lines, Records, Values};

use crate::support::{Found, Outcome, ROOMY, cuts, document, outcome, run, scale, value};

fn event(text: &str) -> Found {
    Found::Event(text.into())
}

fn oversized(offset: u64, len: u64) -> Found {
    Found::Oversized { offset, len }
}

#[test]
fn an_event_of_the_limit_passes_and_one_byte_more_does_not() {
    let outcome =
        outcome(|| Records::new("Records", 8), br#"{"Records":[{"a":12},{"a":123},{"b":{"c":[1,2,3]}},{}]}"#, 8);
    assert_eq!(outcome.found, [event(r#"{"a":12}"#), oversized(21, 9), oversized(31, 19), event("{}")]);
    assert_eq!(outcome.error, None);
}

#[test]
fn skipped_values_and_keys_are_not_held() {
    let input = format!(r#"{{"{}":"{}","Records":[{{}}]}}"#, "k".repeat(900), "v".repeat(900));
    let outcome = outcome(|| Records::new("Records", 4), input.as_bytes(), 4);
    assert_eq!(outcome.events(), ["{}"]);
}

#[test]
fn the_line_end_does_not_count() {
    let lines = outcome(|| Lines::new(Header::None, 3), b"abc\r\nabcd\r\nab\nabc\rd\r\nabc\r", 3);
    assert_eq!(lines.found, [event("abc"), oversized(5, 4), event("ab"), oversized(14, 5), event("abc")]);
    let rows = outcome(|| Csv::new(3), b"\"b\"\r\n\"bc\"\r\na,\n\"\n,\n\"\r\nabc\r", 3);
    assert_eq!(rows.found, [event("\"b\""), oversized(5, 4), event("a,"), oversized(14, 5), event("abc")]);
}

#[test]
fn values_of_all_kinds_are_skipped() {
    let outcome = outcome(|| Values::new(3), br#"1234 12 "abc" "a" true [] [ ] {  } 12345"#, 3);
    let found =
        [oversized(0, 4), event("12"), oversized(8, 5), event("\"a\""), oversized(18, 4), event("[]"), event("[ ]")];
    assert_eq!(outcome.found[..7], found);
    assert_eq!(outcome.found[7..], [oversized(30, 4), oversized(35, 5)]);
}

#[test]
fn a_limit_of_nothing_holds_nothing() {
    assert_eq!(
        outcome(|| Lines::new(Header::None, 0), b"a\r\n\r\nbc\r\n", 0).found,
        [oversized(0, 1), oversized(5, 2)]
    );
}

#[test]
fn a_large_event_in_small_pieces_is_scanned_once() {
    // 8 MB in pieces of 64 bytes: scanned anew at each piece this would take hours.
    let input = format!(r#"{{"Records":[{{"a":"{}"}}]}}"#, "x".repeat(8 << 20));
    let mut framer = Records::new("Records", 16 << 20);
    let mut frames = Vec::new();
    let head = br#"{"Records":["#.len();
    assert_eq!(framer.frame(&input.as_bytes()[..head], false, &mut frames), Ok(head));
    for end in (head..input.len()).step_by(64) {
        assert_eq!(framer.frame(&input.as_bytes()[head..end], false, &mut frames), Ok(0));
    }
    assert_eq!(framer.frame(&input.as_bytes()[head..], true, &mut frames), Ok(input.len() - head));
    assert_eq!(frames.len(), 1);
}

/// What the limit makes of events found without one.
fn limited(outcome: Outcome, max: usize) -> Vec<Result<Vec<u8>, u64>> {
    let limit = |found| match found {
        Found::Event(event) if event.len() > max => Err(event.len() as u64),
        Found::Event(event) => Ok(event),
        Found::Oversized { len, .. } => Err(len),
    };
    outcome.found.into_iter().map(limit).collect()
}

fn check<F: Framer>(make: impl Fn(usize) -> F, input: &str, cuts: &[usize], max: usize) -> Result<(), TestCaseError> {
    let free = run(make(ROOMY), input.as_bytes(), &[], ROOMY);
    let whole = run(make(max), input.as_bytes(), &[], max);
    prop_assert_eq!(&run(make(max), input.as_bytes(), &scale(cuts, input.len()), max), &whole);
    let each: Vec<usize> = (0..input.len()).collect();
    prop_assert_eq!(&run(make(max), input.as_bytes(), &each, max), &whole);
    prop_assert_eq!(&whole.error, &free.error);
    prop_assert_eq!(limited(whole, max), limited(free, max));
    Ok(())
}

proptest! {
    #[test]
    fn the_limit_changes_nothing_else(
        document in document(),
        values in prop::collection::vec(value(), 0..5),
        max in 0..40usize,
        cuts in cuts(),
    ) {
        check(|max| Records::new("Records", max), &document, &cuts, max)?;
        check(Values::new, &values.join(" "), &cuts, max)?;
        check(|max| Lines::new(Header::None, max), &document, &cuts, max)?;
        check(Csv::new, &document, &cuts, max)?;
    }

    #[test]
    fn line_ends_at_the_limit(
        input in "[a\r\n\"]{0,30}",
        max in 0..6usize,
        cuts in cuts(),
    ) {
        check(|max| Lines::new(Header::None, max), &input, &cuts, max)?;
        check(Csv::new, &input, &cuts, max)?;
    }
}

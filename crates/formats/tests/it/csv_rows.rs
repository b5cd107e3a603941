//! CSV: rows with quotes, and reading cells.

use proptest::prelude::*;
use quittance_formats::{Csv, FormatError, csv};

use crate::support::{Found, Outcome, ROOMY, cuts, outcome, run, scale};

fn rows(input: &[u8]) -> Outcome {
    outcome(|| Csv::new(ROOMY), input, ROOMY)
}

#[test]
fn rows_end_at_newlines_outside_quotes() {
    assert_eq!(rows(b"\"a\",\"b\"\r\n\r\n\n\"c\",d\n").events(), [r#""a","b""#, r#""c",d"#]);
    assert_eq!(rows(b"\"a\",\"b\nc\r\nd\",e\n\"f\"").events(), ["\"a\",\"b\nc\r\nd\",e", "\"f\""]);
    assert_eq!(rows(b"").events(), [""; 0]);
    assert_eq!(rows(b"\xef\xbb\xbf\"a\nb\"\n").events(), ["\"a\nb\""]);
}

#[test]
fn a_doubled_quote_does_not_end_a_cell() {
    assert_eq!(rows(b"\"say \"\"x\ny\"\" now\",b\nc").events(), ["\"say \"\"x\ny\"\" now\",b", "c"]);
    assert_eq!(rows(b"\"\"\"\n\"\"\"\n\"\"\n").events(), ["\"\"\"\n\"\"\"", "\"\""]);
}

#[test]
fn white_space_may_stand_before_a_quote() {
    assert_eq!(rows(b"\"a\", \t\"b\nc\"\n\"d\"\n").events(), ["\"a\", \t\"b\nc\"", "\"d\""]);
}

#[test]
fn a_quote_within_a_bare_cell_is_a_character() {
    assert_eq!(rows(b"5\" disk,x\ny\"\n").events(), ["5\" disk,x", "y\""]);
    assert_eq!(rows(b"\"a\"b\"\nc\n").events(), ["\"a\"b\"", "c"]);
}

#[test]
fn an_open_quote_at_the_end_is_an_error() {
    let outcome = rows(b"a\n\"b\nc");
    assert_eq!(outcome.found, [Found::Event(b"a".to_vec())]);
    assert_eq!(outcome.error, Some(FormatError::Truncated { offset: 6, expected: "a closing quote" }));
}

#[test]
fn cells_are_counted() {
    for (row, cells) in
        [(r#""a","b,c", "d""e,","f""#, 4), ("a", 1), ("a,", 2), (",,", 3), ("", 0), ("\"a\nb\",c", 2), (r#""""#, 1)]
    {
        assert_eq!(csv::cells(row.as_bytes()), cells, "{row}");
    }
}

#[test]
fn a_cell_is_found_by_its_index() {
    let row = br#""a,1", "b ""2""",,c,"d"#;
    let cell = |index| csv::cell(row, index).map(|cell| String::from_utf8(cell.into_owned()).unwrap());
    let expected = ["a,1", "b \"2\"", "", "c", "d"];
    assert_eq!((0..5).map(cell).collect::<Option<Vec<_>>>(), Some(expected.map(str::to_owned).to_vec()));
    assert_eq!(cell(5), None);
    assert_eq!(csv::cell(b"", 0).as_deref(), Some(&b""[..]));
    assert_eq!(csv::cell(b"", 1), None);
    assert_eq!(csv::cell(b"a\nb,c", 1), None);
}

#[test]
fn the_first_cell_is_unquoted() {
    for (row, cell) in [
        (r#""2015-01-16 17:48:41","User""#, "2015-01-16 17:48:41"),
        (r#" "a, b""c""","d""#, r#"a, b"c""#),
        (r#""""a","#, r#""a"#),
        ("", ""),
        ("\"\",a", ""),
        ("a b,c", "a b"),
        ("only", "only"),
        (",x", ""),
        ("\"open", "open"),
    ] {
        assert_eq!(csv::first_cell(row.as_bytes()), cell.as_bytes(), "{row}");
    }
}

fn quoted() -> impl Strategy<Value = (String, String)> {
    "[a\",\r\n é]{0,8}".prop_map(|text| (format!("\"{}\"", text.replace('"', "\"\"")), text))
}

fn cell() -> impl Strategy<Value = (String, String)> {
    prop_oneof![3 => quoted(), 1 => "[a-z0-9.]{1,6}".prop_map(|text| (text.clone(), text))]
}

proptest! {
    #[test]
    fn rows_written_are_rows_read(
        rows in prop::collection::vec(prop::collection::vec((cell(), prop::sample::select(vec!["", " "])), 1..5), 0..6),
        end in prop::sample::select(vec!["\n", "\r\n"]),
        cuts in cuts(),
    ) {
        let written = |row: &Vec<((String, String), &str)>| {
            row.iter().enumerate().map(|(place, ((cell, _), space))| match place {
                0 => cell.clone(),
                _ => format!(",{space}{cell}"),
            }).collect::<String>()
        };
        let lines: Vec<String> = rows.iter().map(written).collect();
        let input = lines.join(end);
        let outcome = run(Csv::new(ROOMY), input.as_bytes(), &scale(&cuts, input.len()), ROOMY);
        prop_assert_eq!(outcome.events(), lines.clone());
        for (line, row) in lines.iter().zip(&rows) {
            prop_assert_eq!(csv::cells(line.as_bytes()), row.len());
            prop_assert_eq!(&csv::first_cell(line.as_bytes())[..], row[0].0.1.as_bytes());
        }
    }

    #[test]
    fn any_bytes_have_the_same_rows_for_all_cuts(
        input in prop::collection::vec(prop::sample::select(b"\n\r\", a\t\xef\xbb\xbf".to_vec()), 0..60),
        cuts in cuts(),
    ) {
        let whole = run(Csv::new(ROOMY), &input, &[], ROOMY);
        prop_assert_eq!(&run(Csv::new(ROOMY), &input, &scale(&cuts, input.len()), ROOMY), &whole);
        let each: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(&run(Csv::new(ROOMY), &input, &each, ROOMY), &whole);
        for found in &whole.found {
            if let Found::Event(row) = found {
                prop_assert!(csv::cells(row) > 0);
                csv::first_cell(row);
            }
        }
    }
}

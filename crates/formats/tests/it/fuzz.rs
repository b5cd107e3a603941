//! Whatever the bytes are: cut anywhere they have the same events, and where others can read them too, the events are
//! those that others find.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use quittance_formats::{
    Csv, FormatError, Framer, Header, Lines, Records, Values,
    compact::compact,
    csv, elements,
    fields::{read, text},
};
use quittance_fuzz::{cuts, fuzz, random};
use serde_json::value::RawValue;

use crate::{
    field_reading::{Members, PATHS, reference},
    gzip::{gzip, inflate},
    support::{Found, Outcome, ROOMY, run},
};

/// What a framer finds, which is the same however the input is cut.
fn uncut<F: Framer>(make: impl Fn(usize) -> F, input: &[u8], limit: usize) -> Outcome {
    let whole = run(make(limit), input, &[], limit);
    assert_eq!(run(make(limit), input, &cuts(input), limit), whole, "limit of {limit}, cut at {:?}", cuts(input));
    whole
}

/// The same, and with a limit what is longer is found too, if only its length.
fn framed<F: Framer>(make: impl Fn(usize) -> F, input: &[u8]) -> Outcome {
    let whole = uncut(&make, input, ROOMY);
    let limit = random(input).usize(1..40);
    let limited = uncut(&make, input, limit);
    if whole.error.is_none() {
        assert_eq!(limited.error, None);
        assert_eq!(limited.found.len(), whole.found.len(), "limit of {limit}");
        for (one, other) in whole.found.iter().zip(&limited.found) {
            match (one, other) {
                (Found::Event(event), Found::Oversized { len, .. }) => {
                    assert!(event.len() > limit && *len == event.len() as u64);
                }
                (Found::Event(event), _) => assert!(event.len() <= limit && one == other),
                _ => panic!("{one:?} within a limit that nothing reaches"),
            }
        }
    }
    whole
}

fn found(events: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<Found> {
    events.into_iter().map(|event| Found::Event(event.as_ref().to_vec())).collect()
}

const LOGS: [&str; 4] = [
    "version account-id interface-id srcaddr dstaddr\n2 123456789012 eni-0a - -\r\n\n2 1 eni-0b 10.0.0.1 -",
    "#Version: 1.0\n#Fields: date time cs-uri-stem\n2026-01-01\t00:00:01\t/a%20b\n",
    "date\ttime\tx-edge-location\n2026-01-01\t00:00:01\tFRA\ndate\ttime\tx-edge-location\n",
    "\u{feff}one\n\r\ntwo\rthree\r\r\n\n<14>four",
];

#[test]
fn lines() {
    fuzz("lines", LOGS, |input| {
        let content = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        let lines = content.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let expected = found(lines.filter(|line| !line.is_empty()));
        let outcome = framed(|limit| Lines::new(Header::None, limit), input);
        assert_eq!((&outcome.found, outcome.error), (&expected, None));
        for header in [Header::VpcFlow, Header::CloudFront] {
            let outcome = uncut(|limit| Lines::new(header, limit), input, ROOMY);
            assert_eq!(outcome.error, None);
            // What is left out names columns, and every other line is there, in its place.
            let mut left = outcome.found.into_iter().peekable();
            for line in &expected {
                if left.next_if_eq(line).is_none() {
                    let Found::Event(line) = line else { panic!("{line:?}") };
                    assert!(line[0] == b'#' || line[0].is_ascii_alphabetic(), "{}", String::from_utf8_lossy(line));
                    assert!(outcome.header.is_some() || line[0] == b'#');
                }
            }
            assert_eq!(left.next(), None);
        }
    });
}

/// The elements at every key `Records`, if all is JSON objects that have one or more.
fn records_of(input: &[u8]) -> Option<Vec<Found>> {
    let mut all = Vec::new();
    for document in serde_json::Deserializer::from_slice(input).into_iter::<Members>() {
        let Members(members) = document.ok()?;
        let arrays: Vec<_> = members.iter().filter(|(key, _)| key == "Records").map(|(_, value)| value).collect();
        let elements = arrays.iter().map(|array| serde_json::from_str::<Vec<Box<RawValue>>>(array.get()).ok());
        let elements: Vec<_> = elements.collect::<Option<Vec<_>>>()?.concat();
        let objects = elements.iter().all(|element| element.get().starts_with('{'));
        if !objects || arrays.is_empty() {
            return None;
        }
        all.extend(found(elements.iter().map(|element| element.get())));
    }
    Some(all)
}

const DOCUMENTS: [&str; 5] = [
    r#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"Root","accountId":"123456789012"}},{"a":"}]\""}]}"#,
    "\u{feff} {\"x\":[1,{\"Records\":[]}], \"Records\" : [ {\"a\" : 1} ,\n{}] , \"y\":-1.5e+3,\"z\":null}\n",
    r#"{"\u0052ecords":[{"\ud83d\ude00":"é"}],"Records":[],"t":true,"f":false}"#,
    r#"{"Records":[{"a":[[[[[[{"b":{"c":[]}}]]]]]]}]}"#,
    "{\"a\":1}\n[2,{}]\"three\" 4 null{\"b\":\"\\\\\"}\n",
];

#[test]
fn records() {
    fuzz("records", DOCUMENTS, |input| {
        let outcome = framed(|limit| Records::new("Records", limit), input);
        if let Some(expected) = records_of(input) {
            assert!(outcome.error.is_none() && outcome.found == expected, "{outcome:?}");
        }
    });
}

#[test]
fn values() {
    fuzz("values", DOCUMENTS, |input| {
        let outcome = framed(Values::new, input);
        let values = serde_json::Deserializer::from_slice(input).into_iter::<Box<RawValue>>();
        if let Ok(values) = values.collect::<Result<Vec<_>, _>>() {
            let expected = found(values.iter().map(|value| value.get()));
            assert!(outcome.error.is_none() && outcome.found == expected, "{outcome:?}");
        }
    });
}

const ROWS: [&str; 4] = [
    "\"2026-01-16 17:48:41\",\"User\",\"10.0.0.1\",\"a, \"\"b\"\"\"\r\n\n\"c\", \"d\ne\",f\n",
    "timestamp,user,ip\n1,\"\",x\"y\n,,\n",
    "a\n\"b\"\n\"\"\"\"\n\"b\"c\"\n",
    "\"open,\n",
];

#[test]
fn csv_rows() {
    fuzz("csv_rows", ROWS, |input| {
        let outcome = framed(Csv::new, input);
        for row in &outcome.found {
            let Found::Event(row) = row else { panic!("{row:?}") };
            let cells = csv::cells(row);
            assert!(cells > 0 && csv::cell(row, cells - 1).is_some() && csv::cell(row, cells).is_none());
            assert_eq!(csv::cell(row, 0).as_deref(), Some(&*csv::first_cell(row)));
        }
        // White space before a quote and line ends of two bytes are read otherwise by others, and so is an open quote.
        if outcome.error.is_none() && !input.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            let (mine, others) = (outcome.found.iter().map(cells).collect::<Vec<_>>(), others(input));
            let lengths = |rows: &[Vec<Vec<u8>>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(lengths(&mine), lengths(&others));
            for (cell, other) in mine.iter().flatten().zip(others.iter().flatten()) {
                // What stands between a closing quote and a comma, which no writer writes, belongs to no cell here.
                assert!(cell == other || (other.starts_with(cell) && input.contains(&b'"')), "{cell:?}, not {other:?}");
            }
        }
    });
}

fn cells(row: &Found) -> Vec<Vec<u8>> {
    let Found::Event(row) = row else { panic!("{row:?}") };
    (0..csv::cells(row)).map(|index| csv::cell(row, index).unwrap().into_owned()).collect()
}

/// The cells of all rows as the crate `csv` reads them.
fn others(input: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut builder = ::csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).terminator(::csv::Terminator::Any(b'\n'));
    let mut reader = builder.from_reader(input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input));
    let rows = reader.byte_records().map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect());
    rows.collect()
}

#[test]
fn gzip_streams() {
    let text = DOCUMENTS[0].as_bytes();
    let seeds = [gzip(text), gzip(&gzip(text)), [gzip(b"one\n"), gzip(b""), gzip(b"two"), vec![0; 3]].concat()];
    fuzz("gzip_streams", seeds.into_iter().chain([b"plain".to_vec(), b"\x1f".to_vec()]), |input| {
        let room = random(input).usize(1..3000);
        let outcome = inflate(input, &cuts(input), room);
        let whole = inflate(input, &[], 1 << 16);
        assert!(outcome == whole || (outcome.is_err() && whole.is_err()), "{outcome:?}, in one piece {whole:?}");
        let mut other = Vec::new();
        if input.starts_with(b"\x1f\x8b") {
            let read = MultiGzDecoder::new(input).read_to_end(&mut other);
            if read.is_ok() && !other.starts_with(b"\x1f") {
                assert_eq!(outcome, Ok(other));
            }
        } else if input != b"\x1f" {
            assert_eq!(outcome.as_deref(), Ok(input));
        }
        if !input.starts_with(b"\x1f") {
            let packed = gzip(input);
            assert_eq!(inflate(&packed, &cuts(&packed), room).as_deref(), Ok(input));
            // No part of it is whole, but nothing at all.
            let part = &packed[..random(&packed).usize(1..packed.len())];
            assert!(matches!(inflate(part, &[], room), Err(FormatError::GzipTruncated { .. })));
        }
    });
}

#[test]
fn fields() {
    const OBJECTS: [&str; 4] = [
        r#"{"a":{"x":{"y":1},"b":"}"},"b":{"a":{"c":[{}]}},"Records":[{"a":1}],"id":{"id":{"id":null}}}"#,
        r#" { "\u0061" : "a\"b" , "a" : 2 ,"ab":{"id":"\ud83d\ude00\/"},"c":{"a":-1.5e3 } } "#,
        r#"{"a":1,"x":],"b":2}"#,
        r#""\u00e9\n\\\"x""#,
    ];
    fuzz("fields", OBJECTS, |input| {
        let values = read(input, PATHS);
        for (path, value) in PATHS.iter().zip(values) {
            // Alone it finds the same, unless what another path looked into is damaged.
            let [alone] = read(input, [path]);
            assert!(value.is_none() || value == alone, "{path:?}");
            let Ok(json) = std::str::from_utf8(input) else { continue };
            if serde_json::from_str::<Members>(json).is_ok() {
                let value = value.map(|value| std::str::from_utf8(value).unwrap().to_owned());
                let expected = reference(json, path);
                assert_eq!(value, expected, "{path:?}");
            }
        }
        for raw in values.into_iter().flatten().chain([input]).filter(|raw| raw.trim_ascii() == *raw) {
            assert_eq!(text(raw).map(|text| text.into_owned()), serde_json::from_slice::<String>(raw).ok());
        }
    });
}

#[test]
fn elements_of_arrays() {
    fuzz("elements_of_arrays", DOCUMENTS.map(|document| document.replace("Records", "findings")), |input| {
        let mine = elements(input, &["findings"]);
        let Ok(json) = std::str::from_utf8(input) else { return };
        if serde_json::from_str::<Members>(json).is_err() {
            return;
        }
        let expected = reference(json, &["findings"]).and_then(|array| {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(&array).ok()?;
            Some(elements.iter().map(|element| element.get().to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(
            mine.map(|places| places.into_iter().map(|place| json[place].to_owned()).collect::<Vec<_>>()),
            expected
        );
    });
}

#[test]
fn events_made_one_line() {
    fuzz("events_made_one_line", DOCUMENTS, |input| {
        let compacted = |json: &[u8]| {
            let mut json = json.to_vec();
            let len = compact(&mut json);
            json.truncate(len);
            json
        };
        let once = compacted(input);
        assert!(once.len() <= input.len());
        assert_eq!(compacted(&once), once);
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(input) {
            assert!(!once.contains(&b'\n') && !once.contains(&b'\r'));
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&once).unwrap(), value);
        }
    });
}

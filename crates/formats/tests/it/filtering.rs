//! What filters ask for: all values at paths, columns of rows, and values that are overwritten where they stand.

use quittance_formats::{
    Cells, Framer, Header, Lines, mask,
    paths::{Paths, Step, Walk},
};
use quittance_fuzz::fuzz;
use serde_json::Value;

fn steps(path: &str) -> Vec<Step> {
    path.split('.').map(|step| if step == "*" { Step::Any } else { Step::Key(step.to_owned()) }).collect()
}

/// The raw values at a path, in their order.
fn at<'a>(event: &'a [u8], path: &str) -> (Vec<&'a [u8]>, Option<usize>) {
    let (mut paths, mut walk) = (Paths::default(), Walk::default());
    paths.add(&steps("z.y.x"));
    let wanted = paths.add(&steps(path));
    let damage = paths.find(event, &mut walk).err();
    let found = walk.found.iter().filter(|found| found.path == wanted);
    (found.map(|found| &event[found.place.clone()]).collect(), damage)
}

#[track_caller]
fn check(event: &str, path: &str, expected: &[&str]) {
    let (found, damage) = at(event.as_bytes(), path);
    let found: Vec<_> = found.iter().map(|raw| str::from_utf8(raw).unwrap()).collect();
    assert_eq!((&found[..], damage), (expected, None), "{path} in {event}");
}

#[test]
fn every_value_at_a_path_is_found() {
    check(r#"{"a":{"b":"x"},"c":1}"#, "a.b", &[r#""x""#]);
    check(r#" {"a" : { "b" : [1, {"c":null}] } } "#, "a.b.1.c", &["null"]);
    check(r#"{"a":[{"b":1},{"b":2},[{"b":3}],"b"]}"#, "a.*.b", &["1", "2"]);
    check(r#"{"a":{"x":{"b":1},"y":{"b":{}}}}"#, "a.*.b", &["1", "{}"]);
    check(r#"{"a":{"b":1}}"#, "a", &[r#"{"b":1}"#]);
    check(r#"{"0":5}"#, "0", &["5"]);
    check(r#"{"a":[7,8]}"#, "a.01", &[]);
    check("{}", "a", &[]);
}

#[test]
fn keys_that_stand_twice_or_are_spelt_otherwise_are_found_all() {
    check(r#"{"p":1,"q":2,"p":3}"#, "p", &["1", "3"]);
    check(r#"{"a":{"p":1},"a":{"p":2}}"#, "a.p", &["1", "2"]);
    check(r#"{"\u0070":1,"p":{"p":2}}"#, "p", &["1", r#"{"p":2}"#]);
    check(r#"{"a\/b":1}"#, "a/b", &["1"]);
    check("{\"p\":1}\n{\"p\":2}", "p", &["1", "2"]);
    check("\u{feff}{\"p\":1}", "p", &["1"]);
}

#[test]
fn what_is_no_json_object_has_no_fields_and_damage_is_told_with_its_place() {
    for event in ["", "p", "[1]", r#""p""#, "2 123 eni-1 10.0.0.1"] {
        check(event, "p", &[]);
    }
    let damaged = |event: &str, found: &[&str], place: usize| {
        let (values, damage) = at(event.as_bytes(), "p");
        let values: Vec<_> = values.iter().map(|raw| str::from_utf8(raw).unwrap()).collect();
        assert_eq!((&values[..], damage), (found, Some(place)), "{event}");
    };
    damaged(r#"{"p":1,"q":2"#, &["1"], 11);
    damaged(r#"{"p":"cut of"#, &[r#""cut of"#], 5);
    damaged(r#"{"p":{"q":1"#, &[r#"{"q":1"#], 5);
    damaged(r#"{"p":1} and more"#, &["1"], 8);
    damaged("{'p':1}", &[], 1);
}

#[test]
fn a_masked_value_keeps_its_length_and_its_kind() {
    for (value, masked) in [
        (r#""secret""#, r#""******""#),
        (r#""q\"u\u0041""#, r#""**********""#),
        (r#""""#, r#""""#),
        ("12345", "0    "),
        ("-1.5e3", "0     "),
        ("true", "null"),
        ("false", "null "),
        ("null", "null"),
        (r#"{"a":[1]}"#, "{       }"),
        ("[1,2]", "[   ]"),
        (r#""cut of"#, "*******"),
        (r#"{"a":"}x"#, "********"),
    ] {
        let mut event = value.as_bytes().to_vec();
        mask::json(&mut event, 0..value.len());
        assert_eq!(str::from_utf8(&event), Ok(masked), "{value}");
    }
}

#[test]
fn columns_are_found_by_name_and_number() {
    let header = b"version account-id srcaddr";
    let flow = Cells::By(b' ');
    assert_eq!(flow.named(header, "SrcAddr"), Some(2));
    assert_eq!(flow.named(header, "nothing"), None);
    let row = b"2 111122223333 10.0.0.1";
    let cells: Vec<_> = (0..4).map(|index| flow.find(row, index).map(|place| &row[place])).collect();
    assert_eq!(cells, [Some(&b"2"[..]), Some(b"111122223333"), Some(b"10.0.0.1"), None]);
    assert_eq!(Cells::By(b'\t').named(b"#Fields: date time cs(Host)", "cs(Host)"), Some(2));
    let row = br#""a ""b""","c,d", "e" ,f"#;
    let texts: Vec<_> =
        (0..5).map(|index| Some(Cells::Csv.text(row, Cells::Csv.find(row, index)?).into_owned())).collect();
    assert_eq!(
        texts,
        [Some(br#"a "b""#.to_vec()), Some(b"c,d".to_vec()), Some(b"e".to_vec()), Some(b"f".to_vec()), None]
    );
    assert_eq!(Cells::Csv.named(br#""Timestamp","Most Granular Identity""#, "most granular identity"), Some(1));
}

#[test]
fn a_framer_says_where_columns_are_named_anew() {
    let mut lines = Lines::new(Header::VpcFlow, 1000);
    let mut frames = Vec::new();
    lines.frame(b"version srcaddr\n2 a\n2 b\nversion dstaddr\n2 c\n", true, &mut frames).unwrap();
    let renamed: Vec<_> = lines.renamed().into_iter().map(|one| (one.before, one.header)).collect();
    assert_eq!(renamed, [(0, b"version srcaddr".to_vec()), (2, b"version dstaddr".to_vec())]);
    assert_eq!((lines.cells(), lines.renamed().len()), (Some(Cells::By(b' ')), 0));
    let mut lines = Lines::new(Header::CloudFront, 1000);
    lines.frame(b"date,time,cs(Host)\n1,2,3\n", true, &mut frames).unwrap();
    assert_eq!(lines.renamed()[0].cells, Cells::By(b','));
}

const PATHS: [&str; 6] = ["a", "a.b", "*.b", "a.*", "c.0", "c.*.d"];

/// The values at a path as serde_json reads them, where no key stands twice.
fn reference<'v>(value: &'v Value, steps: &[Step], found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else { return found.push(value) };
    match (value, step) {
        (Value::Object(map), Step::Any) => map.values().for_each(|value| reference(value, rest, found)),
        (Value::Array(list), Step::Any) => list.iter().for_each(|value| reference(value, rest, found)),
        (Value::Object(map), Step::Key(key)) => {
            map.get(key).into_iter().for_each(|value| reference(value, rest, found))
        }
        (Value::Array(list), Step::Key(key)) => {
            let index = key.parse().ok().filter(|index: &usize| index.to_string() == *key);
            index.and_then(|index| list.get(index)).into_iter().for_each(|value| reference(value, rest, found));
        }
        _ => {}
    }
}

/// Masking touches nothing outside of the values that are found; of valid JSON these are what others find, and it stays
/// valid.
#[test]
fn masks() {
    let seeds = [
        r#"{"a":{"b":"secret","x":[1,true]},"c":[{"d":-1.5e2},null]}"#,
        r#"{"a":"x\"y","\u0061":{"b":false},"c":{"0":"\ud83d\ude00"}}"#,
        r#"{"c":["#,
        "{\"a\":1}\n{\"a\":\"two\"} three",
        "plain",
    ];
    fuzz("masks", seeds, |input| {
        for path in PATHS {
            let (mut paths, mut walk) = (Paths::default(), Walk::default());
            paths.add(&steps(path));
            let damage = paths.find(input, &mut walk).err();
            let mut event = input.to_vec();
            let mut touched = vec![false; input.len()];
            // From the inside to the outside, as an outer value is overwritten with those inside it.
            for found in walk.found.iter().rev() {
                touched[found.place.clone()].fill(true);
            }
            let mut end = 0;
            for found in &walk.found {
                if found.place.end > end {
                    end = found.place.end;
                    mask::json(&mut event, found.place.clone());
                }
            }
            assert_eq!(event.len(), input.len());
            for (at, touched) in touched.iter().enumerate() {
                assert!(*touched || event[at] == input[at], "byte {at} of {:?}", input.escape_ascii().to_string());
            }
            assert!(walk.found.iter().all(|found| damage.is_none() || found.place.end <= input.len()));
            let Ok(value) = serde_json::from_slice::<Value>(input) else { continue };
            if !value.is_object() {
                assert!(walk.found.is_empty());
                continue;
            }
            assert_eq!(damage, None, "it is valid");
            let masked: Value = serde_json::from_slice(&event).unwrap();
            let mut left = Vec::new();
            reference(&masked, &steps(path), &mut left);
            for value in left {
                let is_masked = match value {
                    Value::String(text) => text.bytes().all(|byte| byte == b'*'),
                    Value::Number(number) => number.as_i64() == Some(0),
                    Value::Null => true,
                    Value::Bool(_) => false,
                    Value::Array(list) => list.is_empty(),
                    Value::Object(map) => map.is_empty(),
                };
                assert!(is_masked, "{path}: {value}");
            }
            // What others find, we found.
            let mut found = Vec::new();
            reference(&value, &steps(path), &mut found);
            assert!(walk.found.len() >= found.len(), "{path}");
        }
    });
}

//! Runs framers over cut-up inputs, as a source would, and makes JSON to feed them.

use proptest::prelude::*;
use quittance_formats::{FormatError, Frame, Framer};

/// A limit no event of these tests reaches.
pub(crate) const ROOMY: usize = 1 << 20;

/// What a framer may leave unconsumed beyond its limit: a line end, or a key in its longest spelling.
const SLACK: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Event(Vec<u8>),
    Oversized { offset: u64, len: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) found: Vec<Found>,
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) error: Option<FormatError>,
}

impl Outcome {
    /// The events of an input without fault.
    pub(crate) fn events(self) -> Vec<String> {
        assert_eq!(self.error, None);
        let text = |found| match found {
            Found::Event(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Found::Oversized { .. } => panic!("oversized: {found:?}"),
        };
        self.found.into_iter().map(text).collect()
    }
}

/// Gives `input` to the framer in pieces that end at `cuts` (ascending), and checks the contract of [`Framer`] at each
/// step.
pub(crate) fn run(mut framer: impl Framer, input: &[u8], cuts: &[usize], max: usize) -> Outcome {
    let (mut found, mut error, mut frames, mut held) = (Vec::new(), None, Vec::new(), Vec::new());
    let mut from = 0;
    for (place, &to) in cuts.iter().chain([&input.len()]).enumerate() {
        held.extend_from_slice(&input[from..to]);
        from = to;
        frames.clear();
        let last = place == cuts.len();
        let answer = framer.frame(&held, last, &mut frames);
        let consumed = *answer.as_ref().unwrap_or(&held.len());
        let mut end_before = 0;
        for frame in &frames {
            found.push(match *frame {
                Frame::Event { start, end } => {
                    assert!(end_before <= start && start < end && end <= consumed, "{frame:?} of {consumed}");
                    end_before = end;
                    Found::Event(held[start..end].to_vec())
                }
                Frame::Oversized { offset, len } => Found::Oversized { offset, len },
            });
        }
        if let Err(fault) = answer {
            error = Some(fault);
            break;
        }
        held.drain(..consumed);
        assert!(held.len() <= max + SLACK, "{} bytes are held, the limit is {max}", held.len());
        assert!(!last || held.is_empty(), "{} bytes are left at the end", held.len());
    }
    Outcome { found, header: framer.header().map(<[u8]>::to_vec), error }
}

/// The outcome for `input` in one window, which must be that of every single cut, of pieces of one byte and of pieces
/// of `step` bytes.
pub(crate) fn outcome<F: Framer>(make: impl Fn() -> F, input: &[u8], max: usize) -> Outcome {
    let whole = run(make(), input, &[], max);
    for cut in 0..=input.len() {
        assert_eq!(run(make(), input, &[cut], max), whole, "cut at {cut}");
    }
    for step in [1, 2, 3, 7] {
        let cuts: Vec<usize> = (0..input.len()).step_by(step).collect();
        assert_eq!(run(make(), input, &cuts, max), whole, "pieces of {step}");
    }
    whole
}

/// Places to cut at, in thousandths of an input's length.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..=1000usize, 0..12).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

pub(crate) fn scale(cuts: &[usize], len: usize) -> Vec<usize> {
    cuts.iter().map(|cut| cut * len / 1000).collect()
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

/// JSON strings as written, quotes included: escapes, brackets within, characters of several bytes.
pub(crate) fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9 :,/._-]{0,12}",
        1 => r#"[{}\[\]:,]{1,4}"#,
        1 => prop::sample::select(vec![r#"\""#, r"\\", r"\/", r"\n", r"\u0041", r"\ud83d\ude00", "é", "😀", "€"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

/// Keys from few names, so that they repeat, at times with an escape.
pub(crate) fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "c", "ab", "Records", "id"]).prop_map(|key| format!("\"{key}\"")),
        1 => Just(r#""\u0061""#.to_owned()),
        1 => Just(r#""\u0052ecord\u0073""#.to_owned()),
        1 => string(),
    ]
}

/// Any JSON value as written, with white space where it may stand.
pub(crate) fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => string(),
        2 => prop::sample::select(vec!["0", "-1.5e+9", "12345678901234567890", "1E-2"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["true", "false", "null", "{}", "[]", "[ ]", "{ \n}"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| prop_oneof![2 => object_of(inner.clone()), 1 => array_of(inner)])
}

/// A JSON object as written.
pub(crate) fn object() -> impl Strategy<Value = String> {
    object_of(value())
}

/// A JSON array, as written, of what `element` makes.
pub(crate) fn array_of(element: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((space(), element, space()), 0..5).prop_map(|elements| {
        let elements: Vec<String> = elements.iter().map(|(a, element, b)| format!("{a}{element}{b}")).collect();
        format!("[{}]", elements.join(","))
    })
}

fn object_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((space(), key(), space(), space(), value, space()), 0..5).prop_map(|members| {
        let member = |(a, key, b, c, value, d): &(String, String, String, String, String, String)| {
            format!("{a}{key}{b}:{c}{value}{d}")
        };
        format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
    })
}

/// A document with events at `Records`, with other keys around them.
pub(crate) fn document() -> impl Strategy<Value = String> {
    let others = || prop::collection::vec((string(), value()), 0..3);
    (others(), array_of(object()), others(), space(), space()).prop_map(|(before, records, after, a, b)| {
        let member = |(key, value): &(String, String)| format!("{key}:{value}");
        let records = [format!("{a}\"Records\"{b}:{a}{records}{b}")];
        let members: Vec<String> = before.iter().map(member).chain(records).chain(after.iter().map(member)).collect();
        format!("{a}{{{}}}{b}", members.join(","))
    })
}

/// One fault: some bytes replaced by others.
pub(crate) fn mutation() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    let byte = prop_oneof![3 => prop::sample::select(br#"{}[]",:\ 0tn"#.to_vec()), 1 => any::<u8>()];
    (0..=1000usize, 0..3usize, prop::collection::vec(byte, 0..3))
}

pub(crate) fn mutate(text: &str, mutations: &[(usize, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, gone, new) in mutations {
        let from = place * bytes.len() / 1000;
        let to = (from + gone).min(bytes.len());
        bytes.splice(from..to, new.iter().copied());
    }
    bytes
}

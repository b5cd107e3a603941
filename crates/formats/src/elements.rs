//! The elements of an array inside a JSON text that is held whole.

use std::ops::Range;

use crate::fields;
use crate::scan::{Scan, is_space};

/// The places in `json` of the elements of the array at a path of keys, whatever they are.
///
/// `None` if there is no such array, or if it is damaged. An array may be empty. An empty path stands for the whole text.
///
/// ```
/// use quittance_formats::elements;
///
/// let body = br#"{"detail":{"findings":[{"Id":1}, {"Id":2}]}}"#;
/// let found = elements(body, &["detail", "findings"]).unwrap();
/// assert_eq!(found.iter().map(|at| &body[at.clone()]).collect::<Vec<_>>(), [br#"{"Id":1}"#, br#"{"Id":2}"#]);
/// assert_eq!(elements(body, &["findings"]), None);
/// ```
pub fn elements(json: &[u8], path: &[&str]) -> Option<Vec<Range<usize>>> {
    let array = match path {
        [] => json,
        path => fields::read(json, [path])[0]?,
    };
    // It is a part of the text, so their addresses say where.
    let start = array.as_ptr().addr() - json.as_ptr().addr();
    let next = |at: usize| at + array[at..].iter().take_while(|byte| is_space(**byte)).count();
    let mut found = Vec::new();
    let mut at = next(0);
    if array.get(at) != Some(&b'[') {
        return None;
    }
    at = next(at + 1);
    if array.get(at) != Some(&b']') {
        loop {
            let end = Scan::begin(*array.get(at)?)?.advance(array, at + 1).ok()??;
            found.push(start + at..start + end);
            at = next(end);
            match array.get(at)? {
                b',' => at = next(at + 1),
                b']' => break,
                _ => return None,
            }
        }
    }
    (next(at + 1) == array.len()).then_some(found)
}

//! The elements of an array inside a JSON text that is held whole.

use std::ops::Range;

use crate::{Frame, Framer, Records, fields};

/// The places in `json` of the elements of the array at a path of keys, each of which must be an object.
///
/// `None` if there is no such array, or if it is damaged or holds anything else. An array may be empty. An empty path
/// stands for the whole text.
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
    // Framers find the elements of an array in an object, cut anywhere: the array is the second of three pieces.
    let mut records = Records::new("a", usize::MAX);
    let mut frames = Vec::new();
    records.frame(b"{\"a\":", false, &mut frames).ok()?;
    records.frame(array, false, &mut frames).ok()?;
    let found = frames.iter().filter_map(|frame| match *frame {
        Frame::Event { start: from, end: to } => Some(start + from..start + to),
        Frame::Oversized { .. } => None,
    });
    let found = found.collect();
    records.frame(b"}", true, &mut frames).ok()?;
    Some(found)
}

//! Reads a few fields of a JSON object from its bytes, for the tag and the filter of an event, without parsing the
//! rest.

use crate::scan::{Scan, is_space};
use crate::skip::{Nest, Quoted};
use crate::text::says;
pub use crate::text::text;

/// The raw bytes of the values at `paths`, in their order; strings with their quotes (see [`text`]).
///
/// A path is the keys to follow, from the top-level object inwards. As soon as all are known the rest is not looked at,
/// so an object is not checked: `None` stands for a value that is absent and for one that lies behind damage. Of a key
/// that stands twice the first counts.
///
/// ```
/// use quittance_formats::fields;
///
/// let event = br#"{"userIdentity":{"accountId":"123456789012"},"eventSource":"s3.amazonaws.com"}"#;
/// let [source, account] = fields::read(event, [&["eventSource"], &["userIdentity", "accountId"]]);
/// assert_eq!(source.and_then(fields::text).as_deref(), Some("s3.amazonaws.com"));
/// assert_eq!(account, Some(&br#""123456789012""#[..]));
/// ```
pub fn read<'a, const N: usize>(json: &'a [u8], paths: [&[&str]; N]) -> [Option<&'a [u8]>; N] {
    let mut reader = Reader { json, paths, values: [None; N] };
    let start = spaces(json, 0);
    if json.get(start) == Some(&b'{') {
        reader.object(start, 0, paths.map(|path| !path.is_empty()));
    }
    reader.values
}

struct Reader<'a, 'p, const N: usize> {
    json: &'a [u8],
    paths: [&'p [&'p str]; N],
    values: [Option<&'a [u8]>; N],
}

/// Where a walk stopped: at the end of the value (0) or inside as many of its objects.
struct Stop {
    at: usize,
    open: u32,
}

impl<const N: usize> Reader<'_, '_, N> {
    /// Walks the object that opens at `at` for the paths in `active`, whose first `depth` keys led here, until each has
    /// met its next key. A key that led on to nothing is not looked for again. `None` at damage. Recursion is as deep
    /// as the paths are long.
    fn object(&mut self, at: usize, depth: usize, mut active: [bool; N]) -> Option<Stop> {
        let json = self.json;
        let mut at = spaces(json, at + 1);
        if *json.get(at)? == b'}' {
            return Some(Stop { at: at + 1, open: 0 });
        }
        loop {
            if *json.get(at)? != b'"' {
                return None;
            }
            let key = &json[at..Quoted::default().advance(json, at + 1)?];
            let colon = spaces(json, at + key.len());
            if *json.get(colon)? != b':' {
                return None;
            }
            let stop = self.value(key, spaces(json, colon + 1), depth, &mut active)?;
            if active == [false; N] {
                return Some(Stop { at: stop.at, open: stop.open + 1 });
            }
            at = spaces(json, leave(json, stop)?);
            match *json.get(at)? {
                b',' => at = spaces(json, at + 1),
                b'}' => {
                    return Some(Stop { at: at + 1, open: 0 });
                }
                _ => return None,
            }
        }
    }

    /// Passes the value that starts at `at`, taking what the paths in `active` want of it.
    #[inline]
    fn value(&mut self, key: &[u8], at: usize, depth: usize, active: &mut [bool; N]) -> Option<Stop> {
        let mut end = None;
        let mut deeper = [false; N];
        for (path, wanted) in active.iter_mut().enumerate() {
            if !*wanted || !says(key, self.paths[path][depth]) {
                continue;
            }
            *wanted = false;
            if self.paths[path].len() > depth + 1 {
                deeper[path] = true;
                continue;
            }
            if end.is_none() {
                end = Some(skip(self.json, at)?);
            }
            self.values[path] = end.map(|end| &self.json[at..end]);
        }
        if deeper != [false; N] && self.json.get(at) == Some(&b'{') {
            let stop = self.object(at, depth + 1, deeper);
            if end.is_none() {
                return stop;
            }
        }
        let end = end.or_else(|| skip(self.json, at))?;
        Some(Stop { at: end, open: 0 })
    }
}

/// One past the value a walk stopped in.
fn leave(json: &[u8], stop: Stop) -> Option<usize> {
    match stop.open {
        0 => Some(stop.at),
        open => Nest::objects(open).advance(json, stop.at).ok()?,
    }
}

/// One past the value that starts at `at`.
#[inline]
fn skip(json: &[u8], at: usize) -> Option<usize> {
    match *json.get(at)? {
        b'"' => Quoted::default().advance(json, at + 1),
        bracket @ (b'{' | b'[') => Nest::new(bracket).advance(json, at + 1).ok()?,
        first => Scan::begin(first)?.advance(json, at + 1).ok()?,
    }
}

/// The first place from `at` on without white space.
#[inline]
fn spaces(json: &[u8], at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|&&byte| is_space(byte)).count()
}

//! JSON as bytes, apart from the product's own reader: what a document's records are, and what of a record must arrive.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The text of each element of the array `key` of a document, as it stands there; none if there is no such array.
pub fn elements(document: &[u8], key: &str) -> Result<Vec<Vec<u8>>> {
    #[derive(Deserialize)]
    struct Document<'a>(#[serde(borrow)] BTreeMap<String, &'a RawValue>);

    let Document(fields) = serde_json::from_slice(document).context("the document is no JSON object")?;
    let Some(array) = fields.get(key) else { return Ok(Vec::new()) };
    let elements: Vec<&RawValue> = serde_json::from_str(array.get()).with_context(|| format!("`{key}` is no array"))?;
    Ok(elements.into_iter().map(|element| element.get().as_bytes().to_vec()).collect())
}

/// A JSON text without the white space outside its strings, every other byte as it was.
pub fn compact(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let (mut within, mut escaped) = (false, false);
    for &byte in text {
        if within {
            within = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            continue;
        } else {
            within = byte == b'"';
        }
        kept.push(byte);
    }
    kept
}

/// The text at a path of keys, where there is one.
pub fn text_at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

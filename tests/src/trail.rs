//! Objects of a CloudTrail trail, and which events must come of them: worked out here on its own, from what Devo's
//! tables are called, not by the product's code.

use anyhow::Result;
use jiff::Timestamp;
use quittance_testbed::generate::{Origin, cloudtrail, gzip};
use serde_json::Value;

use crate::{
    Events,
    raw_json::{compact, elements, text_at},
};

/// An object and its events.
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its content, compressed.
    pub bytes: Vec<u8>,
    /// What must arrive.
    pub events: Events,
}

/// Generates an object with `count` events from ordinal `first` on; objects of disjoint ordinals share no event.
pub fn generate(rng: &mut fastrand::Rng, first: u64, count: usize) -> Result<Object> {
    let time: Timestamp = "2026-01-15T12:00:00Z".parse()?;
    let origin = Origin::any(rng, time);
    let document = cloudtrail::object(rng, &origin, first, count);
    let key = cloudtrail::key(rng, &origin);
    let events = expect(&document, &key)?;
    Ok(Object { key, bytes: gzip(&document, 1), events })
}

/// What must come of a document under this key, with `auto_event_type`.
pub fn expect(document: &[u8], key: &str) -> Result<Events> {
    let mut events = Events::default();
    for record in elements(document, "Records")? {
        let value: Value = serde_json::from_slice(&record)?;
        events.add(tag(&value, key), compact(&record));
    }
    Ok(events)
}

/// The tag of a record: its service, its account and its region, or those of the key, or those that pull.
fn tag(record: &Value, key: &str) -> String {
    let path: Vec<&str> = key.split('/').skip_while(|level| *level != "AWSLogs").collect();
    let account_of_key = path.get(1).copied().filter(|level| is_account(level));
    let region_of_key = account_of_key.and_then(|_| path.get(3).copied());
    let event_type = match text_at(record, &["eventCategory"]) {
        Some("Insight") => Some("insights".to_owned()),
        _ => text_at(record, &["eventSource"])
            .map(|source| source.split('.').next().unwrap_or_default().to_ascii_lowercase().replace('-', "_")),
    };
    let is_type = |text: &String| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let account = text_at(record, &["userIdentity", "accountId"])
        .filter(|text| is_account(text))
        .or(text_at(record, &["recipientAccountId"]))
        .filter(|text| is_account(text))
        .or(account_of_key);
    let region = text_at(record, &["awsRegion"])
        .filter(|text| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        .or(region_of_key);
    format!(
        "cloud.aws.cloudtrail.{}.{}.{}",
        event_type.filter(is_type).unwrap_or_else(|| "events".to_owned()),
        account.unwrap_or(quittance_testbed::aws::ACCOUNT),
        region.unwrap_or(crate::cloud::REGION),
    )
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

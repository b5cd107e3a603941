//! What must come of Security Hub's messages, Voiso's and Umbrella's objects: worked out here on its own, from what Devo's
//! tables are called, not by the product's code.

use anyhow::{Context, Result, bail};
use quittance_testbed::aws::ACCOUNT;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    Events,
    raw_json::{compact, elements, text_at},
};

/// The section of Security Hub's findings.
pub fn securityhub_section(queue: &str, region: &str) -> String {
    format!("sqs-cloudwatch-consumer:\n  cloudwatch_sqs_queue_name: {queue}\n  regions: [{region}]\n")
}

/// The section of Voiso's events.
pub fn voiso_section(queue: &str, region: &str) -> String {
    format!("voiso:\n  voiso_sqs_queue_name: {queue}\n  regions: [{region}]\n")
}

/// The section of Umbrella's logs.
pub fn umbrella_section(queue: &str, region: &str) -> String {
    format!("cisco-umbrella:\n  cisco_umbrella_sqs_queue_name: {queue}\n  regions: [{region}]\n")
}

/// The findings of a message in a queue of that region, or the message if it is a finding itself.
pub fn securityhub(body: &[u8], region: &str) -> Result<Events> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        region: Option<String>,
        #[serde(borrow)]
        detail: Option<&'a RawValue>,
    }

    let Envelope { region: around, detail } = serde_json::from_slice(body)?;
    let findings = match detail {
        Some(detail) => elements(detail.get().as_bytes(), "findings")?,
        None => vec![body.to_vec()],
    };
    let mut events = Events::default();
    for finding in findings {
        let value: Value = serde_json::from_slice(&finding)?;
        let account = text_at(&value, &["AwsAccountId"]).unwrap_or(ACCOUNT);
        let region = text_at(&value, &["Region"]).or(around.as_deref()).unwrap_or(region);
        events.add(format!("cloud.aws.securityhub.findings.{account}.{region}"), compact(&finding));
    }
    Ok(events)
}

/// A message is an event, of the type that it says.
pub fn voiso(body: &[u8]) -> Result<Events> {
    let value: Value = serde_json::from_slice(body)?;
    let mut events = Events::default();
    let kind = text_at(&value, &["type"]).context("an event without a type")?;
    events.add(format!("my.app.voiso.{kind}"), compact(body));
    Ok(events)
}

/// The rows of an object, without one that names the columns.
pub fn umbrella(key: &str, content: &[u8]) -> Result<Events> {
    let kinds = ["dns", "ip", "proxy", "firewall", "audit", "intrusion", "dlp"];
    let Some(kind) = kinds.into_iter().find(|kind| key.split('/').any(|folder| folder == format!("{kind}logs"))) else {
        bail!("`{key}` is in no folder of logs");
    };
    let mut events = Events::default();
    for row in rows(content) {
        let is_header = row.starts_with(b"\"Timestamp\"") || row.starts_with(b"\"ID\"");
        if !row.is_empty() && !is_header {
            events.add(format!("sig.cisco.umbrella.{kind}"), row);
        }
    }
    Ok(events)
}

/// A newline ends a row where an even number of quotes stands before it.
fn rows(content: &[u8]) -> Vec<&[u8]> {
    let (mut quoted, mut start, mut rows) = (false, 0, Vec::new());
    for (place, byte) in content.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                rows.push(&content[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    rows.push(&content[start..]);
    rows
}

//! Names and contents that would be something else: they forge neither a line of the log, nor an escape, nor a frame, nor a tag.

use std::time::Duration;

use anyhow::Result;
use quittance_tests::{
    Scene, Suite,
    cloud::{BUCKET, QUEUE},
    tests, until,
};

/// It ends a line, begins another of the log and one of syslog, and clears a screen in two ways.
const ODD: &str =
    "a\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2066}<14>Jan  1 00:00:00 h x.y: z";

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; names_and_contents);
}

fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

async fn names_and_contents() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(1, 5)?;
    // An event that chooses its table, and whose text holds what JSON escapes and what it does not.
    let event = serde_json::json!({
        "eventSource": format!("{ODD}.amazonaws.com"), "awsRegion": ODD, "recipientAccountId": ODD, "eventName": ODD,
        "userIdentity": {"accountId": "<14>"}, "raw": "RAW",
    });
    let event = event.to_string().replace("RAW", "\u{9b}m\u{202e}<14>Jan  1 00:00:00 h x.y: z\u{1}");
    let key = |name: &str| format!("AWSLogs/1\n2/CloudTrail/{name}/{ODD}");
    scene.cloud.put_object(BUCKET, &key("good"), format!("{{\"Records\":[{event}]}}").into_bytes());
    // One that can never be read, and messages that are none: what is wrong is told with their names.
    scene.cloud.put_object(BUCKET, &key("bad"), format!("{ODD} {{").into_bytes());
    scene.cloud.send(QUEUE, format!("{{\"{ODD}\": 1}}"));
    scene.cloud.send(QUEUE, ODD.to_owned());
    let mut collector = scene.start_with(&[("QUITTANCE_LOG", "debug")])?;
    scene.until("all that can be is delivered", &mut collector, |scene| scene.receiver.totals().events >= 6).await;
    until("what cannot be read is told", Duration::from_secs(20), || collector.logged("forged") > 0).await;
    collector.terminate()?;
    assert!(collector.ended(Duration::from_secs(20)).await.success());

    let log = collector.log();
    for line in log.lines() {
        assert!(!line.contains(acts), "{line:?}");
        let mut words = line.split_whitespace();
        let begins = words.next().is_some_and(|time| time.ends_with('Z'));
        let level = words.next().is_some_and(|level| ["ERROR", "WARN", "INFO", "DEBUG"].contains(&level));
        assert!(begins && level && !line.starts_with("2026-01-01T00:00:00Z"), "{line:?}");
    }
    let totals = scene.receiver.totals();
    assert_eq!((totals.malformed, totals.events), (0, 6), "{:?}", scene.receiver.malformed());
    for (tag, _) in scene.receiver.messages() {
        assert!(tag.starts_with("cloud.aws.cloudtrail.") && tag.split('.').count() == 6, "{tag}");
        assert!(tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{tag}");
    }
    assert!(scene.receiver.messages().iter().any(|(_, message)| *message == event.as_bytes()), "it arrives as it is");
    Ok(())
}

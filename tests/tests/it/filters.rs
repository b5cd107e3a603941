//! Filters: what the user drops, masks and sends elsewhere, through the whole collector.

use anyhow::Result;
use quittance_testbed::sink::Fault;
use quittance_tests::{Events, Scene, Suite, configuration::audits, tests};
use serde_json::Value;

const OBJECTS: u64 = 20;
const EVENTS: usize = 100;

const FILTERS: &str = "
  filters:
    - name: reads
      when: [{field: eventName, prefix: [Describe, List, Get]}]
      action: drop
    - name: errors
      when: [{field: errorCode, present: true}]
      route: my.app.aws.errors
    - mask: [userIdentity.accessKeyId]";

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; what_filters_say_is_what_arrives);
}

/// What must arrive of an event, by what its section says: worked out from the event as serde_json reads it.
fn expect(tag: &str, message: &[u8], expected: &mut Events) -> Result<()> {
    let value: Value = serde_json::from_slice(message)?;
    let name = value["eventName"].as_str().unwrap_or_default();
    if ["Describe", "List", "Get"].iter().any(|prefix| name.starts_with(prefix)) {
        return Ok(());
    }
    if !value["errorCode"].is_null() {
        expected.add("my.app.aws.errors", message);
        return Ok(());
    }
    let text = str::from_utf8(message)?;
    expected.add(
        tag,
        match value["userIdentity"]["accessKeyId"].as_str() {
            Some(key) => {
                let (raw, masked) = (format!(r#""accessKeyId":"{key}""#), "*".repeat(key.len()));
                text.replacen(&raw, &format!(r#""accessKeyId":"{masked}""#), 1)
            }
            None => text.to_owned(),
        },
    );
    Ok(())
}

async fn what_filters_say_is_what_arrives() -> Result<()> {
    let mut scene = Scene::usual().await?;
    let section = audits(quittance_tests::cloud::QUEUE, quittance_tests::cloud::REGION);
    scene.configuration.services = format!("{section}{FILTERS}");
    scene.write(OBJECTS, EVENTS)?;
    let all = std::mem::take(&mut scene.expected);
    for (tag, message) in all.iter() {
        expect(tag, message, &mut scene.expected)?;
    }
    let (kept, all) = (scene.expected.count(), all.count());
    assert!(kept > 0 && kept < all, "{kept} of {all}");
    // What is given again after a broken connection is the same.
    scene.receiver.script([Some(Fault::ResetAfter(30_000)), Some(Fault::ResetAfter(60_000))]);
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_complete();
    scene.assert_source_unharmed();
    collector.terminate()?;
    collector.says("dropped by a filter").await;
    let log = collector.log();
    let dropped = log.lines().find(|line| line.contains("dropped by a filter")).unwrap_or_default();
    assert!(dropped.contains("audit-events-all/reads") && dropped.contains(&(all - kept).to_string()), "{dropped}");
    Ok(())
}

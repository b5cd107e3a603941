//! Which events arrive, and how often.

use std::time::Duration;

use quittance_testbed::aws::Place;
use serde_json::{Value, json};

use crate::scene::{REGION, Scene, minutes, place, section};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

#[tokio::test(start_paused = true)]
async fn an_event_behind_thirty_empty_pages_arrives() {
    let scene = Scene::new().await;
    scene.put("/app/web", 30 * SECOND, "only");
    let running = scene.run("cwl_1", section(&json!({})));
    scene.aws.empty_pages("FilterLogEvents", 30);
    minutes(5).await;
    assert_eq!(scene.texts(), ["only"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_event_arrives_once() {
    let scene = Scene::new().await;
    for (n, late) in [0, 20 * SECOND, 4 * MINUTE, 40 * MINUTE, 5 * HOUR + 59 * MINUTE].into_iter().enumerate() {
        scene.put_late("/app/web", MINUTE, late, &format!("late {n}"));
    }
    let running = scene.run("cwl_1", section(&json!({})));
    minutes(7).await;
    assert_eq!(scene.texts(), ["late 0", "late 1", "late 2"]);
    minutes(10 * 60).await;
    assert_eq!(scene.texts(), ["late 0", "late 1", "late 2", "late 3", "late 4"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn equal_messages_of_one_millisecond_are_events_of_their_own() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene.put("/app/web", MINUTE, "same");
    }
    let running = scene.run("cwl_1", section(&json!({})));
    minutes(30).await;
    assert_eq!(scene.texts(), ["same"; 3]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_at_the_edge_of_windows_arrives_once() {
    let scene = Scene::new().await;
    // Polls are whole seconds apart, so edges of windows are among these, and the milliseconds beside them too.
    let mut expected = Vec::new();
    for n in 0..900 {
        for beside in [-1, 0, 1] {
            expected.push(format!("{n:03} {beside:+}"));
            scene.put("/app/web", 5 + n * SECOND + beside, &expected[expected.len() - 1]);
        }
    }
    expected.sort();
    let running = scene.run("cwl_1", section(&json!({})));
    minutes(30).await;
    assert_eq!(scene.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_costs_nothing_but_time() {
    let scene = Scene::new().await;
    // Ten of these fill a page.
    let expected: Vec<_> = (0..30).map(|n| format!("{n:02} {}", "x".repeat(100_000))).collect();
    for (n, text) in expected.iter().enumerate() {
        scene.put("/app/web", n as i64, text);
    }
    // Each token is too old as soon as it is used.
    scene.aws.delay("FilterLogEvents", Duration::from_secs(1));
    scene.aws.token_lifetime("FilterLogEvents", Duration::ZERO);
    let running = scene.run("cwl_1", section(&json!({})));
    minutes(4).await;
    assert!(scene.aws.calls_with("FilterLogEvents", "InvalidParameterException") > 1);
    scene.aws.token_lifetime("FilterLogEvents", Duration::from_secs(24 * 3600));
    minutes(10).await;
    assert!(scene.texts() == expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_it_was_confirmed() {
    let scene = Scene::new().await;
    let mut expected = Vec::new();
    for n in 0..300 {
        expected.push(format!("{n:03}"));
        scene.put_late("/app/web", n * MINUTE, n % 7 * MINUTE, &expected[expected.len() - 1]);
    }
    for on in [30, 10, 60, 200] {
        let running = scene.run("cwl_1", section(&json!({})));
        minutes(on).await;
        scene.end(running).await;
        minutes(15).await;
    }
    let running = scene.run("cwl_1", section(&json!({})));
    minutes(60).await;
    assert_eq!(scene.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn many_groups_share_half_the_quota_and_none_starves() {
    let scene = Scene::new().await;
    // One of the slowest regions.
    let slow = Place::new("111122223333", "eu-central-1");
    scene.aws.set_quota("FilterLogEvents", 5);
    scene.aws.set_quota("DescribeLogGroups", 10);
    let mut expected = Vec::new();
    for n in 0..500 {
        expected.push(format!("{n:03}"));
        let time = scene.aws.now() + jiff::SignedDuration::from_secs(60);
        scene.put_at(&slow, &format!("/app/{n:03}"), time, 0, &expected[n]);
    }
    let of = |groups: &str| section(&json!({"log_groups": [groups], "regions": ["eu-central-1"]}));
    let running = [scene.run("cwl_1", of("/app/0*")), scene.run("cwl_2", of("/app/*"))];
    minutes(20).await;
    let mut texts = scene.texts();
    // Two sections name the first hundred, and each gives what it finds.
    assert_eq!(texts.len(), 600);
    texts.dedup();
    assert_eq!(texts, expected);
    assert!(scene.aws.calls_peak("FilterLogEvents") <= 2, "{}", scene.aws.calls_peak("FilterLogEvents"));
    assert!(scene.aws.calls_peak("DescribeLogGroups") <= 5);
    assert_eq!(scene.aws.calls_with("FilterLogEvents", "ThrottlingException"), 0);
    for running in running {
        scene.end(running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_groups_that_is_throttled_costs_no_other_page() {
    let scene = Scene::new().await;
    scene.aws.fail_sometimes("DescribeLogGroups", 0.3, "ThrottlingException");
    let expected: Vec<_> = (0..300).map(|n| format!("{n:03}")).collect();
    for text in &expected {
        scene.put(&format!("/app/{text}"), MINUTE, text);
    }
    let running = scene.run("cwl_1", section(&json!({})));
    minutes(10).await;
    assert!(scene.aws.calls_with("DescribeLogGroups", "ThrottlingException") > 0);
    assert_eq!(scene.texts(), expected);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn groups_are_found_when_they_come_into_being() {
    let scene = Scene::new().await;
    scene.put("/app/first", MINUTE, "first");
    scene.put("/other", MINUTE, "not wanted");
    let running = scene.run("cwl_1", section(&json!({"log_groups": ["/app/*", "/named/later"]})));
    minutes(60).await;
    scene.put("/app/second", SECOND, "second");
    scene.put("/named/later", SECOND, "third");
    scene.aws.delete_log_group(&place(), "/app/first");
    minutes(30).await;
    assert_eq!(scene.texts(), ["first", "second", "third"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn the_tag_and_the_envelope_say_whose_group_it_is() {
    let scene = Scene::new().await;
    let theirs = Place::new("444455556666", REGION);
    let time = scene.aws.now() + jiff::SignedDuration::from_secs(60);
    scene.put_at(&place(), "/app/web", time, 0, "ours \"quoted\"\n");
    scene.put_at(&theirs, "/app/web", time, 5, "theirs");
    scene.put_at(&Place::new("777788889999", REGION), "/app/web", time, 0, "a stranger's");
    scene.aws.link_account("111122223333", "444455556666");
    let linked = json!({"include_linked_accounts": true, "event_format": "json", "log_groups": ["/app/web"]});
    let running = scene.run("cwl_1", section(&linked));
    minutes(20).await;
    let delivered = scene.delivered();
    let tag = |account: &str| format!("cloud.aws.cloudwatch.logs.{account}.{REGION}");
    let tags: Vec<_> = delivered.iter().map(|(tag, _)| tag.clone()).collect();
    assert_eq!(tags, [tag("111122223333"), tag("444455556666")]);
    let events: Vec<Value> = delivered.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
    let at = time.as_millisecond();
    for (event, owner, message, late) in
        [(&events[0], "111122223333", "ours \"quoted\"\n", 0), (&events[1], "444455556666", "theirs", 5)]
    {
        let id = event["id"].as_str().unwrap();
        assert_eq!(id.len(), 56);
        let expected = json!({
            "owner": owner, "logGroup": "/app/web", "logStream": "stream", "id": id,
            "timestamp": at, "ingestionTime": at + late, "message": message,
        });
        assert_eq!(*event, expected);
    }
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn the_message_alone_goes_without_its_line_end() {
    let scene = Scene::new().await;
    scene.put("/app/web", MINUTE, "REPORT RequestId: 1\tDuration: 2 ms\n");
    scene.put("/app/web", MINUTE, "two\nlines\r\n");
    let running = scene.run("cwl_1", section(&json!({"tag": "my.app.{region}.web"})));
    minutes(5).await;
    let tag = format!("my.app.{REGION}.web");
    let expected = ["REPORT RequestId: 1\tDuration: 2 ms", "two\nlines"];
    assert_eq!(scene.delivered(), expected.map(|text| (tag.clone(), text.to_owned())));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_matches_the_pattern_is_collected() {
    let scene = Scene::new().await;
    for text in ["INFO all well", "ERROR it broke", "WARN soon"] {
        scene.put("/app/web", MINUTE, text);
    }
    let running = scene.run("cwl_1", section(&json!({"filter_pattern": "?ERROR ?WARN"})));
    minutes(10).await;
    assert_eq!(scene.texts(), ["ERROR it broke", "WARN soon"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn the_past_is_collected_from_start_time() {
    let scene = Scene::new().await;
    for day in 0..6 {
        scene.put("/app/web", -day * 24 * HOUR - MINUTE, &format!("{day} days ago"));
    }
    let running = scene.run("cwl_1", section(&json!({"start_time": "2026-01-12T00:00:00Z"})));
    minutes(30).await;
    assert_eq!(scene.texts(), ["0 days ago", "1 days ago", "2 days ago", "3 days ago"]);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_denied_keeps_no_other_from_being_read() {
    let scene = Scene::new().await;
    scene.aws.create_log_group(&place(), "/app/gone");
    let running = scene.run("cwl_1", section(&json!({"log_groups": ["/app/gone", "/app/web"]})));
    minutes(2).await;
    scene.aws.delete_log_group(&place(), "/app/gone");
    minutes(2).await;
    scene.put("/app/web", SECOND, "from web");
    minutes(10).await;
    assert_eq!(scene.texts(), ["from web"]);
    // Nothing of it is lost when it comes back.
    scene.put("/app/gone", SECOND, "back again");
    minutes(10).await;
    assert_eq!(scene.texts(), ["back again", "from web"]);
    scene.end(running).await;
}

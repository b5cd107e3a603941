//! Every shape in which a queue may speak of objects.

use std::sync::Arc;

use quittance_aws::{
    AwsError, KeyFilter, Limits, Notification, ObjectRef, QueueKeys, Whereabouts,
    objects::{ObjectKind, OnMissingObject, Opened, Selection},
};
use quittance_core::{Interval, Tags};
use quittance_testbed::{
    aws::{FakeAws, Shape},
    log::Log,
};

use crate::scene::{BUCKET, DEAD, QUEUE, SILENT, Scene, Text, events, limits, text};

/// Peers: vectordotdev/vector PR #7470, opensearch-project/data-prepper#2789, cherweg/logstash-input-s3-sns-sqs#75.
#[tokio::test(start_paused = true)]
async fn every_shape_leads_to_every_key() {
    let keys = [
        "plain/key.log",
        "a b/c d.log",
        "plus+plus.log",
        "per%20cent.log",
        "year=2026/month=01/x.log",
        "Größe/夜間.log",
        "quote\"back\\slash.log",
        "a:b@c,d;e&f?g#h.log",
        "emoji 🚀.log",
        "%2B.log",
        "trailing ",
        "~tilde*star'apostrophe(paren)!",
    ];
    for shape in Shape::ALL {
        let scene = Scene::new(Some(1)).await;
        for (n, key) in (0..).zip(keys) {
            scene.aws.put_object(SILENT, key, text(n * 10..n * 10 + 1));
            let body = scene.aws.notification(shape, SILENT, key, 100, "etag");
            scene.aws.send(QUEUE, body);
        }
        let running = scene.objects(limits());
        scene.until_empty().await;
        assert_eq!(scene.aws.counts(DEAD).visible, 0, "{shape:?}");
        let expected: Vec<_> = (0..keys.len() as u64).flat_map(|n| events(n * 10..n * 10 + 1)).collect();
        assert_eq!(scene.receiver.texts(), expected, "{shape:?}");
        scene.end(running).await;
    }
}

/// Random keys of the characters that encodings treat in their own ways.
#[tokio::test(start_paused = true)]
async fn random_keys_survive_every_encoding() {
    let mut rng = fastrand::Rng::with_seed(3);
    let letters: Vec<char> = "abZ09 +%/=&?#:;,\"'\\~*()!$@[]{}|<>^`üß夜🚀".chars().collect();
    for shape in Shape::ALL {
        let scene = Scene::new(Some(1)).await;
        for n in 0..40_u64 {
            let mut key: String = (0..rng.usize(1..20)).map(|_| letters[rng.usize(..letters.len())]).collect();
            // Dots and slashes at odd places are changed by URLs themselves; a key ends in a letter.
            key = format!("{n}{}x", key.replace("//", "/"));
            scene.aws.put_object(SILENT, &key, text(n * 10..n * 10 + 1));
            scene.aws.send(QUEUE, scene.aws.notification(shape, SILENT, &key, 100, "etag"));
        }
        let running = scene.objects(limits());
        scene.until_empty().await;
        assert_eq!(scene.receiver.texts().len(), 40, "{shape:?}");
        scene.end(running).await;
    }
}

/// A store that is not AWS's may announce keys as they are: what decoding would change is found nevertheless.
#[tokio::test(start_paused = true)]
async fn a_key_that_another_store_announces_plain_is_found() {
    let keys = ["a+b.log", "100%25.log", "year%3D2026/x.log", "a%2Bb+c.log"];
    let scene = Scene::new(Some(1)).await;
    for (n, key) in (0..).zip(keys) {
        scene.aws.put_object(SILENT, key, text(n * 10..n * 10 + 1));
        if n == 0 {
            // It goes on with the key that was found.
            scene.aws.cut_after(SILENT, key, 50);
        }
        scene.announce(&[(SILENT, key)]);
    }
    let running = scene.objects(limits());
    scene.until_empty().await;
    let expected: Vec<_> = (0..keys.len() as u64).flat_map(|n| events(n * 10..n * 10 + 1)).collect();
    assert_eq!(scene.receiver.texts(), expected);
    assert_eq!(scene.aws.counts(DEAD).visible, 0);
    assert_eq!(scene.aws.calls("GetObject"), 2 * keys.len() as u64 + 1);
    scene.end(running).await;
}

/// The right key comes first, and what no key leads to is missing.
#[tokio::test(start_paused = true)]
async fn a_decoded_key_is_preferred_to_a_plain_one() {
    let scene = Scene::new(None).await;
    scene.aws.put_object(SILENT, "a b.log", text(0..1));
    scene.aws.put_object(SILENT, "a+b.log", text(10..11));
    scene.announce(&[(SILENT, "a+b.log"), (SILENT, "no+where.log")]);
    let running = scene.objects(Limits { on_missing_object: OnMissingObject::Drop, ..limits() });
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts(), events(0..1));
    scene.end(running).await;
}

/// redpanda-data/connect PR #4667: also in its envelopes.
#[tokio::test(start_paused = true)]
async fn test_events_are_deleted() {
    let scene = Scene::new(Some(1)).await;
    let tests: Vec<_> = Shape::ALL.into_iter().filter_map(|shape| scene.aws.test_event(shape, BUCKET)).collect();
    for body in &tests {
        scene.aws.send(QUEUE, body);
    }
    scene.aws.send(QUEUE, r#"{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:us-east-1:1:t","Token":"x","SubscribeURL":"https://x"}"#);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!(running.tally.control.get(), tests.len() as u64 + 1);
    assert_eq!((scene.aws.counts(DEAD).visible, scene.aws.calls("GetObject")), (0, 0));
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn what_announces_no_new_object_is_deleted() {
    let scene = Scene::new(Some(1)).await;
    let entry = |name: &str| {
        format!(r#"{{"eventName":"{name}","s3":{{"bucket":{{"name":"{SILENT}"}},"object":{{"key":"k"}}}}}}"#)
    };
    // What is restored from the archive was announced when it was made.
    for name in [
        "ObjectRemoved:Delete",
        "LifecycleExpiration:Delete",
        "ObjectTagging:Put",
        "s3:ObjectAcl:Put",
        "ObjectRestore:Post",
        "s3:ObjectRestore:Completed",
    ] {
        scene.aws.send(QUEUE, format!(r#"{{"Records":[{}]}}"#, entry(name)));
    }
    let both = format!(r#"{{"Records":[{},{}]}}"#, entry("ObjectRemoved:Delete"), entry("ObjectCreated:Copy"));
    scene.aws.send(QUEUE, both);
    scene.aws.send(
        QUEUE,
        r#"{"source":"aws.s3","detail-type":"Object Deleted","detail":{"bucket":{"name":"b"},"object":{"key":"k"}}}"#,
    );
    let restored = format!(
        r#"{{"source":"aws.s3","detail-type":"Object Restore Completed","detail":{{"bucket":{{"name":"{SILENT}"}},"object":{{"key":"k"}}}}}}"#
    );
    scene.aws.send(QUEUE, restored);
    scene.aws.send(QUEUE, r#"{"Records":[]}"#);
    scene.put_silently("k", 0..3);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), running.tally.others.get()), (events(0..3), 9));
    assert_eq!(scene.aws.counts(QUEUE).deleted, 10);
    scene.end(running).await;
}

#[tokio::test(start_paused = true)]
async fn unwanted_objects_are_counted_and_deleted() {
    let scene = Scene::new(Some(1)).await;
    scene.put_lines("skip/a", 0..10);
    scene.put_lines("b", 10..20);
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), running.tally.skipped.get()), (events(10..20), 1));
    scene.end(running).await;
}

/// Lines, as far as a filter lets their keys pass.
struct Filtered(KeyFilter);

impl ObjectKind for Filtered {
    fn select(&self, object: &ObjectRef) -> Selection {
        self.0.refuses(object).map_or(Selection::Read, Selection::Skip)
    }

    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        Text.open(object, at, tags, max_event_bytes)
    }
}

/// Else a wrong filter swallows everything in silence.
#[tokio::test(start_paused = true)]
async fn a_filter_that_skips_is_said_once_and_louder_while_nothing_is_read() {
    let (log, _guard) = Log::keep();
    let scene = Scene::new(Some(1)).await;
    let kind = Arc::new(Filtered(KeyFilter::new(Some(r"\.log$")).unwrap()));
    let keys: Vec<_> = (0..105).map(|n| format!("{n}.json")).collect();
    let wrong: Vec<_> = keys.iter().map(|key| (SILENT, key.as_str())).collect();
    scene.announce(&wrong);
    let running = scene.objects_of(kind.clone(), limits());
    scene.until_empty().await;
    let said = log.lines_with("PullError321");
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("s3://silent/0.json") && said[0].contains("s3_file_type_filter"), "{said:?}");
    assert!(said[1].contains("none was read") && said[1].contains("skipped=10 "), "{said:?}");
    assert!(said[2].contains("none was read") && said[2].contains("skipped=100 "), "{said:?}");
    scene.end(running).await;

    // Where something is read, once is enough.
    let scene = Scene::new(Some(1)).await;
    scene.put_silently("a.log", 0..3);
    scene.announce(&[(SILENT, "a.log"), (SILENT, "folder/")]);
    scene.announce(&wrong);
    let running = scene.objects_of(kind, limits());
    scene.until_empty().await;
    assert_eq!((log.lines_with("PullError321").len(), scene.receiver.texts()), (4, events(0..3)));
    scene.end(running).await;
}

/// A message with many objects is one debt.
#[tokio::test(start_paused = true)]
async fn a_message_may_announce_many_objects() {
    let scene = Scene::new(Some(1)).await;
    let keys: Vec<_> = (0..50).map(|n| format!("k{n}")).collect();
    for (n, key) in (0..).zip(&keys) {
        scene.put_silently(key, n * 10..n * 10 + 2);
    }
    scene.announce(&keys.iter().map(|key| (SILENT, key.as_str())).collect::<Vec<_>>());
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts().len(), scene.aws.counts(QUEUE).deleted), (100, 1));
    scene.end(running).await;
}

/// AppliedTrust/traildash#17: the bucket is in another region than the queue, and only S3 knows.
#[tokio::test(start_paused = true)]
async fn a_bucket_in_another_region_is_found_once() {
    let scene = Scene::new(Some(1)).await;
    for n in 0..10 {
        scene.put_silently(&n.to_string(), n * 10..n * 10 + 1);
        scene.announce(&[(SILENT, &n.to_string())]);
    }
    scene.aws.set_bucket_region(SILENT, "eu-west-1");
    let running = scene.objects(quittance_aws::Limits { readers: 1, ..limits() });
    scene.until_empty().await;
    assert_eq!(scene.receiver.texts().len(), 10);
    assert_eq!(redirects(&scene.aws), 1);
    scene.end(running).await;
}

fn redirects(aws: &FakeAws) -> u64 {
    aws.calls_with("GetObject", "PermanentRedirect")
}

/// Whoever may send into the queue may write what they like.
#[test]
fn a_region_that_is_none_is_left_out() {
    let region = |shape: &str, region: &str| {
        let body = match shape {
            "s3" => format!(
                r#"{{"Records":[{{"awsRegion":"{region}","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"k"}}}}}}]}}"#
            ),
            _ => format!(
                r#"{{"source":"aws.s3","detail-type":"Object Created","region":"{region}","detail":{{"bucket":{{"name":"b"}},"object":{{"key":"k"}}}}}}"#
            ),
        };
        match quittance_aws::notification(&body) {
            Notification::Objects { created, .. } => created[0].region.clone(),
            other => panic!("{other:?}"),
        }
    };
    for shape in ["s3", "bridge"] {
        for odd in ["", "x", "evil.example/", "us-east-1.evil.example", "us-east-1\\n"] {
            assert_eq!(region(shape, odd), None, "{shape} {odd}");
        }
        assert_eq!(region(shape, "eu-west-1").as_deref(), Some("eu-west-1"));
    }
}

/// Nothing is deleted as if it asked for nothing that may mean an object.
#[tokio::test(start_paused = true)]
async fn an_entry_that_names_no_event_means_its_object() {
    let scene = Scene::new(Some(1)).await;
    scene.put_silently("k", 0..3);
    scene
        .aws
        .send(QUEUE, format!(r#"{{"Records":[{{"s3":{{"bucket":{{"name":"{SILENT}"}},"object":{{"key":"k"}}}}}}]}}"#));
    let running = scene.objects(limits());
    scene.until_empty().await;
    assert_eq!((scene.receiver.texts(), running.tally.others.get()), (events(0..3), 0));
    scene.end(running).await;
}

/// What is shown of an object stands in a log as it is.
#[test]
fn no_name_can_forge_a_line_of_a_log() {
    let forged = "logs\n2026-01-01T00:00:00Z  WARN all is well \u{1b}[31m\r\u{85}\u{2028}";
    let object = ObjectRef { bucket: forged.to_owned(), key: forged.to_owned(), ..ObjectRef::default() };
    let error = AwsError::Api {
        operation: "GetObject",
        target: object.to_string(),
        code: Some(forged.to_owned()),
        status: Some(400),
        class: quittance_core::Class::Retry,
        source: "".into(),
    };
    for shown in [object.to_string(), error.chain()] {
        assert!(!shown.contains(|c: char| c.is_control() || c == '\u{2028}'), "{shown:?}");
    }
}

#[test]
fn a_message_is_hidden_for_as_long_as_sqs_allows_at_most() {
    let keys = |hours: u64| QueueKeys {
        visibility_timeout: Some(Interval(std::time::Duration::from_secs(hours * 3600))),
        ..QueueKeys::default()
    };
    assert!(keys(12).limits(limits()).is_ok());
    let error = keys(13).limits(limits()).unwrap_err();
    assert!(error.problem.contains("12 hours at most"), "{error}");
}

//! S3 by the official SDK.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::primitives::ByteStream;
use quittance_testbed::aws::{Access, FakeAws, QueueSettings, Shape};
use tokio::time::Instant;

use crate::sdk::{self, OverTcp};

/// Text of more than a few chunks that is nowhere the same.
fn content(length: usize) -> Vec<u8> {
    (0u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).take(length).collect()
}

async fn get(s3: &Client, key: &str) -> GetObjectOutput {
    s3.get_object().bucket("b").key(key).send().await.unwrap()
}

async fn get_error(s3: &Client, key: &str) -> GetObjectError {
    s3.get_object().bucket("b").key(key).send().await.unwrap_err().into_service_error()
}

/// What came of a body, and whether it ended well.
async fn read(mut body: ByteStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match body.next().await {
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            Some(Err(_)) => return (bytes, false),
            None => return (bytes, true),
        }
    }
}

async fn gets_and_ranges(aws: &FakeAws, s3: &Client) {
    let data = content(1_000_000);
    let key = "AWSLogs/a+b c%2F/ü=1.json.gz";
    let etag = aws.put_object("b", key, data.clone());

    let output = get(s3, key).await;
    assert_eq!(output.content_length(), Some(1_000_000));
    assert_eq!(output.e_tag(), Some(&*format!("\"{etag}\"")));
    assert!(output.last_modified().is_some());
    assert_eq!(read(output.body).await, (data.clone(), true));

    let range = |range: &str| s3.get_object().bucket("b").key(key).range(range).if_match(&etag).send();
    let tail = range("bytes=999990-").await.unwrap();
    assert_eq!(tail.content_range(), Some("bytes 999990-999999/1000000"));
    assert_eq!(read(tail.body).await, (data[999_990..].to_vec(), true));
    let middle = range("bytes=100-300099").await.unwrap();
    assert_eq!(middle.content_length(), Some(300_000));
    assert_eq!(read(middle.body).await, (data[100..300_100].to_vec(), true));
    let beyond = range("bytes=999999-5000000").await.unwrap();
    assert_eq!(beyond.content_length(), Some(1));
    assert_eq!(range("bytes=1000000-").await.unwrap_err().code(), Some("InvalidRange"));

    let head = s3.head_object().bucket("b").key(key).send().await.unwrap();
    assert_eq!(head.content_length(), Some(1_000_000));
    assert_eq!(head.e_tag(), Some(&*format!("\"{etag}\"")));

    // Overwritten: another ETag, and the old one does not match any more.
    let newer = aws.put_object("b", key, "short");
    assert_ne!(newer, etag);
    let error = range("bytes=1-").await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    assert_eq!(error.code(), Some("PreconditionFailed"));

    // Over the wire the other way.
    let body = ByteStream::from(data.clone());
    let put = s3.put_object().bucket("b").key("up/loaded").body(body).send().await.unwrap();
    assert_eq!(aws.object("b", "up/loaded").unwrap(), data);
    assert_eq!(get(s3, "up/loaded").await.e_tag(), put.e_tag());
    s3.delete_object().bucket("b").key("up/loaded").send().await.unwrap();
    assert_eq!(aws.keys("b"), [key]);
}

#[tokio::test(start_paused = true)]
async fn gets_and_ranges_in_process() {
    let aws = FakeAws::new(1);
    Box::pin(gets_and_ranges(&aws, &sdk::s3(&aws))).await;
}

#[tokio::test]
async fn gets_and_ranges_over_tcp() {
    let aws = FakeAws::new(1);
    let tcp = OverTcp::start(&aws).await;
    Box::pin(gets_and_ranges(&aws, &tcp.s3)).await;
}

async fn errors(aws: &FakeAws, s3: &Client) {
    assert_eq!(get_error(s3, "k").await.code(), Some("NoSuchBucket"));
    let head = s3.head_bucket().bucket("b").send().await.unwrap_err().into_service_error();
    assert!(matches!(head, HeadBucketError::NotFound(_)), "{head:?}");
    let list = s3.list_objects_v2().bucket("b").send().await.unwrap_err().into_service_error();
    assert!(matches!(list, ListObjectsV2Error::NoSuchBucket(_)), "{list:?}");
    aws.create_bucket("b");
    let error = get_error(s3, "k").await;
    assert!(matches!(error, GetObjectError::NoSuchKey(_)), "{error:?}");
    let head = s3.head_object().bucket("b").key("k").send().await.unwrap_err().into_service_error();
    assert!(matches!(head, HeadObjectError::NotFound(_)), "{head:?}");
    aws.set_access("b", Access::NoList);
    assert_eq!(get_error(s3, "k").await.code(), Some("AccessDenied"));
    aws.put_object("b", "k", "content");
    get(s3, "k").await;
    aws.set_access("b", Access::Denied);
    assert_eq!(get_error(s3, "k").await.code(), Some("AccessDenied"));
    aws.set_access("b", Access::Full);
    aws.set_archived("b", "k", true);
    let error = get_error(s3, "k").await;
    assert!(matches!(error, GetObjectError::InvalidObjectState(_)), "{error:?}");
    aws.set_archived("b", "k", false);

    for (status, code) in [
        (503, "SlowDown"),
        (500, "InternalError"),
        (400, "ExpiredToken"),
        (403, "AccessDenied"),
        (400, "RequestTimeout"),
        (404, "NoSuchVersion"),
    ] {
        aws.fail_next("GetObject", 1, status, code);
        let error = s3.get_object().bucket("b").key("k").send().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
        assert_eq!(error.code(), Some(code));
    }
    aws.allow_access_keys(["AKIAOTHER"]);
    assert_eq!(get_error(s3, "k").await.code(), Some("InvalidAccessKeyId"));
    aws.allow_access_keys([sdk::ACCESS_KEY]);

    aws.set_bucket_region("b", "eu-west-1");
    let error = s3.get_object().bucket("b").key("k").send().await.unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 301);
    assert_eq!(response.headers().get("x-amz-bucket-region"), Some("eu-west-1"));
    assert_eq!(error.code(), Some("PermanentRedirect"));
}

#[tokio::test(start_paused = true)]
async fn errors_in_process() {
    let aws = FakeAws::new(1);
    Box::pin(errors(&aws, &sdk::s3(&aws))).await;
}

#[tokio::test]
async fn errors_over_tcp() {
    let aws = FakeAws::new(1);
    let tcp = OverTcp::start(&aws).await;
    Box::pin(errors(&aws, &tcp.s3)).await;
}

async fn a_cut_body(aws: &FakeAws, s3: &Client) {
    let data = content(500_000);
    let etag = aws.put_object("b", "k", data.clone());
    aws.cut_after("b", "k", 300_001);
    aws.cut_after("b", "k", 100_000);

    let output = get(s3, "k").await;
    assert_eq!(output.content_length(), Some(500_000));
    let (mut got, whole) = read(output.body).await;
    assert_eq!((got.len(), whole), (300_001, false));
    // The second fault cuts the answer to the ranged request that resumes.
    for expected in [false, true] {
        let range = format!("bytes={}-", got.len());
        let resumed = s3.get_object().bucket("b").key("k").range(range).if_match(&etag).send().await;
        let (more, whole) = read(resumed.unwrap().body).await;
        assert_eq!(whole, expected);
        got.extend(more);
    }
    assert_eq!(got, data);
    assert_eq!(aws.calls("GetObject"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cut_body_in_process() {
    let aws = FakeAws::new(1);
    a_cut_body(&aws, &sdk::s3(&aws)).await;
}

#[tokio::test]
async fn a_cut_body_over_tcp() {
    let aws = FakeAws::new(1);
    let tcp = OverTcp::start(&aws).await;
    a_cut_body(&aws, &tcp.s3).await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_never_goes_on() {
    let aws = FakeAws::new(1);
    let s3 = sdk::s3(&aws);
    aws.put_object("b", "k", content(500_000));
    aws.stall_after("b", "k", 100_000);
    let start = Instant::now();
    // The SDK's protection against stalled streams ends it.
    let (got, whole) = read(get(&s3, "k").await.body).await;
    assert_eq!((got.len(), whole), (100_000, false));
    assert!((4..=8).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_stalled_body_over_tcp_stays_open() {
    let aws = FakeAws::new(1);
    let tcp = OverTcp::start(&aws).await;
    aws.put_object("b", "k", content(100_000));
    aws.stall_after("b", "k", 50_000);
    let mut body = get(&tcp.s3, "k").await.body;
    let mut got = 0;
    while got < 50_000 {
        got += body.next().await.unwrap().unwrap().len();
    }
    tokio::time::timeout(Duration::from_millis(200), body.next()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_takes_its_time() {
    let aws = FakeAws::new(1);
    let s3 = sdk::s3(&aws);
    let data = content(500_000);
    aws.put_object("b", "k", data.clone());
    aws.slow("b", "k", 5_000);
    let start = Instant::now();
    assert_eq!(read(get(&s3, "k").await.body).await, (data, true));
    assert!((99..=101).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_body_is_seen_only_with_checksums() {
    let aws = FakeAws::new(1);
    let s3 = sdk::s3(&aws);
    let data = content(200_000);
    aws.put_object("b", "k", data.clone());
    aws.corrupt_at("b", "k", 150_000);
    let (got, whole) = read(get(&s3, "k").await.body).await;
    assert!(whole);
    let wrong: Vec<_> = (0..data.len()).filter(|&at| got[at] != data[at]).collect();
    assert_eq!(wrong, [150_000]);
    assert_eq!(read(get(&s3, "k").await.body).await, (data.clone(), true));

    aws.keep_checksums("b");
    aws.put_object("b", "k", data.clone());
    aws.corrupt_at("b", "k", 150_000);
    let (got, whole) = read(get(&s3, "k").await.body).await;
    assert_eq!((got.len(), whole), (200_000, false));
    assert_eq!(read(get(&s3, "k").await.body).await, (data, true));
}

#[tokio::test(start_paused = true)]
async fn listings_have_pages() {
    let aws = FakeAws::new(1);
    let s3 = sdk::s3(&aws);
    for n in 0..25 {
        aws.put_object("b", &format!("logs/{n:02} &<ü>"), "x");
    }
    aws.put_object("b", "logs/sub/1", "x");
    aws.put_object("b", "logs/sub/2", "x");
    aws.put_object("b", "other", "x");

    let mut pages = s3.list_objects_v2().bucket("b").prefix("logs/").max_keys(10).into_paginator().send();
    let mut keys = Vec::new();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.key_count().unwrap());
        keys.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    assert_eq!(sizes, [10, 10, 7]);
    assert_eq!(keys, aws.keys("b")[..27]);

    let after = s3.list_objects_v2().bucket("b").start_after("logs/sub/1").send().await.unwrap();
    let keys: Vec<_> = after.contents().iter().map(|object| object.key().unwrap()).collect();
    assert_eq!(keys, ["logs/sub/2", "other"]);
    assert_eq!(after.is_truncated(), Some(false));
    assert_eq!(after.contents()[0].size(), Some(1));
    assert!(after.contents()[0].last_modified().is_some());

    let folders = s3.list_objects_v2().bucket("b").delimiter("/").send().await.unwrap();
    assert_eq!(folders.common_prefixes()[0].prefix(), Some("logs/"));
    assert_eq!(folders.contents()[0].key(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn new_objects_are_announced_in_every_shape() {
    let aws = FakeAws::new(1);
    let sqs = sdk::sqs(&aws);
    let key = "AWSLogs/a+b%2Bc d/é=1~.json.gz";
    let encoded = "AWSLogs/a%2Bb%252Bc+d/%C3%A9%3D1~.json.gz";
    for shape in Shape::ALL {
        let queue = format!("{shape:?}");
        aws.create_queue(&queue, QueueSettings::default());
        aws.notify("b", &queue, shape);
    }
    let etag = aws.put_object("b", key, "content");
    for shape in Shape::ALL {
        let url = aws.queue_url(&format!("{shape:?}"));
        let received = sqs.receive_message().queue_url(url).send().await.unwrap();
        let json = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
        let body = json(received.messages()[0].body().unwrap());
        let inner = || json(body["Message"].as_str().unwrap());
        let (event, is_s3) = match shape {
            Shape::S3Event | Shape::SnsRaw => (body, true),
            Shape::SnsWrapped => (inner(), true),
            Shape::CloudTrailSns => (inner(), false),
            Shape::EventBridge | Shape::CloudTrailRaw => (body, false),
        };
        if is_s3 {
            let s3 = &event["Records"][0]["s3"];
            assert_eq!(s3["bucket"]["name"], "b");
            assert_eq!(s3["object"]["key"], encoded);
            assert_eq!(s3["object"]["size"], 7);
            assert_eq!(s3["object"]["eTag"], etag);
        } else if shape == Shape::EventBridge {
            assert_eq!(event["detail-type"], "Object Created");
            assert_eq!(event["detail"]["object"]["key"], key);
            assert_eq!(event["detail"]["bucket"]["name"], "b");
        } else {
            assert_eq!(event["s3Bucket"], "b");
            assert_eq!(event["s3ObjectKey"][0], key);
        }
    }
    let test = aws.test_event(Shape::S3Event, "b").unwrap();
    let test: serde_json::Value = serde_json::from_str(&test).unwrap();
    assert_eq!(test["Event"], "s3:TestEvent");
}

//! Whatever stands in a message or a key.

use quittance_aws::{
    Notification, ObjectRef, Payload, TagTemplate, Tagger, Whereabouts, bare, notification, partition_of_arn, payload,
    queue_name, regions,
};
use quittance_core::{Tag, Tags};
use quittance_fuzz::fuzz;
use quittance_testbed::aws::{FakeAws, Shape};
use serde_json::{Value, json};

const KEYS: [&str; 4] = [
    "AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/2026/01/15/x.json.gz",
    "a+b%2Bc d/Größe/🚀\u{202e}.log",
    "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/x",
    "../../etc/passwd\n\u{1b}[31m",
];

/// Messages in every shape, about these keys.
fn messages() -> Vec<String> {
    let aws = FakeAws::new(7);
    let of = |shape: Shape| {
        let about = KEYS.map(|key| aws.notification(shape, "bucket", key, 100, "etag"));
        about.into_iter().chain(aws.test_event(shape, "bucket"))
    };
    let mut messages: Vec<String> = Shape::ALL.into_iter().flat_map(of).collect();
    messages.push("CloudTrail validation message.".to_owned());
    messages
        .push(json!({"Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:x:1:t", "Message": "m"}).to_string());
    messages
}

/// Every text in a JSON value, and in the JSON texts within it.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            found.push(text.clone());
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                texts(&inner, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(values) => values.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

fn is_printable(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

/// What is announced was said; nothing else is read, and no name of it is more than a name.
#[test]
fn notifications() {
    fuzz("notifications", messages(), |input| {
        let Ok(body) = std::str::from_utf8(input) else { return };
        let Notification::Objects { created, others } = notification(body) else { return };
        let mut said = Vec::new();
        // Of what stands around it, less is asked for than that it can be read.
        let Ok(value) = serde_json::from_str(body) else { return };
        texts(&value, &mut said);
        assert!(created.len() + others <= body.len());
        for object in created {
            assert!(said.contains(&object.bucket), "{object:?} of {body}");
            let decoded = |text: &String| {
                percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().as_deref()
                    == Some(&object.key)
            };
            assert!(said.iter().any(|text| *text == object.key || decoded(text)), "{object:?} of {body}");
            assert!(object.raw_key.as_ref().is_none_or(|raw| said.contains(raw) && *raw != object.key));
            assert!(object.region.as_deref().is_none_or(|region| regions(&[region.to_owned()]).is_ok()), "{object:?}");
            assert!(object.version.as_deref().is_none_or(|version| !version.is_empty() && version != "null"));
            assert!(is_printable(&object.to_string()), "{object}");
        }
    });
}

/// An event stands in its body, as it is or as the text of an envelope; and a body that is no envelope is all of it.
#[test]
fn payloads() {
    fuzz("payloads", messages(), |input| {
        let Ok(body) = std::str::from_utf8(input) else { return };
        let Payload::Event(event) = payload(body.to_owned()) else {
            assert!(
                body.trim().is_empty()
                    || body.contains("TestEvent")
                    || body.contains("Confirmation")
                    || body.contains("Message"),
                "{body}"
            );
            return;
        };
        if !body.contains("TopicArn") {
            assert_eq!(event, body);
        } else if event != body {
            let mut said = Vec::new();
            let Ok(value) = serde_json::from_str(body) else { return };
            texts(&value, &mut said);
            assert!(said.contains(&event), "{event}");
        }
    });
}

/// Whatever data says of itself, its tag is one of the template's.
#[test]
fn tags_from_data() {
    let template = TagTemplate::new("cloud.aws.cloudtrail.{event_type}.{account}.{region}", "events").unwrap();
    let seeds =
        ["ec2\u{1}111122223333\u{1}eu-west-1\u{1}", "\"S3\"\u{1}a.b: x\u{1}<14>\u{1}AWSLogs/111122223333/x/eu-west-1/"];
    fuzz(
        "tags_from_data",
        seeds.into_iter().map(str::to_owned).chain(KEYS.map(|key| format!("a\u{1}b\u{1}c\u{1}{key}"))),
        |input| {
            let mut parts = input.splitn(4, |byte| *byte == 1);
            let mut next = || parts.next();
            let (event_type, account, region, key) = (next(), next(), next(), next());
            let here = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
            let at = here.refined_by_key(&String::from_utf8_lossy(key.unwrap_or_default()));
            assert!(at.account.len() == 12 && at.account.bytes().all(|b| b.is_ascii_digit()), "{at:?}");
            assert!(regions(std::slice::from_ref(&at.region)).is_ok(), "{at:?}");
            let tags = Tags::default();
            let mut tagger = Tagger::new(template.clone(), at, tags.clone());
            let id = tagger.id(event_type.and_then(bare), account.and_then(bare), region.and_then(bare));
            assert_eq!(tagger.id(event_type.and_then(bare), account.and_then(bare), region.and_then(bare)), id);
            let tag = tags.tag(id);
            assert!(tag.as_str().starts_with("cloud.aws.cloudtrail."), "{tag}");
            assert_eq!(tag.as_str().split('.').count(), 6, "{tag}");
            // A template may hold anything as well.
            if let Ok(own) = TagTemplate::new(&String::from_utf8_lossy(input), "events") {
                let id = Tagger::new(own, Whereabouts::default(), tags.clone()).id(event_type, account, region);
                assert!(Tag::new(tags.tag(id).as_str()).is_ok());
            }
        },
    );
}

#[test]
fn names() {
    let seeds = [
        "devo-cloudtrail.fifo",
        "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
        "eu-west-1",
        "us-gov-west-1",
        "arn:aws-cn:iam::111122223333:role/a",
        "arn:aws:kms:eu-west-1:111122223333:key/0a-1b",
        "my-trail-{account}-{region}",
    ];
    fuzz("names", seeds, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        assert!(partition_of_arn(text).is_none_or(|partition| text.starts_with("arn:") && !partition.contains(':')));
        let told = |result: Result<String, String>| match result {
            Ok(name) => assert_eq!(name, text.trim()),
            Err(problem) => assert!(is_printable(&problem), "{problem:?}"),
        };
        told(
            queue_name("queue", Some(text), &["eu-west-1".to_owned()], "it is read").map_err(|error| error.to_string()),
        );
        told(regions(&[text.to_owned()]).map(|regions| regions[0].clone()).map_err(|error| error.to_string()));
        assert!(is_printable(&ObjectRef::new(text, text).to_string()));
    });
}

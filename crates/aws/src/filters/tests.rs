//! Each condition and each action, on events of every form; and what a reference says of them.

use std::sync::Arc;

use quittance_core::{Tag, Tags};
use quittance_formats::{Cells, Renamed};
use serde_json::{Value, json};

use super::{FilterSection, Filters, Sieve};
use crate::{ObjectRef, Route, Whereabouts};

const TAG: &str = "cloud.aws.cloudtrail.events";
const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/15/x.json.gz";

fn read(filters: Value) -> Vec<FilterSection> {
    serde_json::from_value(filters).unwrap()
}

/// Filters at work on an object of flow logs, rows or JSON.
struct Scene {
    sieve: Sieve,
    tags: Tags,
}

impl Scene {
    fn new(filters: Value) -> Scene {
        let (tags, filters) = (Tags::default(), Filters::new("one", &read(filters)).unwrap());
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let object = ObjectRef::new("trail", KEY);
        Scene { sieve: Sieve::new(&Arc::new(filters), &at, Some(&object), &tags).unwrap(), tags }
    }

    fn rows(filters: Value, cells: Cells, header: &str) -> Scene {
        let mut scene = Scene::new(filters);
        scene.sieve.rows(Some(cells));
        scene.sieve.renamed(&Renamed { before: 0, header: header.as_bytes().to_vec(), cells });
        scene
    }

    /// What is sent of an event, with its tag.
    fn send(&mut self, event: &str) -> Option<(String, String)> {
        let mut event = event.as_bytes().to_vec();
        let route = Route::Send(self.tags.id(&Tag::new(TAG).unwrap()));
        let verdict = self.sieve.judge(&event, None, route);
        if verdict.masks {
            self.sieve.mask(&mut event, verdict.by);
        }
        match verdict.route {
            Route::Send(id) => Some((self.tags.tag(id).to_string(), String::from_utf8(event).unwrap())),
            Route::Drop(_) => None,
        }
    }

    fn drops(&mut self, event: &str) -> bool {
        self.send(event).is_none()
    }
}

/// Whether a condition is met by an event.
fn meets(condition: Value, event: &str) -> bool {
    Scene::new(json!([{"when": [condition], "action": "drop"}])).drops(event)
}

const EVENT: &str = r#"{"eventName":"GetObject","sourceIPAddress":"10.1.2.3","userIdentity":{"type":"AWSService","n":42},
    "resources":[{"ARN":"arn:a"},{"ARN":"arn:b"}],"readOnly":true,"errorCode":null,"quoted":"a \"b\" \u00e9"}"#;

#[test]
fn each_condition_looks_at_fields_of_json() {
    for (condition, expected) in [
        (json!({"field": "eventName", "is": ["PutObject", "GetObject"]}), true),
        (json!({"field": "eventName", "is": ["Get"]}), false),
        (json!({"field": "eventName", "prefix": ["Put", "Get"]}), true),
        (json!({"field": "eventName", "prefix": ["get"]}), false),
        (json!({"field": "sourceIPAddress", "cidr": ["192.168.0.0/16", "10.0.0.0/8"]}), true),
        (json!({"field": "sourceIPAddress", "cidr": ["10.1.2.3"]}), true),
        (json!({"field": "sourceIPAddress", "cidr": ["2001:db8::/32", "10.2.0.0/16"]}), false),
        (json!({"field": "eventName", "cidr": ["0.0.0.0/0"]}), false),
        (json!({"field": "eventName", "matches": "^Get(Object|Bucket)$"}), true),
        (json!({"field": "eventName", "matches": "(?i)^getobj"}), true),
        (json!({"field": "eventName", "matches": "^Object"}), false),
        (json!({"field": "userIdentity.n", "is": ["42"]}), true),
        (json!({"field": "readOnly", "is": ["true"]}), true),
        (json!({"field": "/userIdentity/type", "is": ["AWSService"]}), true),
        (json!({"field": "resources.*.ARN", "is": ["arn:b"]}), true),
        (json!({"field": "resources[0].ARN", "is": ["arn:b"]}), false),
        (json!({"field": "quoted", "is": ["a \"b\" é"]}), true),
        (json!({"field": "userIdentity", "present": true}), true),
        (json!({"field": "userIdentity", "matches": "."}), false),
        (json!({"field": "errorCode", "present": true}), false),
        (json!({"field": "errorCode", "present": false}), true),
        (json!({"field": "nothing", "present": false}), true),
        (json!({"not": {"field": "eventName", "is": ["GetObject"]}}), false),
        (json!({"any": [{"field": "eventName", "is": ["x"]}, {"field": "readOnly", "present": true}]}), true),
        (json!({"all": [{"field": "eventName", "is": ["x"]}, {"field": "readOnly", "present": true}]}), false),
    ] {
        assert_eq!(meets(condition.clone(), EVENT), expected, "{condition}");
    }
}

#[test]
fn parts_of_the_event_as_a_whole_are_looked_at() {
    for (condition, expected) in [
        (json!({"part": "text", "matches": "10\\.1\\.2\\.3"}), true),
        (json!({"part": "text", "prefix": ["{\"eventName\""]}), true),
        (json!({"part": "tag", "prefix": ["cloud.aws.cloudtrail"]}), true),
        (json!({"part": "account", "is": ["111122223333"]}), true),
        (json!({"part": "region", "is": ["us-east-1"]}), false),
        (json!({"part": "bucket", "is": ["trail"]}), true),
        (json!({"part": "key", "matches": "/CloudTrail/.*gz$"}), true),
    ] {
        assert_eq!(meets(condition.clone(), EVENT), expected, "{condition}");
    }
}

#[test]
fn columns_of_lines_and_rows_are_looked_at_and_masked() {
    let filters = |column: &str, network: &str| {
        json!([
            {"when": [{"column": column, "cidr": [network]}], "action": "drop"},
            {"when": [{"column": "2", "present": true}], "mask_columns": ["2"]},
        ])
    };
    let mut flow = Scene::rows(filters("srcaddr", "10.0.0.0/8"), Cells::By(b' '), "version account-id srcaddr");
    assert!(flow.drops("2 111122223333 10.0.0.1"));
    let sent = |text: &str| Some((TAG.to_owned(), text.to_owned()));
    assert_eq!(flow.send("2 111122223333 8.8.8.8"), sent("2 ************ 8.8.8.8"));
    assert_eq!(flow.send("2 - 8.8.8.8"), sent("2 - 8.8.8.8"));
    flow.sieve.renamed(&Renamed { before: 0, header: b"srcaddr account-id".to_vec(), cells: Cells::By(b' ') });
    assert!(flow.drops("10.0.0.1 1 8.8.8.8"), "columns were named anew");
    let mut rows =
        Scene::rows(filters("InternalIp", "10.0.0.0/8"), Cells::Csv, r#""Timestamp","Identity","InternalIp""#);
    assert!(rows.drops(r#""2026-01-15","a, ""b""","10.0.0.1""#));
    let row = r#""2026-01-15","a, ""b""","8.8.8.8""#;
    assert_eq!(rows.send(row), sent(r#""2026-01-15","********","8.8.8.8""#));
    assert!(!Scene::new(filters("srcaddr", "10.0.0.0/8")).drops("2 1 10.0.0.1"), "text of no columns");
}

#[test]
fn the_first_filter_that_matches_decides() {
    let mut scene = Scene::new(json!([
        {"when": [{"field": "keep", "present": true}], "action": "send"},
        {"when": [{"field": "eventName", "prefix": ["Describe"]}], "action": "drop"},
        {"when": [{"field": "eventName", "is": ["Describe", "List"]}], "route": "my.app.quiet.{account}.{region}"},
    ]));
    let tag = |event: &str, scene: &mut Scene| scene.send(event).map(|(tag, _)| tag);
    assert_eq!(tag(r#"{"eventName":"DescribeX","keep":1}"#, &mut scene), Some(TAG.to_owned()));
    assert_eq!(tag(r#"{"eventName":"Describe"}"#, &mut scene), None);
    assert_eq!(tag(r#"{"eventName":"List"}"#, &mut scene), Some("my.app.quiet.111122223333.eu-west-1".to_owned()));
    assert_eq!(tag(r#"{"eventName":"Get"}"#, &mut scene), Some(TAG.to_owned()));
    assert_eq!(tag("no json", &mut scene), Some(TAG.to_owned()));
}

#[test]
fn a_mask_covers_every_spelling_of_a_secret_and_nothing_else() {
    let mut scene = Scene::new(json!([{"mask": ["a.secret", "a.list.*.key", "a"]}, {"action": "drop"}]));
    let mut inner = Scene::new(json!([{"mask": ["a.secret", "a.list.*.key"]}]));
    let mut sent = |event: &str| inner.send(event).unwrap().1;
    assert_eq!(
        sent(r#"{"a": {"secret":"one","x":1,"secret":"two"} ,"a":{"\u0073ecret":123,"list":[{"key":true},{"k":2}]}}"#),
        r#"{"a": {"secret":"***","x":1,"secret":"***"} ,"a":{"\u0073ecret":0  ,"list":[{"key":null},{"k":2}]}}"#
    );
    // From where nobody can follow it, all of it may be a secret.
    assert_eq!(sent(r#"{"b":1,"a":{"secret":"cut of"#), r#"{"b":1,"a":{"secret":*******"#);
    assert_eq!(sent(r#"{"b":1} {"a":{"secret":"x"}} rest"#), r#"{"b":1} {"a":{"secret":"*"}} ****"#);
    assert_eq!(sent("secret=1"), "secret=1");
    assert_eq!(scene.send(r#"{"a":{"secret":"one"},"b":2}"#).unwrap().1, r#"{"a":{              },"b":2}"#);
}

#[test]
fn a_sample_is_the_same_whenever_an_event_comes() {
    let filters = json!([{"sample": 10}]);
    let event = |n: u32| format!(r#"{{"n":{n}}}"#);
    let kept = |scene: &mut Scene| (0..5000).filter(|n| !scene.drops(&event(*n))).collect::<Vec<_>>();
    let first = kept(&mut Scene::new(filters.clone()));
    assert!((400..600).contains(&first.len()), "{}", first.len());
    assert_eq!(kept(&mut Scene::new(filters)), first, "on another machine");
    // What was once kept stays kept with a later version too.
    assert_eq!(first[..5], FIRST_KEPT);
}

/// Of events as above.
const FIRST_KEPT: [u32; 5] = [8, 15, 22, 26, 38];

#[test]
fn what_cannot_be_meant_is_told_with_its_key() {
    for (filter, key, said) in [
        (json!({}), "filters[0]", "says nothing that it does"),
        (json!({"action": "drop", "route": "a.b"}), "filters[0].action", "`drop` beside `route`"),
        (json!({"route": "one"}), "filters[0].route", "at least two levels"),
        (json!({"route": "a.b.{event_type}"}), "filters[0].route", "is not known to a filter"),
        (json!({"route": "a.b.{x}"}), "filters[0].route", "is not filled in"),
        (json!({"sample": 1}), "filters[0].sample", "expected 2 or more"),
        (json!({"mask": ["a..b"]}), "filters[0].mask[0]", "is no path"),
        (json!({"mask_columns": ["0"]}), "filters[0].mask_columns[0]", "from 1 on"),
        (json!({"action": "drop", "when": [{}]}), "filters[0].when[0]", "says nothing that is looked at"),
        (json!({"action": "drop", "when": [{"field": "a"}]}), "filters[0].when[0]", "says nothing that it must be"),
        (
            json!({"action": "drop", "when": [{"field": "a", "column": "b", "is": ["c"]}]}),
            "filters[0].when[0]",
            "has `field`, `column` at once",
        ),
        (
            json!({"action": "drop", "when": [{"field": "a", "is": ["b"], "prefix": ["c"]}]}),
            "filters[0].when[0]",
            "has `is`, `prefix` at once",
        ),
        (
            json!({"action": "drop", "when": [{"not": {"field": "a", "cidr": ["10.0.0.0/8", "10.0.0.0/33"]}}]}),
            "filters[0].when[0].not.cidr[1]",
            "`10.0.0.0/33` is no network",
        ),
        (
            json!({"action": "drop", "when": [{"any": [{"field": "a", "matches": "(a"}]}]}),
            "filters[0].when[0].any[0].matches",
            "no regular expression",
        ),
        (
            json!({"action": "drop", "when": [{"field": "a", "matches": "(a{1000}){1000}"}]}),
            "filters[0].when[0].matches",
            "no regular expression",
        ),
        (json!({"action": "drop", "when": [{"any": []}]}), "filters[0].when[0].any", "at least one"),
        (json!({"action": "drop", "when": [{"field": "a", "is": []}]}), "filters[0].when[0].is", "at least one"),
        (
            json!({"action": "drop", "when": [{"not": {"field": "a", "present": true}, "is": ["b"]}]}),
            "filters[0].when[0].is",
            "stands beside `not`",
        ),
    ] {
        let error = Filters::new("one", &read(json!([filter]))).unwrap_err();
        assert_eq!(error.key, key, "{filter}: {error}");
        assert!(error.problem.contains(said), "{filter}: {error}");
    }
    let twice = json!([{"name": "a", "action": "drop"}, {"name": "a", "action": "send"}]);
    assert_eq!(Filters::new("one", &read(twice)).unwrap_err().key, "filters[1].name");
}

/// A value at a path as serde_json reads it.
fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

#[test]
fn verdicts_and_masks_are_those_of_a_reference() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut scene = Scene::new(json!([
        {"when": [{"field": "a.name", "prefix": ["x"]}, {"not": {"field": "b", "is": ["y", "xx"]}}], "action": "drop"},
        {"mask": ["a.name", "b"]},
    ]));
    let text = |rng: &mut fastrand::Rng| -> String {
        (0..rng.usize(0..4)).map(|_| *rng.choice(&['x', 'y', '"', '\\', 'é', '\n']).unwrap()).collect()
    };
    let (mut dropped, mut masked) = (0, 0);
    for _ in 0..5000 {
        let mut event = json!({"z": text(&mut rng), "a": {"other": text(&mut rng)}});
        if rng.bool() {
            event["a"]["name"] = text(&mut rng).into();
        }
        if rng.bool() {
            event["b"] = text(&mut rng).into();
        }
        let written = if rng.bool() { event.to_string() } else { format!("{event:#}") };
        let (name, b) = (text_at(&event, &["a", "name"]), text_at(&event, &["b"]));
        let drops = name.is_some_and(|name| name.starts_with('x')) && !matches!(b, Some("y" | "xx"));
        let Some((_, sent)) = scene.send(&written) else {
            assert!(drops, "{written}");
            dropped += 1;
            continue;
        };
        assert!(!drops, "{written}");
        assert_eq!(sent.len(), written.len());
        let mut sent: Value = serde_json::from_str(&sent).unwrap();
        for (path, text) in [("/a/name", name), ("/b", b)] {
            let Some(text) = text else { continue };
            let value = sent.pointer_mut(path).unwrap();
            assert!(value.as_str().unwrap().bytes().all(|byte| byte == b'*'), "{written}");
            *value = text.into();
            masked += 1;
        }
        assert_eq!(sent, event, "nothing else changed");
    }
    assert!(dropped > 200 && masked > 2000, "{dropped} {masked}");
}

/// Whatever an event is, masking keeps its length, and touches only values, and what comes after damage.
#[test]
fn masking() {
    let seeds = [EVENT, r#"{"eventName":"x","eventName":["#, "{'a'}", "2 3 4", r#"{"resources":{"a":{"ARN":1}}} x"#];
    quittance_fuzz::fuzz("masking", seeds, |input| {
        let mut scene = Scene::new(json!([{"mask": ["eventName", "resources.*.ARN"]}]));
        let route = Route::Send(scene.tags.id(&Tag::new(TAG).unwrap()));
        let mut event = input.to_vec();
        let verdict = scene.sieve.judge(&event, None, route);
        scene.sieve.mask(&mut event, verdict.by);
        assert_eq!(event.len(), input.len());
        let mut again = input.to_vec();
        let verdict = scene.sieve.judge(&again, None, route);
        scene.sieve.mask(&mut again, verdict.by);
        assert_eq!(event, again, "the same bytes each time");
        if let Ok(mut value) = serde_json::from_slice::<Value>(input) {
            let mut masked: Value = serde_json::from_slice(&event).unwrap();
            // What others see at the paths is taken out of both; the rest is the same.
            for value in [&mut value, &mut masked] {
                if let Some(map) = value.as_object_mut() {
                    map.remove("eventName");
                    let items: Vec<&mut Value> = match map.get_mut("resources") {
                        Some(Value::Array(items)) => items.iter_mut().collect(),
                        Some(Value::Object(items)) => items.values_mut().collect(),
                        _ => Vec::new(),
                    };
                    for item in items.into_iter().filter_map(Value::as_object_mut) {
                        item.remove("ARN");
                    }
                }
            }
            assert_eq!(value, masked);
        }
    });
}

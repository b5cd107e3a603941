//! Generated data: exact counts, sound forms, unique events, the same bytes from the same seed.

use std::collections::HashSet;
use std::io::Read;

use fastrand::Rng;
use flate2::read::MultiGzDecoder;
use quittance_formats::{Csv, Frame, Framer, csv};
use quittance_testbed::generate::{
    Origin, cloudfront, cloudtrail, eventbridge, guardduty, gzip, metrics, securityhub, umbrella, voiso, vpcflow,
};
use serde_json::Value;

fn origin() -> Origin {
    let time = "2024-03-05T07:09:00Z".parse().unwrap();
    Origin::new("111122223333", "us-east-1", time)
}

fn rng() -> Rng {
    Rng::with_seed(7)
}

fn lines(object: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(object).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().collect()
}

#[test]
fn a_trail_is_one_line_of_unique_records_like_aws_own() {
    let object = cloudtrail::object(&mut rng(), &origin(), 0, 5000);
    assert!(!object.contains(&b'\n'));
    let average = object.len() / 5000;
    assert!((1000..1500).contains(&average), "{average} bytes a record");

    let document: Value = serde_json::from_slice(&object).unwrap();
    let records = document["Records"].as_array().unwrap();
    assert_eq!(records.len(), 5000);
    let distinct =
        |member: &str| -> HashSet<&str> { records.iter().map(|record| record[member].as_str().unwrap()).collect() };
    assert_eq!(distinct("eventID").len(), 5000);
    assert!(distinct("eventSource").len() >= 20);
    assert!(distinct("eventTime").len() > 250);
    assert!(
        distinct("eventTime")
            .iter()
            .all(|time| time.len() == 20 && *time > "2024-03-05T07:03:59Z" && *time <= "2024-03-05T07:09:00Z")
    );
    let identities: HashSet<&str> =
        records.iter().map(|record| record["userIdentity"]["type"].as_str().unwrap()).collect();
    assert_eq!(identities, HashSet::from(["AssumedRole", "IAMUser", "AWSService", "Root"]));
    for record in records {
        assert_eq!(record["recipientAccountId"], "111122223333");
        assert_eq!(record["awsRegion"], "us-east-1");
        assert_eq!(record["eventID"].as_str().unwrap().len(), 36);
        assert!(record["readOnly"].is_boolean());
    }
    assert!(object.iter().any(|byte| *byte > 127));
    assert!(object.windows(2).any(|pair| pair == b"\\\""));
}

#[test]
fn every_template_and_region_makes_sound_json() {
    let time = "2024-12-31T23:59:59Z".parse().unwrap();
    let mut rng = rng();
    for region in Origin::REGIONS {
        let origin = Origin::new(Origin::ACCOUNTS[1], region, time);
        let object = cloudtrail::object(&mut rng, &origin, 0, 5000);
        let document: Value = serde_json::from_slice(&object).unwrap();
        assert_eq!(document["Records"].as_array().unwrap().len(), 5000);
    }
    assert_eq!(cloudtrail::object(&mut rng, &origin(), 0, 0), b"{\"Records\":[]}");
}

#[test]
fn flows_are_unique_lines_of_fourteen_fields() {
    let object = vpcflow::object(&mut rng(), &origin(), 1000, 100_000);
    let lines = lines(&object);
    assert_eq!(lines.len(), 100_001);
    assert!(lines[0].starts_with("version account-id interface-id "));
    assert!(lines.iter().all(|line| line.split(' ').count() == 14));
    assert_eq!(lines.iter().collect::<HashSet<_>>().len(), 100_001);
    let idle = lines.iter().filter(|line| line.ends_with(" - NODATA")).count();
    assert!((1000..2500).contains(&idle), "{idle}");
}

#[test]
fn requests_are_unique_rows_of_the_33_fields() {
    let object = cloudfront::object(&mut rng(), &origin(), 0, 20_000);
    let lines = lines(&object);
    assert_eq!(lines.len(), 20_002);
    assert_eq!(lines[0], "#Version: 1.0");
    let names: Vec<&str> = lines[1].strip_prefix("#Fields: ").unwrap().split(' ').collect();
    assert_eq!(names.len(), 33);
    let id = names.iter().position(|name| *name == "x-edge-request-id").unwrap();
    let rows: Vec<Vec<&str>> = lines[2..].iter().map(|line| line.split('\t').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 33 && row[id].len() == 56));
    let ids: HashSet<&str> = rows.iter().map(|row| row[id]).collect();
    assert_eq!(ids.len(), 20_000);
}

#[test]
fn envelopes_are_json_of_many_sources() {
    let mut rng = rng();
    let envelopes: Vec<Value> = (0..5000)
        .map(|ordinal| {
            let event = eventbridge::event(&mut rng, &origin(), ordinal);
            serde_json::from_str(&event).unwrap()
        })
        .collect();
    let distinct = |member: &str| -> HashSet<&str> {
        envelopes.iter().map(|envelope| envelope[member].as_str().unwrap()).collect()
    };
    assert_eq!(distinct("id").len(), 5000);
    assert!(distinct("source").len() >= 12);
    assert!(distinct("detail-type").len() >= 12);
    assert!(envelopes.iter().all(|envelope| envelope["detail"].is_object()));
}

#[test]
fn findings_are_asff_in_envelopes() {
    let mut rng = rng();
    let (mut ids, mut products) = (HashSet::new(), HashSet::new());
    for first in (0..2000).step_by(20) {
        for (first, count) in [(first, 1), (first + 1, 19)] {
            let message: Value =
                serde_json::from_str(&securityhub::message(&mut rng, &origin(), first, count)).unwrap();
            let kind =
                if count == 1 { "Security Hub Findings - Imported" } else { "Security Hub Findings - Custom Action" };
            assert_eq!((&message["detail-type"], &message["source"]), (&kind.into(), &"aws.securityhub".into()));
            let findings = message["detail"]["findings"].as_array().unwrap();
            assert_eq!(findings.len() as u64, count);
            for finding in findings {
                assert_eq!((&finding["AwsAccountId"], &finding["Region"]), (&message["account"], &message["region"]));
                assert!(finding["Resources"].is_array() && finding["Severity"]["Label"].is_string());
                ids.insert(finding["Id"].as_str().unwrap().to_owned());
                products.insert(finding["ProductName"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!((ids.len(), products.len()), (2000, 4));
}

#[test]
fn voiso_events_are_the_twelve_and_unique() {
    let mut rng = rng();
    let events: HashSet<String> = (0..5000).map(|ordinal| voiso::event(&mut rng, &origin(), ordinal)).collect();
    assert_eq!(events.len(), 5000);
    let mut kinds = HashSet::new();
    for event in &events {
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(event.as_object().unwrap().len(), 5);
        assert!(event["params"].is_object() && event["timestamp"].as_str().unwrap().len() == 23);
        kinds.insert((event["type"].to_string(), event["event"].to_string()));
    }
    assert_eq!(kinds.len(), 12);
    // Unique by what does not depend on chance.
    let people: HashSet<&str> = events.iter().filter_map(|event| event.split("agent.").nth(1)?.get(..12)).collect();
    assert_eq!(people.len(), 5000);
}

#[test]
fn umbrella_rows_are_unique_and_of_the_columns_of_some_version() {
    let mut rng = rng();
    for log in umbrella::Log::ALL {
        let (mut rows, mut widths, mut headers) = (HashSet::new(), HashSet::new(), 0);
        for n in 0..40 {
            let object = umbrella::object(&mut rng, &origin(), log, n * 100, 100);
            let mut frames = Vec::new();
            Csv::new(1 << 20).frame(&object, true, &mut frames).unwrap();
            headers += frames.len() - 100;
            let width = HashSet::<usize>::from_iter(frames.iter().map(|frame| {
                let Frame::Event { start, end } = *frame else { panic!("{frame:?}") };
                rows.insert(object[start..end].to_vec());
                csv::cells(&object[start..end])
            }));
            assert_eq!(width.len(), 1, "{log:?}");
            widths.extend(width);
        }
        // Headers of one width are alike.
        assert!((4000..4010).contains(&rows.len()), "{log:?}: {}", rows.len());
        assert!((1..40).contains(&headers), "{log:?}: {headers}");
        let several = matches!(log, umbrella::Log::Dns | umbrella::Log::Ip | umbrella::Log::Proxy);
        assert_eq!(widths.len() > 1, several, "{log:?}: {widths:?}");
        let key = umbrella::key(&mut rng, &origin(), log);
        assert!(key.contains(&format!("/{}/2024-03-05/2024-03-05-07-00-", log.folder())), "{key}");
        assert!(key.ends_with(".csv.gz"), "{key}");
    }
}

#[test]
fn objects_of_ranges_that_do_not_overlap_share_no_event() {
    let origin = origin();
    let mut ids = HashSet::new();
    // The same seed each time: only the ordinals differ.
    for first in [0, 500, 1 << 32] {
        let object = cloudtrail::object(&mut rng(), &origin, first, 500);
        let document: Value = serde_json::from_slice(&object).unwrap();
        for record in document["Records"].as_array().unwrap() {
            ids.insert(record["eventID"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), 1500);
    let flows: HashSet<String> = [0, 500]
        .into_iter()
        .flat_map(|first| {
            let object = vpcflow::object(&mut rng(), &origin, first, 500);
            lines(&object)[1..].iter().map(ToString::to_string).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(flows.len(), 1000);
}

#[test]
fn a_seed_makes_the_same_bytes_every_time() {
    let make = || {
        let mut rng = rng();
        let origin = Origin::any(&mut rng, "2024-03-05T07:09:00Z".parse().unwrap());
        [
            cloudtrail::object(&mut rng, &origin, 0, 100),
            vpcflow::object(&mut rng, &origin, 0, 100),
            cloudfront::object(&mut rng, &origin, 0, 100),
            eventbridge::event(&mut rng, &origin, 0).into_bytes(),
            cloudtrail::key(&mut rng, &origin).into_bytes(),
            securityhub::message(&mut rng, &origin, 0, 3).into_bytes(),
            voiso::event(&mut rng, &origin, 0).into_bytes(),
            umbrella::object(&mut rng, &origin, umbrella::Log::Proxy, 0, 100),
        ]
    };
    assert_eq!(make(), make());
}

#[test]
fn keys_are_made_as_aws_makes_them() {
    let (mut rng, origin) = (rng(), origin());
    let shape = |key: String, before: &str, random: usize, after: &str| {
        let middle = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        assert!(
            middle.is_some_and(|middle| middle.len() == random
                && middle.bytes().all(|byte| byte.is_ascii_alphanumeric())),
            "{key}"
        );
    };
    shape(
        cloudtrail::key(&mut rng, &origin),
        "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/05/111122223333_CloudTrail_us-east-1_20240305T0709Z_",
        16,
        ".json.gz",
    );
    let flow = vpcflow::key(&mut rng, &origin);
    let (before, rest) = flow.split_once("_fl-").unwrap();
    assert_eq!(before, "AWSLogs/111122223333/vpcflowlogs/us-east-1/2024/03/05/111122223333_vpcflowlogs_us-east-1");
    assert_eq!(rest.find('_'), Some(17));
    shape(rest[17..].to_owned(), "_20240305T0709Z_", 8, ".log.gz");
    let requests = cloudfront::key(&mut rng, &origin);
    assert!(requests.starts_with('E'), "{requests}");
    shape(requests[14..].to_owned(), ".2024-03-05-07.", 8, ".gz");
}

#[test]
fn gzip_makes_one_member() {
    let object = cloudtrail::object(&mut rng(), &origin(), 0, 200);
    let packed = gzip(&object, 6);
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < object.len() / 2);
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, object);
}

#[test]
fn findings_are_unique_by_ordinal_and_change_by_version() {
    let made = |ordinal: u64, count: u64| {
        let version = guardduty::Version { updated: origin().time, count, archived: false };
        guardduty::finding(&mut Rng::with_seed(ordinal), &origin(), ordinal, version)
    };
    let mut ids = HashSet::new();
    for ordinal in 0..1000 {
        let finding: Value = serde_json::from_str(&made(ordinal, 3)).unwrap();
        assert_eq!((&finding["service"]["count"], &finding["accountId"]), (&3.into(), &"111122223333".into()));
        assert_eq!(finding["updatedAt"], "2024-03-05T07:09:00.000Z");
        assert_eq!(finding["id"], guardduty::id(ordinal));
        assert_eq!(guardduty::id(ordinal).len(), 32);
        ids.insert(guardduty::id(ordinal));
    }
    assert_eq!(ids.len(), 1000);
    assert_eq!(made(7, 3).replace("\"count\":3", "\"count\":4"), made(7, 4));
}

#[test]
fn a_fleet_has_as_many_metrics_as_ordinals() {
    let all: HashSet<_> = (0..600).map(metrics::metric).collect();
    assert_eq!(all.len(), 600);
    let namespaces: HashSet<_> = all.iter().map(|metric| metric.namespace.as_str()).collect();
    assert_eq!(namespaces.len(), 4);
    assert_eq!(metrics::sample(&mut rng(), 1, origin().time), metrics::sample(&mut rng(), 1, origin().time));
}

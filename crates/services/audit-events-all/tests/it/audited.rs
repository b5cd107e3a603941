//! Trails that record our own reads are found by the setup, by what their event selectors say.

use quittance_core::{Finding, Severity, Unit};
use quittance_testbed::aws::{FakeAws, Place, REGION};
use serde_json::{Value, json};

use crate::own::{BUCKET, account, aws, unit};

/// A unit that knows which bucket is announced.
async fn reader(aws: &FakeAws, more: Value) -> Unit {
    let mut keys = json!({"buckets": [BUCKET]});
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    unit(account(aws).await, keys)
}

/// What the setup says of own calls.
async fn found(aws: &FakeAws, more: Value) -> Vec<Finding> {
    let findings = reader(aws, more).await.setup.check().await.unwrap();
    findings.into_iter().filter(|finding| finding.code.to_string() == "SetupError136").collect()
}

/// Whether a trail with these selectors, which writes to the bucket that is read, is told of.
async fn is_told(selectors: &Value) -> bool {
    let aws = aws();
    aws.put_trail(&Place::default(), "all", BUCKET, None, selectors.clone());
    let found = found(&aws, json!({})).await;
    assert!(found.len() <= 1, "{found:?}");
    found.len() == 1
}

fn basic(read_write: &str, of: &str, values: &[&str]) -> Value {
    json!({"EventSelectors": [{
        "ReadWriteType": read_write,
        "IncludeManagementEvents": true,
        "DataResources": [{"Type": of, "Values": values}],
        "ExcludeManagementEventSources": [],
    }]})
}

/// An advanced selector of data events of objects, with these fields besides.
fn advanced(more: &[Value]) -> Value {
    let mut fields = vec![
        json!({"Field": "eventCategory", "Equals": ["Data"]}),
        json!({"Field": "resources.type", "Equals": ["AWS::S3::Object"]}),
    ];
    fields.extend(more.iter().cloned());
    json!({"AdvancedEventSelectors": [
        {"Name": "Management", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
        {"Name": "Objects", "FieldSelectors": fields},
    ]})
}

#[tokio::test(start_paused = true)]
async fn a_trail_that_records_reads_of_its_own_bucket_is_told_of_with_what_to_do() {
    let aws = aws();
    aws.put_trail(&Place::default(), "all", BUCKET, None, basic("All", "AWS::S3::Object", &["arn:aws:s3"]));
    let told = found(&aws, json!({})).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].severity, Severity::Warning);
    assert_eq!(
        told[0].problem,
        "trail `all` records reads of bucket `logs`, which it writes to: each object that is read makes new ones"
    );
    assert!(told[0].fix.contains("drop_own_calls: true"), "{}", told[0].fix);
    assert!(found(&aws, json!({"drop_own_calls": true})).await.is_empty());
    assert_eq!(aws.calls("DescribeTrails"), 1, "what changes nothing is not asked");
}

#[tokio::test(start_paused = true)]
async fn basic_selectors_say_which_reads_are_recorded() {
    let object = "AWS::S3::Object";
    for (expected, selectors) in [
        (true, basic("All", object, &["arn:aws:s3:::"])),
        (true, basic("ReadOnly", object, &["arn:aws:s3:::other/", "arn:aws:s3:::logs/"])),
        (true, basic("ReadOnly", object, &["arn:aws:s3:::logs/AWSLogs/111122223333/"])),
        (false, basic("WriteOnly", object, &["arn:aws:s3:::"])),
        (false, basic("All", object, &["arn:aws:s3:::logs-of-others/"])),
        (false, basic("All", object, &["arn:aws:s3:::logs/elsewhere/"])),
        (false, basic("All", object, &[])),
        (false, basic("All", "AWS::Lambda::Function", &["arn:aws:lambda"])),
        (
            false,
            json!({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": []}]}),
        ),
        (false, json!({})),
    ] {
        assert_eq!(is_told(&selectors).await, expected, "{selectors}");
    }
}

#[tokio::test(start_paused = true)]
async fn advanced_selectors_say_which_reads_are_recorded() {
    let one = |field: &str, operator: &str, values: &[&str]| json!({"Field": field, operator: values});
    let arn = |operator: &str, value: &str| advanced(&[one("resources.ARN", operator, &[value])]);
    let us = "arn:aws:iam::111122223333:user/AKIATEST";
    for (expected, selectors) in [
        (true, advanced(&[])),
        (true, advanced(&[one("readOnly", "Equals", &["true"])])),
        (false, advanced(&[one("readOnly", "Equals", &["false"])])),
        (true, arn("StartsWith", "arn:aws:s3:::logs/")),
        (true, arn("StartsWith", "arn:aws:s3:::logs/AWSLogs/o-abc/")),
        (false, arn("StartsWith", "arn:aws:s3:::logs/other/")),
        (false, arn("StartsWith", "arn:aws:s3:::payments/")),
        (false, arn("Equals", "arn:aws:s3:::logs/AWSLogs/one.json.gz")),
        (false, arn("NotStartsWith", "arn:aws:s3:::logs/")),
        (false, arn("NotStartsWith", "arn:aws:s3:::logs")),
        (true, arn("NotStartsWith", "arn:aws:s3:::logs/AWSLogs/111122223333/")),
        (true, arn("NotEquals", "arn:aws:s3:::logs/")),
        (true, arn("EndsWith", ".gz")),
        (false, arn("EndsWith", ".pdf")),
        (false, arn("NotEndsWith", ".json.gz")),
        (true, advanced(&[one("eventName", "Equals", &["PutObject", "GetObject"])])),
        (true, advanced(&[one("eventName", "StartsWith", &["Get"])])),
        (false, advanced(&[one("eventName", "Equals", &["DeleteObject"])])),
        (false, advanced(&[one("eventName", "NotEquals", &["GetObject"])])),
        (false, advanced(&[one("userIdentity.arn", "NotEquals", &[us])])),
        (true, advanced(&[one("userIdentity.arn", "NotEquals", &["arn:aws:iam::111122223333:user/other"])])),
        (false, advanced(&[one("userIdentity.arn", "StartsWith", &["arn:aws:sts::111122223333:assumed-role/x/"])])),
        (false, advanced(&[one("eventSource", "NotEquals", &["s3.amazonaws.com"])])),
        (true, advanced(&[one("vpcEndpointId", "Equals", &["vpce-1"])])),
    ] {
        assert_eq!(is_told(&selectors).await, expected, "{selectors}");
    }
    let tables = json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        one("eventCategory", "Equals", &["Data"]), one("resources.type", "Equals", &["AWS::DynamoDB::Table"])]}]});
    assert!(!is_told(&tables).await);
}

/// Trails of other regions are shown, and asked where they live; those that write elsewhere are not asked.
#[tokio::test(start_paused = true)]
async fn a_trail_is_asked_where_it_lives_and_only_if_it_writes_to_what_is_read() {
    let aws = aws();
    let all = advanced(&[]);
    aws.put_trail(&Place::new("111122223333", "eu-west-1"), "elsewhere", BUCKET, Some("org"), all.clone());
    aws.put_trail(&Place::default(), "another", "archive", None, all);
    let told = found(&aws, json!({})).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].problem.starts_with("trail `elsewhere` records reads of bucket `logs`"), "{}", told[0].problem);
    assert_eq!(aws.calls("GetEventSelectors"), 1);
}

/// Two trails that record each other's bucket go round as well.
#[tokio::test(start_paused = true)]
async fn a_trail_that_records_another_bucket_that_is_read_is_told_of() {
    let aws = aws();
    aws.create_bucket("more");
    let selectors = advanced(&[json!({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::more/"]})]);
    aws.put_trail(&Place::default(), "all", BUCKET, None, selectors);
    assert!(found(&aws, json!({})).await.is_empty());
    let told = found(&aws, json!({"buckets": [BUCKET, "more"]})).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].problem.contains("`more`, and writes to `logs`"), "{}", told[0].problem);
}

/// It is not needed to run, so a refusal is no finding, and an API that hangs holds nothing up for long.
#[tokio::test(start_paused = true)]
async fn who_may_not_ask_about_trails_hears_nothing_of_it() {
    for api in ["DescribeTrails", "GetEventSelectors"] {
        let aws = aws();
        aws.put_trail(&Place::default(), "all", BUCKET, None, advanced(&[]));
        aws.put_object(BUCKET, "AWSLogs/x.json.gz", "");
        aws.fail_while(api, "AccessDeniedException");
        let unit = reader(&aws, json!({})).await;
        let findings = unit.setup.check().await.unwrap();
        assert!(findings.iter().all(|finding| finding.code.to_string() != "SetupError136"), "{findings:?}");
        assert!(findings.iter().all(|finding| !finding.problem.contains(api)), "{findings:?}");
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
    }
    let aws = aws();
    aws.lose_sometimes("DescribeTrails", 1.0, quittance_testbed::aws::Loss::Hang);
    let began = tokio::time::Instant::now();
    assert!(found(&aws, json!({})).await.is_empty());
    assert!(began.elapsed().as_secs() <= 10, "{:?}", began.elapsed());
}

/// A unit is checked every minute as long as it runs; trails are looked at once an hour.
#[tokio::test(start_paused = true)]
async fn trails_are_asked_about_seldom() {
    let aws = aws();
    aws.put_trail(&Place::new("111122223333", REGION), "all", BUCKET, None, advanced(&[]));
    let unit = reader(&aws, json!({})).await;
    for _ in 0..90 {
        let findings = unit.setup.check().await.unwrap();
        assert!(findings.iter().any(|finding| finding.problem.starts_with("trail `all`")), "{findings:?}");
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
    assert_eq!((aws.calls("DescribeTrails"), aws.calls("GetEventSelectors")), (2, 2));
}

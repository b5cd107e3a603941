//! CloudTrail's trails, and which events they record: DescribeTrails and GetEventSelectors.

use std::sync::Mutex;

use http::Response;
use serde_json::{Value, json};

use super::body::Body;
use super::error::ApiError;
use super::place::Place;
use super::{FakeAws, json, lock};

/// Every trail, in the order in which they were made.
#[derive(Default)]
pub(super) struct Recordings(Mutex<Vec<Recording>>);

struct Recording {
    home: Place,
    name: String,
    bucket: String,
    prefix: Option<String>,
    /// `EventSelectors` or `AdvancedEventSelectors`.
    selectors: Value,
}

impl Recording {
    fn arn(&self) -> String {
        let Place { account, region } = &self.home;
        format!("arn:aws:cloudtrail:{region}:{account}:trail/{}", self.name)
    }
}

impl FakeAws {
    /// Makes a trail of all regions, which writes to `bucket`, below `prefix` if there is one. `selectors` is what
    /// GetEventSelectors answers beside its ARN: `{"EventSelectors": [...]}` or `{"AdvancedEventSelectors": [...]}`.
    pub fn put_trail(&self, home: &Place, name: &str, bucket: &str, prefix: Option<&str>, selectors: Value) {
        let (name, bucket, prefix) = (name.to_owned(), bucket.to_owned(), prefix.map(str::to_owned));
        lock(&self.0.recordings.0).push(Recording { home: home.clone(), name, bucket, prefix, selectors });
    }

    pub(super) fn describe_trails(&self, at: &Place, request: &Value) -> Response<Body> {
        // They are shown in every region, unless somebody wants it otherwise.
        let shadows = request["includeShadowTrails"].as_bool().unwrap_or(true);
        let named = |recording: &Recording| match request["trailNameList"].as_array() {
            Some(names) if !names.is_empty() => {
                names.iter().any(|name| name == recording.name.as_str() || name == recording.arn().as_str())
            }
            _ => true,
        };
        let shown = |recording: &Recording| {
            let is_here = recording.home.region == at.region;
            recording.home.account == at.account && (is_here || shadows) && named(recording)
        };
        let trails: Vec<Value> = lock(&self.0.recordings.0).iter().filter(|one| shown(one)).map(described).collect();
        json::answer(&json!({ "trailList": trails }))
    }

    pub(super) fn get_event_selectors(&self, at: &Place, request: &Value) -> Result<Response<Body>, ApiError> {
        let asked = request["TrailName"].as_str().unwrap_or_default();
        let recordings = lock(&self.0.recordings.0);
        let mut here = recordings.iter().filter(|one| one.home == *at);
        let Some(found) = here.find(|one| one.name == asked || one.arn() == asked) else {
            let message = format!("Unknown trail: {asked} for the user: {}", at.account);
            return Err(ApiError::new(400, "TrailNotFoundException", message));
        };
        let mut answer = found.selectors.clone();
        answer["TrailARN"] = found.arn().into();
        Ok(json::answer(&answer))
    }
}

fn described(recording: &Recording) -> Value {
    let mut trail = json!({
        "Name": recording.name,
        "S3BucketName": recording.bucket,
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": true,
        "HomeRegion": recording.home.region,
        "TrailARN": recording.arn(),
        "LogFileValidationEnabled": false,
        "HasCustomEventSelectors": true,
        "HasInsightSelectors": false,
        "IsOrganizationTrail": false,
    });
    if let Some(prefix) = &recording.prefix {
        trail["S3KeyPrefix"] = prefix.as_str().into();
    }
    trail
}

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
    /// When its logging was stopped, in seconds since the epoch, if it is.
    stopped: Option<i64>,
    /// Why it could not write last, if it could not.
    refused: Option<String>,
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
        lock(&self.0.recordings.0).push(Recording {
            home: home.clone(),
            name,
            bucket,
            prefix,
            selectors,
            stopped: None,
            refused: None,
        });
    }

    /// Switches the trails of that name on or off, as StartLogging and StopLogging do.
    pub fn set_logging(&self, name: &str, logging: bool) {
        let now = self.now().as_second();
        for one in lock(&self.0.recordings.0).iter_mut().filter(|one| one.name == name) {
            one.stopped = (!logging).then_some(now);
        }
    }

    /// Lets trails of that name be refused by their bucket with this error, or no more.
    pub fn refuse_trail(&self, name: &str, error: Option<&str>) {
        for one in lock(&self.0.recordings.0).iter_mut().filter(|one| one.name == name) {
            one.refused = error.map(str::to_owned);
        }
    }

    pub(super) fn get_trail_status(&self, at: &Place, request: &Value) -> Result<Response<Body>, ApiError> {
        let asked = request["Name"].as_str().unwrap_or_default();
        let recordings = lock(&self.0.recordings.0);
        let mut here = recordings.iter().filter(|one| one.home == *at);
        let Some(found) = here.find(|one| one.name == asked || one.arn() == asked) else {
            let message = format!("Unknown trail: {asked} for the user: {}", at.account);
            return Err(ApiError::new(400, "TrailNotFoundException", message));
        };
        let mut answer = json!({ "IsLogging": found.stopped.is_none() });
        if let Some(at) = found.stopped {
            answer["StopLoggingTime"] = at.into();
        }
        if let Some(refused) = &found.refused {
            answer["LatestDeliveryError"] = refused.as_str().into();
        }
        Ok(json::answer(&answer))
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

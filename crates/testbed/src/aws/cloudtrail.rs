//! CloudTrail's LookupEvents, and the events as tests put them there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::Body;
use super::error::ApiError;
use super::place::Place;
use super::request::Call;
use super::{FakeAws, json, lock, paging};

/// The most events on a page.
const PAGE: i64 = 50;

/// How far back events can be looked up: 90 days, in seconds.
const HORIZON: i64 = 90 * 24 * 3600;

/// AWS does not say how long a token lives.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The events of every account and region, by second and the order they were put in.
#[derive(Default)]
pub(super) struct Trails(Mutex<HashMap<Place, Trail>>);

type Trail = BTreeMap<(i64, i64), Record>;

struct Record {
    /// Milliseconds.
    visible_at: i64,
    is_insight: bool,
    shown: Event,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    event_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    event_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    resources: Vec<Resource>,
    cloud_trail_event: String,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    resource_type: String,
    resource_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupEvents {
    #[serde(default)]
    lookup_attributes: Vec<LookupAttribute>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    event_category: Option<String>,
    max_results: Option<i64>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupAttribute {
    attribute_key: String,
    attribute_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl FakeAws {
    /// Puts an event, which can be looked up from `visible_at` on. `json` is the whole record; its `eventID`,
    /// `eventName` and the like are shown beside it, and `time` is cut to the second.
    pub fn put_audit_event(&self, at: &Place, time: Timestamp, visible_at: Timestamp, json: impl Into<String>) {
        let json = json.into();
        let record: Value = serde_json::from_str(&json).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let user = &record["userIdentity"];
        let resource =
            |one: &Value| Some(Resource { resource_type: text(&one["type"])?, resource_name: text(&one["ARN"])? });
        let event = Event {
            event_id: text(&record["eventID"]).unwrap_or_else(|| format!("{:032x}", self.random_u128())),
            event_name: text(&record["eventName"]),
            read_only: record["readOnly"].as_bool().map(|only| only.to_string()),
            access_key_id: text(&user["accessKeyId"]),
            event_time: time.as_millisecond().div_euclid(1000),
            event_source: text(&record["eventSource"]),
            username: text(&user["userName"]).or_else(|| text(&user["sessionContext"]["sessionIssuer"]["userName"])),
            resources: record["resources"].as_array().into_iter().flatten().filter_map(resource).collect(),
            cloud_trail_event: json,
        };
        let is_insight = record["eventCategory"] == "Insight";
        let mut trails = lock(&self.0.trails.0);
        let trail = trails.entry(at.clone()).or_default();
        let key = (event.event_time, i64::try_from(trail.len()).unwrap_or(i64::MAX));
        trail.insert(key, Record { visible_at: visible_at.as_millisecond(), is_insight, shown: event });
    }

    pub(super) fn answer_cloudtrail(&self, call: &Call, body: &Bytes) -> Result<Response<Body>, ApiError> {
        match call.api {
            "LookupEvents" => self.lookup_events(&self.place_of(call), json::read(body)?),
            "DescribeTrails" => Ok(self.describe_trails(&self.place_of(call), &json::read(body)?)),
            "GetTrailStatus" => self.get_trail_status(&self.place_of(call), &json::read(body)?),
            "GetEventSelectors" => self.get_event_selectors(&self.place_of(call), &json::read(body)?),
            _ => Err(ApiError::new(400, "UnknownOperationException", "Not an operation that is here.")),
        }
    }

    fn lookup_events(&self, at: &Place, mut request: LookupEvents) -> Result<Response<Body>, ApiError> {
        const API: &str = "LookupEvents";
        let refused = |code: &str, message: &str| Err(ApiError::new(400, code, message));
        let asked = request.next_token.take();
        let bound = paging::bound(&(at, &request));
        let limit = request.max_results.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&limit) {
            return refused("InvalidMaxResultsException", "MaxResults must be between 1 and 50.");
        }
        let wants_insights = match request.event_category.as_deref() {
            None => false,
            Some("insight") => true,
            Some(_) => return refused("InvalidEventCategoryException", "The event category is not valid."),
        };
        let [from, to] = [request.start_time, request.end_time].map(|time| time.map(|time| time.floor() as i64));
        if matches!((from, to), (Some(from), Some(to)) if from > to) {
            return refused("InvalidTimeRangeException", "Start time cannot be after end time.");
        }
        let attribute = match &request.lookup_attributes[..] {
            [] => None,
            [only] if is_attribute(&only.attribute_key) => Some(only),
            _ => return refused("InvalidLookupAttributesException", "Expected one lookup attribute."),
        };
        let before = match &asked {
            None => (i64::MAX, i64::MAX),
            Some(token) => match self.page_position(API, token, bound, TOKEN_LIFETIME) {
                Some([second, order, _]) => (second, order),
                None => return refused("InvalidNextTokenException", "The token is not valid."),
            },
        };

        let now = self.0.clock.now_ms();
        let from = from.unwrap_or(i64::MIN).max(now.div_euclid(1000) - HORIZON);
        let to = to.unwrap_or(i64::MAX);
        let room = self.page_room(API, usize::try_from(limit).unwrap_or(1));
        let trails = lock(&self.0.trails.0);
        let shows = |record: &Record| {
            record.visible_at <= now
                && record.is_insight == wants_insights
                && attribute.is_none_or(|attribute| attribute.matches(&record.shown))
        };
        let before = before.min((to.saturating_add(1), i64::MIN));
        let newest_first = trails.get(at).into_iter().flat_map(|trail| trail.range(..before).rev());
        let mut found = newest_first.take_while(|((second, _), _)| *second >= from).filter(|(_, record)| shows(record));
        let (mut events, mut last) = (Vec::new(), before);
        for (key, record) in found.by_ref().take(room) {
            last = *key;
            events.push(record.shown.clone());
        }
        let next_token = (room == 0 || found.next().is_some())
            .then(|| self.page_token(API, asked.as_deref(), bound, [last.0, last.1, 0]));
        Ok(json::answer(&Found { events, next_token }))
    }
}

fn is_attribute(key: &str) -> bool {
    let keys =
        ["AccessKeyId", "EventId", "EventName", "EventSource", "ReadOnly", "ResourceName", "ResourceType", "Username"];
    keys.contains(&key)
}

impl LookupAttribute {
    fn matches(&self, event: &Event) -> bool {
        let is = |text: &Option<String>| text.as_ref() == Some(&self.attribute_value);
        match self.attribute_key.as_str() {
            "AccessKeyId" => is(&event.access_key_id),
            "EventId" => event.event_id == self.attribute_value,
            "EventName" => is(&event.event_name),
            "EventSource" => is(&event.event_source),
            "ReadOnly" => is(&event.read_only),
            "Username" => is(&event.username),
            "ResourceName" => event.resources.iter().any(|one| one.resource_name == self.attribute_value),
            "ResourceType" => event.resources.iter().any(|one| one.resource_type == self.attribute_value),
            _ => false,
        }
    }
}

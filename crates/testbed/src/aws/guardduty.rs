//! GuardDuty's API of findings: REST with JSON.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::body::Body;
use super::error::ApiError;
use super::paging::bound;
use super::request::{Call, UNKNOWN};
use super::{FakeAws, Place, lock};

const PAGE: usize = 50;

pub(super) fn api(method: &Method, path: &str) -> &'static str {
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    match (method, segments.as_slice()) {
        (&Method::GET, ["detector"]) => "ListDetectors",
        (&Method::POST, ["detector", _, "findings"]) => "ListFindings",
        (&Method::POST, ["detector", _, "findings", "get"]) => "GetFindings",
        (&Method::GET, ["detector", _]) => "GetDetector",
        (&Method::GET, ["detector", _, "administrator"]) => "GetAdministratorAccount",
        (&Method::POST, ["detector", _, "member", "get"]) => "GetMembers",
        _ => UNKNOWN,
    }
}

/// All detectors by their ids.
pub(super) type Detectors = BTreeMap<String, Detector>;

pub(super) struct Detector {
    place: Place,
    /// The versions of each finding, in the order they came.
    findings: BTreeMap<String, Vec<Version>>,
    /// The accounts that it administrates, and the status of each relationship.
    members: BTreeMap<String, String>,
    suspended: bool,
}

/// A finding as it was from one moment to the next version's.
struct Version {
    visible_from: i64,
    raw: String,
    parsed: Value,
}

impl Detector {
    /// Every finding as it is at present.
    fn current(&self, now: i64) -> impl Iterator<Item = (&String, &Version)> {
        let newest = move |versions: &'_ [Version]| versions.iter().rposition(|version| version.visible_from <= now);
        self.findings.iter().filter_map(move |(id, versions)| Some((id, &versions[newest(versions)?])))
    }
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    #[serde(alias = "eq")]
    equals: Option<Vec<String>>,
    #[serde(alias = "neq")]
    not_equals: Option<Vec<String>>,
    #[serde(alias = "gt")]
    greater_than: Option<i64>,
    #[serde(alias = "gte")]
    greater_than_or_equal: Option<i64>,
    #[serde(alias = "lt")]
    less_than: Option<i64>,
    #[serde(alias = "lte")]
    less_than_or_equal: Option<i64>,
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let number = value.and_then(number);
        let among = |list: &[String]| text.as_ref().is_some_and(|text| list.contains(text));
        let compares = |limit: Option<i64>, holds: fn(f64, f64) -> bool| {
            limit.is_none_or(|limit| number.is_some_and(|number| holds(number, limit as f64)))
        };
        self.equals.as_deref().is_none_or(among)
            && !self.not_equals.as_deref().is_some_and(among)
            && compares(self.greater_than, |a, b| a > b)
            && compares(self.greater_than_or_equal, |a, b| a >= b)
            && compares(self.less_than, |a, b| a < b)
            && compares(self.less_than_or_equal, |a, b| a <= b)
    }
}

/// A number, or a time in milliseconds since the epoch.
fn number(value: &Value) -> Option<f64> {
    let time = |text: &str| text.parse::<Timestamp>().ok().map(|time| time.as_millisecond() as f64);
    value.as_f64().or_else(|| value.as_str().and_then(time))
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct FindingCriteria {
    criterion: BTreeMap<String, Condition>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct SortCriteria {
    attribute_name: Option<String>,
    order_by: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ListFindings {
    finding_criteria: FindingCriteria,
    sort_criteria: SortCriteria,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetFindings {
    finding_ids: Vec<String>,
    #[serde(default)]
    sort_criteria: SortCriteria,
}

fn rejected(because: &str) -> ApiError {
    ApiError::new(400, "BadRequestException", format!("The request is rejected because {because}."))
}

impl SortCriteria {
    /// Sorts what stands at the attribute's path; without one, by id, which says nothing of time.
    fn sort(&self, found: &mut [(&String, &Version)]) {
        let Some(path) = self.attribute_name.as_deref().filter(|path| !path.is_empty()) else { return };
        found.sort_by(|(_, one), (_, other)| {
            let (one, other) = (at_path(&one.parsed, path), at_path(&other.parsed, path));
            match (one.and_then(number), other.and_then(number)) {
                (Some(one), Some(other)) => one.total_cmp(&other),
                _ => one.map_or(Ordering::Less, |one| one.to_string().cmp(&other.unwrap_or(&Value::Null).to_string())),
            }
        });
        if self.order_by.as_deref() == Some("DESC") {
            found.reverse();
        }
    }
}

/// `service.archived` of a finding.
fn at_path<'a>(finding: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(finding, |value, key| value.get(key))
}

impl FakeAws {
    pub(super) fn answer_guardduty(&self, call: &Call, request: &Request<Bytes>) -> Result<Response<Body>, ApiError> {
        let at = self.place_of(call);
        let id = request.uri().path().split('/').nth(2).unwrap_or_default();
        let detectors = lock(&self.0.detectors);
        let mine = |detector: &Detector| detector.place == at;
        let body = match call.api {
            "ListDetectors" => {
                let ids: Vec<_> = detectors.iter().filter(|(_, one)| mine(one)).map(|(id, _)| id).collect();
                json!({"detectorIds": ids}).to_string()
            }
            UNKNOWN => return Err(ApiError::new(404, "UnknownOperationException", "Not an operation that is here.")),
            api => {
                let detector = detectors
                    .get(id)
                    .filter(|detector| mine(detector))
                    .ok_or_else(|| rejected("the input detectorId is not owned by the current account"))?;
                let now = self.0.clock.now_ms();
                match api {
                    "ListFindings" => self.list_findings(id, detector, now, parse(request)?)?,
                    "GetDetector" => {
                        let status = if detector.suspended { "DISABLED" } else { "ENABLED" };
                        json!({"status": status, "serviceRole": "", "tags": {}}).to_string()
                    }
                    "GetAdministratorAccount" => administrator(&detectors, &at),
                    "GetMembers" => members(detector, &parse(request)?)?,
                    _ => get_findings(detector, now, &parse(request)?)?,
                }
            }
        };
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    /// A page's token is a position among what is found at the moment: when an update takes a finding out of what is
    /// asked for, the rest moves up, and the next page misses one. An empty token ends several pages, none at all one.
    fn list_findings(
        &self,
        id: &str,
        detector: &Detector,
        now: i64,
        mut asked: ListFindings,
    ) -> Result<String, ApiError> {
        let size = asked.max_results.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&size) {
            return Err(rejected("the parameter maxResults has an invalid value"));
        }
        let token = asked.next_token.take().filter(|token| !token.is_empty());
        let bound = bound(&(id, &asked));
        let from = match &token {
            None => 0,
            Some(token) => self
                .page_at("ListFindings", token, bound)
                .ok_or_else(|| rejected("the parameter nextToken has an invalid value"))?,
        };
        let criteria = &asked.finding_criteria.criterion;
        let matches = |version: &Version| {
            criteria.iter().all(|(path, condition)| condition.holds(at_path(&version.parsed, path)))
        };
        let mut found: Vec<_> = detector.current(now).filter(|(_, version)| matches(version)).collect();
        asked.sort_criteria.sort(&mut found);
        let room = self.page_room("ListFindings", size);
        let ids: Vec<_> = found.iter().skip(from).take(room).map(|(id, _)| id).collect();
        let mut answer = json!({"findingIds": ids});
        if from + room < found.len() || room == 0 {
            let next = i64::try_from(from + room).unwrap_or(i64::MAX);
            answer["nextToken"] = self.page_token("ListFindings", token.as_deref(), bound, [next, 0, 0]).into();
        } else if from > 0 {
            answer["nextToken"] = "".into();
        }
        Ok(answer.to_string())
    }

    /// Turns GuardDuty on in a region of an account; answers with the detector's id.
    pub fn add_detector(&self, at: &Place) -> String {
        let id = format!("{:032x}", self.random_u128());
        let detector =
            Detector { place: at.clone(), findings: BTreeMap::new(), members: BTreeMap::new(), suspended: false };
        lock(&self.0.detectors).insert(id.clone(), detector);
        id
    }

    /// Suspends GuardDuty in the region of a detector, or resumes it.
    ///
    /// # Panics
    ///
    /// If there is no such detector.
    pub fn suspend_detector(&self, detector: &str, suspended: bool) {
        lock(&self.0.detectors).get_mut(detector).expect("the detector is there").suspended = suspended;
    }

    /// Makes an account a member of the one that a detector belongs to. `status` is as GuardDuty writes it: `Enabled`,
    /// `Resigned`.
    ///
    /// # Panics
    ///
    /// If there is no such detector.
    pub fn add_member_of(&self, detector: &str, account: &str, status: &str) {
        let mut detectors = lock(&self.0.detectors);
        let members = &mut detectors.get_mut(detector).expect("the detector is there").members;
        members.insert(account.to_owned(), status.to_owned());
    }

    /// Adds a finding, or a new version in the place of one of the same `id`. It is shown from now on, byte by byte.
    pub fn put_finding(&self, detector: &str, json: impl Into<String>) {
        self.put_finding_later(detector, json, self.now());
    }

    /// As [`FakeAws::put_finding`], but the version is shown only from this time on.
    pub fn put_finding_later(&self, detector: &str, json: impl Into<String>, visible_from: Timestamp) {
        let raw = json.into();
        let parsed: Value = serde_json::from_str(&raw).expect("a finding is JSON");
        let id = parsed["id"].as_str().expect("a finding has an id").to_owned();
        let version = Version { visible_from: visible_from.as_millisecond(), raw, parsed };
        let mut detectors = lock(&self.0.detectors);
        let versions = detectors.get_mut(detector).expect("the detector is there").findings.entry(id).or_default();
        versions.push(version);
        versions.sort_by_key(|version| version.visible_from);
    }
}

fn get_findings(detector: &Detector, now: i64, asked: &GetFindings) -> Result<String, ApiError> {
    if asked.finding_ids.len() > PAGE {
        return Err(rejected("the parameter findingIds has more than 50 entries"));
    }
    let mut found: Vec<_> = detector.current(now).filter(|(id, _)| asked.finding_ids.contains(id)).collect();
    asked.sort_criteria.sort(&mut found);
    let findings: Vec<_> = found.iter().map(|(_, version)| version.raw.as_str()).collect();
    Ok(format!("{{\"findings\":[{}]}}", findings.join(",")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetMembers {
    account_ids: Vec<String>,
}

fn members(detector: &Detector, asked: &GetMembers) -> Result<String, ApiError> {
    if !(1..=PAGE).contains(&asked.account_ids.len()) {
        return Err(rejected("the parameter accountIds has not 1 to 50 entries"));
    }
    let member = |account: &String| {
        let status = detector.members.get(account)?;
        Some(json!({
            "accountId": account,
            "administratorId": detector.place.account,
            "masterId": detector.place.account,
            "email": format!("{account}@acme.example"),
            "relationshipStatus": status,
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }))
    };
    let found: Vec<_> = asked.account_ids.iter().filter_map(member).collect();
    let unknown = asked.account_ids.iter().filter(|account| !detector.members.contains_key(*account));
    let result = "The request is rejected because the given account ID is not an associated member.";
    let unknown: Vec<_> = unknown.map(|account| json!({"accountId": account, "result": result})).collect();
    Ok(json!({"members": found, "unprocessedAccounts": unknown}).to_string())
}

/// Nothing for who has none.
fn administrator(detectors: &Detectors, at: &Place) -> String {
    let mut others = detectors.values().filter(|detector| detector.place.region == at.region);
    let found = others.find_map(|detector| Some((&detector.place.account, detector.members.get(&at.account)?)));
    match found {
        Some((account, status)) => json!({"administrator": {
            "accountId": account,
            "invitationId": "0",
            "invitedAt": "2026-01-01T00:00:00.000Z",
            "relationshipStatus": status,
        }})
        .to_string(),
        None => String::new(),
    }
}

fn parse<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, ApiError> {
    let body: &[u8] = if request.body().is_empty() { b"{}" } else { request.body() };
    serde_json::from_slice(body).map_err(|_| rejected("the input is not what the operation takes"))
}

//! CloudWatch Logs, as its clients ask for it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::body::Body;
use super::error::ApiError;
use super::filter_pattern::Pattern;
use super::log_groups::arn;
use super::place::Place;
use super::request::Call;
use super::{FakeAws, json, lock, paging};

/// The most log groups on a page.
const GROUPS: i64 = 50;

/// The most events on a page, and the most bytes of their messages.
const EVENTS: i64 = 10_000;
const PAGE_BYTES: usize = 1024 * 1024;

/// How long a token lives.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How old an event may be when it is put, and how far ahead of time; in milliseconds.
const OLDEST: i64 = 14 * 24 * 3600 * 1000;
const EARLIEST: i64 = 2 * 3600 * 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateLogGroup {
    log_group_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateLogStream {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputLogEvent>,
}

#[derive(Debug, Deserialize)]
struct InputLogEvent {
    timestamp: i64,
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    #[serde(default)]
    include_linked_accounts: bool,
    #[serde(default)]
    account_identifiers: Vec<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredLogEvent<'a> {
    log_stream_name: &'a str,
    timestamp: i64,
    message: &'a str,
    ingestion_time: i64,
    event_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filtered<'a> {
    events: Vec<FilteredLogEvent<'a>>,
    searched_log_streams: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

fn no_group() -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", "The specified log group does not exist.")
}

impl FakeAws {
    pub(super) fn answer_logs(&self, call: &Call, body: &Bytes) -> Result<Response<Body>, ApiError> {
        let at = self.place_of(call);
        match call.api {
            "CreateLogGroup" => self.create_log_group_asked(&at, &json::read(body)?),
            "CreateLogStream" => self.create_log_stream(&at, &json::read(body)?),
            "PutLogEvents" => self.put_log_events(&at, json::read(body)?),
            "DescribeLogGroups" => self.describe_log_groups(&at, json::read(body)?),
            "FilterLogEvents" => self.filter_log_events(&at, json::read(body)?),
            _ => Err(ApiError::new(400, "UnknownOperationException", "Not an operation that is here.")),
        }
    }

    fn create_log_group_asked(&self, at: &Place, request: &CreateLogGroup) -> Result<Response<Body>, ApiError> {
        if lock(&self.0.log_groups.places).get(at).is_some_and(|groups| groups.contains_key(&request.log_group_name)) {
            let message = "The specified log group already exists";
            return Err(ApiError::new(400, "ResourceAlreadyExistsException", message));
        }
        self.create_log_group(at, &request.log_group_name);
        Ok(json::answer(&json!({})))
    }

    fn create_log_stream(&self, at: &Place, request: &CreateLogStream) -> Result<Response<Body>, ApiError> {
        let mut places = lock(&self.0.log_groups.places);
        let group = places.get_mut(at).and_then(|groups| groups.get_mut(&request.log_group_name));
        if !group.ok_or_else(no_group)?.streams.insert(request.log_stream_name.as_str().into()) {
            let message = "The specified log stream already exists";
            return Err(ApiError::new(400, "ResourceAlreadyExistsException", message));
        }
        Ok(json::answer(&json!({})))
    }

    fn put_log_events(&self, at: &Place, request: PutLogEvents) -> Result<Response<Body>, ApiError> {
        let now = self.0.clock.now_ms();
        if request.log_events.is_empty() || !request.log_events.is_sorted_by_key(|event| event.timestamp) {
            return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
        }
        let mut places = lock(&self.0.log_groups.places);
        let group = places.get_mut(at).and_then(|groups| groups.get_mut(&request.log_group_name));
        let group = group.ok_or_else(no_group)?;
        if !group.streams.contains(request.log_stream_name.as_str()) {
            let message = "The specified log stream does not exist.";
            return Err(ApiError::new(400, "ResourceNotFoundException", message));
        }
        let too_old = request.log_events.partition_point(|event| event.timestamp < now - OLDEST);
        let too_new = request.log_events.partition_point(|event| event.timestamp <= now + EARLIEST);
        let count = request.log_events.len();
        for event in request.log_events.into_iter().take(too_new).skip(too_old) {
            let (id, number) = self.new_event_id(event.timestamp);
            group.add(&request.log_stream_name, [event.timestamp, now, number], event.message, id);
        }
        let mut rejected = serde_json::Map::new();
        if too_old > 0 {
            rejected.insert("tooOldLogEventEndIndex".to_owned(), too_old.into());
        }
        if too_new < count {
            rejected.insert("tooNewLogEventStartIndex".to_owned(), too_new.into());
        }
        let mut answer = json!({ "nextSequenceToken": "ignored" });
        if !rejected.is_empty() {
            answer["rejectedLogEventsInfo"] = rejected.into();
        }
        Ok(json::answer(&answer))
    }

    fn describe_log_groups(&self, at: &Place, mut request: DescribeLogGroups) -> Result<Response<Body>, ApiError> {
        const API: &str = "DescribeLogGroups";
        let asked = request.next_token.take();
        let bound = paging::bound(&(at, &request));
        let limit = request.limit.unwrap_or(GROUPS);
        if !(1..=GROUPS).contains(&limit) {
            return Err(invalid("limit must be between 1 and 50."));
        }
        if request.log_group_name_prefix.is_some() && request.log_group_name_pattern.is_some() {
            return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
        }
        if request.account_identifiers.len() > 20
            || (!request.account_identifiers.is_empty() && !request.include_linked_accounts)
        {
            return Err(invalid("accountIdentifiers: at most 20, and only with includeLinkedAccounts."));
        }
        let skipped = match &asked {
            None => 0,
            Some(token) => match self.page_position(API, token, bound, TOKEN_LIFETIME) {
                Some([skipped, ..]) => skipped,
                None => return Err(invalid("The specified nextToken is invalid.")),
            },
        };

        let mut accounts = BTreeSet::from([at.account.clone()]);
        if request.include_linked_accounts {
            accounts.extend(lock(&self.0.metrics).sources(&at.account).cloned());
        }
        accounts.retain(|one| request.account_identifiers.is_empty() || request.account_identifiers.contains(one));
        let room = self.page_room(API, usize::try_from(limit).unwrap_or(1));
        let places = lock(&self.0.log_groups.places);
        let wanted = |name: &str| {
            request.log_group_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
                && request.log_group_name_pattern.as_ref().is_none_or(|pattern| name.contains(pattern))
        };
        let mut groups = Vec::new();
        for account in accounts {
            let place = Place::new(account, &at.region);
            let here = places.get(&place).into_iter().flatten().filter(|(name, _)| wanted(name));
            groups.extend(here.map(|(name, group)| (name, place.clone(), group)));
        }
        groups.sort_by_key(|(name, ..)| *name);
        let mut groups = groups.into_iter().skip(usize::try_from(skipped).unwrap_or(0));
        let brief = request.log_group_name_pattern.is_some();
        let shown: Vec<_> = groups
            .by_ref()
            .take(room)
            .map(|(name, place, group)| {
                let arn = arn(&place, name);
                let mut shown = json!({
                    "logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn, "creationTime": group.created,
                });
                if !brief {
                    shown["storedBytes"] = group.stored_bytes.into();
                    shown["metricFilterCount"] = 0.into();
                    shown["logGroupClass"] = "STANDARD".into();
                }
                shown
            })
            .collect();
        let next = skipped + i64::try_from(shown.len()).unwrap_or(0);
        let mut answer = json!({ "logGroups": shown });
        if room == 0 || groups.next().is_some() {
            answer["nextToken"] = self.page_token(API, asked.as_deref(), bound, [next, 0, 0]).into();
        }
        Ok(json::answer(&answer))
    }

    fn filter_log_events(&self, at: &Place, mut request: FilterLogEvents) -> Result<Response<Body>, ApiError> {
        const API: &str = "FilterLogEvents";
        let asked = request.next_token.take();
        let bound = paging::bound(&(at, &request));
        let (place, name) = self.group_meant(at, &request)?;
        let limit = request.limit.unwrap_or(EVENTS);
        if !(1..=EVENTS).contains(&limit) {
            return Err(invalid("limit must be between 1 and 10000."));
        }
        if !request.log_stream_names.is_empty() && request.log_stream_name_prefix.is_some() {
            return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive."));
        }
        let (from, to) = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(i64::MAX));
        if from < 0 || to < 0 || from > to {
            return Err(invalid("End time must not be before start time, and neither before 1970."));
        }
        let pattern = Pattern::read(request.filter_pattern.as_deref().unwrap_or_default());
        let pattern = pattern.ok_or_else(|| invalid("Invalid filter pattern."))?;
        let begin = match &asked {
            None => [from, i64::MIN, i64::MIN],
            Some(token) => {
                let position = self.page_position(API, token, bound, TOKEN_LIFETIME);
                position.ok_or_else(|| invalid("The specified nextToken is invalid."))?
            }
        };

        let now = self.0.clock.now_ms();
        let room = self.page_room(API, usize::try_from(limit).unwrap_or(1));
        let places = lock(&self.0.log_groups.places);
        let group = places.get(&place).and_then(|groups| groups.get(name)).ok_or_else(no_group)?;
        let from_stream = |stream: &str| {
            let named = request.log_stream_names.is_empty() || request.log_stream_names.iter().any(|one| one == stream);
            named && request.log_stream_name_prefix.as_ref().is_none_or(|prefix| stream.starts_with(prefix))
        };
        let in_time = group.events.range(begin..).take_while(|([time, ..], _)| *time <= to);
        let found = in_time.filter(|([_, ingested, _], event)| {
            *ingested <= now && from_stream(&event.stream) && pattern.matches(&event.message)
        });
        let (mut events, mut bytes, mut next) = (Vec::new(), 0, (room == 0).then_some(begin));
        for (position, event) in found {
            bytes += event.message.len();
            if events.len() == room || (bytes > PAGE_BYTES && !events.is_empty()) {
                next = Some(*position);
                break;
            }
            let [timestamp, ingestion_time, _] = *position;
            events.push(FilteredLogEvent {
                log_stream_name: &event.stream,
                timestamp,
                message: &event.message,
                ingestion_time,
                event_id: &event.id,
            });
        }
        let next_token = next.map(|position| self.page_token(API, asked.as_deref(), bound, position));
        Ok(json::answer(&Filtered { events, searched_log_streams: [], next_token }))
    }

    /// The group that a request names, and where it is: an ARN may lead to an account that is linked to ours.
    fn group_meant<'r>(&self, at: &Place, request: &'r FilterLogEvents) -> Result<(Place, &'r str), ApiError> {
        let identifier = match (&request.log_group_name, &request.log_group_identifier) {
            (Some(name), None) => return Ok((at.clone(), name)),
            (None, Some(identifier)) => identifier,
            _ => return Err(invalid("Expected either logGroupName or logGroupIdentifier.")),
        };
        let Some(rest) = identifier.strip_prefix("arn:") else { return Ok((at.clone(), identifier)) };
        let parts: Vec<&str> = rest.splitn(6, ':').collect();
        let [_, "logs", region, account, "log-group", name] = parts[..] else {
            return Err(invalid("The log group identifier is not the ARN of a log group."));
        };
        if name.contains(['*', ':']) {
            return Err(invalid("The ARN of a log group does not end in an asterisk here."));
        }
        if region != at.region || !lock(&self.0.metrics).sees(&at.account, account) {
            return Err(no_group());
        }
        Ok((Place::new(account, region), name))
    }
}

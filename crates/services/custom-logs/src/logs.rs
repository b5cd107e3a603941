//! FilterLogEvents: the events of one log group in a window, page by page.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::{Client, types::FilteredLogEvent};
use quittance_aws::{
    Account, AwsError, Calls, Cost, Quota, Route, TagTemplate, Tagger, cannot_tell, refusal,
    windows::{Cadence, Found, LISTINGS_AN_HOUR, Page, Pages, Price, Sweep, Token, Window, WindowKind, event_id},
};
use quittance_core::{Class, Finding, Interval, Severity, Tags};

use crate::{
    Config, EventFormat,
    codes::{GROUP_REFUSED, NO_GROUP, PATTERN},
    groups::{Group, Name, Wanted},
};

const API: &str = "FilterLogEvents";

/// Calls a second that AWS allows an account in a region. They cannot be raised.
const FASTEST: &str = "us-east-1";
const FAST: f64 = 25.0;
const USUAL: f64 = 10.0;
const SLOWEST: [&str; 5] = ["ap-northeast-3", "ap-southeast-3", "ca-west-1", "eu-central-1", "il-central-1"];
const SLOW: f64 = 5.0;

/// Groups that a check reads; the others are alike.
const MOST_CHECKED: usize = 20;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The log groups of one region.
pub(crate) struct Logs {
    client: Client,
    wanted: Wanted,
    template: TagTemplate,
    filter_pattern: Option<String>,
    format: EventFormat,
    period: Duration,
}

impl Logs {
    pub(crate) fn new(config: &Config, wanted: Wanted, template: TagTemplate, account: &Account, region: &str) -> Self {
        Logs {
            client: Client::new(&account.config(region)),
            wanted,
            template,
            filter_pattern: config.filter_pattern.clone().filter(|pattern| !pattern.trim().is_empty()),
            format: config.event_format,
            period: config.request_period_in_seconds.map_or(MINUTE, |Interval(period)| period),
        }
    }
}

#[async_trait]
impl WindowKind for Logs {
    fn cadence(&self) -> Cadence {
        Cadence {
            period: self.period,
            grain: Duration::from_millis(1),
            delay: 10 * SECOND,
            // Most events are there within seconds; busy groups were seen to take minutes.
            overlap: 5 * MINUTE,
            // Producers may put events that are days old: what they send within hours is found.
            sweeps: vec![Sweep { lateness: 6 * HOUR, every: 3 * HOUR }],
            longest: HOUR,
            most_pages: Some(200),
            horizon: None,
            advice: "let a subscription filter write to S3 and read that, or read fewer groups in a region",
        }
    }

    async fn cursors(&self, calls: &Calls) -> Result<Vec<String>, AwsError> {
        self.wanted.find(&self.client, calls).await
    }

    fn open(&self, cursor: &str, window: Window, calls: &Calls, tags: &Tags) -> Box<dyn Pages> {
        let group = Group::of(cursor, &calls.at().account);
        let mut tagger = Tagger::new(self.template.clone(), calls.at().clone(), tags.clone());
        let route = Route::Send(tagger.id(None, Some(group.account.as_bytes()), None));
        Box::new(Filtering {
            client: self.client.clone(),
            cursor: cursor.to_owned(),
            group,
            window,
            filter_pattern: self.filter_pattern.clone(),
            format: self.format,
            calls: calls.clone(),
            route,
            token: Token::First,
        })
    }

    /// Calls of CloudWatch Logs cost nothing.
    async fn price(&self, calls: &Calls) -> Result<Price, AwsError> {
        let (free, groups) = (0.0, self.wanted.find(&self.client, calls).await?.len() as f64);
        let names = self.wanted.names.len() as f64;
        Ok(Price {
            window: Cost::of(groups, free),
            hour: Cost::of(LISTINGS_AN_HOUR * names, free),
            check: Cost::of(groups.min(MOST_CHECKED as f64), free),
            beyond: "a call for each megabyte, free",
        })
    }

    /// A check speaks of groups that are not there; that is no more than a warning, until nothing comes.
    async fn why_silent(&self, calls: &Calls) -> Vec<Finding> {
        let what = format!("whether log groups in {} have anything", calls.at().region);
        let looked = self.look(calls).await;
        looked
            .unwrap_or_else(|error| vec![cannot_tell(&what, "logs:FilterLogEvents and logs:DescribeLogGroups", &error)])
    }

    async fn check(&self, calls: &Calls) -> Result<Vec<Finding>, AwsError> {
        let what = format!("log groups in {} cannot be read", calls.at().region);
        self.look(calls).await.or_else(|error| refusal::findings([error], &what, "logs"))
    }
}

impl Logs {
    /// Asks each group for one event, up to some. Fails when none of them can be read.
    async fn look(&self, calls: &Calls) -> Result<Vec<Finding>, AwsError> {
        let (mut findings, mut groups) = (Vec::new(), Vec::new());
        for name in &self.wanted.names {
            match name {
                Name::Exact(name) if !self.wanted.linked => groups.push(name.clone()),
                _ => match self.wanted.list(name, &self.client, calls, 1).await?.into_iter().next() {
                    Some(first) => groups.push(first),
                    None => findings.push(none_there(name, &calls.at().region)),
                },
            }
        }
        groups.truncate(MOST_CHECKED);
        let (mut readable, mut refused) = (0, Vec::new());
        for group in groups {
            match self.try_group(&group, calls).await {
                Ok(()) => readable += 1,
                Err(error) if error.aws_code() == Some("ResourceNotFoundException") => {
                    findings.push(none_there(&Name::Exact(group), &calls.at().region));
                }
                Err(error) if error.class() == Class::NeedsPerson || error.aws_code() == Some(INVALID) => {
                    refused.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        // Where some can be read, the others must not keep them from it.
        match refused.pop() {
            Some(error) if readable == 0 && error.aws_code() == Some(INVALID) && self.filter_pattern.is_some() => {
                let problem = format!("CloudWatch does not take `filter_pattern`: {}", error.chain());
                findings.push(Finding::error(&PATTERN, problem));
            }
            Some(error) if readable == 0 => return Err(error),
            last => refused.extend(last),
        }
        findings.extend(refused.iter().map(|error| {
            let refused = Finding::error(&GROUP_REFUSED, error.chain());
            Finding { severity: Severity::Partial, ..refused }
        }));
        Ok(findings)
    }

    /// Asks for one event of this moment: proves the permission, the group and the pattern.
    async fn try_group(&self, cursor: &str, calls: &Calls) -> Result<(), AwsError> {
        let now = calls.now();
        let (name, arn) = addressed(cursor);
        let request = self
            .client
            .filter_log_events()
            .set_log_group_name(name)
            .set_log_group_identifier(arn)
            .start_time(now)
            .end_time(now)
            .limit(1)
            .set_filter_pattern(self.filter_pattern.clone())
            .send();
        calls.call(quota(&calls.at().region), cursor, request).await.map(drop)
    }
}

struct Filtering {
    client: Client,
    cursor: String,
    group: Group,
    window: Window,
    filter_pattern: Option<String>,
    format: EventFormat,
    calls: Calls,
    route: Route,
    token: Token,
}

#[async_trait]
impl Pages for Filtering {
    async fn next(&mut self) -> Result<Option<Page>, AwsError> {
        let Some(token) = self.token.to_send() else { return Ok(None) };
        let follows = token.is_some();
        let (name, arn) = addressed(&self.cursor);
        let request = self
            .client
            .filter_log_events()
            .set_log_group_name(name)
            .set_log_group_identifier(arn)
            // Both ends are included.
            .start_time(self.window.from.max(0))
            .end_time((self.window.to - 1).max(0))
            .set_filter_pattern(self.filter_pattern.clone())
            .set_next_token(token)
            .send();
        let answer = self.calls.call(quota(&self.calls.at().region), &self.cursor, request).await;
        let answer = answer.map_err(|error| match error.aws_code() {
            // It has no error of its own for a token that has expired; without the token the same was right.
            Some(INVALID) if follows => AwsError::RefusedToken { operation: API, source: error.into() },
            _ => error,
        })?;
        self.token.follow(API, answer.next_token)?;
        Ok(Some(self.page(&answer.events.unwrap_or_default())))
    }
}

impl Filtering {
    fn page(&self, events: &[FilteredLogEvent]) -> Page {
        let mut bytes = Vec::with_capacity(events.iter().map(|event| event.message().unwrap_or_default().len()).sum());
        let mut found = Vec::with_capacity(events.len());
        for event in events {
            let start = bytes.len();
            self.format.write(event, &self.group, &mut bytes);
            let texts = [
                &self.group.account,
                &self.group.name,
                event.log_stream_name().unwrap_or_default(),
                event.event_id().unwrap_or_default(),
            ];
            let at = event.timestamp().unwrap_or(self.window.from);
            let id = event_id(&texts.map(str::as_bytes));
            found.push(Found { place: start..bytes.len(), id, at, route: self.route });
        }
        Page { bytes: bytes.into(), events: found }
    }
}

const INVALID: &str = "InvalidParameterException";

/// A cursor as a request names it: by name in the own account, by ARN in a linked one.
fn addressed(cursor: &str) -> (Option<String>, Option<String>) {
    match cursor.starts_with("arn:") {
        true => (None, Some(cursor.to_owned())),
        false => (Some(cursor.to_owned()), None),
    }
}

fn quota(region: &str) -> Quota {
    let per_second = match region {
        FASTEST => FAST,
        _ if SLOWEST.contains(&region) => SLOW,
        _ => USUAL,
    };
    Quota { api: API, per_second }
}

fn none_there(name: &Name, region: &str) -> Finding {
    let problem = match name {
        Name::Exact(name) => format!("there is no log group `{name}` in {region}"),
        Name::Prefix(prefix) => format!("there is no log group that begins with `{prefix}` in {region}"),
    };
    Finding::warning(&NO_GROUP, problem)
}

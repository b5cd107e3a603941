//! CloudTrail's own memory of 90 days, asked by LookupEvents: no trail is needed, and no more than a few events a second
//! can be had.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_cloudtrail::{Client, primitives::DateTime, types::Event};
use quittance_aws::{
    Account, AwsError, Calls, Cost, PlanError, Quota, Router, refusal,
    windows::{Cadence, Found, Page, Pages, Price, Sweep, Token, Window, WindowKind, event_id},
};
use quittance_core::{Finding, Interval, Tags};
use quittance_formats::compact::compact;

use crate::{Config, record::RecordRoutes};

/// For an account in a region. CloudTrail changes it for nobody.
const LOOKUP_EVENTS: Quota = Quota { api: "LookupEvents", per_second: 2.0 };

/// Events of a page: CloudTrail's limit.
const PAGE: i32 = 50;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// An account's events in one region.
pub(crate) struct Lookup {
    client: Client,
    records: Arc<RecordRoutes>,
    period: Duration,
}

impl Lookup {
    pub(crate) fn new(config: &Config, account: &Arc<Account>, region: &str) -> Result<Self, PlanError> {
        Ok(Lookup {
            client: Client::new(&account.config(region)),
            records: Arc::new(RecordRoutes::new(config, account)?),
            period: config.request_period_in_seconds.map_or(5 * MINUTE, |Interval(period)| period),
        })
    }
}

#[async_trait]
impl WindowKind for Lookup {
    fn cadence(&self) -> Cadence {
        Cadence {
            period: self.period,
            grain: Duration::from_secs(1),
            delay: Duration::ZERO,
            // Most events are there within 5 minutes, nearly all within 15.
            overlap: 15 * MINUTE,
            // Refused calls were seen to take more than an hour.
            sweeps: vec![Sweep { lateness: 3 * HOUR, every: HOUR }],
            longest: HOUR,
            most_pages: Some(200),
            horizon: Some(90 * 24 * HOUR),
            advice: "let a trail write to S3 and read that (`types: [audits_s3]`)",
        }
    }

    async fn cursors(&self, _: &Calls) -> Result<Vec<String>, AwsError> {
        Ok(vec!["events".to_owned()])
    }

    fn open(&self, _: &str, window: Window, calls: &Calls, tags: &Tags) -> Box<dyn Pages> {
        let router = self.records.router(calls.at().clone(), tags);
        Box::new(Looking { client: self.client.clone(), window, calls: calls.clone(), router, token: Token::First })
    }

    /// LookupEvents costs nothing.
    async fn price(&self, _: &Calls) -> Result<Price, AwsError> {
        let one = Cost::of(1.0, 0.0);
        Ok(Price { window: one, check: one, beyond: "a call for each 50 events, free", ..Price::default() })
    }

    async fn check(&self, calls: &Calls) -> Result<Vec<Finding>, AwsError> {
        let region = &calls.at().region;
        let asked = calls.call(LOOKUP_EVENTS, region, self.client.lookup_events().max_results(1).send()).await;
        refusal::findings(asked.err(), &format!("audit events in {region} cannot be read"), "cloudtrail")
    }
}

struct Looking {
    client: Client,
    window: Window,
    calls: Calls,
    router: Box<dyn Router>,
    token: Token,
}

#[async_trait]
impl Pages for Looking {
    async fn next(&mut self) -> Result<Option<Page>, AwsError> {
        let Some(token) = self.token.to_send() else { return Ok(None) };
        let Window { from, to } = self.window;
        // Both ends are included, and a second is the finest that CloudTrail knows.
        let request = self
            .client
            .lookup_events()
            .start_time(DateTime::from_secs(from.div_euclid(1000)))
            .end_time(DateTime::from_secs((to - 1).div_euclid(1000)))
            .max_results(PAGE)
            .set_next_token(token)
            .send();
        let answer = self.calls.call(LOOKUP_EVENTS, &self.calls.at().region, request).await?;
        self.token.follow(LOOKUP_EVENTS.api, answer.next_token)?;
        Ok(Some(self.page(answer.events.unwrap_or_default())))
    }
}

impl Looking {
    fn page(&mut self, events: Vec<Event>) -> Page {
        let mut found = Vec::with_capacity(events.len());
        let mut bytes = Vec::new();
        for event in events {
            // The record as CloudTrail wrote it; the fields beside it only repeat what it says.
            let Some(record) = event.cloud_trail_event else { continue };
            let start = bytes.len();
            let mut record = record.into_bytes();
            if memchr::memchr2(b'\n', b'\r', &record).is_some() {
                let length = compact(&mut record);
                record.truncate(length);
            }
            bytes.extend_from_slice(&record);
            let id = match &event.event_id {
                Some(id) => event_id(&[id.as_bytes()]),
                None => event_id(&[&record]),
            };
            let at = event.event_time.and_then(|at| at.to_millis().ok()).unwrap_or(self.window.from);
            found.push(Found { place: start..bytes.len(), id, at, route: self.router.route(&record) });
        }
        Page { bytes: bytes.into(), events: found }
    }
}

//! Findings: a detector is a cursor, and a finding is an event in each of its versions.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_guardduty::{
    Client,
    primitives::{DateTime, DateTimeFormat},
    types::{Condition, DetectorStatus, FindingCriteria, OrderBy, SortCriteria},
};
use quittance_aws::{
    AwsError, Calls, Cost, Quota, Route, TagTemplate, Tagger, bare, cannot_tell, refusal,
    windows::{Cadence, Found, LISTINGS_AN_HOUR, Page, Pages, Price, Sweep, Token, Window, WindowKind, event_id},
};
use quittance_core::{Class, Code, Family, Finding, Tags};
use quittance_formats::{Frame, Framer, Records, compact::compact, fields};

use crate::response::KeepBody;

/// GuardDuty publishes no quotas.
const fn quota(api: &'static str) -> Quota {
    Quota { api, per_second: 5.0 }
}

const LIST_DETECTORS: Quota = quota("ListDetectors");
const LIST_FINDINGS: Quota = quota("ListFindings");
const GET_FINDINGS: Quota = quota("GetFindings");
const GET_DETECTOR: Quota = quota("GetDetector");
const GET_MEMBERS: Quota = quota("GetMembers");
const GET_ADMINISTRATOR_ACCOUNT: Quota = quota("GetAdministratorAccount");

/// Findings on a page, and asked for at once: GuardDuty's own limit.
const PAGE: i32 = 50;

/// Members asked about at once: GuardDuty's own limit.
const MOST_MEMBERS: usize = 50;

/// The id of no finding.
const NO_FINDING: &str = "00000000000000000000000000000000";

/// There is no detector.
static NOT_ENABLED: Code = Code::new(
    Family::Setup,
    150,
    "GuardDuty is not enabled",
    "The account has no detector in the region.",
    "Enable GuardDuty there, or take the region out of `regions`. It is read as soon as there is a detector.",
)
.of("GuardDuty");

/// An administrator is read beside its members.
static TWICE: Code = Code::new(
    Family::Setup,
    151,
    "findings come twice",
    "A GuardDuty administrator shows the findings of its members too, and both are read in the region.",
    "Read the administrator alone: take the member's account, or its region, out of this configuration.",
)
.of("GuardDuty");

/// What GuardDuty calls a relationship in which findings are shown to the administrator.
const ENABLED: &str = "Enabled";

/// The codes of what only this service finds.
/// A detector is suspended.
static SUSPENDED: Code = Code::new(
    Family::Pull,
    347,
    "GuardDuty is suspended",
    "The region's detector is there, and switched off: it finds nothing.",
    "Resume it in GuardDuty's settings.",
)
.of("GuardDuty");

pub(crate) static CODES: &[&Code] = &[&NOT_ENABLED, &TWICE, &SUSPENDED];

/// The findings of all detectors in one region.
pub(crate) struct Findings {
    pub(crate) client: Client,
    pub(crate) template: TagTemplate,
    /// Whether archived findings are wanted too.
    pub(crate) archived: bool,
    pub(crate) period: Duration,
}

#[async_trait]
impl WindowKind for Findings {
    fn cadence(&self) -> Cadence {
        let hour = Duration::from_secs(3600);
        Cadence {
            period: self.period,
            grain: Duration::from_millis(1),
            delay: Duration::from_secs(60),
            // While pages are asked for, an update takes a finding out of the window, and the rest moves up.
            overlap: hour / 2,
            sweeps: vec![Sweep { lateness: hour, every: hour }],
            longest: 6 * hour,
            most_pages: Some(200),
            horizon: Some(90 * 24 * hour),
            advice: "let EventBridge put findings into a queue, and read that by `service-events-all`",
        }
    }

    async fn cursors(&self, calls: &Calls) -> Result<Vec<String>, AwsError> {
        let mut detectors = Vec::new();
        let mut token = Token::First;
        while let Some(next) = token.to_send() {
            let request = self.client.list_detectors().set_next_token(next);
            let answer = calls.call(LIST_DETECTORS, &calls.at().region, request.send()).await?;
            token.follow(LIST_DETECTORS.api, answer.next_token)?;
            detectors.extend(answer.detector_ids.unwrap_or_default());
        }
        Ok(detectors)
    }

    fn open(&self, cursor: &str, window: Window, calls: &Calls, tags: &Tags) -> Box<dyn Pages> {
        Box::new(FindingPages {
            client: self.client.clone(),
            criteria: criteria(window, self.archived),
            window,
            detector: cursor.into(),
            calls: calls.clone(),
            tagger: Tagger::new(self.template.clone(), calls.at().clone(), tags.clone()),
            token: Token::First,
            listed: Vec::new(),
        })
    }

    /// GuardDuty's calls cost nothing.
    async fn price(&self, calls: &Calls) -> Result<Price, AwsError> {
        let (free, detectors) = (0.0, self.cursors(calls).await?.len() as f64);
        Ok(Price {
            window: Cost::of(detectors, free),
            hour: Cost::of(LISTINGS_AN_HOUR, free),
            check: Cost::of(3.0, free),
            beyond: "2 calls for each 50 findings, free",
        })
    }

    async fn why_silent(&self, calls: &Calls) -> Vec<Finding> {
        let region = &calls.at().region;
        let detectors = match self.cursors(calls).await {
            Ok(detectors) if detectors.is_empty() => {
                let problem = format!("GuardDuty is not enabled in {region}: there is nothing to read");
                return vec![Finding::error(&NOT_ENABLED, problem)];
            }
            Ok(detectors) => detectors,
            Err(error) => {
                let what = format!("whether GuardDuty is enabled in {region}");
                return vec![cannot_tell(&what, "guardduty:ListDetectors", &error)];
            }
        };
        let mut causes = Vec::new();
        for detector in detectors {
            let ask = self.client.get_detector().detector_id(&detector);
            match calls.call(GET_DETECTOR, &detector, Box::pin(ask.send())).await {
                Ok(found) if found.status() == Some(&DetectorStatus::Disabled) => {
                    let problem = format!("GuardDuty is suspended in {region}: detector `{detector}` finds nothing");
                    causes.push(Finding::error(&SUSPENDED, problem));
                }
                Ok(_) => {}
                Err(error) => {
                    let what = format!("whether detector `{detector}` in {region} is suspended");
                    causes.push(cannot_tell(&what, "guardduty:GetDetector", &error));
                }
            }
        }
        causes
    }

    async fn check(&self, calls: &Calls) -> Result<Vec<Finding>, AwsError> {
        let region = &calls.at().region;
        let cannot = format!("GuardDuty in {region} cannot be read");
        let detector = match self.cursors(calls).await {
            Ok(mut detectors) => detectors.pop(),
            Err(error) => return refusal::findings([error], &cannot, "guardduty"),
        };
        let Some(detector) = detector else {
            let problem = format!("GuardDuty is not enabled in {region}: there is nothing to read");
            return Ok(vec![Finding::warning(&NOT_ENABLED, problem)]);
        };
        let mut found = refusal::findings(self.prove(calls, &detector).await, &cannot, "guardduty")?;
        found.extend(self.twice(calls, &detector).await);
        Ok(found)
    }
}

impl Findings {
    /// Makes each call once. What failed.
    async fn prove(&self, calls: &Calls, detector: &str) -> Vec<AwsError> {
        let list = self.client.list_findings().detector_id(detector).max_results(1);
        let get = self.client.get_findings().detector_id(detector).finding_ids(NO_FINDING);
        let list = calls.call(LIST_FINDINGS, detector, list.send()).await;
        let get = calls.call(GET_FINDINGS, detector, get.send()).await;
        // That there is no such finding is said only to whoever may ask.
        let get = get.err().filter(|error| error.class() != Class::Retry || error.aws_code().is_none());
        [list.err(), get].into_iter().flatten().collect()
    }

    /// Whether an administrator of this account, or a member of it, is read too. Each of the two has asked for its findings
    /// before it asks about the other, so that one of them finds out. Who may not ask is told nothing.
    async fn twice(&self, calls: &Calls, detector: &str) -> Option<Finding> {
        let others = calls.others(LIST_FINDINGS);
        if others.is_empty() {
            return None;
        }
        let (own, region) = (&calls.at().account, &calls.at().region);
        let ask = self.client.get_administrator_account().detector_id(detector);
        let answer = calls.call(GET_ADMINISTRATOR_ACCOUNT, detector, ask.send()).await;
        let administrator = answer.ok().and_then(|answer| answer.administrator);
        let administrator = administrator.filter(|it| it.relationship_status() == Some(ENABLED));
        if let Some(number) = administrator.and_then(|it| it.account_id).filter(|number| others.contains(number)) {
            let problem =
                format!("findings of {own} in {region} come twice: {number} is its administrator, and is read too");
            return Some(Finding::warning(&TWICE, problem));
        }
        let mut members = Vec::new();
        for some in others.chunks(MOST_MEMBERS) {
            let ask = self.client.get_members().detector_id(detector).set_account_ids(Some(some.to_vec()));
            let found = calls.call(GET_MEMBERS, detector, ask.send()).await.ok()?.members.unwrap_or_default();
            let enabled = found.into_iter().filter(|member| member.relationship_status() == Some(ENABLED));
            members.extend(enabled.filter_map(|member| member.account_id));
        }
        let first = members.first()?;
        let more = match members.len() - 1 {
            0 => String::new(),
            more => format!(" and of {more} more accounts"),
        };
        let problem =
            format!("findings of {first}{more} in {region} come twice: {own} is the administrator, and is read too");
        Some(Finding::warning(&TWICE, problem))
    }
}

fn criteria(window: Window, archived: bool) -> FindingCriteria {
    let updated = Condition::builder().greater_than_or_equal(window.from).less_than(window.to).build();
    let criteria = FindingCriteria::builder().criterion("updatedAt", updated);
    let live = || Condition::builder().equals("false").build();
    if archived { criteria.build() } else { criteria.criterion("service.archived", live()).build() }
}

struct FindingPages {
    client: Client,
    criteria: FindingCriteria,
    window: Window,
    detector: Arc<str>,
    calls: Calls,
    tagger: Tagger,
    token: Token,
    /// Ids that were listed, and whose findings were not yet answered.
    listed: Vec<String>,
}

#[async_trait]
impl Pages for FindingPages {
    async fn next(&mut self) -> Result<Option<Page>, AwsError> {
        while self.listed.is_empty() {
            let Some(token) = self.token.to_send() else { return Ok(None) };
            self.list(token).await?;
        }
        let page = self.get().await?;
        self.listed.clear();
        Ok(Some(page))
    }
}

impl FindingPages {
    async fn list(&mut self, token: Option<String>) -> Result<(), AwsError> {
        let oldest_first = SortCriteria::builder().attribute_name("updatedAt").order_by(OrderBy::Asc).build();
        let request = self
            .client
            .list_findings()
            .detector_id(&*self.detector)
            .finding_criteria(self.criteria.clone())
            .sort_criteria(oldest_first)
            .max_results(PAGE)
            .set_next_token(token);
        let answer = self.calls.call(LIST_FINDINGS, &self.detector, request.send()).await?;
        self.token.follow(LIST_FINDINGS.api, answer.next_token)?;
        self.listed = answer.finding_ids.unwrap_or_default();
        Ok(())
    }

    async fn get(&mut self) -> Result<Page, AwsError> {
        let body = KeepBody::default();
        let request = self.client.get_findings().detector_id(&*self.detector);
        let request = request.set_finding_ids(Some(self.listed.clone())).customize().interceptor(body.clone());
        self.calls.call(GET_FINDINGS, &self.detector, request.send()).await?;
        self.cut(body.take())
    }

    /// Cuts `{"findings":[...]}` into its findings.
    fn cut(&mut self, mut body: Vec<u8>) -> Result<Page, AwsError> {
        let mut frames = Vec::new();
        let framed = Records::new("findings", body.len()).frame(&body, true, &mut frames);
        framed.map_err(|source| AwsError::Decode { object: format!("findings of {}", self.detector), source })?;
        let mut events = Vec::with_capacity(frames.len());
        for frame in frames {
            // None can be longer than the body.
            let Frame::Event { start, end } = frame else { continue };
            let end = start + compact(&mut body[start..end]);
            let found = self.found(start, &body[start..end]);
            events.push(found);
        }
        Ok(Page { bytes: body.into(), events })
    }

    fn found(&mut self, start: usize, finding: &[u8]) -> Found {
        let [id, updated, count, account, region] =
            fields::read(finding, [&["id"], &["updatedAt"], &["service", "count"], &["accountId"], &["region"]]);
        let time = updated
            .and_then(fields::text)
            .and_then(|text| DateTime::from_str(&text, DateTimeFormat::DateTimeWithOffset).ok()?.to_millis().ok());
        let [id, updated, count] = [id, updated, count].map(Option::unwrap_or_default);
        Found {
            place: start..start + finding.len(),
            id: event_id(&[self.detector.as_bytes(), id, updated, count]),
            // What cannot be read was at least listed as being in the window.
            at: time.unwrap_or(self.window.from),
            route: Route::Send(self.tagger.id(None, account.and_then(bare), region.and_then(bare))),
        }
    }
}

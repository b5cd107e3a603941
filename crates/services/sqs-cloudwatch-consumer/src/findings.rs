//! Security Hub's events: an EventBridge envelope around a list of findings, each of which is an event. A rule may send
//! only a part of it: the list's surroundings, the list alone, or one finding. Whatever holds no findings is an event as
//! a whole.

use std::ops::Range;

use quittance_aws::{
    TagTemplate, Tagger, Whereabouts, bare,
    queue::{BodyKind, Claim, Route, Router},
};
use quittance_core::Tags;
use quittance_formats::{elements, fields};

/// Where the list may be: in the whole envelope, in its `detail` alone, as the API gives it, or by itself.
const LISTS: [&[&str]; 5] = [&["detail", "findings"], &["findings"], &["detail", "Findings"], &["Findings"], &[]];

pub(crate) struct Findings {
    pub(crate) template: TagTemplate,
    pub(crate) from_event: bool,
}

impl BodyKind for Findings {
    fn events(&self, body: &[u8], found: &mut Vec<Range<usize>>) {
        match find(body) {
            Some(findings) => found.extend(findings),
            // Results of insights, whatever comes one day, and an empty list: nothing is passed over in silence.
            _ => found.push(0..body.len()),
        }
    }

    fn router(&self, at: &Whereabouts, tags: &Tags) -> Box<dyn Router> {
        Box::new(FindingRouter {
            tagger: Tagger::new(self.template.clone(), at.clone(), tags.clone()),
            from_event: self.from_event,
            envelope: Envelope::default(),
        })
    }

    fn claim(&self, body: &[u8]) -> Claim {
        let [source, schema, account] = fields::read(body, [&["source"], &["SchemaVersion"], &["AwsAccountId"]]);
        let is_finding = schema.is_some() && account.is_some();
        let own = source.and_then(bare) == Some(b"aws.securityhub") || is_finding || find(body).is_some();
        if own { Claim::Own } else { Claim::No }
    }
}

/// The findings in a body, if it has a list of them. What stands among them and is none is an event too.
fn find(body: &[u8]) -> Option<Vec<Range<usize>>> {
    let is_object = |at: &Range<usize>| body[at.start] == b'{';
    LISTS.into_iter().find_map(|path| elements(body, path).filter(|found| found.iter().any(is_object)))
}

/// What an envelope says of all its findings, as raw JSON.
#[derive(Default)]
struct Envelope {
    account: Vec<u8>,
    region: Vec<u8>,
}

impl Envelope {
    fn read(&mut self, body: &[u8]) {
        let [account, region] = fields::read(body, [&["account"], &["region"]]);
        for (kept, read) in [(&mut self.account, account), (&mut self.region, region)] {
            kept.clear();
            // Nothing that is longer fits into a tag.
            kept.extend_from_slice(read.filter(|read| read.len() <= 64).unwrap_or_default());
        }
    }
}

struct FindingRouter {
    tagger: Tagger,
    from_event: bool,
    envelope: Envelope,
}

impl Router for FindingRouter {
    fn enter(&mut self, body: &[u8]) {
        if self.from_event {
            self.envelope.read(body);
        }
    }

    fn route(&mut self, finding: &[u8]) -> Route {
        if !self.from_event {
            return Route::Send(self.tagger.id(None, None, None));
        }
        let [account, region] = fields::read(finding, [&["AwsAccountId"], &["Region"]]);
        // Findings of the newer Security Hub are in OCSF; a finding of the other kind may leave out its region.
        let [ocsf_account, ocsf_region] = match (account, region) {
            (Some(_), Some(_)) => [None, None],
            _ => fields::read(finding, [&["cloud", "account", "uid"], &["cloud", "region"]]),
        };
        let [account, region] = [account.and_then(bare), region.and_then(bare)];
        let [ocsf_account, ocsf_region] = [ocsf_account.and_then(bare), ocsf_region.and_then(bare)];
        let (mut account, mut region) = (account.or(ocsf_account), region.or(ocsf_region));
        if account.is_none() || region.is_none() {
            // One finding that stands alone in its envelope.
            let [inner, inner_region] = fields::read(finding, [&["detail", "AwsAccountId"], &["detail", "Region"]]);
            (account, region) = (account.or(inner.and_then(bare)), region.or(inner_region.and_then(bare)));
        }
        let Envelope { account: around, region: around_region } = &self.envelope;
        Route::Send(self.tagger.id(None, account.or_else(|| bare(around)), region.or_else(|| bare(around_region))))
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUES: &str = "999999999999.us-east-1";

    fn kind() -> Findings {
        let template = TagTemplate::new("cloud.aws.securityhub.findings.{account}.{region}", "findings").unwrap();
        Findings { template, from_event: true }
    }

    /// The events of bodies that come one after the other, each with the end of its tag.
    fn read<'a>(kind: &Findings, bodies: &[&'a str]) -> Vec<(&'a str, String)> {
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let tags = Tags::default();
        let mut router = kind.router(&at, &tags);
        let mut events = Vec::new();
        for body in bodies {
            let mut places = Vec::new();
            kind.events(body.as_bytes(), &mut places);
            router.enter(body.as_bytes());
            for place in places {
                let event = &body[place];
                let (Route::Send(id) | Route::Drop(id)) = router.route(event.as_bytes());
                let tag = tags.tag(id).to_string();
                let end = tag.strip_prefix("cloud.aws.securityhub.findings.").expect("one table");
                events.push((event, end.to_owned()));
            }
        }
        events
    }

    fn check(body: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(event, tag)| (*event, (*tag).to_owned())).collect();
        assert_eq!(read(&kind(), &[body]), expected);
    }

    const HERE: &str = r#"{"Id":"a","AwsAccountId":"111122223333","Region":"ap-south-1","Title":"x [ ] }"}"#;
    const THERE: &str = r#"{"Id":"b","AwsAccountId":"444455556666", "Severity":{"Label":"LOW"}}"#;

    fn envelope(kind: &str, detail: &str) -> String {
        format!(
            r#"{{"version":"0","id":"1","detail-type":"{kind}","source":"aws.securityhub","account":"777788889999","time":"2026-01-15T12:00:00Z","region":"eu-west-1","resources":[],"detail":{detail}}}"#
        )
    }

    #[test]
    fn each_finding_of_an_envelope_is_an_event_of_its_own_account_and_region() {
        let (here, there) = ((HERE, "111122223333.ap-south-1"), (THERE, "444455556666.eu-west-1"));
        check(&envelope("Security Hub Findings - Imported", &format!(r#"{{"findings":[{HERE}]}}"#)), &[here]);
        let several = format!(r#"{{"actionName":"Ticket","findings": [ {HERE} ,{THERE}]}}"#);
        check(&envelope("Security Hub Findings - Custom Action", &several), &[here, there]);
        let ocsf = r#"{"class_uid":2002,"cloud":{"account":{"uid":"111122223333"},"region":"eu-north-1"}}"#;
        check(
            &envelope("Findings Imported V2", &format!(r#"{{"findings":[{ocsf}]}}"#)),
            &[(ocsf, "111122223333.eu-north-1")],
        );
        check(&envelope("Anything", r#"{"findings":[{}]}"#), &[("{}", "777788889999.eu-west-1")]);
    }

    #[test]
    fn parts_that_a_rule_sends_are_read_as_well() {
        check(
            &format!(r#"{{"findings":[{HERE},{THERE}]}}"#),
            &[(HERE, "111122223333.ap-south-1"), (THERE, "444455556666.us-east-1")],
        );
        check(&format!("[{HERE},{THERE}]"), &[(HERE, "111122223333.ap-south-1"), (THERE, "444455556666.us-east-1")]);
        check(HERE, &[(HERE, "111122223333.ap-south-1")]);
        let one = format!(r#"{{"detail":{HERE}}}"#);
        check(&one, &[(&one, "111122223333.ap-south-1")]);
    }

    #[test]
    fn the_shape_of_the_api_is_read_as_well() {
        check(
            &format!(r#"{{"Findings":[{HERE},{THERE}],"NextToken":null}}"#),
            &[(HERE, "111122223333.ap-south-1"), (THERE, "444455556666.us-east-1")],
        );
    }

    #[test]
    fn what_is_no_finding_leaves_the_others_events_of_their_own() {
        let body = envelope("Custom", &format!(r#"{{"findings":[{HERE}, null ,"text",{THERE}]}}"#));
        check(
            &body,
            &[
                (HERE, "111122223333.ap-south-1"),
                ("null", "777788889999.eu-west-1"),
                (r#""text""#, "777788889999.eu-west-1"),
                (THERE, "444455556666.eu-west-1"),
            ],
        );
    }

    #[test]
    fn null_falls_back_to_the_envelope() {
        let odd = r#"{"AwsAccountId":null,"Region":""}"#;
        check(&envelope("Imported", &format!(r#"{{"findings":[{odd}]}}"#)), &[(odd, "777788889999.eu-west-1")]);
    }

    #[test]
    fn what_holds_no_findings_is_one_event() {
        for detail in [r#"{"insightResults":[{"a":1}]}"#, r#"{"findings":[]}"#, r#"{"findings":["a"]}"#, "{}", "null"] {
            let body = envelope("Security Hub Insight Results", detail);
            check(&body, &[(&*body, "777788889999.eu-west-1")]);
        }
        for body in ["{}", "not json", "[1]", "[]", r#""text""#, r#"{"detail":{"findings":[{"Id":"cut"#] {
            check(body, &[(body, QUEUES)]);
        }
    }

    #[test]
    fn an_envelope_says_nothing_of_the_next_body() {
        let body = envelope("Security Hub Findings - Imported", r#"{"findings":[{"Id":"a"}]}"#);
        let events = read(&kind(), &[&body, r#"{"findings":[{"Id":"b"}]}"#]);
        let tags: Vec<_> = events.iter().map(|(_, tag)| tag.as_str()).collect();
        assert_eq!(tags, ["777788889999.eu-west-1", QUEUES]);
    }

    #[test]
    fn the_tag_may_be_the_queues() {
        let kind = Findings { from_event: false, ..kind() };
        let body = envelope("Security Hub Findings - Imported", &format!(r#"{{"findings":[{HERE}]}}"#));
        assert_eq!(read(&kind, &[&body]), [(HERE, QUEUES.to_owned())]);
    }

    #[test]
    fn in_a_shared_queue_security_hubs_messages_are_claimed_and_no_others() {
        let list = format!("[{HERE}]");
        let part = format!(r#"{{"findings":{list}}}"#);
        let insight = envelope("Security Hub Insight Results", "{}");
        let finding = HERE.replacen('{', r#"{"SchemaVersion":"2018-10-08","#, 1);
        for body in [&*envelope("Security Hub Findings - Imported", &part), &*insight, &*part, &*list, &*finding] {
            assert_eq!(kind().claim(body.as_bytes()), Claim::Own, "{body}");
        }
        for body in [r#"{"source":"aws.ec2","detail":{}}"#, r#"{"detail":{"findings":1}}"#, "not json", "{}"] {
            assert_eq!(kind().claim(body.as_bytes()), Claim::No, "{body}");
        }
    }

    #[test]
    fn no_finding_forges_a_tag() {
        let odd = r#"{"AwsAccountId":"1.2","Region":"a\nb"}"#;
        check(&format!(r#"{{"findings":[{odd}]}}"#), &[(odd, QUEUES)]);
        let odd = r#"{"AwsAccountId":7,"Region":{}}"#;
        check(&format!(r#"{{"findings":[{odd}]}}"#), &[(odd, QUEUES)]);
    }
}

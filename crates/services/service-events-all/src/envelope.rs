//! The envelope of an EventBridge event, which is a message's whole body and the whole event. A rule may put anything
//! else in its place: that is an event as well, with the tag of one that says nothing of itself. Of a record of CloudTrail
//! that stands alone, as with the input path `$.detail`, the record's own keys are read.

use quittance_aws::{
    TagTemplate, Tagger, Whereabouts, bare, is_dropped,
    queue::{BodyKind, Route, Router},
    service_of,
};
use quittance_core::Tags;
use quittance_formats::fields;

pub(crate) struct Envelopes {
    pub(crate) template: TagTemplate,
    pub(crate) drop_event_names: Vec<String>,
    pub(crate) from_event: bool,
}

impl BodyKind for Envelopes {
    fn router(&self, at: &Whereabouts, tags: &Tags) -> Box<dyn Router> {
        Box::new(EnvelopeRouter {
            tagger: Tagger::new(self.template.clone(), at.clone(), tags.clone()),
            with_event_type: self.template.has_event_type(),
            from_event: self.from_event,
            drop_event_names: self.drop_event_names.clone(),
        })
    }
}

struct EnvelopeRouter {
    tagger: Tagger,
    with_event_type: bool,
    from_event: bool,
    drop_event_names: Vec<String>,
}

impl Router for EnvelopeRouter {
    fn route(&mut self, event: &[u8]) -> Route {
        let [source, mut account, mut region] = fields::read(event, [&["source"], &["account"], &["region"]]);
        let mut event_type = source.and_then(service);
        let alone = source.is_none();
        if alone {
            let [source, recipient, at] =
                fields::read(event, [&["eventSource"], &["recipientAccountId"], &["awsRegion"]]);
            event_type = source.and_then(service_of);
            (account, region) = (account.or(recipient), region.or(at));
        }
        let tag = self.tagger.id(
            event_type.filter(|_| self.with_event_type),
            account.filter(|_| self.from_event).and_then(bare),
            region.filter(|_| self.from_event).and_then(bare),
        );
        let name = match (self.drop_event_names.is_empty(), alone) {
            (true, _) => None,
            (false, true) => fields::read(event, [&["eventName"]])[0],
            // The envelope of a CloudTrail record.
            (false, false) => fields::read(event, [&["detail", "eventName"]])[0],
        };
        if is_dropped(name, &self.drop_event_names) { Route::Drop(tag) } else { Route::Send(tag) }
    }
}

/// `ec2` of `"aws.ec2"`. Only AWS may use such a source: what customers and partners send stays out of AWS's tables.
fn service(raw: &[u8]) -> Option<&[u8]> {
    bare(raw)?.strip_prefix(b"aws.")
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"version":"0","id":"1","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","account":"111122223333","time":"2026-01-15T12:00:00Z","region":"eu-west-1","resources":[],"detail":{"eventName":"RunInstances","source":"inner"}}"#;

    fn route(kind: &Envelopes, event: &str) -> (bool, String) {
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let tags = Tags::default();
        let (sent, id) = match kind.router(&at, &tags).route(event.as_bytes()) {
            Route::Send(id) => (true, id),
            Route::Drop(id) => (false, id),
        };
        (sent, tags.tag(id).to_string())
    }

    fn kind(template: &str) -> Envelopes {
        let template = TagTemplate::new(template, "events").unwrap();
        Envelopes { template, drop_event_names: Vec::new(), from_event: true }
    }

    #[test]
    fn the_envelope_says_the_tag() {
        let auto = kind("cloud.aws.cloudwatch.{event_type}.{account}.{region}");
        let check = |event: &str, tag: &str| assert_eq!(route(&auto, event), (true, tag.to_owned()), "{event}");
        check(EVENT, "cloud.aws.cloudwatch.ec2.111122223333.eu-west-1");
        let other = |source: &str| EVENT.replace("aws.ec2", source);
        check(&other("aws.cognito-idp"), "cloud.aws.cloudwatch.cognito_idp.111122223333.eu-west-1");
        check(&other("com.acme.orders"), "cloud.aws.cloudwatch.events.111122223333.eu-west-1");
        check(&other("ec2"), "cloud.aws.cloudwatch.events.111122223333.eu-west-1");
        check(&other("aws.partner/x.com/y"), "cloud.aws.cloudwatch.events.111122223333.eu-west-1");
        check(&other(r"aws.ec2\u000a"), "cloud.aws.cloudwatch.events.111122223333.eu-west-1");
        // What an input transformer may make of it.
        for event in ["{}", "not json", "[1]", "42", r#""text""#, r#"{"source":7,"account":{},"region":[]}"#] {
            check(event, "cloud.aws.cloudwatch.events.999999999999.us-east-1");
        }
    }

    #[test]
    fn a_record_without_its_envelope_says_the_tag_and_its_name_too() {
        let record = r#"{"eventVersion":"1.08","userIdentity":{"accountId":"444455556666"},"eventSource":"network-firewall.amazonaws.com","eventName":"RunInstances","awsRegion":"ap-south-1","recipientAccountId":"111122223333"}"#;
        let kind = Envelopes {
            drop_event_names: vec!["RunInstances".to_owned()],
            ..kind("cloud.aws.cloudwatch.{event_type}.{account}.{region}")
        };
        let tag = "cloud.aws.cloudwatch.network_firewall.111122223333.ap-south-1";
        assert_eq!(route(&kind, record), (false, tag.to_owned()));
        assert_eq!(route(&kind, &record.replace("RunInstances", "StopInstances")), (true, tag.to_owned()));
    }

    #[test]
    fn null_says_nothing() {
        let auto = kind("cloud.aws.cloudwatch.{event_type}.{account}.{region}");
        let event = r#"{"source":null,"account":null,"region":null,"detail":{}}"#;
        assert_eq!(route(&auto, event), (true, "cloud.aws.cloudwatch.events.999999999999.us-east-1".to_owned()));
    }

    #[test]
    fn the_tag_may_be_the_queues() {
        let kind = Envelopes { from_event: false, ..kind("cloud.aws.cloudwatch.events.{account}.{region}") };
        assert_eq!(route(&kind, EVENT), (true, "cloud.aws.cloudwatch.events.999999999999.us-east-1".to_owned()));
    }

    #[test]
    fn calls_may_be_dropped_by_name() {
        let kind = Envelopes {
            drop_event_names: vec!["RunInstances".to_owned()],
            ..kind("cloud.aws.cloudwatch.events.{account}.{region}")
        };
        assert!(!route(&kind, EVENT).0);
        assert!(route(&kind, &EVENT.replace("RunInstances", "StopInstances")).0);
        assert!(route(&kind, "not json").0);
    }
}

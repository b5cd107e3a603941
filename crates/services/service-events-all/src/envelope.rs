//! The envelope of an EventBridge event, which is a message's whole body and the whole event. A rule may put anything
//! else in its place: that is an event as well, with the tag of one that says nothing of itself.

use quittance_aws::{
    TagTemplate, Tagger, Whereabouts, bare, is_dropped,
    queue::{BodyKind, Route, Router},
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
        let [source, account, region] = fields::read(event, [&["source"], &["account"], &["region"]]);
        let tag = self.tagger.id(
            source.filter(|_| self.with_event_type).and_then(service),
            account.filter(|_| self.from_event).map(bare),
            region.filter(|_| self.from_event).map(bare),
        );
        let name = match self.drop_event_names.is_empty() {
            true => None,
            // As in the envelope of a CloudTrail record.
            false => fields::read(event, [&["detail", "eventName"]])[0],
        };
        if is_dropped(name, &self.drop_event_names) { Route::Drop(tag) } else { Route::Send(tag) }
    }
}

/// `ec2` of `"aws.ec2"`. Only AWS may use such a source: what customers and partners send stays out of AWS's tables.
fn service(raw: &[u8]) -> Option<&[u8]> {
    bare(raw).strip_prefix(b"aws.")
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

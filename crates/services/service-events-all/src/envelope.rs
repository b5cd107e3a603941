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
            source.filter(|_| self.with_event_type).map(service),
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

/// `ec2` of `"aws.ec2"`; the sources of customers and partners stay whole, and fit into a tag or do not.
fn service(raw: &[u8]) -> &[u8] {
    let name = bare(raw);
    name.strip_prefix(b"aws.").unwrap_or(name)
}

//! Where a record of CloudTrail goes, whichever way it came.

use std::sync::Arc;

use quittance_aws::{
    Account, PlanError, Route, Router, TagTemplate, Tagger, Whereabouts, bare, is_dropped, service_of,
};
use quittance_core::Tags;
use quittance_formats::fields;

use crate::{
    Config,
    own::{OwnCalls, Signs},
};

/// What the user says of records.
#[derive(Clone)]
pub(crate) struct RecordRoutes {
    pub(crate) template: TagTemplate,
    pub(crate) drop_event_names: Vec<String>,
    pub(crate) from_event: bool,
    pub(crate) own: Option<OwnCalls>,
}

impl RecordRoutes {
    pub(crate) fn new(config: &Config, account: &Arc<Account>) -> Result<Self, PlanError> {
        Ok(RecordRoutes {
            template: config.tag_template()?,
            drop_event_names: config.drop_event_names.clone(),
            from_event: config.use_region_and_account_id_from_event,
            own: Some(OwnCalls::new(account, config.drop_own_calls)),
        })
    }

    /// Tags records; `at` is for those that do not say their account and region.
    pub(crate) fn router(&self, at: Whereabouts, tags: &Tags) -> Box<dyn Router> {
        Box::new(RecordRouter {
            tagger: Tagger::new(self.template.clone(), at, tags.clone()),
            with_event_type: self.template.has_event_type(),
            from_event: self.from_event,
            drop_event_names: self.drop_event_names.clone(),
            own: self.own.as_ref().and_then(OwnCalls::signs),
        })
    }
}

struct RecordRouter {
    tagger: Tagger,
    with_event_type: bool,
    from_event: bool,
    drop_event_names: Vec<String>,
    own: Option<Signs>,
}

impl Router for RecordRouter {
    fn route(&mut self, event: &[u8]) -> Route {
        if !self.with_event_type && !self.from_event && self.drop_event_names.is_empty() && self.own.is_none() {
            return Route::Send(self.tagger.id(None, None, None));
        }
        // What nearly every record says early is read first; only what lacks one of these is read to its end.
        let [source, region, user_account, name] =
            fields::read(event, [&["eventSource"], &["awsRegion"], &["userIdentity", "accountId"], &["eventName"]]);
        // An anonymous caller has a word in its place.
        let user_account = user_account.filter(|raw| bare(raw).is_some_and(is_account));
        let source = source.filter(|raw| bare(raw).is_some());
        let [recipient, category] = match (source, user_account) {
            (Some(_), Some(_)) => [None, None],
            _ => fields::read(event, [&["recipientAccountId"], &["eventCategory"]]),
        };
        let event_type = match (source, category) {
            // An Insight event names no source of its own.
            (None, Some(b"\"Insight\"")) => Some(b"insights".as_slice()),
            _ => source.and_then(service_of),
        };
        // As Devo's own senders choose it: whose identity it was, else whose trail it is.
        let account = user_account.or(recipient).filter(|_| self.from_event).and_then(bare);
        let tag = self.tagger.id(
            event_type.filter(|_| self.with_event_type),
            account,
            region.filter(|_| self.from_event).and_then(bare),
        );
        let refused =
            is_dropped(name, &self.drop_event_names) || self.own.as_ref().is_some_and(|own| own.refuse(event, name));
        if refused { Route::Drop(tag) } else { Route::Send(tag) }
    }
}

fn is_account(text: &[u8]) -> bool {
    text.len() == 12 && text.iter().all(u8::is_ascii_digit)
}

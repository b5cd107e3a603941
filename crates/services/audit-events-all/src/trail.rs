//! The objects of a trail: `{"Records":[...]}`, one event an element. Digest files, which a trail may write beside them,
//! hold no event.

use memchr::memmem;
use quittance_aws::{
    KeyFilter, ObjectRef, PlanError, TagTemplate, Tagger, Whereabouts, bare, is_dropped,
    objects::{ObjectKind, Opened, Route, Router, Selection},
};
use quittance_core::Tags;
use quittance_formats::{FormatError, Frame, Framer, Records, fields};

use crate::Config;

pub(crate) struct Trail {
    template: TagTemplate,
    drop_event_names: Vec<String>,
    from_event: bool,
    filter: KeyFilter,
}

impl Trail {
    pub(crate) fn new(config: &Config) -> Result<Self, PlanError> {
        Ok(Trail {
            template: config.tag_template()?,
            drop_event_names: config.drop_event_names.clone(),
            from_event: config.use_region_and_account_id_from_event,
            filter: KeyFilter::new(config.s3_file_type_filter.as_deref())?,
        })
    }
}

impl ObjectKind for Trail {
    fn select(&self, object: &ObjectRef) -> Selection {
        match self.filter.refuses(object) {
            Some(reason) => Selection::Skip(reason),
            None if object.key.contains("/CloudTrail-Digest/") => Selection::Skip("a digest holds no event"),
            None => Selection::Read,
        }
    }

    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let fallback = if self.from_event { at.refined_by_key(&object.key) } else { at.clone() };
        let router = TrailRouter {
            tagger: Tagger::new(self.template.clone(), fallback, tags.clone()),
            with_event_type: self.template.has_event_type(),
            from_event: self.from_event,
            drop_event_names: self.drop_event_names.clone(),
        };
        let framer = TrailFramer { records: Records::new("Records", max_event_bytes), started: false, digest: false };
        Opened { framer: Box::new(framer), router: Box::new(router), json: true }
    }
}

/// Finds the records, and knows a digest by its shape where its key does not tell.
struct TrailFramer {
    records: Records,
    started: bool,
    digest: bool,
}

impl Framer for TrailFramer {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        if !self.started {
            self.started = !window.is_empty();
            let head = &window[..window.len().min(4096)];
            self.digest =
                memmem::find(head, b"\"digestStartTime\"").is_some() && memmem::find(head, b"\"Records\"").is_none();
        }
        match self.records.frame(window, last, frames) {
            Err(FormatError::MissingKey { .. }) if self.digest => Ok(window.len()),
            found => found,
        }
    }
}

struct TrailRouter {
    tagger: Tagger,
    with_event_type: bool,
    from_event: bool,
    drop_event_names: Vec<String>,
}

impl Router for TrailRouter {
    fn route(&mut self, event: &[u8]) -> Route {
        if !self.with_event_type && !self.from_event && self.drop_event_names.is_empty() {
            return Route::Send(self.tagger.id(None, None, None));
        }
        // What nearly every record says early is read first; only what lacks one of these is read to its end.
        let [source, region, user_account, name] =
            fields::read(event, [&["eventSource"], &["awsRegion"], &["userIdentity", "accountId"], &["eventName"]]);
        let [recipient, category] = match (source, user_account) {
            (Some(_), Some(_)) => [None, None],
            _ => fields::read(event, [&["recipientAccountId"], &["eventCategory"]]),
        };
        let event_type = match (source, category) {
            // An Insight event names no source of its own.
            (None, Some(b"\"Insight\"")) => Some(b"insights".as_slice()),
            _ => source.map(service),
        };
        // As Devo's own senders choose it: whose identity it was, else whose trail it is.
        let account = user_account.or(recipient).filter(|_| self.from_event).map(bare);
        let tag = self.tagger.id(
            event_type.filter(|_| self.with_event_type),
            account,
            region.filter(|_| self.from_event).map(bare),
        );
        if is_dropped(name, &self.drop_event_names) { Route::Drop(tag) } else { Route::Send(tag) }
    }
}

/// `ec2` of `"ec2.amazonaws.com"`.
fn service(raw: &[u8]) -> &[u8] {
    let name = bare(raw);
    let end = memmem::find(name, b".amazonaws").or_else(|| memchr::memchr(b'.', name)).unwrap_or(name.len());
    &name[..end]
}

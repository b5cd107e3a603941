//! Tags made from what data says of itself, safely.

use std::{
    collections::HashMap,
    fmt::{self, Write},
};

use quittance_core::{Tag, TagError, TagId, Tags};

/// Where something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Twelve digits.
    pub account: String,
    /// As in `eu-west-1`.
    pub region: String,
}

impl Whereabouts {
    /// What an object's key says, as in `AWSLogs/111122223333/CloudTrail/eu-west-1/...`, with or without an
    /// organisation's id, or in Hive's form; `self` where it says nothing.
    pub fn refined_by_key(&self, key: &str) -> Whereabouts {
        let mut at = self.clone();
        let mut segments = key.split('/').skip_while(|segment| *segment != "AWSLogs").skip(1);
        let mut account = segments.next().unwrap_or_default();
        if account.starts_with("o-") {
            account = segments.next().unwrap_or_default();
        }
        let account = account.strip_prefix("aws-account-id=").unwrap_or(account);
        if let Some(account) = account_level(account.as_bytes()) {
            at.account = account.to_owned();
            let region = segments.nth(1).unwrap_or_default();
            let region = region.strip_prefix("aws-region=").unwrap_or(region);
            if is_region(region.as_bytes()) {
                at.region = region.to_owned();
            }
        }
        at
    }
}

/// A tag with places for what an event says: `cloud.aws.cloudtrail.{event_type}.{account}.{region}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate {
    parts: Vec<Part>,
    /// The event type of an event that has none.
    general: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    EventType,
    Account,
    Region,
}

impl TagTemplate {
    /// Reads a template; `general` stands for the event type of an event that has no usable one.
    pub fn new(template: &str, general: &str) -> Result<Self, TagError> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            parts.push(Part::Text(text.to_owned()));
            let (name, after) = after.split_once('}').ok_or_else(|| TagError::BadLevel(template.to_owned()))?;
            parts.push(match name {
                "event_type" => Part::EventType,
                "account" => Part::Account,
                "region" => Part::Region,
                _ => return Err(TagError::BadLevel(template.to_owned())),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = TagTemplate { parts, general: general.to_owned() };
        Tag::new(&template.render(general, "000000000000", "us-east-1"))?;
        Ok(template)
    }

    /// Whether an event's own type changes its tag.
    pub fn has_event_type(&self) -> bool {
        self.parts.contains(&Part::EventType)
    }

    fn render(&self, event_type: &str, account: &str, region: &str) -> String {
        let mut tag = String::with_capacity(64);
        for part in &self.parts {
            let text = match part {
                Part::Text(text) => text,
                Part::EventType => event_type,
                Part::Account => account,
                Part::Region => region,
            };
            tag.write_str(text).expect("a string takes every write");
        }
        tag
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render("{event_type}", "{account}", "{region}"))
    }
}

/// Tags events by a template. Whatever in an event does not look like an event type, an account or a region falls back,
/// so that no event can forge a tag.
pub struct Tagger {
    template: TagTemplate,
    fallback: Whereabouts,
    tags: Tags,
    known: HashMap<Vec<u8>, TagId>,
    key: Vec<u8>,
}

/// Tags that one tagger remembers. Data decides how many there are, so there must be an end.
const MAX_KNOWN: usize = 4096;

impl Tagger {
    /// Tags by `template`; accounts and regions that events do not say are those of `fallback`.
    pub fn new(template: TagTemplate, fallback: Whereabouts, tags: Tags) -> Self {
        Tagger { template, fallback, tags, known: HashMap::new(), key: Vec::new() }
    }

    /// The tag for an event; each part may be absent or nonsense.
    pub fn id(&mut self, event_type: Option<&[u8]>, account: Option<&[u8]>, region: Option<&[u8]>) -> TagId {
        self.key.clear();
        for part in [event_type, account, region] {
            self.key.extend_from_slice(part.unwrap_or_default());
            self.key.push(0);
        }
        if let Some(id) = self.known.get(&self.key) {
            return *id;
        }
        let full = self.known.len() >= MAX_KNOWN;
        let event_type = event_type.filter(|_| !full).and_then(event_type_level);
        let account = account.filter(|_| !full).and_then(account_level).unwrap_or(&self.fallback.account);
        let region = region.filter(|_| !full).and_then(region_level).unwrap_or(&self.fallback.region);
        let event_type = event_type.as_deref().unwrap_or(&self.template.general);
        let tag = Tag::new(&self.template.render(event_type, account, region))
            // Only an account or region that we pull from without knowing it is left to fail.
            .or_else(|_| Tag::new(&self.template.render(event_type, "unknown", "unknown")))
            .expect("the template was checked when it was made, and every part above");
        let id = self.tags.id(&tag);
        if !full {
            self.known.insert(self.key.clone(), id);
        }
        id
    }
}

/// Lower case, `-` as `_`; anything else than `[a-z0-9_]` is no level.
fn event_type_level(text: &[u8]) -> Option<String> {
    let level = |b: &u8| match b.to_ascii_lowercase() {
        b'-' => Some('_'),
        b if b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' => Some(char::from(b)),
        _ => None,
    };
    let fits = !text.is_empty() && text.len() <= 64;
    fits.then(|| text.iter().map(level).collect()).flatten()
}

fn account_level(text: &[u8]) -> Option<&str> {
    let fits = text.len() == 12 && text.iter().all(u8::is_ascii_digit);
    fits.then(|| std::str::from_utf8(text).ok()).flatten()
}

fn region_level(text: &[u8]) -> Option<&str> {
    let fits = !text.is_empty()
        && text.len() <= 32
        && text.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    fits.then(|| std::str::from_utf8(text).ok()).flatten()
}

/// Whether a text has the shape of a region's name, as in `ap-southeast-2` or `us-gov-west-1`.
pub(crate) fn is_region(text: &[u8]) -> bool {
    let mut parts = text.rsplit(|b| *b == b'-');
    let number = parts.next().is_some_and(|part| (1..=2).contains(&part.len()) && part.iter().all(u8::is_ascii_digit));
    let words = parts.clone().count();
    number
        && (2..=4).contains(&words)
        && text.len() <= 32
        && parts.all(|part| (2..=12).contains(&part.len()) && part.iter().all(u8::is_ascii_lowercase))
}

/// A JSON string without its quotes, for a [`Tagger`]. Escapes stay, and make it unfit for a level of a tag.
pub fn bare(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw)
}

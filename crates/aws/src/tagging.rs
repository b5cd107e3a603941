//! Tags made from what data says of itself, safely.

use std::{
    collections::HashMap,
    fmt::{self, Write},
};

use memchr::memmem;
use quittance_core::{Tag, TagId, Tags};

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
    /// Reads a template, or says what is wrong with it; `general` stands for the event type of an event that has no
    /// usable one.
    pub fn new(template: &str, general: &str) -> Result<Self, String> {
        let unknown = |name: &str, what: &str| {
            let (template, name) = (template.escape_debug(), name.escape_debug());
            let known = "there are `{event_type}`, `{account}` and `{region}`";
            Err(format!("tag `{template}`: `{name}` {what}: {known}"))
        };
        if let Some((_, after)) = template.split_once('[') {
            let name = after.split_once(']').map_or(after, |(name, _)| name);
            return unknown(&format!("[{name}]"), "is not filled in");
        }
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            parts.push(Part::Text(text.to_owned()));
            let Some((name, after)) = after.split_once('}') else {
                return unknown(&format!("{{{after}"), "has no end");
            };
            parts.push(match name {
                "event_type" => Part::EventType,
                "account" => Part::Account,
                "region" => Part::Region,
                _ => return unknown(&format!("{{{name}}}"), "is not filled in"),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = TagTemplate { parts, general: general.to_owned() };
        match Tag::new(&template.render(general, "000000000000", "us-east-1")) {
            Ok(_) => Ok(template),
            Err(error) => Err(error.to_string()),
        }
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

/// Tags that the data of a unit can make, and texts that one tagger remembers the tags of. Data decides how many there are,
/// so there must be an end.
const MAX_KNOWN: usize = 4096;

/// Bytes of the longest level that is taken from data.
const MAX_LEVEL: usize = 64;

impl Tagger {
    /// Tags by `template`; accounts and regions that events do not say are those of `fallback`.
    pub fn new(template: TagTemplate, fallback: Whereabouts, tags: Tags) -> Self {
        Tagger { template, fallback, tags, known: HashMap::new(), key: Vec::new() }
    }

    /// The tag for an event; each part may be absent or nonsense.
    pub fn id(&mut self, event_type: Option<&[u8]>, account: Option<&[u8]>, region: Option<&[u8]>) -> TagId {
        // What is too long for a level is not worth remembering either.
        let [event_type, account, region] =
            [event_type, account, region].map(|part| part.filter(|part| part.len() <= MAX_LEVEL));
        self.key.clear();
        for part in [event_type, account, region] {
            self.key.extend_from_slice(part.unwrap_or_default());
            self.key.push(0);
        }
        if let Some(id) = self.known.get(&self.key) {
            return *id;
        }
        let Whereabouts { account: own, region: here } = &self.fallback;
        let event_type = event_type.and_then(event_type_level);
        let account = account.and_then(account_level).unwrap_or(own);
        let region = region.and_then(region_level).unwrap_or(here);
        let general = &self.template.general;
        let id = (self.within(event_type.as_deref().unwrap_or(general), account, region))
            .or_else(|| self.within(general, own, here))
            .unwrap_or_else(|| self.tags.id(&self.tag(general, "unknown", "unknown")));
        if self.known.len() < MAX_KNOWN {
            self.known.insert(self.key.clone(), id);
        }
        id
    }

    /// The tag for these levels, if the unit has it or may have one more.
    fn within(&self, event_type: &str, account: &str, region: &str) -> Option<TagId> {
        self.tags.id_within(&self.tag(event_type, account, region), MAX_KNOWN)
    }

    fn tag(&self, event_type: &str, account: &str, region: &str) -> Tag {
        Tag::new(&self.template.render(event_type, account, region))
            // Only an account or region that we pull from without knowing it is left to fail.
            .or_else(|_| Tag::new(&self.template.render(event_type, "unknown", "unknown")))
            .expect("the template was checked when it was made, and every level that comes from data too")
    }
}

/// Lower case, `-` as `_`; anything else than `[a-z0-9_]` is no level.
fn event_type_level(text: &[u8]) -> Option<String> {
    let level = |b: &u8| match b.to_ascii_lowercase() {
        b'-' => Some('_'),
        b if b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' => Some(char::from(b)),
        _ => None,
    };
    let fits = !text.is_empty() && text.len() <= MAX_LEVEL;
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

/// A JSON string without its quotes, or a number, for a [`Tagger`]; `None` for what says nothing: `null`, `true`, `false`,
/// an empty string, a list, an object. Escapes stay, and make it unfit for a level of a tag.
pub fn bare(raw: &[u8]) -> Option<&[u8]> {
    match raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) {
        Some(text) => (!text.is_empty()).then_some(text),
        None => raw.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-').then_some(raw),
    }
}

/// `ec2` of the raw JSON of an `eventSource`, as in `"ec2.amazonaws.com"`.
pub fn service_of(event_source: &[u8]) -> Option<&[u8]> {
    let name = bare(event_source)?;
    let end = memmem::find(name, b".amazonaws").or_else(|| memchr::memchr(b'.', name)).unwrap_or(name.len());
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(parts: [Option<&[u8]>; 3]) -> String {
        let template = TagTemplate::new("cloud.aws.cloudtrail.{event_type}.{account}.{region}", "events").unwrap();
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let tags = Tags::default();
        let id = Tagger::new(template, at, tags.clone()).id(parts[0], parts[1], parts[2]);
        tags.tag(id).to_string()
    }

    #[test]
    fn what_does_not_fit_into_a_tag_falls_back() {
        let fallback = "cloud.aws.cloudtrail.events.999999999999.us-east-1";
        assert_eq!(tag([None, None, None]), fallback);
        let long = vec![b'a'; 100_000];
        let odd: [&[u8]; 9] = [b"", b"a b", b"a.b", b"<13>a: b", b"\n", b"a\0", "\u{e9}".as_bytes(), b"\xff", &long];
        for odd in odd {
            assert_eq!(tag([Some(odd), Some(odd), Some(odd)]), fallback, "{:?}", odd.escape_ascii().to_string());
        }
        assert_eq!(
            tag([Some(b"Network-Firewall"), Some(b"111122223333"), Some(b"eu-west-1")]),
            "cloud.aws.cloudtrail.network_firewall.111122223333.eu-west-1"
        );
    }

    #[test]
    fn what_json_says_nothing_with_is_no_level() {
        for nothing in ["null", "true", "false", r#""""#, "{}", "[]", r#"{"a":1}"#, ""] {
            assert_eq!(bare(nothing.as_bytes()), None, "{nothing}");
        }
        assert_eq!(bare(b"111122223333"), Some(&b"111122223333"[..]));
        assert_eq!(bare(br#""ec2""#), Some(&b"ec2"[..]));
        assert_eq!(service_of(br#""network-firewall.amazonaws.com.cn""#), Some(&b"network-firewall"[..]));
        assert_eq!(service_of(b"null"), None);
    }

    #[test]
    fn tags_do_not_grow_without_end() {
        let template = TagTemplate::new("my.app.{event_type}.all", "events").unwrap();
        let tags = Tags::default();
        let mut tagger = Tagger::new(template, Whereabouts::default(), tags.clone());
        let ids: std::collections::HashSet<_> =
            (0..3 * MAX_KNOWN).map(|n| tagger.id(Some(n.to_string().as_bytes()), None, None)).collect();
        assert_eq!(ids.len(), MAX_KNOWN + 1);
        assert_eq!(tagger.known.len(), MAX_KNOWN);
    }

    #[test]
    fn the_taggers_of_a_unit_have_one_bound_together() {
        let tags = Tags::default();
        let mut ids = std::collections::HashSet::new();
        for object in 0..100 {
            let template = TagTemplate::new("my.app.{event_type}.{region}", "events").unwrap();
            let at = Whereabouts { account: String::new(), region: format!("us-east-{object}") };
            let mut tagger = Tagger::new(template, at, tags.clone());
            ids.extend((0..1000).map(|n| tagger.id(Some(format!("{object}_{n}").as_bytes()), None, None)));
        }
        assert_eq!(ids.len(), MAX_KNOWN + 1, "and one for all others");
    }

    #[test]
    fn a_template_is_checked_when_it_is_made() {
        for wrong in ["", "one", "a..b", "a.{nothing}", "a.{event_type", "a b.c", "a.b:"] {
            assert!(TagTemplate::new(wrong, "events").is_err(), "{wrong}");
        }
        for (wrong, said) in [
            (
                "a.b.{source}",
                "tag `a.b.{source}`: `{source}` is not filled in: there are `{event_type}`, `{account}` and `{region}`",
            ),
            ("a.b.[record-type].x", "`[record-type]` is not filled in: there are"),
            ("a.b.{account", "`{account` has no end"),
        ] {
            let error = TagTemplate::new(wrong, "events").unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        let own = TagTemplate::new("my.app.aws.{event_type}-x", "all").unwrap();
        assert_eq!(own.to_string(), "my.app.aws.{event_type}-x");
    }

    #[test]
    fn regions_are_known_by_their_shape() {
        for region in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1", "us-iso-east-1", "me-central-1"] {
            assert!(is_region(region.as_bytes()), "{region}");
        }
        for other in ["", "1", "us-1", "useast1", "US-EAST-1", "us-east-", "us-east-1a", "E2K9.2026-01-15-12.5f.gz"] {
            assert!(!is_region(other.as_bytes()), "{other}");
        }
    }
}

//! Voiso's security events: a message's body is one event, which says its `type` and, within that, its `event`.

use std::collections::HashSet;

use quittance_aws::{
    TagTemplate, Tagger, Whereabouts,
    queue::{BodyKind, Claim, Route, Router},
};
use quittance_core::Tags;
use quittance_formats::fields;
use tracing::warn;

/// The events that Voiso documents, by type. `ip_changed` occurs in two.
const KNOWN: [(&str, &[&str]); 3] = [
    ("app_login", &["incorrect_password", "deleted_user", "successful_login", "unauthorized_ip", "ip_changed"]),
    ("user", &["user_added", "user_deleted", "password_changed", "privileges_updated"]),
    ("allowed_ip", &["ip_added", "ip_removed", "ip_changed"]),
];

/// The event type of what is none of them: its own tag, so that it is counted apart.
pub(crate) const UNKNOWN: &str = "unknown";

/// Unknown names that are remembered, to warn of each once. Data decides how many there are, so there must be an end.
const MAX_WARNED: usize = 64;

pub(crate) struct SecurityEvents {
    pub(crate) template: TagTemplate,
}

impl BodyKind for SecurityEvents {
    fn is_fed_by_rules(&self) -> bool {
        false
    }

    fn router(&self, at: &Whereabouts, tags: &Tags) -> Box<dyn Router> {
        Box::new(SecurityRouter {
            tagger: Tagger::new(self.template.clone(), at.clone(), tags.clone()),
            warned: HashSet::new(),
        })
    }

    fn claim(&self, body: &[u8]) -> Claim {
        let says = fields::read(body, [&["type"], &["event"], &["callcenter"]]);
        if says.iter().all(Option::is_some) { Claim::Own } else { Claim::No }
    }
}

struct SecurityRouter {
    tagger: Tagger,
    warned: HashSet<[String; 2]>,
}

impl Router for SecurityRouter {
    fn route(&mut self, event: &[u8]) -> Route {
        let names = fields::read(event, [&["type"], &["event"]]);
        let known = known(names);
        if known.is_none() {
            self.warn_once(names);
        }
        Route::Send(self.tagger.id(known.map(str::as_bytes), None, None))
    }
}

impl SecurityRouter {
    fn warn_once(&mut self, names: [Option<&[u8]>; 2]) {
        let shown = names.map(|name| {
            let text = name.and_then(fields::text).unwrap_or_default();
            text.chars().take(64).flat_map(char::escape_debug).collect::<String>()
        });
        if self.warned.len() < MAX_WARNED && !self.warned.contains(&shown) {
            let [kind, event] = &shown;
            warn!(kind, event, "an event that Voiso's documentation does not know: passed on, tagged as `{UNKNOWN}`");
            self.warned.insert(shown);
        }
    }
}

/// The type of an event that is known, in whichever case it is written.
fn known([kind, event]: [Option<&[u8]>; 2]) -> Option<&'static str> {
    let (kind, event) = (fields::text(kind?)?, fields::text(event?)?);
    let (name, events) = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(&kind))?;
    events.iter().any(|known| known.eq_ignore_ascii_case(&event)).then_some(name)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use quittance_testbed::generate::{Origin, voiso};

    use super::*;

    fn kind() -> SecurityEvents {
        SecurityEvents { template: TagTemplate::new("my.app.voiso.{event_type}", UNKNOWN).unwrap() }
    }

    fn tags_of<'a>(events: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let tags = Tags::default();
        let mut router = kind().router(&Whereabouts::default(), &tags);
        let tag = |event: &str| {
            let Route::Send(id) = router.route(event.as_bytes()) else { panic!("nothing is dropped") };
            tags.tag(id).to_string()
        };
        events.into_iter().map(tag).collect()
    }

    fn event(kind: &str, event: &str) -> String {
        format!(
            r#"{{"timestamp":"2020-10-10T10:11:12.12Z","type":"{kind}","event":"{event}","callcenter":"acme","params":{{"user":"a@acme.example","type":"inner"}}}}"#
        )
    }

    #[test]
    fn every_documented_event_goes_to_the_tag_of_its_type() {
        let mut events = 0;
        for (kind, names) in KNOWN {
            for name in names {
                events += 1;
                let expected = format!("my.app.voiso.{kind}");
                assert_eq!(
                    tags_of([&*event(kind, name), &*event(&kind.to_uppercase(), name)]),
                    [&*expected, &*expected]
                );
            }
        }
        assert_eq!(events, 12);
    }

    #[test]
    fn what_is_not_known_is_passed_on_under_a_tag_of_its_own() {
        let unknown = [
            // Of a known type, a known name in another type, and of no known type.
            &*event("user", "user_locked"),
            &*event("user", "ip_added"),
            &*event("call", "started"),
            &*event("a.b\\u000a<13>", "x"),
            &*event("user", ""),
            "{}",
            "not json",
            "[1]",
            r#"{"type":7,"event":{}}"#,
        ];
        assert!(tags_of(unknown).iter().all(|tag| tag == "my.app.voiso.unknown"));
    }

    #[test]
    fn in_a_shared_queue_what_has_voisos_shape_is_claimed() {
        assert_eq!(kind().claim(event("call", "started").as_bytes()), Claim::Own);
        for body in [r#"{"type":"user","event":"user_added"}"#, r#"{"source":"aws.ec2"}"#, "not json"] {
            assert_eq!(kind().claim(body.as_bytes()), Claim::No, "{body}");
        }
    }

    #[test]
    fn unknown_names_are_remembered_up_to_an_end() {
        let mut router = SecurityRouter {
            tagger: Tagger::new(kind().template, Whereabouts::default(), Tags::default()),
            warned: HashSet::new(),
        };
        for n in 0..1000 {
            router.route(event(&format!("t{n}"), &"x".repeat(10_000)).as_bytes());
        }
        assert_eq!(router.warned.len(), MAX_WARNED);
        assert!(router.warned.iter().all(|[_, event]| event.len() == 64));
    }

    #[test]
    fn every_generated_event_is_known() {
        let mut rng = fastrand::Rng::with_seed(5);
        let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
        let events: Vec<_> = (0..500).map(|ordinal| voiso::event(&mut rng, &origin, ordinal)).collect();
        let tags: HashSet<_> = tags_of(events.iter().map(String::as_str)).into_iter().collect();
        let expected = ["app_login", "user", "allowed_ip"].map(|kind| format!("my.app.voiso.{kind}"));
        assert_eq!(tags, HashSet::from(expected));
    }
}

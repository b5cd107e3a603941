//! Voiso's security events: each is an SQS message's whole body.

use fastrand::Rng;

use super::template::Filler;
use super::values::{self, Origin, favour};

/// One event. People's addresses hold the ordinal, for an event has no id.
pub fn event(rng: &mut Rng, origin: &Origin, ordinal: u64) -> String {
    let (kind, name, params) = EVENTS[favour(rng, EVENTS.len())];
    let seconds = origin.moment(rng);
    let mut out = String::with_capacity(320);
    out.push_str("{\"timestamp\":\"");
    values::iso(&mut out, seconds);
    // As Voiso writes it, with hundredths.
    out.pop();
    out.push('.');
    values::two(&mut out, rng.i8(0..100));
    out.push_str("Z\",\"type\":\"");
    out.push_str(kind);
    out.push_str("\",\"event\":\"");
    out.push_str(name);
    out.push_str("\",\"callcenter\":\"acme\",\"params\":{");
    for (index, part) in params.split('@').enumerate() {
        if index > 0 {
            out.push_str("agent.");
            values::hex(&mut out, values::scramble(ordinal), 12);
            out.push_str("@acme.example");
        }
        Filler { rng, origin, ordinal, seconds }.fill(&mut out, part);
    }
    out.push_str("}}");
    out
}

/// All twelve that there are, the frequent ones first; `@` stands for the person's address.
const EVENTS: [(&str, &str, &str); 12] = [
    ("app_login", "successful_login", r#""user":"@","access_group":"supervisor""#),
    ("app_login", "ip_changed", r#""user":"@","access_group":"agent","from":"$p","to":"$p""#),
    ("app_login", "incorrect_password", r#""user":"@","access_group":"admin","count":"4""#),
    ("app_login", "unauthorized_ip", r#""user":"@","access_group":"agent","ip":"$p""#),
    ("user", "password_changed", r#""who":"$P","user":"@","access_group":"agent""#),
    ("user", "user_added", r#""who":"$P","user":"@","access_group":"agent""#),
    ("user", "privileges_updated", r#""who":"$P","user":"@","from":"agent","to":"supervisor""#),
    ("user", "user_deleted", r#""who":"$P","user":"@","access_group":"agent""#),
    ("app_login", "deleted_user", r#""user":"@","access_group":"supervisor""#),
    ("allowed_ip", "ip_added", r#""who":"@","access_group":"admin","ip":"$p/32""#),
    ("allowed_ip", "ip_changed", r#""who":"@","access_group":"admin","from":"$p/32","to":"$p/32""#),
    ("allowed_ip", "ip_removed", r#""who":"@","access_group":"admin","ip":"$p/32""#),
];

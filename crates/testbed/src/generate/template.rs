//! Fills the blanks of JSON templates: `$` and a letter stand for a fresh value.

use std::net::Ipv4Addr;

use fastrand::Rng;

use super::values::{self, Origin, UPPER, pick, scramble};

/// What the values of one event derive from.
pub(super) struct Filler<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) origin: &'a Origin,
    /// The event's ordinal, which makes its id unique.
    pub(super) ordinal: u64,
    /// The event's time in seconds since 1970.
    pub(super) seconds: i64,
}

impl Filler<'_> {
    /// Appends the template with its blanks filled.
    pub(super) fn fill(&mut self, out: &mut String, template: &str) {
        let mut parts = template.split('$');
        out.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let mut letters = part.chars();
            if let Some(blank) = letters.next() {
                self.value(out, blank);
            }
            out.push_str(letters.as_str());
        }
    }

    /// Every value is free of characters that JSON would have to escape, or holds them escaped.
    fn value(&mut self, out: &mut String, blank: char) {
        let rng = &mut *self.rng;
        match blank {
            'a' => out.push_str(&self.origin.account),
            'r' => out.push_str(&self.origin.region),
            // Times: the event's, and that of a session that began before.
            't' => values::iso(out, self.seconds),
            'T' => values::iso(out, self.seconds - rng.i64(60..40_000)),
            // Ids: the event's own, any UUID, hexadecimal ones, those of keys and requests.
            'e' => values::uuid(out, rng, scramble(self.ordinal)),
            'u' => {
                let bits = rng.u64(..);
                values::uuid(out, rng, bits);
            }
            'h' => values::hex(out, rng.u64(..), 8),
            'x' => {
                out.push('0');
                values::hex(out, rng.u64(..), 16);
            }
            'U' => values::random(out, rng, UPPER, 16),
            'n' => values::number(out, rng.u64(1..1000)),
            'N' => values::number(out, rng.u64(1000..1_000_000_000)),
            'p' => values::ip(out, values::public_ip(rng)),
            'i' => values::ip(out, Ipv4Addr::from(0x0a00_0000 | rng.u32(..1 << 24))),
            // Names.
            'P' => out.push_str(pick(rng, &PEOPLE)),
            'R' => out.push_str(pick(rng, &ROLES)),
            'b' => out.push_str(pick(rng, &BUCKETS)),
            'w' => out.push_str(pick(rng, &WORDS)),
            's' => out.push_str(pick(rng, &SENTENCES)),
            'D' => out.push('$'),
            'z' => out.push_str(pick(rng, &["a", "b", "c"])),
            other => unreachable!("no template has the blank ${other}"),
        }
    }
}

const PEOPLE: [&str; 8] = [
    "alice.meyer",
    "b.okafor",
    "carla.rossi",
    "devon@example.com",
    "erik.lindqvist",
    "f.nakamura",
    "grace-admin",
    "terraform-ci",
];
const ROLES: [&str; 8] = [
    "AppServerRole",
    "ci-deploy",
    "DataPipelineExecution",
    "EKSNodeRole-prod",
    "SecurityAuditReadOnly",
    "lambda-order-events",
    "BackupOperator",
    "OrganizationAccountAccessRole",
];
const BUCKETS: [&str; 7] = [
    "acme-prod-orders",
    "acme-terraform-state",
    "acme-data-lake-raw",
    "acme-web-assets",
    "acme-access-logs",
    "acme-backup-eu",
    "cf-templates-1x8kq2",
];
const WORDS: [&str; 12] = [
    "orders",
    "payments",
    "checkout",
    "inventory",
    "search-index",
    "billing",
    "image-resizer",
    "notifications",
    "audit-export",
    "session-store",
    "reporting",
    "ingest",
];
/// Text as people write it into names, tags and descriptions: JSON that a careless parser breaks.
const SENTENCES: [&str; 14] = [
    "Nightly export of the orders table",
    "Managed by Terraform",
    "Owner: platform team",
    "temporary, remove after the migration",
    "Größe geändert für Köln",
    "Resumen de facturación – año fiscal",
    "夜間バッチ処理",
    "rollout 🚀 wave 2",
    "the \\\"legacy\\\" gateway",
    "C:\\\\deploy\\\\release\\\\current",
    "first line\\nsecond line",
    "cost\\tcentre 4711",
    "caf\\u00e9 \\u2013 z\\u00fcrich",
    "a {brace}, a [bracket], a comma: all inside",
];

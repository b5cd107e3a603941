//! Lines that only name columns: what tells them from rows.

/// The fields of VPC and transit gateway flow logs, up to version 10.
const FLOW: &[&str] = &[
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "resource-type",
    "tgw-id",
    "tgw-attachment-id",
    "tgw-src-vpc-account-id",
    "tgw-dst-vpc-account-id",
    "tgw-src-vpc-id",
    "tgw-dst-vpc-id",
    "tgw-src-subnet-id",
    "tgw-dst-subnet-id",
    "tgw-src-eni",
    "tgw-dst-eni",
    "tgw-src-az-id",
    "tgw-dst-az-id",
    "tgw-pair-attachment-id",
    "packets-lost-no-route",
    "packets-lost-blackhole",
    "packets-lost-mtu-exceeded",
    "packets-lost-ttl-expired",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
];

/// The fields of CloudFront's standard access logs, which a user may choose and order.
const ACCESS: &[&str] = &[
    "date",
    "time",
    "timestamp",
    "timestamp(ms)",
    "DistributionId",
    "distribution-tenant-id",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
    "origin-fbl",
    "origin-lbl",
    "asn",
    "c-country",
    "cache-behavior-path-pattern",
];

/// All names that are known.
pub(crate) fn names_known() -> impl Iterator<Item = &'static str> + Clone {
    FLOW.iter().chain(ACCESS).copied()
}

/// What stands between the names of an access log's columns.
pub(crate) fn between_names(line: &[u8]) -> Option<u8> {
    line.iter().copied().find(is_between)
}

fn is_between(byte: &u8) -> bool {
    !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'(' | b')')
}

/// Whether a line of a flow log names columns. Values can look like names too, as `us-east-1 ingress`, and AWS adds fields
/// from time to time; so all must look like names, and most must be known. AWS begins every file with such a line, so
/// that of the first one it is enough to know one.
pub(crate) fn names_flow(line: &[u8], first: bool) -> bool {
    let looks = |word: &[u8]| word.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    // Most rows end here.
    line.first().is_some_and(u8::is_ascii_lowercase) && names(line.split(|b| *b == b' '), FLOW, looks, first)
}

/// Whether a line of an access log names columns: a user may choose what stands between them.
pub(crate) fn names_access(line: &[u8]) -> bool {
    let ours = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    line.first().is_some_and(u8::is_ascii_alphabetic)
        && line.iter().all(ours)
        && names(line.split(is_between), ACCESS, |_| true, false)
}

/// Whether all words look like names, and more than half are known, or one at least.
fn names<'a>(
    words: impl Iterator<Item = &'a [u8]>,
    known: &[&str],
    looks: impl Fn(&[u8]) -> bool,
    one_will_do: bool,
) -> bool {
    let (mut all, mut found) = (0, 0);
    for word in words.filter(|word| !word.is_empty()) {
        if !word[0].is_ascii_alphabetic() || !looks(word) {
            return false;
        }
        all += 1;
        found += usize::from(known.iter().any(|name| name.as_bytes() == word));
    }
    found * 2 > all || (one_will_do && found > 0)
}

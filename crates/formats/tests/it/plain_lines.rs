//! Lines: line ends, blank lines, header rules.

use proptest::prelude::*;
use quittance_formats::{Header, Lines};

use crate::support::{Found, Outcome, ROOMY, cuts, outcome, run, scale};

fn lines(header: Header, input: &[u8]) -> Outcome {
    outcome(|| Lines::new(header, ROOMY), input, ROOMY)
}

#[test]
fn line_ends_and_blank_lines_are_dropped() {
    assert_eq!(lines(Header::None, b"a b\r\n\r\n\nc\n d \n").events(), ["a b", "c", " d "]);
    assert_eq!(lines(Header::None, b"").events(), [""; 0]);
    assert_eq!(lines(Header::None, b"\r\n\n").events(), [""; 0]);
}

#[test]
fn the_last_line_needs_no_newline() {
    assert_eq!(lines(Header::None, b"a\nb").events(), ["a", "b"]);
    assert_eq!(lines(Header::None, b"a\nb\r").events(), ["a", "b"]);
}

#[test]
fn a_carriage_return_within_a_line_stays() {
    assert_eq!(lines(Header::None, b"a\rb\nc\r\r\n").events(), ["a\rb", "c\r"]);
}

#[test]
fn a_byte_order_mark_is_skipped_only_at_the_start() {
    assert_eq!(lines(Header::None, b"\xef\xbb\xbfa\n\xef\xbb\xbfb").events(), ["a", "\u{feff}b"]);
    assert_eq!(lines(Header::None, b"\xef\xbb\xbf").events(), [""; 0]);
    assert_eq!(lines(Header::None, b"\xef\xbb").found, [Found::Event(b"\xef\xbb".to_vec())]);
}

#[test]
fn bytes_need_not_be_utf8() {
    assert_eq!(
        lines(Header::None, b"\xff\xfe\n\x00").found,
        [&b"\xff\xfe"[..], b"\x00"].map(|b| Found::Event(b.to_vec()))
    );
}

const FLOW: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

const ROW: &str = "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 443 49152 6 10 840 1620000000 1620000060 ACCEPT OK";

const NO_DATA: &str = "2 123456789012 eni-0a - - - - - - - 1620000000 1620000060 - NODATA";

#[test]
fn a_line_of_field_names_in_a_flow_log_is_no_event_wherever_it_stands() {
    let joined = format!("\u{feff}\r\n{FLOW}\r\n{ROW}\r\n{FLOW}\n\n{NO_DATA}\n{FLOW}");
    let outcome = lines(Header::VpcFlow, joined.as_bytes());
    assert_eq!(outcome.header.as_deref(), Some(FLOW.as_bytes()));
    assert_eq!(outcome.events(), [ROW, NO_DATA]);
    for names in [
        "version",
        "version account-id action log-status a-field-of-tomorrow flow-direction traffic-path",
        "srcaddr dstaddr account-id version",
        "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id packets-lost-mtu-exceeded",
        "region vpc-id ecs-cluster-name ecs-second-container-id reject-reason resource-id encryption-status",
    ] {
        let only = lines(Header::VpcFlow, names.as_bytes());
        assert_eq!((only.header.clone(), only.events()), (Some(names.as_bytes().to_vec()), vec![]));
    }
}

#[test]
fn one_field_that_is_known_makes_a_first_line_a_header() {
    let names = "a-field-of-tomorrow another-one version a-third";
    let outcome = lines(Header::VpcFlow, format!("{names}\nx y 2 z\n{names}\nmy-cluster version us-east-1").as_bytes());
    assert_eq!(outcome.header.as_deref(), Some(names.as_bytes()));
    assert_eq!(outcome.events(), ["x y 2 z", "my-cluster version us-east-1"]);
}

#[test]
fn a_flow_log_without_a_header_loses_no_line() {
    for row in [
        ROW,
        NO_DATA,
        "- - -",
        "us-east-1 vpc-0a1b egress use1-az1",
        "ingress",
        "my-cluster versions us-east-1",
        "version 2",
        "version A",
        "{\"version\":2}",
        "#comment",
    ] {
        let outcome = lines(Header::VpcFlow, format!("{row}\n{row}").as_bytes());
        assert_eq!(outcome.header, None);
        assert_eq!(outcome.events(), [row, row]);
    }
}

#[test]
fn hash_lines_are_headers_wherever_they_stand() {
    let outcome = lines(Header::CloudFront, b"#Version: 1.0\n#Fields: date time\n#Date: x\na\n#Fields: b\r\nc");
    assert_eq!(outcome.header.as_deref(), Some(&b"#Fields: b"[..]));
    assert_eq!(outcome.events(), ["a", "c"]);
    let none = lines(Header::CloudFront, b"a\n#Version: 1.0\n");
    assert_eq!((none.header.clone(), none.events()), (None, vec!["a".to_owned()]));
}

#[test]
fn an_access_log_may_name_its_columns_without_a_hash() {
    for names in [
        "date\ttime\tx-edge-location\tsc-bytes\tcs(User-Agent)",
        "timestamp(ms),DistributionId,c-ip,cs(Host)",
        "DistributionId|date|time|a-field-of-tomorrow",
        "c-country asn",
        "timestamp",
    ] {
        let row = "2026-01-15\t12:00:00\tFRA2-C1\t840\tcurl/8";
        let joined = format!("\r\n{names}\r\n{row}\r\n{names}\r\n{row}");
        let outcome = lines(Header::CloudFront, joined.as_bytes());
        assert_eq!(outcome.header.as_deref(), Some(names.as_bytes()));
        assert_eq!(outcome.events(), [row, row]);
    }
}

#[test]
fn a_row_that_a_viewer_wrote_like_a_header_is_an_event() {
    for first in ["2026-01-15\tGET\t/", "{\"date\":\"2026-01-15\"}", "GET\tdate", "/date", "Hit Miss", "date=1"] {
        let outcome = lines(Header::CloudFront, format!("{first}\ndate\ndate\ttime").as_bytes());
        assert_eq!(
            (outcome.header.clone(), outcome.events()),
            (None, vec![first.into(), "date".into(), "date\ttime".into()])
        );
    }
}

#[test]
fn a_header_beyond_the_limit_is_dropped_and_not_an_event() {
    let outcome = outcome(|| Lines::new(Header::CloudFront, 4), b"#Fields: long\nx\r\ny\r\n", 4);
    assert_eq!(outcome.header, None);
    assert_eq!(outcome.events(), ["x", "y"]);
}

/// What lines are, said simply.
fn reference(input: &[u8], header: Header) -> Vec<Found> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let lines = input.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    let is_event = |line: &&&[u8]| match header {
        Header::None => true,
        Header::VpcFlow => **line != b"version",
        Header::CloudFront => line[0] != b'#' && !(**line == b"date" && lines[0] == b"date"),
    };
    lines.iter().filter(is_event).map(|line| Found::Event(line.to_vec())).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_lines(
        pieces in prop::collection::vec(prop::sample::select(vec![
            &b"\n"[..], b"\n", b"\r\n", b"\r", b"\n#", b"a", b"\xef\xbb\xbf", b"\xff", b"version", b"date",
        ]), 0..60),
        rule in prop::sample::select(vec![Header::None, Header::VpcFlow, Header::CloudFront]),
        cuts in cuts(),
    ) {
        let input = pieces.concat();
        let outcome = run(Lines::new(rule, ROOMY), &input, &scale(&cuts, input.len()), ROOMY);
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.found, reference(&input, rule));
    }
}

//! Every problem is found at once, with its line, its column, and what to do.

use quittance_collector::catalogue;

use crate::support::{GOOD, check, examine, good_but, without_code};

#[test]
fn a_good_configuration_has_no_problem() {
    check(GOOD, &[]);
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_lines() {
    let yaml = GOOD
        .replace("  name: aws01\n", "")
        .replace("port: 443", "port: https")
        .replace("regions: [eu-west-1]", "region: eu-west-1");
    check(
        &yaml,
        &[
            "1:1: error: globals.name: missing: expected text (for example `name: aws01`)",
            "8:13: error: outputs.devo_1.config.port: expected a whole number from 0 to 65535, found `https`",
            "19:7: error: inputs.aws.services.audit-events-all.regions: missing: expected a list (for example `regions: [eu-west-1]`)",
            "22:9: warning: inputs.aws.services.audit-events-all.region: unknown key, ignored (did you mean `regions`?)",
        ],
    );
}

#[test]
fn an_unknown_key_is_a_warning_with_the_nearest_known_one() {
    check(
        &good_but("port: 443", "prot: 443"),
        &["9:7: warning: outputs.devo_1.config.prot: unknown key, ignored (did you mean `port`?)"],
    );
    check(
        &good_but("port: 443", "colour: red"),
        &[
            "9:7: warning: outputs.devo_1.config.colour: unknown key, ignored (known here: `address`, `cert`, `chain`, `compression`, `confirm`, `key`, `newline`, `optional`, `port`, `proxy`, `type`)",
        ],
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    check(
        &good_but("port: 443", "port: 70000"),
        &["9:13: error: outputs.devo_1.config.port: expected a whole number from 0 to 65535, found `70000`"],
    );
    check(
        &good_but("port: 443", "port: [443]"),
        &["9:7: error: outputs.devo_1.config.port: expected a whole number from 0 to 65535, found a list"],
    );
    check(
        &good_but("regions: [eu-west-1]", "regions: eu-west-1"),
        &[
            "23:18: error: inputs.aws.services.audit-events-all.regions: expected a list, found a single value (for example `regions: [eu-west-1]`)",
        ],
    );
    check(
        &good_but("regions: [eu-west-1]", "regions: [{a: 1}]"),
        &["23:19: error: inputs.aws.services.audit-events-all.regions[0]: expected text, found a section of keys"],
    );
    check(
        &good_but("regions: [eu-west-1]", "regions: [eu-west-1]\n        auto_event_type: maybe"),
        &[
            "24:26: error: inputs.aws.services.audit-events-all.auto_event_type: expected `true` or `false`, found `maybe`",
        ],
    );
    check(
        &good_but("port: 443", "confirm: {interval: soon, mode: close, max_bytes: -1}"),
        &[
            "9:27: error: outputs.devo_1.config.confirm.interval: expected a duration: seconds, or a number with a unit as in `5s`, `10m` or `2h`, found `soon` (for example `interval: 5s`)",
            "9:39: error: outputs.devo_1.config.confirm.mode: expected one of `closed`, `acked`, `auto`, found `close` (did you mean `closed`?)",
            "9:57: error: outputs.devo_1.config.confirm.max_bytes: expected a whole number, 0 or more, found `-1`",
        ],
    );
    check(
        &good_but("port: 443", "confirm: 5s"),
        &["9:16: error: outputs.devo_1.config.confirm: expected a section of keys, found a single value"],
    );
}

#[test]
fn what_is_missing_is_told_where_it_belongs() {
    check(
        "globals: {}\noutputs: {}\ninputs: {}\n",
        &[
            "1:1: error: globals.id: missing: expected text (for example `id: 12345`)",
            "1:1: error: globals.name: missing: expected text (for example `name: aws01`)",
        ],
    );
    check("", &["1:1: error: the configuration is empty"]);
    check("# nothing\n", &["1:1: error: the configuration is empty"]);
    check(
        &good_but("address: collector-eu.devo.io", "address:"),
        &[
            "8:7: error: outputs.devo_1.config.address: no value: expected text (for example `address: collector-eu.devo.io`)",
        ],
    );
    check(
        &good_but("    type: devo_platform\n", ""),
        &["5:3: error: outputs.devo_1.type: missing: expected one of `console`, `devo_platform`, `relay`, `syslog`"],
    );
    check(
        &good_but("devo_platform", "devo-platform"),
        &[
            "6:11: error: outputs.devo_1.type: expected one of `console`, `devo_platform`, `relay`, `syslog`, found `devo-platform` (did you mean `devo_platform`?)",
        ],
    );
}

#[test]
fn an_unknown_service_is_an_error_with_the_names_there_are() {
    let told = |name: &str| {
        let problems = examine(&good_but("audit-events-all:", name)).problems;
        assert_eq!(problems.errors(), 1, "{problems}");
        problems.all[0].to_string()
    };
    assert!(told("audit_event_all:").starts_with(
        "20:7: error: inputs.aws.services.audit_event_all: there is no service of this name: expected one of \
         `audit-events-all`"
    ));
    assert!(told("audit_event_all:").contains("(a service of any name has `types: [logs]`)"));
    for service in catalogue() {
        assert!(told("cwl_1:").contains(&format!("`{}`", service.name())));
    }
}

#[test]
fn a_service_of_any_name_reads_log_groups() {
    let good = good_but("audit-events-all:", "cwl_1:").replace("types: [audits_s3]", "types: [logs]");
    let problems = examine(&good).problems;
    let told: Vec<_> = problems.all.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|one| one.contains("inputs.aws.services.cwl_1.log_groups: missing: expected a list")));
    assert_eq!(problems.errors(), 1, "{told:?}");
}

#[test]
fn a_broken_file_is_told_at_its_place() {
    check("globals:\n  id: [1\n", &["3:1: error: no YAML: while parsing a flow sequence, expected ',' or ']'"]);
    check("globals:\n\tid: 1\n", &["2:2: error: no YAML: tabs disallowed within this context (block indentation)"]);
    check("a: 1\n---\nb: 2\n", &["2:1: error: no YAML: a second document begins: a configuration is one document"]);
    check("a: !secret b\n", &["1:4: error: no YAML: tags such as `!name` mean nothing here"]);
    check("a: *nowhere\n", &["1:4: error: no YAML: while parsing node, found unknown anchor"]);
    check("[a, b]: 1\n", &["1:1: error: no YAML: a key must be a single value"]);
    check("just text\n", &["1:1: error: expected a section of keys, found a single value"]);
}

#[test]
fn a_key_given_twice_is_an_error() {
    check(
        &good_but("  name: aws01", "  name: aws01\n  name: aws02"),
        &["4:3: error: globals.name: the key is given twice, first in line 3"],
    );
    check(
        &good_but("regions: [eu-west-1]", "regions: [eu-west-1]\n        cloudtrail_sqs_queue_name: q"),
        &[
            "24:9: error: inputs.aws.services.audit-events-all.cloudtrail_sqs_queue_name: another name of `audit_sqs_queue_name`, which stands in line 22",
        ],
    );
}

#[test]
fn of_two_names_of_a_key_the_one_that_is_filled_counts() {
    let (filled, empty) = ("audit_sqs_queue_name: devo-cloudtrail", "cloudtrail_sqs_queue_name:");
    check(&good_but(filled, &format!("{filled}\n        {empty} ''")), &[]);
    check(&good_but(filled, &format!("{empty} null\n        {filled}")), &[]);
    check(
        &good_but(filled, &format!("cloudtrail_sqs_queue_name: q\n        {filled}")),
        &[
            "23:9: error: inputs.aws.services.audit-events-all.audit_sqs_queue_name: another name of `cloudtrail_sqs_queue_name`, which stands in line 22",
        ],
    );
}

#[test]
fn bounds_of_calls_that_would_allow_none_are_refused() {
    let told = |bound: &str| {
        let problems = examine(&good_but("    id: 12351\n", &format!("    {bound}\n    id: 12351\n"))).problems.all;
        problems.iter().map(without_code).collect::<Vec<_>>()
    };
    assert_eq!(
        told("requests_per_second: 0"),
        [
            "15:5: error: inputs.aws.requests_per_second: would allow no call at all: expected more than 0, or no such key for no bound of one's own"
        ]
    );
    for (bound, key) in
        [("period: 1s, number_of_requests: 0", "number_of_requests"), ("period: 0, number_of_requests: 5", "period")]
    {
        let expected = format!(
            "15:5: error: inputs.aws.requests_limits: `{key}` is 0 and would allow no call at all: expected more, or no such bound"
        );
        assert_eq!(told(&format!("requests_limits: [{{{bound}}}]")), [expected]);
    }
}

#[test]
fn a_disabled_input_only_warns() {
    let disabled = "  old:\n    enabled: no\n    id: ${GONE}\n    services:\n      cwl_1:\n        regions: x\n";
    let examined = examine(&format!("{GOOD}{disabled}"));
    assert_eq!((examined.problems.errors(), examined.problems.warnings()), (0, 2), "{}", examined.problems);
    let config = examined.config.expect("there is no error");
    assert_eq!(config.inputs.keys().collect::<Vec<_>>(), ["aws"]);
}

#[test]
fn plain_tcp_is_refused() {
    check(
        &good_but("port: 443", "type: TCP"),
        &[
            "9:7: error: outputs.devo_1.config.type: plain TCP is not supported for `devo_platform`: events would travel readable, and unproved (write `type: SSL`, with the `chain`, `cert` and `key` of your domain; a relay in your own network is an output of `type: relay`)",
        ],
    );
    check(
        &good_but("port: 443", "type: UDP"),
        &["9:13: error: outputs.devo_1.config.type: expected one of `SSL`, `TCP`, found `UDP`"],
    );
}

/// A good configuration with other outputs.
fn with_outputs(outputs: &str) -> String {
    let services = "{service-events-all: {regions: [eu-west-1], cloudwatch_sqs_queue_name: q}}";
    format!(
        "globals: {{id: \"1\", name: a}}\noutputs:\n{outputs}inputs: {{aws: {{id: \"10001\", services: {services}}}}}\n"
    )
}

#[test]
fn a_relay_has_no_usual_port_and_syslog_has_one() {
    check(
        &with_outputs("  near: {type: relay, config: {address: r}}\n"),
        &[
            "3:23: error: outputs.near.config.port: missing: expected a whole number from 0 to 65535 (for example `port: 13000`)",
        ],
    );
    check(&with_outputs("  siem: {type: syslog, config: {address: s, chain: c}}\n"), &[]);
    check(
        &with_outputs("  siem: {type: syslog, config: {address: s}}\n"),
        &["3:24: error: outputs.siem.config.chain: missing: expected text (for example `chain: chain.crt`)"],
    );
}

#[test]
fn a_certificate_for_syslog_comes_with_its_key() {
    check(
        &with_outputs("  siem: {type: syslog, config: {address: s, chain: c, cert: d}}\n"),
        &[
            "3:55: error: outputs.siem.config.cert: has no private key beside it: expected `key` too (or neither of them)",
        ],
    );
    check(
        &with_outputs("  siem: {type: syslog, config: {address: s, chain: c, key: d}}\n"),
        &[
            "3:55: error: outputs.siem.config.key: has no certificate beside it: expected `cert` too (or neither of them)",
        ],
    );
}

#[test]
fn one_output_at_least_is_required() {
    let near = "  near: {type: relay, config: {address: r, port: 1, optional: true}}\n";
    check(
        &with_outputs(&format!("{near}  screen: {{type: console, config: {{optional: true}}}}\n")),
        &[
            "2:1: error: outputs: every output is optional: sources would forget events that nobody has (take `optional` out of one)",
        ],
    );
    check(&with_outputs(&format!("{near}  screen: {{type: console}}\n")), &[]);
}

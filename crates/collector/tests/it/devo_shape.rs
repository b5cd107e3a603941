//! A configuration written for Devo's own collector is understood as it stands.

use std::{path::Path, time::Duration};

use quittance_collector::config::{Config, Output, Transport};

use crate::support::{check, good_but, read};

/// The shape of Devo's own example, with the services that there are.
const FULL: &str = r#"
globals:
  debug: false
  id: "54321"
  name: cloud01
  multiprocessing: false
  queue_max_size_in_mb: 1024
  queue_max_size_in_messages: 1000
  queue_max_elapsed_time_in_sec: 60
  queue_wrap_max_size_in_messages: 100
  persistence:
    type: filesystem
    config:
      directory_name: state
outputs:
  devo_us_1:
    type: devo_platform
    config:
      address: collector-us.devo.io
      port: 443
      type: SSL
      chain: chain.crt
      cert: acme.crt
      key: acme.key
inputs:
  aws:
    id: "13579"
    enabled: true
    requests_limits:
      - period: 1s
        number_of_requests: 5
    autoconfig:
      enabled: true
      refresh_interval_in_seconds: 600
    credentials:
      access_key: AKIAEXAMPLE
      access_secret: "example/secret+text"
    services:
      audit-events-all:
        types: [audits_s3]
        cloudtrail_sqs_queue_name: acme-cloudtrail
        s3_file_type_filter: '.*\.json\.gz$'
        use_region_and_account_id_from_event: true
        start_time: "2026-01-01T00:00:00.000Z"
        drop_event_names: [Decrypt, AssumeRole]
        auto_event_type: true
        request_period_in_seconds: 300
        regions: [us-east-1, eu-west-1]
      service-events-all:
        cloudwatch_sqs_queue_name: acme-events
        auto_event_type: false
        request_period_in_seconds: 300
        regions: [us-east-1]
      non-cloudwatch-logs:
        types: [vpcflowlogs, cloudfront]
        vpcflowlogs_sqs_queue_name: acme-vpc
        cloudfront_sqs_queue_name: acme-cloudfront
        start_time: 2026-01-01T00:00:00.000Z
        regions: [us-east-1]
"#;

#[test]
fn the_full_shape_has_no_problem() {
    check(FULL, &[]);
}

#[test]
fn json_is_yaml() {
    let json = r#"{
	"globals": {"id": 1, "name": "a"}, "outputs": {"out": {"type": "console"}},
	"inputs": {"aws": {"id": 10002, "enabled": true, "credentials": {"access_key": "a", "access_secret": "b"},
	"services": {"audit-events-all": {"types": ["audits_s3"], "regions": ["us-east-1"], "audit_sqs_queue_name": "q"}}}}}
"#;
    check(json, &[]);
}

#[test]
fn values_are_read_as_their_place_wants_them() {
    for (written, meant) in [("yes", true), ("Off", false), ("True", true), ("FALSE", false), ("\"true\"", true)] {
        assert_eq!(read(&FULL.replace("debug: false", &format!("debug: {written}"))).globals.debug, meant);
    }
    // A number, and what YAML takes for a boolean, are text where text is wanted.
    for text in ["12345", "012345", "no", "1e3", "2026-01-01", "~x", "0x10"] {
        assert_eq!(read(&FULL.replace("\"54321\"", text)).globals.id, text);
    }
    let config = read(&FULL.replace("port: 443", "port: \"8443\"").replace("1024", "1_024"));
    let Output::DevoPlatform(devo) = &config.outputs["devo_us_1"] else { panic!("another output") };
    assert_eq!((devo.port, devo.transport, config.globals.queue_max_size_in_mb), (8443, Transport::Ssl, Some(1024)));
    let config = read(&good_but("port: 443", "confirm: {interval: 1.5, end_timeout: 2m}"));
    let Output::DevoPlatform(devo) = &config.outputs["devo_1"] else { panic!("another output") };
    assert_eq!(devo.confirm.interval.0, Duration::from_millis(1500));
    assert_eq!(devo.confirm.end_timeout.0, Duration::from_secs(120));
}

#[test]
fn nothing_and_an_empty_text_mean_unset() {
    for blank in ["", "~", "null", "\"\"", "''"] {
        let config = read(&good_but("port: 443", &format!("port: {blank}")));
        let Output::DevoPlatform(devo) = &config.outputs["devo_1"] else { panic!("another output") };
        assert_eq!(devo.port, 443);
        assert_eq!(
            read(&format!("{}    endpoint_url: {blank}\n", crate::support::GOOD)).inputs["aws"].endpoint_url,
            None
        );
    }
}

#[test]
fn merge_keys_and_aliases_are_followed() {
    let yaml = good_but(
        "inputs:\n",
        "inputs:\n  base: &base\n    enabled: false\n    endpoint_url: http://localhost\n    id: 1\n    credentials: &keys\n      access_key: a\n      access_secret: b\n    services: {}\n",
    );
    let yaml = yaml.replace("  aws:\n    id: 12351\n", "  aws:\n    <<: *base\n    enabled: true\n    id: 12351\n");
    let config = read(&yaml);
    assert_eq!(config.inputs["aws"].endpoint_url.as_deref(), Some("http://localhost"));
    assert_eq!(config.inputs["aws"].id, "12351");
    assert!(!config.inputs.contains_key("base"));
}

#[test]
fn the_example_in_the_repository_has_no_problem() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.yaml.example");
    // It comes with the documentation.
    let Ok(example) = std::fs::read(&path) else { return };
    let examined = Config::examine_text(&example, &path, &|_| Ok("value".to_owned()));
    assert!(examined.problems.all.is_empty(), "{}", examined.problems);
}

#[test]
fn what_people_are_shown_has_no_secret() {
    let yaml = FULL
        .replace("  debug: false\n", "  debug: false\n  page_token: a-token-of-the-page\n  internal_tag: \"${TAG}\"\n")
        .replace("      key: acme.key\n", "      key: acme.key\n      proxy: http://me:word@proxy:1\n")
        .replacen("    enabled: true\n", "    enabled: true\n    endpoint_url: http://user:word@localhost\n", 1);
    let examined = Config::examine_text(yaml.as_bytes(), Path::new("config.yaml"), &|_| Ok("my.secret.tag".to_owned()));
    let config = examined.config.unwrap_or_else(|| panic!("{}", examined.problems));
    let shown = config.shown();
    for secret in ["example/secret+text", "a-token-of-the-page", "word", "my.secret.tag"] {
        assert!(!shown.contains(secret), "`{secret}` is shown:\n{shown}");
    }
    for line in [
        "  page_token: (hidden)\n",
        "      address: collector-us.devo.io\n",
        "    enabled: true\n",
        "        number_of_requests: 5\n",
    ] {
        assert!(shown.contains(line), "`{line}` is not shown:\n{shown}");
    }
}

#[test]
fn a_page_that_others_reach_needs_a_token() {
    for (keys, problem) in [
        ("page_address: 127.0.0.1:9465", None),
        ("page_address: '[::1]:9465'", None),
        ("page_address: 10.0.0.1:9465\n  page_token: 0123456789abcdef", None),
        ("page_address: 10.0.0.1:9465", Some("expected a `page_token`")),
        ("page_address: 127.0.0.1:9465\n  page_token: short", Some("is too short")),
    ] {
        let yaml = FULL.replace("  debug: false\n", &format!("  debug: false\n  {keys}\n"));
        let examined = Config::examine_text(yaml.as_bytes(), Path::new("config.yaml"), &|_| Ok(String::new()));
        let said = examined.problems.to_string();
        assert_eq!(examined.config.is_some(), problem.is_none(), "{keys}: {said}");
        assert!(problem.is_none_or(|problem| said.contains(problem)) && !said.contains("short\n"), "{keys}: {said}");
    }
}

//! What a user types into the Collector Server is read as well; another file supplies the rest.

use std::path::PathBuf;

use quittance_collector::{
    Documents,
    config::{Config, Examined, Output},
};

use crate::support::environment;

/// What the Collector Server asks for.
const JSON: &str = r#"{
  "global_overrides": { "debug": true },
  "inputs": {
    "aws": {
      "id": "12351",
      "enabled": true,
      "credentials": { "access_key": "AKIAEXAMPLE", "access_secret": "not\/really", "base_assume_role": "" },
      "services": {
        "service-events-all": { "cloudwatch_sqs_queue_name": "devo-cw", "regions": ["eu-west-1"] },
        "audit-events-all": { "types": ["audits_api"], "regions": ["us-east-1"] }
      }
    }
  }
}
"#;

/// What the server has for all.
const SERVER: &str = "\
globals:
  id: 12345
  name: aws01
  debug: false
outputs:
  devo_1:
    type: devo_platform
    config: {address: collector-eu.devo.io, chain: chain.crt, cert: mydomain.crt, key: mydomain.key}
";

fn examine(json: &str, server: Option<&str>) -> Examined {
    let server_path = server.map(|_| PathBuf::from("etc/server.yaml"));
    let documents = Documents { config: "customer.json".into(), server: server_path };
    Config::examine_texts(json.as_bytes(), server.map(str::as_bytes), documents, &environment)
}

#[track_caller]
fn read(json: &str) -> Config {
    let examined = examine(json, Some(SERVER));
    assert!(examined.problems.all.is_empty(), "{}", examined.problems);
    examined.config.unwrap()
}

#[track_caller]
fn check(json: &str, server: Option<&str>, expected: &[&str]) {
    let told = examine(json, server).problems.to_string();
    let told: Vec<&str> = told.lines().map(|line| line.rsplit_once(" [").map_or(line, |(said, _code)| said)).collect();
    assert_eq!(told, expected, "in\n{json}");
}

#[test]
fn it_is_completed_by_what_the_server_has() {
    let config = read(JSON);
    assert_eq!((config.globals.name.as_str(), config.globals.debug), ("aws01", true));
    assert!(matches!(&config.outputs["devo_1"], Output::DevoPlatform(devo) if devo.address == "collector-eu.devo.io"));
    assert_eq!(config.inputs["aws"].services.keys().collect::<Vec<_>>(), ["audit-events-all", "service-events-all"]);
    assert!(config.inputs["aws"].credentials.check().is_ok(), "an empty text is as good as nothing");
}

#[test]
fn without_the_rest_it_is_said_how_to_give_it() {
    let hint = "a document of Devo's Collector Server has none: `--server FILE` names the file that has `globals` and `outputs`";
    check(
        JSON,
        None,
        &[
            &format!("customer.json:1:1: error: globals: missing: expected a section of keys ({hint})"),
            &format!("customer.json:1:1: error: outputs: missing: expected a section of keys ({hint})"),
        ],
    );
}

#[test]
fn every_problem_names_the_file_that_it_is_in() {
    check(
        &JSON.replace("us-east-1", "nowhere").replace("\"enabled\": true", "\"enabled\": 5"),
        Some(&SERVER.replace("devo_platform", "devo_plateform").replace("id: 12345", "id: [1]")),
        &[
            "customer.json:6:18: error: inputs.aws.enabled: expected `true` or `false`, found `5`",
            "etc/server.yaml:2:3: error: globals.id: expected text, found a list (for example `id: 12345`)",
            "etc/server.yaml:7:11: error: outputs.devo_1.type: expected one of `console`, `devo_platform`, `relay`, `syslog`, found `devo_plateform` (did you mean `devo_platform`?)",
        ],
    );
    check(
        "{\"inputs\": ",
        Some("a: [\n"),
        &[
            "customer.json:2:1: error: no YAML: while parsing a node, did not find expected node content",
            "etc/server.yaml:2:1: error: no YAML: while parsing a node, did not find expected node content",
        ],
    );
    check(
        JSON,
        Some(&format!("{SERVER}inputs: {{}}\n")),
        &[
            "customer.json:3:3: error: inputs: stands in `etc/server.yaml` as well (each section stands in one of the two files)",
        ],
    );
    // What a section lacks is told where the section stands.
    check(
        JSON,
        Some(&SERVER.replace("  name: aws01\n", "")),
        &["etc/server.yaml:1:1: error: globals.name: missing: expected text (for example `name: aws01`)"],
    );
}

#[test]
fn only_some_of_what_a_server_decides_can_be_overridden() {
    check(
        &JSON.replace("\"debug\": true", "\"persistence\": {\"config\": {\"directory_name\": \"/etc\"}}"),
        Some(SERVER),
        &[
            "customer.json:2:25: warning: global_overrides.persistence: unknown key, ignored (known here: `debug`, `internal_tag`)",
        ],
    );
}

#[test]
fn json_is_read_as_json() {
    let written = JSON.replace("  ", "\t").replace("devo-cw", "\\ud83d\\ude00\\u0041\\/\\t\\\"\\b\\\\");
    let shuffled = format!("\u{feff}{}", written.replace("\": ", "\"\n\t:").replace('\n', "\r\n"));
    for json in [&written, &shuffled] {
        let section = &read(json).inputs["aws"].services["service-events-all"];
        assert_eq!(section.text("cloudwatch_sqs_queue_name"), Some("\u{1f600}A/\t\"\u{8}\\"));
    }
    check(
        &JSON.replace("\"enabled\": true", "\"id\": \"1\""),
        Some(SERVER),
        &["customer.json:6:7: error: inputs.aws.id: the key is given twice, first in line 5"],
    );
    // No half of a pair is a character.
    let half = examine(&JSON.replace("devo-cw", "\\ud83d"), Some(SERVER)).problems;
    assert!(half.to_string().starts_with("customer.json:9:"), "{half}");
}

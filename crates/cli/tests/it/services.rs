//! `quittance services` and `quittance schema`.

use serde_json::Value;

use crate::scene::quittance;

#[test]
fn services_are_listed_with_their_tables() {
    let said = quittance(&["services"]);
    assert_eq!(said.code, Some(0));
    let audit = said.out.lines().find(|line| line.contains("audits_s3")).expect("a line a type");
    let words: Vec<&str> = audit.split_whitespace().take(4).collect();
    assert_eq!(words, ["audit-events-all", "audits_s3", "objects", "cloud.aws.cloudtrail.events"]);
}

#[test]
fn services_are_listed_as_json() {
    let services: Vec<Value> = serde_json::from_str(&quittance(&["services", "--json"]).out).expect("JSON");
    let audit = services.iter().find(|service| service["name"] == "audit-events-all").expect("the service");
    assert_eq!(audit["types"][0]["table"], "cloud.aws.cloudtrail.events");
    let tables = |name: &str| -> Vec<&str> {
        let service = services.iter().find(|service| service["name"] == name).expect("the service");
        let types = service["types"].as_array().expect("types");
        types.iter().map(|one| one["table"].as_str().expect("a table")).collect()
    };
    assert_eq!(tables("sqs-cloudwatch-consumer"), ["cloud.aws.securityhub.findings"]);
    assert_eq!(tables("voiso"), ["app_login", "user", "allowed_ip"].map(|kind| format!("my.app.voiso.{kind}")));
    let umbrella = ["dns", "ip", "proxy", "firewall", "audit", "intrusion", "dlp"];
    assert_eq!(tables("cisco-umbrella"), umbrella.map(|kind| format!("sig.cisco.umbrella.{kind}")));
}

#[test]
fn the_schema_is_json() {
    let schema: Value = serde_json::from_str(&quittance(&["schema"]).out).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference.md");
    let written = std::fs::read_to_string(page).expect("docs/reference.md");
    let made = quittance(&["schema", "--markdown"]).out;
    // Not compared as texts by `assert_eq!`: they are too long to be read.
    assert!(written == made, "run `quittance schema --markdown > docs/reference.md`");
    let row = |key: &str| made.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).unwrap_or_default();
    assert!(row("unhealthy_after").contains("| duration"), "{}", row("unhealthy_after"));
    assert!(row("access_key").contains("Also called `aws_access_key_id`"), "{}", row("access_key"));
    assert_eq!(row("aws_access_key_id"), "", "another name has no row of its own");
    for section in ["globals", "outputs.<name>.config, type devo_platform", "inputs.<name>.services.audit-events-all"] {
        assert!(made.contains(&format!("`{section}`\n")), "{section}");
    }
}

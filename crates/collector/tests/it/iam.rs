//! What AWS must allow for a configuration, and the template that sets it up.

use std::{collections::BTreeSet, path::Path};

use quittance_collector::{
    Config,
    iam::{self, PolicyOptions, TemplateOptions, Written},
};
use serde_json::{Value, json};

use crate::support::{examine, read};

const QUEUE: [&str; 5] = [
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
];

const AUDITS: &str = "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, regions: [eu-west-1]}";
const EVENTS: &str = "service-events-all: {cloudwatch_sqs_queue_name: events, regions: [eu-west-1]}";
const VOISO: &str = "voiso: {voiso_sqs_queue_name: calls, regions: [eu-west-1, us-east-1]}";
const TRAILS: [&str; 2] = ["cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors"];
const KEYS: &str = "credentials: {access_key: AKIAEXAMPLE, access_secret: s}";
const ROLE: &str = "credentials: {base_assume_role: 'arn:aws:iam::111122223333:role/quittance'}";

/// An input's YAML with these keys and services.
fn input(name: &str, keys: &str, services: &[&str]) -> String {
    let services: String = services.iter().map(|service| format!("      {service}\n")).collect();
    let keys: String = keys.split(" & ").map(|key| format!("    {key}\n")).collect();
    format!("  {name}:\n    id: {name}\n{keys}    services:\n{services}")
}

fn config(inputs: &[String]) -> Config {
    read(&format!("globals: {{id: a, name: b}}\noutputs: {{out: {{type: console}}}}\ninputs:\n{}", inputs.concat()))
}

/// The policy of one input with these keys and services.
fn policy(keys: &str, services: &[&str]) -> Written {
    iam::policy(&config(&[input("aws", keys, services)]), &PolicyOptions::default()).unwrap()
}

fn everyone(keys: &str, services: &[&str]) -> Value {
    let options = PolicyOptions { all: true, ..PolicyOptions::default() };
    iam::policy(&config(&[input("aws", keys, services)]), &options).unwrap().json
}

fn template(keys: &str, services: &[&str]) -> Written {
    iam::template(&config(&[input("aws", keys, services)]), &TemplateOptions::default()).unwrap()
}

fn statements(policy: &Value) -> &[Value] {
    assert_eq!(policy["Version"], "2012-10-17", "{policy:#}");
    policy["Statement"].as_array().unwrap()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn actions(policy: &Value) -> BTreeSet<&str> {
    statements(policy).iter().flat_map(|statement| texts(&statement["Action"])).collect()
}

/// The statement that allows `action`.
#[track_caller]
fn allowing<'p>(policy: &'p Value, action: &str) -> &'p Value {
    let mut found = statements(policy).iter().filter(|statement| texts(&statement["Action"]).contains(action));
    let statement = found.next().unwrap_or_else(|| panic!("{action} is not in {policy:#}"));
    assert_eq!((statement["Effect"].as_str(), found.next()), (Some("Allow"), None));
    statement
}

/// The resources of a type in a template, by their names.
fn made<'t>(template: &'t Value, kind: &str) -> Vec<(&'t str, &'t Value)> {
    let all = template["Resources"].as_object().unwrap().iter();
    all.filter(|(_, resource)| resource["Type"] == kind).map(|(id, resource)| (id.as_str(), resource)).collect()
}

#[test]
fn each_service_is_allowed_what_it_calls_and_nothing_else() {
    let of_objects: Vec<&str> =
        QUEUE.into_iter().chain(["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]).collect();
    for (service, expected) in [
        (EVENTS, QUEUE.to_vec()),
        ("sqs-cloudwatch-consumer: {cloudwatch_sqs_queue_name: hub, regions: [eu-west-1]}", QUEUE.to_vec()),
        (VOISO, QUEUE.to_vec()),
        (AUDITS, of_objects.iter().copied().chain(TRAILS).collect()),
        (&AUDITS.replace("types", "drop_own_calls: true, types"), of_objects.clone()),
        (
            "non-cloudwatch-logs: {types: [vpcflowlogs], vpcflowlogs_sqs_queue_name: q, regions: [eu-west-1]}",
            of_objects.clone(),
        ),
        ("cisco-umbrella: {cisco_umbrella_sqs_queue_name: umbrella, regions: [eu-west-1]}", of_objects),
        ("cisco-umbrella: {bucket: ours, prefix: a, regions: [eu-west-1]}", vec!["s3:GetObject", "s3:ListBucket"]),
        ("audit-events-all: {types: [audits_api], regions: [eu-west-1]}", vec!["cloudtrail:LookupEvents"]),
        (
            "metrics-all: {regions: [eu-west-1]}",
            vec!["cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics"],
        ),
        (
            "aws-guardduty: {regions: [eu-west-1]}",
            vec![
                "guardduty:GetAdministratorAccount",
                "guardduty:GetFindings",
                "guardduty:GetMembers",
                "guardduty:ListDetectors",
                "guardduty:ListFindings",
            ],
        ),
        // Groups that are named are not looked for.
        ("any: {types: [logs], log_groups: [/app/web], regions: [eu-west-1]}", vec!["logs:FilterLogEvents"]),
        (
            "any: {types: [logs], log_groups: [/app/*], regions: [eu-west-1]}",
            vec!["logs:DescribeLogGroups", "logs:FilterLogEvents"],
        ),
    ] {
        let Written { json, .. } = policy(ROLE, &[service]);
        assert_eq!(actions(&json), expected.into_iter().collect(), "{service}");
        let mut resources = statements(&json).iter().flat_map(|statement| texts(&statement["Resource"]));
        assert!(resources.all(|arn| arn == "*" || arn.starts_with("arn:aws:")), "{json:#}");
    }
}

#[test]
fn resources_are_exact_where_account_and_buckets_are_known() {
    let audits = "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, regions: [eu-west-1, eu-west-2], \
                  buckets: [central, 'trail-{account}-{region}']}";
    let Written { json, notes } = policy(ROLE, &[audits, EVENTS]);
    assert_eq!(notes, ["`--all` prints the policies of others too: the machine's own credentials"]);
    let arns = |names: &[&str]| names.iter().map(|name| format!("arn:aws:{name}")).collect::<Vec<_>>();
    assert_eq!(
        allowing(&json, "sqs:ReceiveMessage")["Resource"],
        json!(arns(&[
            "sqs:eu-west-1:111122223333:trail",
            "sqs:eu-west-2:111122223333:trail",
            "sqs:eu-west-1:111122223333:events",
        ]))
    );
    let buckets = ["s3:::central", "s3:::trail-111122223333-eu-west-1", "s3:::trail-111122223333-eu-west-2"];
    assert_eq!(allowing(&json, "s3:ListBucket")["Resource"], json!(arns(&buckets)));
    let objects = buckets.map(|bucket| format!("{bucket}/*"));
    assert_eq!(allowing(&json, "s3:GetObject")["Resource"], json!(arns(&objects.each_ref().map(String::as_str))));
    assert!(statements(&json).iter().all(|statement| statement.get("Condition").is_none()), "{json:#}");
    let sids: BTreeSet<&str> = statements(&json).iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
    assert_eq!(sids.len(), statements(&json).len());
    assert!(sids.iter().all(|sid| sid.bytes().all(|b| b.is_ascii_alphanumeric())), "{sids:?}");
}

#[test]
fn what_is_not_known_is_kept_to_the_account_and_said() {
    let own = |account: &str| json!({ "StringEquals": { "aws:ResourceAccount": [account] } });
    let Written { json, notes } = policy(ROLE, &[AUDITS]);
    assert_eq!(allowing(&json, "s3:GetObject")["Resource"], json!(["arn:aws:s3:::*/*"]));
    assert_eq!(allowing(&json, "s3:GetObject")["Condition"], own("111122223333"));
    assert!(notes[0].contains("`trail`") && notes[0].contains("`buckets`"), "{notes:?}");

    let Written { json, notes } = policy(KEYS, &[AUDITS]);
    let queue = allowing(&json, "sqs:ReceiveMessage");
    assert_eq!(queue["Resource"], json!(["arn:aws:sqs:eu-west-1:*:trail"]));
    assert_eq!(queue["Condition"], own("${aws:PrincipalAccount}"));
    assert!(notes.iter().any(|note| note.contains("--account")), "{notes:?}");

    let options = PolicyOptions { account: Some("000000000123".to_owned()), ..PolicyOptions::default() };
    let keys = config(&[input("aws", KEYS, &[AUDITS])]);
    let json = iam::policy(&keys, &options).unwrap().json;
    let queue = allowing(&json, "sqs:ReceiveMessage");
    assert_eq!(
        (&queue["Resource"][0], queue.get("Condition")),
        (&json!("arn:aws:sqs:eu-west-1:000000000123:trail"), None)
    );
    let wrong = iam::policy(&keys, &PolicyOptions { account: Some("12".to_owned()), ..PolicyOptions::default() });
    assert!(wrong.unwrap_err().to_string().contains("`12` is no account"));
}

#[test]
fn a_url_says_where_its_queue_is() {
    let queue =
        "voiso: {voiso_sqs_queue_name: 'https://sqs.eu-west-2.amazonaws.com/444455556666/calls', regions: [eu-west-2]}";
    let Written { json, .. } = policy(KEYS, &[queue]);
    let statement = allowing(&json, "sqs:ReceiveMessage");
    assert_eq!(statement["Resource"], json!(["arn:aws:sqs:eu-west-2:444455556666:calls"]));
    assert_eq!(statement.get("Condition"), None);
    assert!(!actions(&json).contains("sqs:GetQueueUrl"));
    assert_eq!(dead_letters(&json), ["arn:aws:sqs:eu-west-2:444455556666:calls-dlq"].into());
}

/// The queues of which nothing is allowed but to look at them.
fn dead_letters(policy: &Value) -> BTreeSet<&str> {
    let look = BTreeSet::from(["sqs:GetQueueAttributes"]);
    let looks = statements(policy).iter().filter(|statement| texts(&statement["Action"]) == look);
    looks.flat_map(|statement| texts(&statement["Resource"])).collect()
}

/// A check compares how long they are kept; whoever may not look at one hears nothing of it.
#[test]
fn dead_letter_queues_may_be_looked_at_by_the_names_that_the_template_gives_them() {
    let calls = "voiso: {voiso_sqs_queue_name: calls.fifo, regions: [eu-west-1]}";
    let Written { json, .. } = policy(ROLE, &[AUDITS, calls]);
    let arns = ["arn:aws:sqs:eu-west-1:111122223333:calls-dlq.fifo", "arn:aws:sqs:eu-west-1:111122223333:trail-dlq"];
    assert_eq!(dead_letters(&json), arns.into());
    let template = template(ROLE, &[AUDITS, calls]).json;
    let queues: BTreeSet<_> = made(&template, "AWS::SQS::Queue")
        .into_iter()
        .map(|(_, queue)| {
            format!("arn:aws:sqs:eu-west-1:111122223333:{}", queue["Properties"]["QueueName"].as_str().unwrap())
        })
        .collect();
    assert!(arns.iter().all(|arn| queues.contains(*arn)), "{queues:?}");
}

#[test]
fn arns_are_of_the_partition_that_is_read() {
    for (region, partition, suffix) in
        [("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com")]
    {
        let keys = ROLE.replace("arn:aws:", &format!("arn:{partition}:"));
        let service = AUDITS.replace("eu-west-1", region).replace(
            "regions",
            &format!("buckets: [b-1], kms_keys: ['arn:{partition}:kms:{region}:111122223333:key/0a1b'], regions"),
        );
        let logs = format!("any: {{types: [logs], log_groups: [/a], regions: [{region}]}}");
        let Written { json, .. } = policy(&keys, &[&service, &logs]);
        let mut all = statements(&json).iter().flat_map(|statement| texts(&statement["Resource"]));
        assert!(all.all(|arn| arn == "*" || arn.starts_with(&format!("arn:{partition}:"))), "{json:#}");
        let via = [format!("s3.{region}.{suffix}"), format!("sqs.{region}.{suffix}")];
        assert_eq!(allowing(&json, "kms:Decrypt")["Condition"]["StringEquals"]["kms:ViaService"], json!(via));
    }
}

#[test]
fn keys_are_used_only_through_what_they_encrypt_and_only_if_they_are_named() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0000-0000-0000-000000000000";
    let with_key = |service: &str| service.replace("regions", &format!("kms_keys: ['{key}'], regions"));
    let Written { json, .. } = policy(ROLE, &[&with_key(EVENTS)]);
    let statement = allowing(&json, "kms:Decrypt");
    assert_eq!(statement["Resource"], json!([key]));
    assert_eq!(
        statement["Condition"],
        json!({ "StringEquals": { "kms:ViaService": ["sqs.eu-west-1.amazonaws.com"] } })
    );
    assert!(!actions(&policy(ROLE, &[EVENTS, AUDITS]).json).iter().any(|action| action.starts_with("kms:")));
    let alias = examine(&format!(
        "globals: {{id: a, name: b}}\noutputs: {{out: {{type: console}}}}\ninputs:\n{}",
        input("aws", KEYS, &[&with_key(EVENTS).replace(":key/", ":alias/")])
    ));
    let told = iam::policy(&alias.config.unwrap(), &PolicyOptions::default()).unwrap_err().to_string();
    assert!(told.contains("inputs.aws.services.service-events-all.kms_keys") && told.contains("is no key"), "{told}");
}

#[test]
fn an_input_must_be_chosen_where_there_are_several() {
    let two = config(&[input("one", KEYS, &[EVENTS]), input("two", ROLE, &[VOISO])]);
    let told = iam::policy(&two, &PolicyOptions::default()).unwrap_err().to_string();
    assert_eq!(told, "there are several inputs: expected `--input` and one of `one`, `two`");
    let chosen = |name: &str| PolicyOptions { input: Some(name.to_owned()), ..PolicyOptions::default() };
    let json = iam::policy(&two, &chosen("two")).unwrap().json;
    assert_eq!(allowing(&json, "sqs:ReceiveMessage")["Resource"][0], "arn:aws:sqs:eu-west-1:111122223333:calls");
    let told = iam::trust(&two, Some("three"), None).unwrap_err().to_string();
    assert!(told.starts_with("there is no enabled input `three`") && told.contains("`one`, `two`"), "{told}");
    assert!(iam::template(&two, &TemplateOptions::default()).is_err());
}

#[test]
fn the_example_needs_neither_role_nor_environment() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.yaml.example");
    let example = Config::load(&path).unwrap();
    let json = iam::policy(&example, &PolicyOptions::default()).unwrap().json;
    for action in ["sqs:ReceiveMessage", "s3:GetObject", "guardduty:GetFindings", "logs:FilterLogEvents"] {
        allowing(&json, action);
    }
    assert!(!actions(&json).iter().any(|action| action.contains("Send") || action.ends_with('*')), "{json:#}");
    assert_eq!(iam::trust(&example, None, None).unwrap().json, json!({}));
    let template = iam::template(&example, &TemplateOptions::default()).unwrap().json;
    assert_eq!(template["AWSTemplateFormatVersion"], "2010-09-09");
}

#[test]
fn everyone_in_a_chain_has_a_policy_of_its_own() {
    let chain = "credentials: {access_key: A, access_secret: s, base_assume_role: 'arn:aws:iam::111122223333:role/base', \
                 target_assume_role: 'arn:aws:iam::444455556666:role/theirs', assume_role_external_id: our-id}";
    let all = everyone(chain, &[EVENTS, VOISO]);
    let names: Vec<&String> = all.as_object().unwrap().keys().collect();
    let (base, theirs) = ("arn:aws:iam::111122223333:role/base", "arn:aws:iam::444455556666:role/theirs");
    assert_eq!(names, ["access key", base, theirs, "voiso (sends)"]);
    assert_eq!(allowing(&all["access key"], "sts:AssumeRole")["Resource"], json!([base]));
    assert_eq!(allowing(&all[base], "sts:AssumeRole")["Resource"], json!([theirs]));
    assert_eq!(actions(&all[base]), ["sts:AssumeRole"].into());
    assert_eq!(actions(&all[theirs]), QUEUE.into());
    assert_eq!(policy(chain, &[EVENTS, VOISO]).json, all[theirs]);
    assert_eq!(
        statements(&all["voiso (sends)"]),
        [json!({
            "Sid": "Send", "Effect": "Allow", "Action": ["sqs:SendMessage"],
            "Resource": ["arn:aws:sqs:eu-west-1:444455556666:calls", "arn:aws:sqs:us-east-1:444455556666:calls"],
        })]
    );
}

const MEMBERS: &str = "accounts: {role: 'arn:aws:iam::{account}:role/quittance', external_id: our-id, ids: ['222233334444', \
                       '333344445555']}";

#[test]
fn the_role_of_each_account_is_allowed_what_is_its_own() {
    let all = everyone(&format!("{ROLE} & {MEMBERS}"), &[EVENTS]);
    let roles = ["222233334444", "333344445555"].map(|account| format!("arn:aws:iam::{account}:role/quittance"));
    let base = &all["arn:aws:iam::111122223333:role/quittance"];
    assert_eq!(allowing(base, "sts:AssumeRole")["Resource"], json!(roles));
    assert_eq!(actions(base), ["sts:AssumeRole"].into());
    for (role, account) in roles.iter().zip(["222233334444", "333344445555"]) {
        let queue = format!("arn:aws:sqs:eu-west-1:{account}:events");
        assert_eq!(allowing(&all[role], "sqs:ReceiveMessage")["Resource"], json!([queue]));
    }

    let organization = "accounts: {role: 'arn:aws:iam::{account}:role/quittance', organization: true}";
    let all = everyone(&format!("{ROLE} & {organization}"), &[EVENTS]);
    let base = &all["arn:aws:iam::111122223333:role/quittance"];
    assert_eq!(actions(base), ["organizations:ListAccounts", "sts:AssumeRole"].into());
    assert_eq!(allowing(base, "sts:AssumeRole")["Resource"], json!(["arn:aws:iam::*:role/quittance"]));
    let every = allowing(&all["arn:aws:iam::{account}:role/quittance"], "sqs:ReceiveMessage");
    assert_eq!(every["Condition"]["StringEquals"]["aws:ResourceAccount"], json!(["${aws:PrincipalAccount}"]));
}

#[test]
fn a_service_that_signs_in_on_its_own_has_its_own_policy() {
    let own = VOISO.replace("regions", "credentials: {access_key: B, access_secret: s}, regions");
    let Written { json, notes } = policy(ROLE, &[EVENTS, &own]);
    assert_eq!(allowing(&json, "sqs:ReceiveMessage")["Resource"], json!(["arn:aws:sqs:eu-west-1:111122223333:events"]));
    assert!(notes.iter().any(|note| note.contains("access key of voiso")), "{notes:?}");
    let all = everyone(ROLE, &[EVENTS, &own]);
    assert_eq!(
        allowing(&all["access key of voiso"], "sqs:ReceiveMessage")["Resource"][0],
        "arn:aws:sqs:eu-west-1:*:calls"
    );
    let Written { json, notes } = template(ROLE, &[EVENTS, &own]);
    assert!(!json.to_string().contains("calls") && notes.iter().any(|note| note.contains("`voiso`")), "{notes:?}");
}

fn trust(keys: &str, principal: Option<&str>) -> Result<Value, String> {
    let written = iam::trust(&config(&[input("aws", keys, &[EVENTS])]), None, principal);
    written.map(|written| written.json).map_err(|error| error.to_string())
}

#[test]
fn each_role_trusts_who_assumes_it_and_the_last_asks_for_the_external_id() {
    let chain = "credentials: {base_assume_role: 'arn:aws:iam::111122223333:role/base', \
                 target_assume_role: 'arn:aws:iam::444455556666:role/theirs', assume_role_external_id: our-id}";
    let both = trust(chain, Some("ec2.amazonaws.com")).unwrap();
    let statement = |of: &Value| statements(of)[0].clone();
    assert_eq!(
        statement(&both["arn:aws:iam::111122223333:role/base"]),
        json!({
            "Sid": "Collector", "Effect": "Allow", "Action": ["sts:AssumeRole"],
            "Principal": { "Service": "ec2.amazonaws.com" },
        })
    );
    assert_eq!(
        statement(&both["arn:aws:iam::444455556666:role/theirs"]),
        json!({
            "Sid": "Collector", "Effect": "Allow", "Action": ["sts:AssumeRole"],
            "Principal": { "AWS": "arn:aws:iam::111122223333:role/base" },
            "Condition": { "StringEquals": { "sts:ExternalId": ["our-id"] } },
        })
    );
    // Of one role, the document alone.
    assert_eq!(statement(&trust(ROLE, None).unwrap())["Principal"], json!({ "AWS": "arn:aws:iam::111122223333:root" }));
    let user = "arn:aws:iam::111122223333:user/collector";
    assert_eq!(statement(&trust(ROLE, Some(user)).unwrap())["Principal"], json!({ "AWS": user }));
    let members = trust(&format!("{ROLE} & {MEMBERS}"), Some(user)).unwrap();
    assert_eq!(members.as_object().unwrap().len(), 3);
    let member = statement(&members["arn:aws:iam::333344445555:role/quittance"]);
    assert_eq!(member["Principal"]["AWS"], "arn:aws:iam::111122223333:role/quittance");
    assert_eq!(member["Condition"]["StringEquals"]["sts:ExternalId"], json!(["our-id"]));
}

#[test]
fn who_is_to_be_trusted_must_be_known() {
    let stranger =
        "credentials: {access_key: A, access_secret: s, target_assume_role: 'arn:aws:iam::444455556666:role/theirs'}";
    let told = trust(stranger, None).unwrap_err();
    assert!(told.starts_with("inputs.aws: ") && told.contains("`--principal`"), "{told}");
    assert!(trust(stranger, Some("arn:aws:iam::111122223333:user/collector")).is_ok());
    for wrong in ["*", "me", "arn:aws:s3:::bucket", "arn:aws:iam::12:root"] {
        assert!(trust(ROLE, Some(wrong)).unwrap_err().contains("cannot be trusted"), "{wrong}");
    }
    assert_eq!(trust(KEYS, None).unwrap(), json!({}));
}

#[test]
fn queues_keep_messages_for_an_outage_and_give_up_late() {
    let Written { json, .. } = template(ROLE, &[EVENTS]);
    let queues = made(&json, "AWS::SQS::Queue");
    let queue = |name: &str| {
        let mut found = queues.iter().filter(|(_, queue)| queue["Properties"]["QueueName"] == name);
        (
            found.next().unwrap().0,
            &queues.iter().find(|(_, queue)| queue["Properties"]["QueueName"] == name).unwrap().1["Properties"],
        )
    };
    let ((_, events), (dead, letters)) = (queue("events"), queue("events-dlq"));
    assert_eq!(
        (&events["MessageRetentionPeriod"], &letters["MessageRetentionPeriod"]),
        (&json!(1_209_600), &json!(1_209_600))
    );
    assert_eq!(
        events["RedrivePolicy"],
        json!({ "deadLetterTargetArn": { "Fn::GetAtt": [dead, "Arn"] }, "maxReceiveCount": 10 })
    );
    assert_eq!((&events["VisibilityTimeout"], &events["ReceiveMessageWaitTimeSeconds"]), (&json!(300), &json!(20)));
    assert_eq!((&events["SqsManagedSseEnabled"], &letters["SqsManagedSseEnabled"]), (&json!(true), &json!(true)));
    let rules = made(&json, "AWS::Events::Rule");
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].1["Properties"]["EventPattern"], json!({ "source": [{ "prefix": "aws." }] }));
    assert_eq!(
        rules[0].1["Properties"]["Targets"][0]["DeadLetterConfig"]["Arn"],
        json!({ "Fn::GetAtt": [dead, "Arn"] })
    );
    let (_, fifo) = (&(), template(ROLE, &["voiso: {voiso_sqs_queue_name: calls.fifo, regions: [eu-west-1]}"]).json);
    let names: BTreeSet<&str> = made(&fifo, "AWS::SQS::Queue")
        .iter()
        .map(|(_, queue)| queue["Properties"]["QueueName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["calls.fifo", "calls-dlq.fifo"].into());
}

/// Each event goes to one rule, in every region.
#[test]
fn a_rule_for_everything_leaves_out_what_others_read() {
    let events = EVENTS.replace("[eu-west-1]", "[eu-west-1, us-east-1]");
    let hub = "sqs-cloudwatch-consumer: {cloudwatch_sqs_queue_name: hub, regions: [eu-west-1]}";
    let Written { json, notes } = template(ROLE, &[&events, hub]);
    assert_eq!(notes, Vec::<String>::new());
    let mut patterns: Vec<(String, Value)> = made(&json, "AWS::Events::Rule")
        .into_iter()
        .map(|(_, rule)| (rule["Condition"].as_str().unwrap().to_owned(), rule["Properties"]["EventPattern"].clone()))
        .collect();
    patterns.sort_by_key(|(condition, pattern)| (condition.clone(), pattern.to_string()));
    let imported = "Security Hub Findings - Imported";
    let all = json!([{ "prefix": "aws." }]);
    assert_eq!(
        patterns,
        [
            ("InEuWest1".to_owned(), json!({ "source": ["aws.securityhub"], "detail-type": [imported] })),
            ("InEuWest1".to_owned(), json!({ "source": all, "detail-type": [{ "anything-but": [imported] }] })),
            ("InUsEast1".to_owned(), json!({ "source": all })),
        ]
    );
    let Written { json, notes } = template(ROLE, &[EVENTS, AUDITS]);
    let left = made(&json, "AWS::Events::Rule")[0].1["Properties"]["EventPattern"]["detail-type"][0].clone();
    assert!(texts(&left["anything-but"]).contains("AWS API Call via CloudTrail"), "{left}");
    assert!(notes[0].contains("API calls"), "{notes:?}");
}

#[test]
fn a_bucket_waits_for_the_queue_that_it_announces_to_and_the_queue_knows_its_name() {
    let Written { json, .. } = template(ROLE, &[AUDITS]);
    let [(_, bucket)] = made(&json, "AWS::S3::Bucket")[..] else { panic!("{json:#}") };
    let name = json!({ "Fn::Sub": "trail-${AWS::AccountId}-${AWS::Region}" });
    assert_eq!((&bucket["Properties"]["BucketName"], &bucket["DependsOn"]), (&name, &json!(["TrailQueuePolicy"])));
    assert_eq!(bucket["DeletionPolicy"], "Retain");
    let policy = &json["Resources"]["TrailQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0];
    assert_eq!(policy["Principal"]["Service"], "s3.amazonaws.com");
    let arn = json!([{ "Fn::Sub": "arn:${AWS::Partition}:s3:::trail-${AWS::AccountId}-${AWS::Region}" }]);
    assert_eq!(policy["Condition"]["ArnEquals"]["aws:SourceArn"], arn);
    assert_eq!(policy["Condition"]["StringEquals"]["aws:SourceAccount"], json!([{ "Ref": "AWS::AccountId" }]));
    let trails = made(&json, "AWS::CloudTrail::Trail");
    assert_eq!((trails.len(), &trails[0].1["Properties"]["IsMultiRegionTrail"]), (1, &json!(true)));
    let role = &made(&json, "AWS::IAM::Role")[0].1["Properties"];
    assert_eq!(role["RoleName"], "quittance");
    let granted = &role["Policies"][0]["PolicyDocument"];
    let resources = &allowing(granted, "sqs:ReceiveMessage")["Resource"];
    assert_eq!(resources, &json!([{ "Fn::Sub": "arn:aws:sqs:eu-west-1:${AWS::AccountId}:trail" }]));
    let objects = json!([{ "Fn::Sub": "arn:aws:s3:::trail-${AWS::AccountId}-eu-west-1/*" }]);
    assert_eq!(allowing(granted, "s3:GetObject")["Resource"], objects);
}

#[test]
fn two_queues_of_one_bucket_hear_of_it_through_a_topic() {
    let logs = "non-cloudwatch-logs: {types: [vpcflowlogs, cloudfront], vpcflowlogs_sqs_queue_name: flow, \
                cloudfront_sqs_queue_name: SECOND, regions: [eu-west-1], buckets: [central]}";
    let Written { json, .. } = template(ROLE, &[&logs.replace("SECOND", "front")]);
    let bucket = &made(&json, "AWS::S3::Bucket")[0].1["Properties"];
    assert_eq!(bucket["BucketName"], "central");
    let notification = bucket["NotificationConfiguration"].as_object().unwrap();
    assert_eq!(notification.keys().collect::<Vec<_>>(), ["TopicConfigurations"]);
    let subscribed: BTreeSet<String> = made(&json, "AWS::SNS::Subscription")
        .iter()
        .map(|(_, one)| one["Properties"]["Endpoint"].to_string())
        .collect();
    assert_eq!(subscribed.len(), 2);
    for queue in ["FlowQueuePolicy", "FrontQueuePolicy"] {
        let statement = &json["Resources"][queue]["Properties"]["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Principal"]["Service"], "sns.amazonaws.com");
    }
    // One queue for both hears of it directly.
    let Written { json, .. } = template(ROLE, &[&logs.replace("SECOND", "flow")]);
    assert_eq!((made(&json, "AWS::SNS::Topic").len(), made(&json, "AWS::SQS::Queue").len()), (0, 2));
    let options = TemplateOptions { topics: true, ..TemplateOptions::default() };
    let wanted = iam::template(&config(&[input("aws", ROLE, &[AUDITS])]), &options).unwrap();
    assert_eq!(made(&wanted.json, "AWS::SNS::Topic").len(), 1);
}

#[test]
fn what_an_account_has_once_is_made_in_one_region() {
    let Written { json, .. } = template(KEYS, &[&EVENTS.replace("[eu-west-1]", "[us-east-1, eu-west-1]"), VOISO]);
    for (kind, condition) in
        [("AWS::IAM::ManagedPolicy", "InUsEast1"), ("AWS::IAM::User", "InUsEast1AndWantsMakeVoisoUser")]
    {
        let found = made(&json, kind);
        assert_eq!((found.len(), found[0].1["Condition"].as_str()), (1, Some(condition)), "{kind}");
    }
    let user = &made(&json, "AWS::IAM::User")[0].1["Properties"]["Policies"][0]["PolicyDocument"];
    assert_eq!(actions(user), ["sqs:SendMessage"].into());
    assert!(!json.to_string().contains("AccessKey"), "a template must not hold a secret");
}

#[test]
fn many_accounts_are_a_stack_set_of_the_same_template() {
    let keys = format!("{ROLE} & {MEMBERS}");
    let Written { json, .. } = template(&keys, &[AUDITS]);
    let [(_, set)] = made(&json, "AWS::CloudFormation::StackSet")[..] else { panic!("{json:#}") };
    let set = &set["Properties"];
    let group = json!([{
        "DeploymentTargets": { "Accounts": ["222233334444", "333344445555"] }, "Regions": ["eu-west-1"],
    }]);
    assert_eq!((&set["StackInstancesGroup"], &set["PermissionModel"]), (&group, &json!("SELF_MANAGED")));
    let body: Value = serde_json::from_str(set["TemplateBody"].as_str().unwrap()).unwrap();
    let options = TemplateOptions { member: true, ..TemplateOptions::default() };
    let member = iam::template(&config(&[input("aws", &keys, &[AUDITS])]), &options).unwrap().json;
    assert_eq!(body, member);
    let role = &made(&member, "AWS::IAM::Role")[0].1["Properties"];
    let trusted = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trusted["Principal"]["AWS"], "arn:aws:iam::111122223333:role/quittance");
    assert_eq!(trusted["Condition"]["StringEquals"]["sts:ExternalId"], json!(["our-id"]));

    let organization =
        "accounts: {role: 'arn:aws:iam::{account}:role/quittance', organization: true, except: ['222233334444']}";
    let Written { json, .. } = template(&format!("{ROLE} & {organization}"), &[EVENTS]);
    let set = &made(&json, "AWS::CloudFormation::StackSet")[0].1["Properties"];
    assert_eq!(set["PermissionModel"], "SERVICE_MANAGED");
    let targets = &set["StackInstancesGroup"][0]["DeploymentTargets"];
    assert_eq!((&targets["AccountFilterType"], &targets["Accounts"]), (&json!("DIFFERENCE"), &json!(["222233334444"])));
}

#[test]
fn a_policy_that_is_too_long_for_iam_is_said_to_be() {
    let regions = "[us-east-1, us-east-2, us-west-1, us-west-2, eu-west-1, eu-west-2, eu-west-3, eu-central-1, eu-north-1, \
                   ap-south-1, ap-northeast-1, ap-northeast-2, ap-southeast-1, ap-southeast-2, sa-east-1, ca-central-1]";
    let named = |service: &str, queue: &str| {
        service
            .replace(&format!("name: {queue}"), &format!("name: {queue}-{}", "x".repeat(70)))
            .replace("[eu-west-1]", regions)
    };
    let services = [
        named(AUDITS, "trail"),
        named(EVENTS, "events"),
        named(VOISO, "calls").replace("[eu-west-1, us-east-1]", regions),
        named("cisco-umbrella: {cisco_umbrella_sqs_queue_name: umbrella, regions: [eu-west-1]}", "umbrella"),
    ];
    let Written { notes, .. } = policy(ROLE, &services.each_ref().map(String::as_str));
    assert!(notes.iter().any(|note| note.contains("more than the 6144 of a managed policy")), "{notes:?}");
}

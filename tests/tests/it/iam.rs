//! What `quittance iam` writes, judged by others: cfn-lint reads the templates, and ministack lets a collector do what the
//! policies allow, and nothing else.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use quittance_testbed::sink::Keep;
use quittance_tests::{
    Configuration, Events, Place, Receiver, Suite,
    configuration::audits,
    emulators::{Emulator, Kind, REGION},
    tools, trail,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::emulators::deliver;

const SCRIPT: &str = include_str!("iam.py");

/// The account that ministack has.
const ACCOUNT: &str = "000000000000";
const USER: &str = "collector";
const QUEUE: &str = "trail-events";

/// As the template names it.
const BUCKET: &str = "trail-events-000000000000-us-east-1";

pub(crate) fn add(suite: &mut Suite) {
    suite.test_with(tools::cfn_lint(), module_path!(), "templates_are_valid_by_cfn_lint", templates_are_valid);
    suite.test_with(tools::ministack(), module_path!(), "a_user_with_the_policy_alone_reads_everything", |python| {
        a_user_reads(python)
    });
    suite.test_with(tools::ministack(), module_path!(), "a_role_is_assumed_only_by_whom_it_trusts", |python| {
        a_role_reads(python)
    });
    suite.test_with(tools::ministack(), module_path!(), "what_the_template_makes_is_all_that_it_takes", |python| {
        a_stack_is_read(python)
    });
}

/// Runs `quittance iam` on a configuration; answers with what it prints.
fn iam(command: &str, config: &Path, options: &[&str]) -> Result<Value> {
    let mut quittance = Command::new(tools::binary()?);
    quittance.args(["iam", command, "--config"]).arg(config).args(options).env_clear();
    let output = quittance.output().context("cannot start the binary")?;
    ensure!(output.status.success(), "{command} {options:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("not JSON")
}

const SERVICES: [&str; 11] = [
    "service-events-all: {cloudwatch_sqs_queue_name: events, regions: [us-east-1, eu-west-1]}",
    "sqs-cloudwatch-consumer: {cloudwatch_sqs_queue_name: hub.fifo, regions: [eu-west-1]}",
    "audit-events-all: {types: [audits_s3], audit_sqs_queue_name: trail, regions: [eu-west-1, us-east-1, eu-west-2]}",
    "audit-events-all: {types: [audits_api], regions: [eu-west-1]}",
    "non-cloudwatch-logs: {types: [vpcflowlogs, cloudfront], vpcflowlogs_sqs_queue_name: flow, \
     cloudfront_sqs_queue_name: front, regions: [eu-west-1], buckets: [central]}",
    "cisco-umbrella: {cisco_umbrella_sqs_queue_name: umbrella, regions: [eu-west-1]}",
    "cisco-umbrella: {bucket: cisco-managed, prefix: a, regions: [eu-west-1]}",
    "voiso: {voiso_sqs_queue_name: calls.fifo, regions: [eu-west-1]}",
    "metrics-all: {regions: [eu-west-1]}",
    "aws-guardduty: {regions: [eu-west-1]}",
    "any: {types: [logs], log_groups: ['*'], regions: [eu-west-1]}",
];

const ROLE: &str = "{base_assume_role: 'arn:aws:iam::111122223333:role/path/quittance'}";

async fn templates_are_valid(python: PathBuf) -> Result<()> {
    let folder = TempDir::new()?;
    let mut templates = Vec::new();
    let mut write = |config: &Path, options: &[&str]| -> Result<Value> {
        let template = iam("cloudformation", config, options)?;
        let path = folder.path().join(format!("{}.json", templates.len()));
        fs::write(&path, format!("{template:#}"))?;
        templates.push(path);
        Ok(template)
    };
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../config.yaml.example"));
    write(example, &[])?;
    write(example, &["--topics", "--principal", "arn:aws:iam::111122223333:user/collector"])?;
    let config = folder.path().join("config.yaml");
    let configure = |credentials: &str, accounts: &str, services: &[&str]| -> Result<()> {
        let services: String = services.iter().map(|service| format!("      {service}\n")).collect();
        let text = format!(
            "globals: {{id: a, name: b}}\noutputs: {{out: {{type: console}}}}\ninputs:\n  aws:\n    id: c\n    \
             credentials: {credentials}\n{accounts}    services:\n{services}"
        );
        Ok(fs::write(&config, text)?)
    };
    for service in SERVICES {
        configure(ROLE, "", &[service])?;
        write(&config, &[])?;
    }
    // Services of the same name cannot stand side by side.
    let all: Vec<&str> =
        SERVICES.into_iter().filter(|service| !service.contains("_api") && !service.contains("managed")).collect();
    for targets in ["ids: ['222233334444', '333344445555']", "organization: true, except: ['222233334444']"] {
        let accounts = format!(
            "    accounts: {{role: 'arn:aws:iam::{{account}}:role/quittance', external_id: our-id, {targets}}}\n"
        );
        configure(ROLE, &accounts, &all)?;
        let set = write(&config, &[])?;
        let member = write(&config, &["--member"])?;
        let body = set["Resources"]["Members"]["Properties"]["TemplateBody"].as_str().context("no body")?;
        assert_eq!(serde_json::from_str::<Value>(body)?, member);
        configure("{access_key: A, access_secret: s}", &accounts, &all)?;
        write(&config, &["--member"])?;
    }
    let mut lint = Command::new(python);
    lint.args(["-c", "import sys; from cfnlint.runner import main; sys.exit(main())", "--"])
        .args(&templates)
        .stdin(Stdio::null());
    let output = spawn_blocking(move || lint.output()).await??;
    let found = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && found.trim().is_empty(),
        "cfn-lint: {found}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// An emulator that checks policies, with what the template of `quittance iam` makes there, and a place to run a collector.
struct Scene {
    emulator: Emulator,
    python: PathBuf,
    place: Place,
    receiver: Receiver,
    /// The queue's URL.
    queue: String,
    expected: Events,
    /// Of the user who signs in.
    keys: String,
}

impl Scene {
    /// Deploys the template, and puts a few objects into the bucket. Its policy is the user's if it is `attached`.
    async fn start(python: PathBuf, attached: bool) -> Result<Scene> {
        let emulator = Emulator::start_with(Kind::Ministack, &python, &[("AUTH", "true")]).await?;
        let place = Place::new()?;
        let receiver = Receiver::start(Keep::Messages, place.pki.server_config()?).await?;
        let (queue, keys) = (String::new(), String::new());
        let mut scene = Scene { emulator, python, place, receiver, queue, expected: Events::default(), keys };
        let made = scene.make(json!({ "users": { USER: null } })).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        scene.keys = format!("access_key: {}, access_secret: '{}'", text(&made[USER][0]), text(&made[USER][1]));

        let mut plain = Configuration::new(scene.receiver.port, &scene.emulator.endpoint);
        plain.services = audits(QUEUE, REGION);
        let template = for_ministack(iam("cloudformation", &scene.place.write(&plain)?, &[])?)?;
        let user = if attached { USER } else { "" };
        let told =
            scene.make(json!({ "stack": { "template": template, "parameters": { "CollectorUser": user } } })).await?;
        assert_eq!(told["TrailEventsBucketName"], BUCKET, "{told:#}");
        scene.queue = text(&told["TrailEventsQueueUrl"]);
        let mut rng = fastrand::Rng::with_seed(7);
        for index in 0..8 {
            let object = trail::generate(&mut rng, index * 100, 40)?;
            scene.emulator.put(BUCKET, &object.key, object.bytes).await?;
            scene.expected.extend(object.events);
        }
        Ok(scene)
    }

    /// Makes users, roles and a stack; answers with the users' keys, and what the stack tells.
    async fn make(&self, wanted: Value) -> Result<Value> {
        let mut command = Command::new(&self.python);
        command.args(["-c", SCRIPT, &self.emulator.endpoint]);
        for variable in ["AWS_PROFILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env_remove(variable);
        }
        let made = spawn_blocking(move || -> Result<Value> {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            child.stdin.take().context("no stdin")?.write_all(wanted.to_string().as_bytes())?;
            let output = child.wait_with_output()?;
            ensure!(output.status.success(), "botocore failed: {}", String::from_utf8_lossy(&output.stderr));
            Ok(serde_json::from_slice(&output.stdout)?)
        });
        made.await?
    }

    /// A configuration that reads the trail as the user, or by these roles; written to a file.
    fn configure(&self, roles: &str) -> Result<(Configuration, PathBuf)> {
        let mut configuration = Configuration::new(self.receiver.port, &self.emulator.endpoint);
        let (section, keys) = (audits(QUEUE, REGION), &self.keys);
        configuration.services = format!("{section}\n  buckets: [{BUCKET}]\n  credentials: {{{keys}{roles}}}\n");
        let path = self.place.write(&configuration)?;
        Ok((configuration, path))
    }

    /// Whether `quittance check` is satisfied, and everything that it says.
    async fn check(&self, config: &Path) -> Result<(bool, String)> {
        let mut command = Command::new(tools::binary()?);
        command.args(["check", "--config"]).arg(config).env_clear();
        let output = spawn_blocking(move || command.output()).await??;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    async fn deliver(&self, configuration: &Configuration) -> Result<()> {
        let queues = [self.queue.clone()];
        deliver(&self.emulator, &queues, &self.place, configuration, &self.receiver, &self.expected).await
    }
}

/// ministack makes no trails, speaks no TLS, and its conditions do not know in which region they are.
fn for_ministack(mut template: Value) -> Result<Value> {
    let resources = template["Resources"].as_object_mut().context("no resources")?;
    let before = resources.len();
    resources.retain(|_, resource| resource["Type"] != "AWS::CloudTrail::Trail");
    assert_eq!(before - resources.len(), 1);
    for (_, policy) in resources.iter_mut().filter(|(_, resource)| resource["Type"] == "AWS::S3::BucketPolicy") {
        let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array_mut().context("no statements")?;
        statements.retain(|statement| statement["Sid"] != "OnlyEncrypted");
    }
    let conditions = template["Conditions"].to_string().replace(r#"{"Ref":"AWS::Region"}"#, &format!("{REGION:?}"));
    template["Conditions"] = serde_json::from_str(&conditions)?;
    Ok(template)
}

async fn a_stack_is_read(python: PathBuf) -> Result<()> {
    let scene = Scene::start(python, true).await?;
    let (configuration, config) = scene.configure("")?;
    let (well, told) = scene.check(&config).await?;
    assert!(well && told.contains("0 errors, 0 warnings"), "{told}");
    scene.deliver(&configuration).await
}

async fn a_user_reads(python: PathBuf) -> Result<()> {
    let scene = Scene::start(python, false).await?;
    let (configuration, config) = scene.configure("")?;
    let (well, told) = scene.check(&config).await?;
    assert!(!well && told.contains("AccessDenied"), "without a policy nothing is allowed: {told}");

    // A policy for another account allows nothing in this one.
    let elsewhere = iam("policy", &config, &["--account", "111122223333"])?;
    scene.make(json!({ "users": { USER: elsewhere } })).await?;
    let (well, told) = scene.check(&config).await?;
    assert!(!well && told.contains("AccessDenied"), "{told}");

    // Without the account's number, a condition keeps it to the user's own.
    let policy = iam("policy", &config, &[])?;
    assert!(policy.to_string().contains("${aws:PrincipalAccount}"), "{policy:#}");
    // ministack does not fill in variables.
    let filled = policy.to_string().replace("${aws:PrincipalAccount}", ACCOUNT);
    scene.make(json!({ "users": { USER: serde_json::from_str::<Value>(&filled)? } })).await?;
    let (well, told) = scene.check(&config).await?;
    assert!(well, "{told}");
    let exact = iam("policy", &config, &["--account", ACCOUNT])?;
    assert!(!exact.to_string().contains(":*:") && !exact.to_string().contains("Condition"), "{exact:#}");
    scene.make(json!({ "users": { USER: exact } })).await?;
    scene.deliver(&configuration).await
}

async fn a_role_reads(python: PathBuf) -> Result<()> {
    let scene = Scene::start(python, false).await?;
    let [base, theirs] = ["base", "theirs"].map(|name| format!("arn:aws:iam::{ACCOUNT}:role/{name}"));
    let chain = format!(", base_assume_role: '{base}', target_assume_role: '{theirs}'");
    let right = format!("{chain}, assume_role_external_id: our-id");
    let (_, config) = scene.configure(&right)?;
    let principal = format!("arn:aws:iam::{ACCOUNT}:user/{USER}");
    let trust = iam("trust", &config, &["--principal", &principal])?;
    let policies = iam("policy", &config, &["--all"])?;
    let role = |arn: &str| json!({ "trust": trust[arn], "policy": policies[arn] });
    let first = &policies["access key of audit-events-all"];
    assert!(first.is_object(), "{policies:#}");
    scene.make(json!({ "users": { USER: first }, "roles": { "base": role(&base), "theirs": role(&theirs) } })).await?;

    let alone = format!(", target_assume_role: '{theirs}', assume_role_external_id: our-id");
    for refused in [format!("{chain}, assume_role_external_id: another"), chain, alone] {
        let (_, config) = scene.configure(&refused)?;
        let (well, told) = scene.check(&config).await?;
        assert!(!well && told.contains("AssumeRole"), "{refused}: {told}");
    }
    let (configuration, config) = scene.configure(&right)?;
    let (well, told) = scene.check(&config).await?;
    assert!(well, "{told}");
    scene.deliver(&configuration).await
}

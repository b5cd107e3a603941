//! Whatever is logged and printed, at any level, in good times and in bad: no secret is in it.

use std::{fs, os::unix::process::ExitStatusExt, time::Duration};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use quittance_tests::{Collector, Credentials, Proxy, Scene, Suite, tests, until};
use rustix::process::Signal;

const ACCESS_SECRET: &str = "AccessSecretOfTheTest+0123456789/abcdefg";
const AWS_PROXY_USER: &str = "alice:p@ss/word-at-aws";
const AWS_PROXY_IN_URL: &str = "alice:p%40ss%2Fword-at-aws";
const DEVO_PROXY_USER: &str = "bob:p@ss/word-at-devo";
const DEVO_PROXY_IN_URL: &str = "bob:p%40ss%2Fword-at-devo";

/// Each of them in every form that it might be shown in.
const SECRETS: [&str; 9] = [
    ACCESS_SECRET,
    "p@ss/word",
    "p%40ss%2Fword",
    "word-at-aws",
    "word-at-devo",
    // Both users with their passwords, in base64, but for what differs by alignment.
    "YWxpY2U6cEBzcy93b3JkLWF0LWF3cw",
    "Ym9iOnBAc3Mvd29yZC1hdC1kZXZv",
    "alice:",
    "bob:",
];

/// Everything there is to log.
const LEVEL: &str = "trace";

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; all_is_well, proxies_refuse, aws_refuses, tls_is_refused, temporary_credentials, other_commands, misunderstood, misread, crashed);
}

/// A scene with every secret there is, and its proxies.
async fn scene(aws_user: &str, devo_user: &str) -> Result<(Scene, Proxy, Proxy)> {
    let mut scene = Scene::usual().await?;
    let (aws, devo) = (Proxy::start(Some(aws_user)).await?, Proxy::start(Some(devo_user)).await?);
    scene.configuration.access_secret = ACCESS_SECRET;
    scene.configuration.input = format!("proxy: http://{AWS_PROXY_IN_URL}@127.0.0.1:{}", aws.port);
    scene.configuration.output = format!("proxy: http://{DEVO_PROXY_IN_URL}@127.0.0.1:{}", devo.port);
    scene.write(4, 20)?;
    Ok((scene, aws, devo))
}

fn start(scene: &Scene, command: &str) -> Result<Collector> {
    Collector::command(command, &scene.configure()?, &[("QUITTANCE_LOG", LEVEL), ("RUST_BACKTRACE", "1")])
}

/// Everything that must not be shown, in every form that it might be: what was given, what AWS gave, and the private key
/// as it stands in its file, and as the bytes that it is.
fn secrets(scene: &Scene) -> Result<Vec<String>> {
    let mut secrets: Vec<String> = SECRETS.into_iter().map(str::to_owned).collect();
    secrets.extend(scene.cloud.secrets_issued());
    let key = fs::read_to_string(scene.place.folder().join("certs/domain.key"))?;
    let lines: Vec<&str> = key.lines().filter(|line| line.len() > 16 && !line.starts_with("-----")).collect();
    secrets.extend(lines.iter().map(|line| (*line).to_owned()));
    let bytes = STANDARD.decode(lines.concat())?;
    // From its middle, where the secret number is: what comes before it is the same in every key.
    let piece = &bytes[bytes.len() / 3..][..12];
    let joined =
        |separator: &str, shown: fn(&u8) -> String| piece.iter().map(shown).collect::<Vec<_>>().join(separator);
    secrets.push(joined("", |byte| format!("{byte:02x}")));
    secrets.push(joined("", |byte| format!("{byte:02X}")));
    secrets.push(joined(":", |byte| format!("{byte:02x}")));
    secrets.push(joined(", ", u8::to_string));
    secrets.push(joined(", ", |byte| format!("{byte:#04x}")));
    Ok(secrets)
}

/// # Panics
///
/// If anything that was printed holds a secret.
fn assert_silent(scene: &Scene, collector: &Collector) -> Result<()> {
    let secrets = secrets(scene)?;
    assert!(secrets.len() > SECRETS.len() + 5, "there is no key");
    let output = String::from_utf8_lossy(&collector.output()).into_owned();
    let log = collector.log();
    assert!(!log.is_empty() || !output.is_empty(), "nothing was printed");
    for line in log.lines().chain(output.lines()) {
        for secret in &secrets {
            assert!(!line.contains(secret), "`{secret}` is in: {line}");
        }
    }
    Ok(())
}

/// Lets `check` say what it finds.
async fn check(scene: &Scene) -> Result<(Option<i32>, String)> {
    let mut checking = start(scene, "check")?;
    let status = checking.ended(Duration::from_secs(20)).await;
    assert_silent(scene, &checking)?;
    Ok((status.code(), String::from_utf8_lossy(&checking.output()).into_owned()))
}

async fn all_is_well() -> Result<()> {
    let (scene, aws, devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    let (code, said) = check(&scene).await?;
    assert_eq!(code, Some(0), "{said}");
    let mut collector = start(&scene, "run")?;
    scene.drained(&mut collector).await;
    collector.terminate()?;
    assert!(collector.ended(Duration::from_secs(10)).await.success());
    assert_silent(&scene, &collector)?;
    // The secrets were used, and the log is what it is said to be.
    assert!(aws.seen().iter().all(|request| request.credentials.as_deref() == Some(AWS_PROXY_USER)));
    assert!(devo.seen().iter().all(|request| request.credentials.as_deref() == Some(DEVO_PROXY_USER)));
    assert!(collector.logged("TRACE") > 0 && collector.logged("DEBUG") > 0);
    scene.verdict().assert_exact();
    Ok(())
}

/// A crash in the middle of the work shows nothing, and leaves no memory behind.
async fn crashed() -> Result<()> {
    let (scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    let mut collector = start(&scene, "run")?;
    until("something has arrived", Duration::from_secs(20), || scene.receiver.totals().events > 0).await;
    collector.signal(Signal::ABORT)?;
    let status = collector.ended(Duration::from_secs(10)).await;
    assert!(status.signal() == Some(Signal::ABORT.as_raw()) && !status.core_dumped(), "{status}");
    assert_silent(&scene, &collector)
}

async fn proxies_refuse() -> Result<()> {
    let (scene, aws, devo) = scene("alice:another", "bob:another").await?;
    let (code, said) = check(&scene).await?;
    assert_eq!(code, Some(1), "{said}");
    assert!(!aws.seen().is_empty() && !devo.seen().is_empty());
    let mut collector = start(&scene, "run")?;
    collector.says("destination does not confirm").await;
    collector.terminate()?;
    collector.ended(Duration::from_secs(10)).await;
    assert_silent(&scene, &collector)
}

async fn aws_refuses() -> Result<()> {
    let (scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    scene.cloud.fail_while("ReceiveMessage", "SignatureDoesNotMatch");
    check(&scene).await?;
    let mut collector = start(&scene, "run")?;
    scene.until("AWS is asked", &mut collector, |scene| scene.cloud.calls("ReceiveMessage") > 0).await;
    collector.says("SignatureDoesNotMatch").await;
    collector.terminate()?;
    collector.ended(Duration::from_secs(10)).await;
    assert_silent(&scene, &collector)
}

/// Neither our key nor theirs is told by who refuses the other.
async fn tls_is_refused() -> Result<()> {
    for credentials in [Credentials::Stranger, Credentials::Expired, Credentials::StrangerChain] {
        let (mut scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
        scene.configuration.credentials = credentials;
        let (code, said) = check(&scene).await?;
        assert_eq!(code, Some(1), "{said}");
        let mut collector = start(&scene, "run")?;
        collector.says("destination does not confirm").await;
        collector.terminate()?;
        collector.ended(Duration::from_secs(10)).await;
        assert_silent(&scene, &collector)?;
    }
    Ok(())
}

/// What STS gives is as secret as what was written down, though nobody wrote it anywhere.
async fn temporary_credentials() -> Result<()> {
    let (mut scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    scene.configuration.credentials_keys = "base_assume_role: arn:aws:iam::111122223333:role/reader\n\
         target_assume_role: arn:aws:iam::444455556666:role/target\nassume_role_external_id: ExternalIdOfTheTest"
        .to_owned();
    check(&scene).await?;
    let mut collector = start(&scene, "run")?;
    scene.drained(&mut collector).await;
    assert!(scene.cloud.secrets_issued().len() >= 2);
    // Expired for everybody, they are asked for again, and refused.
    scene.cloud.fail_while("ReceiveMessage", "ExpiredToken");
    until("AWS refuses", Duration::from_secs(20), || collector.logged("ExpiredToken") > 0).await;
    collector.terminate()?;
    collector.ended(Duration::from_secs(10)).await;
    assert_silent(&scene, &collector)
}

/// Whatever else is asked of the same configuration.
async fn other_commands() -> Result<()> {
    let (scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    let commands = [
        "check --json",
        "check --offline",
        "state show",
        "state show --json",
        "state reset --yes",
        "quarantine list",
        "quarantine list --json",
        "quarantine show 1",
        "quarantine replay --all",
        "quarantine discard --all --yes",
        "iam policy",
        "iam trust",
        "iam template",
    ];
    for command in commands {
        let mut asked = start(&scene, command)?;
        let status = asked.ended(Duration::from_secs(20)).await;
        assert!(status.code().is_some(), "{command}: {status}");
        assert_silent(&scene, &asked)?;
    }
    Ok(())
}

/// A configuration that is wrong next to a secret, or in it, is told by its place.
async fn misread() -> Result<()> {
    let (scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    let path = scene.configure()?;
    let right = fs::read_to_string(&path)?;
    let line = format!("      access_secret: {ACCESS_SECRET}\n");
    assert!(right.contains(&line));
    let wrong = [
        // No YAML, in the line itself.
        format!("      access_secret: {ACCESS_SECRET}: more\n"),
        format!("      access_secret: \"{ACCESS_SECRET}\n"),
        format!("      access_secret: '{ACCESS_SECRET}' {ACCESS_SECRET}\n"),
        format!("      access_secret: *{ACCESS_SECRET}\n"),
        format!("      access_secret: !{ACCESS_SECRET} x\n"),
        format!("      access_secret: {{{ACCESS_SECRET}\n"),
        format!("     access_secret: {ACCESS_SECRET}\n"),
        format!("\taccess_secret: {ACCESS_SECRET}\n"),
        // No text.
        format!("      access_secret: [{ACCESS_SECRET}]\n"),
        format!("      access_secret: {{a: {ACCESS_SECRET}}}\n"),
        // Misspelt, given twice, and beside what nobody knows.
        format!("      acess_secret: {ACCESS_SECRET}\n"),
        format!("{line}{line}"),
        format!("{line}      nonsense: 1\n"),
        // From elsewhere.
        "      access_secret: ${SECRET_OF_THE_TEST}${NOT_THERE}\n".to_owned(),
        "      access_secret: ${SECRET_OF_THE_TEST:?}\n".to_owned(),
        format!("      access_secret: file:/nowhere/{}\n", "a-file"),
    ];
    let environment = [("QUITTANCE_LOG", LEVEL), ("RUST_BACKTRACE", "1"), ("SECRET_OF_THE_TEST", ACCESS_SECRET)];
    for wrong in wrong {
        fs::write(&path, right.replace(&line, &wrong))?;
        for command in ["check --offline", "check --offline --json", "iam policy", "state show"] {
            let mut asked = Collector::command(command, &path, &environment)?;
            asked.ended(Duration::from_secs(20)).await;
            assert_silent(&scene, &asked)?;
        }
    }
    // The same of what the Collector Server would hold, in JSON.
    let json = |secret: &str| {
        format!(
            r#"{{"inputs": {{"aws": {{"id": 1, "credentials": {{"access_key": "AKIA", "access_secret": {secret}}}, "services": {{}}}}}}}}"#
        )
    };
    for secret in [
        format!("\"{ACCESS_SECRET}\""),
        format!("\"{ACCESS_SECRET}"),
        format!("[\"{ACCESS_SECRET}\"]"),
        format!("\"{ACCESS_SECRET}\" \"{ACCESS_SECRET}\""),
        format!("\"{ACCESS_SECRET}\", \"nonsense\": 1"),
        ACCESS_SECRET.to_owned(),
    ] {
        fs::write(&path, json(&secret))?;
        let mut asked = Collector::command("check --offline", &path, &environment)?;
        asked.ended(Duration::from_secs(20)).await;
        assert_silent(&scene, &asked)?;
    }
    Ok(())
}

/// What cannot be read is not repeated either, where it may hold a password.
async fn misunderstood() -> Result<()> {
    let (mut scene, _aws, _devo) = scene(AWS_PROXY_USER, DEVO_PROXY_USER).await?;
    let right = (scene.configuration.input.clone(), scene.configuration.output.clone());
    let wrong = [
        (format!("proxy: http://{AWS_PROXY_IN_URL}@127.0.0.1:no port"), right.1.clone()),
        (format!("proxy: [http://{AWS_PROXY_IN_URL}@127.0.0.1:3128]"), right.1.clone()),
        (right.0.clone(), format!("proxy: http://{DEVO_PROXY_IN_URL}@127.0.0.1:no")),
        (right.0.clone(), format!("proxy: {DEVO_PROXY_IN_URL}")),
    ];
    for (input, output) in wrong {
        (scene.configuration.input, scene.configuration.output) = (input, output);
        let (code, said) = check(&scene).await?;
        assert_eq!(code, Some(1), "{said}");
        let mut collector = start(&scene, "run")?;
        let status = collector.ended(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(1), "{}", scene.configuration.input);
        assert_silent(&scene, &collector)?;
    }
    Ok(())
}

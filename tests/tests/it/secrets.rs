//! Whatever is logged and printed, at any level, in good times and in bad: no secret is in it.

use std::{fs, time::Duration};

use anyhow::Result;
use quittance_tests::{Collector, Proxy, Scene, Suite, tests};

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
    tests!(suite; all_is_well, proxies_refuse, aws_refuses, misunderstood);
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

/// # Panics
///
/// If anything that was printed holds a secret.
fn assert_silent(scene: &Scene, collector: &Collector) -> Result<()> {
    let key = fs::read_to_string(scene.place.folder().join("certs/domain.key"))?;
    let key_lines = key.lines().filter(|line| line.len() > 16 && !line.starts_with("-----"));
    let secrets: Vec<&str> = SECRETS.into_iter().chain(key_lines).collect();
    assert!(secrets.len() > SECRETS.len(), "there is no key");
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

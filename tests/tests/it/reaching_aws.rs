//! The ways to AWS and to Devo: through proxies, and by certificates of one's own.

use std::time::Duration;

use anyhow::Result;
use quittance_tests::{Collector, Front, Proxy, Scene, Suite, tests, until};

const USER: &str = "user:p@ssword-of-the-proxy";
/// The same, as it stands in a URL.
const USER_IN_URL: &str = "user:p%40ssword-of-the-proxy";
/// A host that nobody can resolve.
const NOWHERE: &str = "aws.invalid";

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite;
        through_a_forward_proxy,
        through_a_tunnel,
        through_http_proxy_of_the_environment,
        through_https_proxy_of_the_environment,
        no_proxy_of_the_environment,
        no_proxy_holds_for_a_configured_proxy,
        proxy_none_ignores_the_environment,
        a_proxy_that_refuses,
        ca_bundle_of_the_configuration,
        ca_bundle_of_the_environment,
        without_the_ca_bundle,
        endpoint_of_the_environment,
        endpoints_of_single_services_of_the_environment,
        endpoint_of_the_configuration_wins_over_the_environment,
        devo_through_a_tunnel,
        devo_proxy_that_refuses,
    );
}

/// A scene with something to deliver, whose AWS is at `NOWHERE` for everybody but a proxy.
async fn scene() -> Result<Scene> {
    let mut scene = Scene::usual().await?;
    scene.configuration.endpoint = scene.cloud.endpoint.replace("127.0.0.1", NOWHERE);
    scene.write(6, 20)?;
    Ok(scene)
}

/// A scene whose AWS speaks TLS by a certificate of our own authority.
async fn scene_with_tls() -> Result<(Scene, Front)> {
    let mut scene = Scene::usual().await?;
    let pki = &scene.place.pki;
    let server = pki.authority.server(&["localhost", NOWHERE])?;
    let address = scene.cloud.endpoint.trim_start_matches("http://");
    let front = Front::start(address, pki.https_config(&server)?).await?;
    scene.configuration.endpoint = format!("https://localhost:{}", front.port);
    scene.cloud.set_base_url(&scene.configuration.endpoint);
    scene.write(6, 20)?;
    Ok((scene, front))
}

async fn deliver(scene: &Scene, mut collector: Collector) -> Result<()> {
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    assert_silent(&collector);
    collector.stop().await
}

/// No line of the log holds the password, in either form.
fn assert_silent(collector: &Collector) {
    for form in ["ssword-of-the-proxy", "dXNlcjpwQHNz"] {
        assert_eq!(collector.logged(form), 0, "the log holds a password");
    }
}

async fn through_a_forward_proxy() -> Result<()> {
    let mut scene = scene().await?;
    let proxy = Proxy::start(Some(USER)).await?;
    scene.configuration.input = format!("proxy: http://{USER_IN_URL}@127.0.0.1:{}", proxy.port);
    let collector = scene.start()?;
    deliver(&scene, collector).await?;
    let seen = proxy.seen();
    let to_aws = format!("{}/", scene.configuration.endpoint);
    assert!(!seen.is_empty());
    for request in seen {
        assert!(request.method != "CONNECT" && request.target.starts_with(&to_aws), "{request:?}");
        assert_eq!(request.credentials.as_deref(), Some(USER), "{request:?}");
    }
    Ok(())
}

async fn through_a_tunnel() -> Result<()> {
    let (mut scene, front) = scene_with_tls().await?;
    let proxy = Proxy::start(Some(USER)).await?;
    scene.configuration.endpoint = format!("https://{NOWHERE}:{}", front.port);
    scene.configuration.input = format!("proxy: http://{USER_IN_URL}@127.0.0.1:{}\nca_bundle: chain.crt", proxy.port);
    let collector = scene.start()?;
    deliver(&scene, collector).await?;
    assert_tunnels(&proxy, &format!("{NOWHERE}:{}", front.port));
    Ok(())
}

fn assert_tunnels(proxy: &Proxy, target: &str) {
    let seen = proxy.seen();
    assert!(!seen.is_empty());
    for request in seen {
        assert_eq!((&*request.method, &*request.target), ("CONNECT", target));
        assert_eq!(request.credentials.as_deref(), Some(USER), "{request:?}");
    }
}

async fn through_http_proxy_of_the_environment() -> Result<()> {
    let scene = scene().await?;
    let proxy = Proxy::start(Some(USER)).await?;
    let collector = scene.start_with(&[("HTTP_PROXY", &format!("http://{USER_IN_URL}@127.0.0.1:{}", proxy.port))])?;
    deliver(&scene, collector).await?;
    assert!(proxy.seen().iter().any(|request| request.credentials.as_deref() == Some(USER)));
    Ok(())
}

async fn through_https_proxy_of_the_environment() -> Result<()> {
    let (mut scene, front) = scene_with_tls().await?;
    let proxy = Proxy::start(Some(USER)).await?;
    scene.configuration.endpoint = format!("https://{NOWHERE}:{}", front.port);
    scene.configuration.input = "ca_bundle: chain.crt".to_owned();
    let collector = scene.start_with(&[("HTTPS_PROXY", &format!("http://{USER_IN_URL}@127.0.0.1:{}", proxy.port))])?;
    deliver(&scene, collector).await?;
    assert_tunnels(&proxy, &format!("{NOWHERE}:{}", front.port));
    Ok(())
}

async fn no_proxy_of_the_environment() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.endpoint = scene.cloud.endpoint.clone();
    let proxy = Proxy::start(None).await?;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let collector = scene.start_with(&[("HTTP_PROXY", &url), ("HTTPS_PROXY", &url), ("NO_PROXY", "127.0.0.1")])?;
    deliver(&scene, collector).await?;
    assert_eq!(proxy.seen(), []);
    Ok(())
}

async fn no_proxy_holds_for_a_configured_proxy() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.endpoint = scene.cloud.endpoint.clone();
    let proxy = Proxy::start(None).await?;
    scene.configuration.input = format!("proxy: http://127.0.0.1:{}", proxy.port);
    let collector = scene.start_with(&[("NO_PROXY", "127.0.0.1")])?;
    deliver(&scene, collector).await?;
    assert_eq!(proxy.seen(), []);
    Ok(())
}

async fn proxy_none_ignores_the_environment() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.endpoint = scene.cloud.endpoint.clone();
    scene.configuration.input = "proxy: none".to_owned();
    let proxy = Proxy::start(None).await?;
    let collector = scene.start_with(&[("HTTP_PROXY", &format!("http://127.0.0.1:{}", proxy.port))])?;
    deliver(&scene, collector).await?;
    assert_eq!(proxy.seen(), []);
    Ok(())
}

/// Its answer is no answer of AWS: nothing happens, and the log says what the matter is, without the password.
async fn a_proxy_that_refuses() -> Result<()> {
    let mut scene = scene().await?;
    let proxy = Proxy::start(Some("user:another")).await?;
    scene.configuration.input = format!("proxy: http://{USER_IN_URL}@127.0.0.1:{}", proxy.port);
    let collector = scene.start()?;
    until("the proxy refuses", Duration::from_secs(10), || !proxy.seen().is_empty()).await;
    collector.says("(HTTP 407)").await;
    assert_silent(&collector);
    collector.stop().await?;
    assert_eq!(scene.cloud.all_calls().len(), 0);
    Ok(())
}

async fn ca_bundle_of_the_configuration() -> Result<()> {
    let (mut scene, _front) = scene_with_tls().await?;
    scene.configuration.input = "ca_bundle: chain.crt".to_owned();
    let collector = scene.start()?;
    deliver(&scene, collector).await
}

async fn ca_bundle_of_the_environment() -> Result<()> {
    let (scene, _front) = scene_with_tls().await?;
    let bundle = scene.place.folder().join("certs/chain.crt");
    let collector = scene.start_with(&[("AWS_CA_BUNDLE", &bundle.to_string_lossy())])?;
    deliver(&scene, collector).await
}

async fn without_the_ca_bundle() -> Result<()> {
    let (scene, _front) = scene_with_tls().await?;
    let collector = scene.start()?;
    collector.says("UnknownIssuer").await;
    collector.stop().await?;
    assert_eq!(scene.cloud.all_calls().len(), 0, "AWS was asked: {:?}", scene.cloud.all_calls());
    Ok(())
}

/// What the SDKs of AWS call an endpoint for all services.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const SQS_ENDPOINT: &str = "AWS_ENDPOINT_URL_SQS";
const S3_ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";
const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

async fn endpoint_of_the_environment() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.endpoint = String::new();
    let collector = scene.start_with(&[(ENDPOINT, &scene.cloud.endpoint)])?;
    deliver(&scene, collector).await
}

/// Each is another way to the same fake: a proxy sees what goes to S3, and the endpoint for all leads nowhere.
async fn endpoints_of_single_services_of_the_environment() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.endpoint = String::new();
    let there = scene.cloud.endpoint.clone();
    let by_name = there.replace("127.0.0.1", "localhost");
    assert_ne!(there, by_name);
    let nowhere = there.replace("127.0.0.1", NOWHERE);
    let proxy = Proxy::start(None).await?;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let environment = [
        (ENDPOINT, &*nowhere),
        (SQS_ENDPOINT, &*there),
        (STS_ENDPOINT, &*there),
        (S3_ENDPOINT, &*by_name),
        ("HTTP_PROXY", &*url),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let collector = scene.start_with(&environment)?;
    deliver(&scene, collector).await?;
    let seen = proxy.seen();
    assert_eq!(seen.len(), 6, "one GET for each object: {seen:?}");
    assert!(seen.iter().all(|request| request.method == "GET" && request.target.starts_with(&by_name)), "{seen:?}");
    Ok(())
}

async fn endpoint_of_the_configuration_wins_over_the_environment() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.endpoint = scene.cloud.endpoint.clone();
    let nowhere = scene.cloud.endpoint.replace("127.0.0.1", NOWHERE);
    let environment = [ENDPOINT, SQS_ENDPOINT, S3_ENDPOINT, STS_ENDPOINT].map(|name| (name, &*nowhere));
    let collector = scene.start_with(&environment)?;
    deliver(&scene, collector).await
}

async fn devo_through_a_tunnel() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(6, 20)?;
    let proxy = Proxy::start(Some(USER)).await?;
    scene.configuration.output = format!("proxy: http://{USER_IN_URL}@127.0.0.1:{}", proxy.port);
    let collector = scene.start()?;
    deliver(&scene, collector).await?;
    assert_tunnels(&proxy, &format!("localhost:{}", scene.receiver.port));
    assert_eq!(scene.receiver.totals().connections, proxy.seen().len() as u64, "connections beside the proxy");
    Ok(())
}

async fn devo_proxy_that_refuses() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.write(1, 20)?;
    let proxy = Proxy::start(Some("user:another")).await?;
    scene.configuration.output = format!("proxy: http://{USER_IN_URL}@127.0.0.1:{}", proxy.port);
    let collector = scene.start()?;
    collector.says("refused the tunnel: HTTP/1.1 407").await;
    assert_silent(&collector);
    collector.stop().await?;
    assert_eq!((scene.receiver.totals().connections, scene.cloud.all_calls().len()), (0, 0));
    Ok(())
}

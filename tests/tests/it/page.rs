//! The status page in a real browser, at rest, under load and in trouble; and `quittance tap`.
//!
//! What the browser shows is kept in `target/screenshots`, for a look at it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use fantoccini::{Client, Locator};
use quittance_tests::{
    Collector, Scene, Suite,
    browser::{Browser, Look},
    cloud::{BUCKET, QUEUE},
    tests, tools,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

const WIDE: Look = Look { width: 1280, height: 2300, dark: false, phone: false };
const DARK: Look = Look { dark: true, ..WIDE };
const PHONE: Look = Look { width: 360, height: 3400, dark: false, phone: true };

pub(crate) fn add(suite: &mut Suite) {
    tests!(suite; live_events_are_tapped, a_page_for_others_needs_a_token, what_is_counted_adds_up);
    let module = module_path!();
    suite.test_with(tools::chromedriver(), module, "at_rest_it_says_what_is_worth_a_warning", at_rest);
    suite.test_with(tools::chromedriver(), module, "under_load_it_moves", under_load);
    suite.test_with(tools::chromedriver(), module, "a_destination_that_is_away_is_named", destination_away);
    suite.test_with(tools::chromedriver(), module, "a_permission_that_is_taken_is_named_with_its_fix", refused);
    suite.test_with(tools::chromedriver(), module, "what_is_set_aside_is_shown", set_aside);
}

async fn scene() -> Result<Scene> {
    let mut scene = Scene::usual().await?;
    scene.configuration.globals = "page_address: 127.0.0.1:0\npermission_check_interval: 10s".to_owned();
    Ok(scene)
}

/// The address that the page was given.
async fn address(collector: &Collector) -> Result<String> {
    address_of(collector, "the status page is shown").await
}

async fn address_of(collector: &Collector, listener: &str) -> Result<String> {
    collector.says(listener).await;
    let log = collector.log();
    let line = log.lines().find(|line| line.contains(listener)).context("it is said")?;
    let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    Ok(address.context("the address is said")?.trim_matches('"').to_owned())
}

/// Waits until an element says something.
async fn says(window: &Client, selector: &str, text: &str) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(40);
    let mut said = String::new();
    while Instant::now() < end {
        // It may be replaced while it is read.
        if let Ok(element) = window.find(Locator::Css(selector)).await
            && let Ok(now) = element.text().await
        {
            said = now;
            if said.contains(text) {
                return Ok(());
            }
        }
        sleep(Duration::from_millis(200)).await;
    }
    keep(window, "failed").await?;
    anyhow::bail!("`{selector}` never says `{text}`, but `{said}`")
}

async fn keep(window: &Client, name: &str) -> Result<()> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screenshots"));
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{name}.png")), window.screenshot().await?)?;
    Ok(())
}

/// Nothing was asked of another place than the page's own, nothing was kept from loading by its policy, and nobody has to
/// scroll sideways.
async fn assert_in_bounds(window: &Client) -> Result<()> {
    let script = "
        const reports = new ReportingObserver(() => {}, { types: ['csp-violation'], buffered: true });
        reports.observe();
        return {
            outside: performance.getEntriesByType('resource').map((entry) => entry.name)
                .filter((name) => new URL(name).origin !== location.origin),
            asked: performance.getEntriesByType('resource').length,
            violations: reports.takeRecords().length,
            over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            wide: innerWidth,
        };";
    let found = window.execute(script, Vec::new()).await?;
    ensure!(found["outside"].as_array().is_some_and(Vec::is_empty), "asked elsewhere: {found}");
    ensure!(found["asked"].as_u64() >= Some(2) && found["violations"] == 0 && found["over"] == 0, "{found}");
    Ok(())
}

/// The same page as all kinds of people see it.
async fn shown_to_all(browser: &Browser, url: &str, name: &str, says_so: (&str, &str)) -> Result<()> {
    for (kind, look) in [("wide", WIDE), ("dark", DARK), ("phone", PHONE)] {
        let window = browser.open(url, look).await?;
        says(&window, says_so.0, says_so.1).await?;
        assert_in_bounds(&window).await?;
        let width = window.execute("return innerWidth", Vec::new()).await?;
        ensure!(width == look.width, "the window is {width} wide");
        keep(&window, &format!("{name}-{kind}")).await?;
        window.close().await?;
    }
    Ok(())
}

async fn at_rest(chromedriver: PathBuf) -> Result<()> {
    let mut scene = scene().await?;
    scene.write(5, 40)?;
    let mut collector = scene.start()?;
    let url = format!("http://{}/", address(&collector).await?);
    scene.drained(&mut collector).await;
    let browser = Browser::start(&chromedriver).await?;
    shown_to_all(&browser, &url, "rest", ("#live-status", "1 unit has a warning")).await?;
    // By keyboard alone: the first stop leads past the head.
    let window = browser.open(&url, WIDE).await?;
    let body = window.find(Locator::Css("body")).await?;
    body.send_keys("\u{e004}").await?;
    let focused = window.execute("return document.activeElement.textContent", Vec::new()).await?;
    ensure!(focused == "To the units", "{focused}");
    window.close().await?;
    collector.stop().await
}

async fn under_load(chromedriver: PathBuf) -> Result<()> {
    let mut scene = scene().await?;
    let mut collector = scene.start()?;
    let url = format!("http://{}/", address(&collector).await?);
    let browser = Browser::start(&chromedriver).await?;
    let window = browser.open(&url, WIDE).await?;
    window.find(Locator::Css("#tap-form input[name=text]")).await?.send_keys("eventName").await?;
    window.find(Locator::Css("#tap-button")).await?.click().await?;
    says(&window, "#tap-state", "looking").await?;
    for round in 0..30 {
        scene.write(2, 60 + round * 5)?;
        sleep(Duration::from_millis(400)).await;
    }
    says(&window, "#live-plots", "cloud.aws.cloudtrail").await?;
    says(&window, "#tap-events", "eventName").await?;
    window.find(Locator::Css("#tap-button")).await?.click().await?;
    says(&window, "#tap-state", "stopped").await?;
    keep(&window, "load-wide-tap").await?;
    window.close().await?;
    scene.write(10, 100)?;
    shown_to_all(&browser, &url, "load", ("#live-plots", "cloud.aws.cloudtrail")).await?;
    scene.drained(&mut collector).await;
    collector.stop().await
}

async fn destination_away(chromedriver: PathBuf) -> Result<()> {
    let mut scene = scene().await?;
    let mut collector = scene.start()?;
    let url = format!("http://{}/", address(&collector).await?);
    scene.write(3, 50)?;
    scene.drained(&mut collector).await;
    scene.receiver.die().await?;
    scene.write(3, 50)?;
    let browser = Browser::start(&chromedriver).await?;
    shown_to_all(&browser, &url, "trouble-destination", ("#live-status", "devo_1 does not confirm")).await?;
    let window = browser.open(&url, WIDE).await?;
    says(&window, "#live-problems", "destination does not confirm").await?;
    scene.receiver.come_back().await?;
    says(&window, "#live-status", "1 unit has a warning").await?;
    window.close().await?;
    scene.drained(&mut collector).await;
    collector.stop().await
}

async fn refused(chromedriver: PathBuf) -> Result<()> {
    let scene = scene().await?;
    let collector = scene.start()?;
    let url = format!("http://{}/", address(&collector).await?);
    collector.says("puller started").await;
    for api in ["ReceiveMessage", "GetQueueUrl", "GetQueueAttributes"] {
        scene.cloud.fail_while(api, "AccessDenied");
    }
    let browser = Browser::start(&chromedriver).await?;
    shown_to_all(&browser, &url, "trouble-permission", ("#live-units", "What to do:")).await?;
    let window = browser.open(&url, WIDE).await?;
    says(&window, "#live-status", "1 unit has a problem").await?;
    window.close().await?;
    Ok(())
}

async fn set_aside(chromedriver: PathBuf) -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.services += "\n  max_event_bytes: 100000";
    scene.write(2, 30)?;
    let long = format!("{{\"Records\": [{{\"eventName\": \"{}\"}}]}}", "x".repeat(200_000));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, long.as_bytes())?;
    let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/15/111122223333_CloudTrail_eu-west-1_x.json.gz";
    scene.cloud.put_object(BUCKET, key, gzip.finish()?);
    scene.cloud.send(QUEUE, "this is no notification");
    let collector = scene.start()?;
    let url = format!("http://{}/", address(&collector).await?);
    collector.says("set aside").await;
    let browser = Browser::start(&chromedriver).await?;
    shown_to_all(&browser, &url, "trouble-quarantine", ("#live-problems", "set aside")).await?;
    Ok(())
}

async fn live_events_are_tapped() -> Result<()> {
    let mut scene = scene().await?;
    let mut collector = scene.start()?;
    let address = address(&collector).await?;
    let mut tap = Command::new(tools::binary()?)
        .args(["tap", "--address", &address, "--table", "cloud.aws.cloudtrail", "--limit", "3", "--json"])
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()?;
    // It looks from some moment on: events come until it has seen enough.
    let end = Instant::now() + Duration::from_secs(60);
    while tap.try_wait()?.is_none() {
        ensure!(Instant::now() < end, "nothing was tapped");
        scene.write(1, 2)?;
        sleep(Duration::from_millis(100)).await;
    }
    let seen = tap.wait_with_output()?;
    let lines: Vec<serde_json::Value> =
        String::from_utf8(seen.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let events = lines.iter().filter(|line| line["event"].as_str().is_some_and(|event| event.contains("eventName")));
    ensure!(seen.status.success() && events.count() == 3, "{lines:?}");
    scene.drained(&mut collector).await;
    // Whoever looked: nothing is missing and nothing came twice.
    let verdict = scene.verdict();
    ensure!((verdict.missing, verdict.repeated, verdict.unexpected) == (0, 0, 0), "{verdict:?}");
    collector.stop().await
}

async fn metrics(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The sum of all series of a name whose labels hold a text.
fn sum(metrics: &str, name: &str, labels: &str) -> f64 {
    let of_name = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(labels));
    of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn what_is_counted_adds_up() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.globals = "probes_address: 127.0.0.1:0".to_owned();
    scene.write(7, 30)?;
    let mut collector = scene.start()?;
    let address = address_of(&collector, "probes are answered").await?;
    scene.drained(&mut collector).await;
    let text = metrics(&address).await?;
    let of = |name: &str, labels: &str| sum(&text, name, labels);
    assert!(of("quittance_pulled_events_total", "") == 210.0, "{text}");
    assert!(of("quittance_events_total", "delivered_closed") == 210.0 && of("quittance_in_flight_events", "") == 0.0);
    assert!(of("quittance_sender_events_total", "standard") == 210.0);
    assert!(of("quittance_sender_bytes_total", "standard") == of("quittance_event_bytes_total", "delivered"));
    let ended = of("quittance_sender_ended_connections_total", "standard");
    assert!(ended >= 2.0 && ended <= of("quittance_sender_handshakes_total", "standard"), "{text}");
    assert!(
        of("quittance_sender_lost_connections_total", "") + of("quittance_sender_refused_connections_total", "") == 0.0
    );
    assert!(of("quittance_api_calls_total", "GetObject") == 7.0, "{text}");
    assert!(
        of("quittance_api_calls_total", "ReceiveMessage") >= 1.0 && of("quittance_api_calls_total", "\"other\"") == 0.0
    );
    // Permissions are proved by a receive that SQS must refuse; nothing else is.
    assert_eq!(of("quittance_api_errors_total", ""), of("quittance_api_errors_total", "ReceiveMessage"), "{text}");
    assert!(of("quittance_api_throttled_total", "") == 0.0, "{text}");
    // A throttled call.
    scene.cloud.fail_next("ReceiveMessage", 1, 400, "RequestThrottled");
    scene.write(1, 1)?;
    scene.drained(&mut collector).await;
    let text = metrics(&address).await?;
    assert!(sum(&text, "quittance_api_throttled_total", "ReceiveMessage") == 1.0, "after: {text}");
    collector.stop().await
}

async fn a_page_for_others_needs_a_token() -> Result<()> {
    let mut scene = scene().await?;
    scene.configuration.globals = "page_address: 0.0.0.0:0".to_owned();
    let mut collector = scene.start()?;
    ensure!(!collector.ended(Duration::from_secs(10)).await.success());
    ensure!(collector.logged("expected a `page_token`") == 1, "{}", collector.log());
    scene.configuration.globals = "page_address: 0.0.0.0:0\npage_token: short".to_owned();
    let mut collector = scene.start()?;
    ensure!(!collector.ended(Duration::from_secs(10)).await.success());
    ensure!(collector.logged("is too short") == 1 && collector.logged("`short`") == 0, "{}", collector.log());
    scene.configuration.globals = "page_address: 0.0.0.0:0\npage_token: sesame-0123456789".to_owned();
    let collector = scene.start()?;
    let port = address(&collector).await?.rsplit(':').next().unwrap_or_default().to_owned();
    let at = format!("127.0.0.1:{port}");
    let tap = |token: &str| {
        let mut command = Command::new(tools::binary()?);
        command.args(["tap", "--address", &at, "--limit", "0"]).env_clear().env("QUITTANCE_PAGE_TOKEN", token);
        Ok::<_, anyhow::Error>(command.output()?)
    };
    ensure!(tap("sesame-0123456789")?.status.success());
    let refused = tap("another-0123456789")?;
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && error.contains("401"), "{error}");
    ensure!(collector.logged("sesame") == 0);
    collector.stop().await
}

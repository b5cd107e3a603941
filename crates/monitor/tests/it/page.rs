//! The page: it says what there is, to those who may know, and nothing that others wrote acts in it.

use std::time::{Duration, UNIX_EPOCH};

use quittance_monitor::{Level, Problem};

use crate::scene::{Setting, ask, get, until};

const TOKEN: &str = "sesame-0123456789";

fn problem(text: &str) -> Problem {
    let (level, last) = (Level::Error, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let (code, unit) = (Some("PullError311".to_owned()), Some("aws/1/unit".to_owned()));
    Problem { level, code, unit, text: text.to_owned(), last, times: 1 }
}

#[tokio::test]
async fn it_says_how_each_unit_is_with_the_problem_and_its_fix() {
    let mut scene = Setting { warns: true, ..Setting::default() }.scene().await;
    scene.inlet.set_ready(true);
    scene.deliver(vec![("cloud.aws.cloudtrail.s3", "{}".to_owned())]).await;
    scene.problems.note(problem("cannot <script>alert(1)</script>"));
    scene.problems.note(problem("cannot <script>alert(1)</script>"));
    let (status, page) = get(scene.page, "GET / HTTP/1.1").await;
    assert_eq!(status, 200);
    let page = page.replace("<wbr>", "");
    for said in [
        "aws/1/unit",
        "works, with a warning",
        "Allow `sqs:ReceiveMessage` again.",
        "cloud.aws.cloudtrail.s3",
        "×2",
        "page_token: (hidden)",
    ] {
        assert!(page.contains(said), "the page does not say `{said}`: {page}");
    }
    // What others wrote is text.
    assert!(page.contains("&lt;b&gt;q&lt;/b&gt;") && !page.contains("<script>alert"));
    let (_, live) = get(scene.page, "GET /live HTTP/1.1").await;
    assert!(live.contains("id=\"live-units\"") && !live.contains("<html"));
}

#[tokio::test]
async fn a_destination_that_does_not_confirm_is_said_first() {
    let scene = Setting::default().scene().await;
    until("the unit waits", || scene.health.views().len() == 1).await;
    let (_, live) = get(scene.page, "GET /live HTTP/1.1").await;
    let status = live.split("id=\"live-tiles\"").next().unwrap();
    assert!(status.contains("devo_1 does not confirm"), "{status}");
    assert!(live.contains("waits for its destination"));
    scene.inlet.set_ready(true);
    until("the unit pulls", || scene.health.views().iter().all(|view| view.pulls)).await;
    let (_, live) = get(scene.page, "GET /live HTTP/1.1").await;
    assert!(live.contains("all is well"), "{live}");
}

#[tokio::test]
async fn nothing_is_loaded_from_elsewhere_and_nothing_is_kept() {
    let scene = Setting::default().scene().await;
    for path in ["/", "/live", "/style.css", "/page.js", "/icon.svg", "/nothing"] {
        let got = ask(scene.page, &format!("GET {path} HTTP/1.1\r\nHost: localhost")).await;
        let policy =
            "content-security-policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        assert!(got.head.contains(policy), "{path}: {}", got.head);
        assert!(got.head.contains("cache-control: no-store") && got.head.contains("x-content-type-options: nosniff"));
        let outside = got.body.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http:") && !outside.contains("https:") && !outside.contains("style=\""), "{path}");
        assert_eq!(got.status, if path == "/nothing" { 404 } else { 200 });
    }
}

#[tokio::test]
async fn other_sites_names_for_this_address_are_refused() {
    let scene = Setting::default().scene().await;
    for (host, status) in [
        ("localhost:1", 200),
        ("127.0.0.1:1", 200),
        ("[::1]", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
    ] {
        for path in ["/", "/tap?text=x&limit", "/nothing"] {
            if status == 200 && path != "/" {
                continue;
            }
            let got = ask(scene.page, &format!("GET {path} HTTP/1.1\r\nHost: {host}")).await;
            assert_eq!(got.status, status, "{host}{path}");
        }
    }
    assert_eq!(ask(scene.page, "GET / HTTP/1.0").await.status, 403, "without a name");
}

#[tokio::test]
async fn with_a_token_only_who_knows_it_sees_anything() {
    let scene = Setting { token: Some(TOKEN), ..Setting::default() }.scene().await;
    for path in ["/", "/live", "/tap", "/style.css", "/page.js", "/nothing"] {
        let got = ask(scene.page, &format!("GET {path} HTTP/1.1\r\nHost: localhost")).await;
        assert_eq!((got.status, &*got.body), (401, "the page_token is needed\n"));
        assert!(got.head.contains("www-authenticate: basic"));
        let wrong = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}x");
        assert_eq!(ask(scene.page, &wrong).await.status, 401);
    }
    let right = format!("GET / HTTP/1.1\r\nHost: collector.example\r\nAuthorization: Bearer {TOKEN}");
    assert_eq!(ask(scene.page, &right).await.status, 200);
    let password = "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWRtaW46c2VzYW1lLTAxMjM0NTY3ODk=";
    assert_eq!(ask(scene.page, password).await.status, 200);
}

#[tokio::test]
async fn it_can_only_be_looked_at() {
    let scene = Setting::default().scene().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let got = ask(scene.page, &format!("{method} / HTTP/1.1\r\nHost: localhost")).await;
        assert_eq!(got.status, 405, "{method}");
    }
    assert_eq!(get(scene.page, "HEAD / HTTP/1.1").await, (200, String::new()));
}

//! The machine's own credentials, as a process finds them: in its environment, in a profile, from a container, by a web
//! identity.

use std::{collections::BTreeSet, fs};

use quittance_testbed::aws::{FakeAws, QueueSettings, server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::scene::Scene;

const CREDENTIALS: &str = "    credentials:\n      access_key: AKIAEXAMPLE\n      access_secret: not-really\n";

struct Machine {
    scene: Scene,
    aws: FakeAws,
    endpoint: String,
    _server: DropGuard,
}

impl Machine {
    /// A machine whose configuration holds no keys, but these lines.
    async fn new(credentials: &str) -> Machine {
        let (aws, stop) = (FakeAws::new(1), CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        aws.set_base_url(&endpoint);
        aws.create_queue("trail", QueueSettings::default());
        tokio::spawn(server::serve(aws.clone(), listener, stop.clone()));
        let scene = Scene::new().but("http://localhost:1", &endpoint).but(CREDENTIALS, credentials);
        fs::write(scene.file("nothing"), "").unwrap();
        Machine { scene, aws, endpoint, _server: stop.drop_guard() }
    }

    /// What `check` says with this environment, and the keys that AWS saw.
    fn keys(&self, environment: &[(&str, &str)]) -> (String, BTreeSet<String>) {
        let nothing = self.scene.file("nothing");
        let nothing = nothing.to_str().unwrap();
        let bare = [
            ("AWS_CONFIG_FILE", nothing),
            ("AWS_SHARED_CREDENTIALS_FILE", nothing),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        let said = tokio::task::block_in_place(|| self.scene.check_in(&[&bare, environment].concat(), &[]));
        (said.out, self.aws.access_keys_seen())
    }
}

fn only(key: &str) -> BTreeSet<String> {
    [key.to_owned()].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_found_in_the_environment() {
    let machine = Machine::new("").await;
    let (out, keys) = machine.keys(&[("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
    assert_eq!(keys, only("AKIAENVIRONMENT"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_found_in_a_profile() {
    let machine = Machine::new("    credentials: {access_key: '', access_secret: ''}\n").await;
    let file = machine.scene.file("credentials");
    fs::write(&file, "[ours]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n").unwrap();
    let file = file.to_str().unwrap();
    let (out, keys) = machine.keys(&[("AWS_SHARED_CREDENTIALS_FILE", file), ("AWS_PROFILE", "ours")]);
    assert_eq!(keys, only("AKIAPROFILE"), "{out}");
}

/// As EKS Pod Identity gives them: an agent, and a token in a file.
#[tokio::test(flavor = "multi_thread")]
async fn they_are_had_from_a_container_and_a_role_is_assumed_with_them() {
    let machine =
        Machine::new("    credentials: {target_assume_role: 'arn:aws:iam::444455556666:role/theirs'}\n").await;
    let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/credentials", agent.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = agent.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
            let (status, body) = match request.contains("authorization: pod-token") {
                true => (
                    "200 OK",
                    r#"{"AccessKeyId":"ASIAPOD","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#,
                ),
                false => ("401 Unauthorized", r#"{"code":"AccessDenied","message":"no"}"#),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n");
            let answer = format!("{head}Connection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let token = machine.scene.file("token");
    fs::write(&token, "pod-token").unwrap();
    let (out, keys) = machine.keys(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
    ]);
    assert!(keys.contains("ASIAPOD") && keys.len() == 2, "{keys:?} {out}");
    let assumed = machine.aws.assumed();
    assert_eq!(assumed[0].role, "arn:aws:iam::444455556666:role/theirs", "{out}");
}

/// As EKS gives them to service accounts.
#[tokio::test(flavor = "multi_thread")]
async fn they_are_had_for_a_web_identity_and_a_refusal_is_told() {
    let machine = Machine::new("").await;
    let token = machine.scene.file("token");
    let token = token.to_str().unwrap();
    let environment = [
        ("AWS_ENDPOINT_URL_STS", machine.endpoint.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pod"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
    ];
    fs::write(token, "expired").unwrap();
    let (out, keys) = machine.keys(&environment);
    assert_eq!(keys, BTreeSet::new(), "{out}");
    assert!(out.contains("the machine's own credentials cannot be had (ExpiredTokenException)"), "{out}");
    fs::write(token, "good").unwrap();
    let (out, keys) = machine.keys(&environment);
    assert!(keys.len() == 1 && keys.iter().all(|key| key.starts_with("ASIA")), "{keys:?} {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_any_is_told_so() {
    let machine = Machine::new("").await;
    let (out, keys) = machine.keys(&[]);
    assert_eq!(keys, BTreeSet::new());
    assert!(out.contains("the machine's own credentials cannot be had"), "{out}");
}

//! Independent AWS emulators, moto and ministack, and the official SDK to fill them.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use aws_sdk_s3::types::{Event, NotificationConfiguration, QueueConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use tempfile::TempDir;

use crate::until;

/// Which emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// <https://pypi.org/project/moto/>
    Moto,
    /// <https://pypi.org/project/ministack/>
    Ministack,
}

/// The region that everything is made in: the one that both emulators start with.
pub const REGION: &str = "us-east-1";

/// A running emulator, killed when it is dropped.
pub struct Emulator {
    child: Child,
    folder: TempDir,
    /// Its address, for `endpoint_url`.
    pub endpoint: String,
    /// A client of its SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// A client of its S3.
    pub s3: aws_sdk_s3::Client,
    /// A client of its CloudTrail.
    pub cloudtrail: aws_sdk_cloudtrail::Client,
}

impl Emulator {
    /// Starts it on a free port and waits until it answers.
    pub async fn start(kind: Kind, python: &Path) -> Result<Emulator> {
        Emulator::start_with(kind, python, &[]).await
    }

    /// The same with some environment.
    pub async fn start_with(kind: Kind, python: &Path, environment: &[(&str, &str)]) -> Result<Emulator> {
        let folder = tempfile::Builder::new().prefix("quittance-emulator-").tempdir()?;
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new(python);
        let health = match kind {
            Kind::Moto => {
                command.args(["-c", "import sys; from moto.server import main; main(sys.argv[1:])"]);
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command.env("MOTO_S3_CUSTOM_ENDPOINTS", &endpoint);
                "/moto-api/data.json"
            }
            Kind::Ministack => {
                command.args(["-m", "ministack"]).current_dir(folder.path());
                // It listens on every address without BIND_HOST.
                command.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
                command.env("GATEWAY_PORT", port.to_string());
                command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
                "/_ministack/health"
            }
        };
        for variable in ["AWS_PROFILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env_remove(variable);
        }
        let child = command
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {kind:?} with `{}`", python.display()))?;
        let (sqs, s3, cloudtrail) = clients(&endpoint);
        let mut emulator = Emulator { child, folder, endpoint, sqs, s3, cloudtrail };
        until(&format!("{kind:?} answers"), Duration::from_secs(60), || {
            if let Ok(Some(status)) = emulator.child.try_wait() {
                let log = std::fs::read_to_string(emulator.folder.path().join("log")).unwrap_or_default();
                panic!("{kind:?} ended by itself: {status}\n{log}");
            }
            answers(port, health)
        })
        .await;
        Ok(emulator)
    }

    /// Makes a queue, and a bucket that announces its new objects there; returns the queue's URL.
    pub async fn make_trail(&self, bucket: &str, queue: &str) -> Result<String> {
        let url = self.make_queue(queue).await?;
        let attributes = self.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let attributes = attributes.send().await.context("GetQueueAttributes")?.attributes.unwrap_or_default();
        let arn = attributes.get(&QueueAttributeName::QueueArn).context("a queue without an ARN")?;
        self.s3.create_bucket().bucket(bucket).send().await.context("CreateBucket")?;
        let notify = QueueConfiguration::builder().queue_arn(arn).events(Event::S3ObjectCreated).build()?;
        let configuration = NotificationConfiguration::builder().queue_configurations(notify).build();
        self.s3
            .put_bucket_notification_configuration()
            .bucket(bucket)
            .notification_configuration(configuration)
            .send()
            .await
            .context("PutBucketNotificationConfiguration")?;
        Ok(url)
    }

    /// Makes a queue; returns its URL.
    pub async fn make_queue(&self, queue: &str) -> Result<String> {
        let made = self.sqs.create_queue().queue_name(queue).send().await.context("CreateQueue")?;
        made.queue_url.context("a queue without a URL")
    }

    /// Sends a message.
    pub async fn send(&self, url: &str, body: &str) -> Result<()> {
        self.sqs.send_message().queue_url(url).message_body(body).send().await.context("SendMessage")?;
        Ok(())
    }

    /// Puts an object.
    pub async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<()> {
        self.s3.put_object().bucket(bucket).key(key).body(bytes.into()).send().await.context("PutObject")?;
        Ok(())
    }

    /// How many messages a queue holds, visible or not.
    pub async fn messages(&self, url: &str) -> Result<u64> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let attributes = request.send().await.context("GetQueueAttributes")?.attributes.unwrap_or_default();
        names.iter().try_fold(0, |sum, name| {
            let count: u64 = attributes.get(name).context("a count is missing")?.parse()?;
            Ok(sum + count)
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn clients(endpoint: &str) -> (aws_sdk_sqs::Client, aws_sdk_s3::Client, aws_sdk_cloudtrail::Client) {
    let credentials = || aws_credential_types::Credentials::new("test", "test", None, None, "tests");
    let sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .build();
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .force_path_style(true)
        .build();
    let cloudtrail = aws_sdk_cloudtrail::Config::builder()
        .behavior_version(aws_sdk_cloudtrail::config::BehaviorVersion::latest())
        .region(aws_sdk_cloudtrail::config::Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(endpoint)
        .build();
    let cloudtrail = aws_sdk_cloudtrail::Client::from_conf(cloudtrail);
    (aws_sdk_sqs::Client::from_conf(sqs), aws_sdk_s3::Client::from_conf(s3), cloudtrail)
}

/// A port that was free a moment ago: the programs here cannot be given a socket, or say which port they took.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether an HTTP server answers a GET with 200.
fn answers(port: u16, path: &str) -> bool {
    let get = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut status = vec![0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    };
    get().is_ok_and(|status| status.ends_with(b" 200"))
}

//! An object's bytes, resumed where a transfer broke.

use std::{sync::PoisonError, time::Duration};

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use quittance_core::{Backoff, Class, World, planted};
use tracing::info;

use crate::{
    Account, AwsError, ObjectRef, buckets,
    objects::{Buckets, Learnt},
};

/// Tries that may fail in a row without a byte more before the pass is given up; the object is then read again later.
const MAX_BREAKS: u32 = 5;

/// How long versions are not asked for in a bucket that refuses one: a single one may be refused since it is gone.
const VERSIONS_REFUSED: Duration = Duration::from_secs(600);

/// The bytes of one version of an object.
pub(crate) struct Body<'a> {
    account: &'a Account,
    object: &'a ObjectRef,
    /// The object's key, as it was found.
    key: &'a str,
    region: String,
    /// The version that was asked for; without one, whatever was there.
    version: Option<&'a str>,
    world: &'a World,
    stream: ByteStream,
    pub(crate) etag: Option<String>,
    length: Option<u64>,
    got: u64,
    breaks: u32,
    /// The longest silence. The SDK's own guard does not see a trickle; this one at least ends a stall.
    silence: Duration,
    backoff: Backoff,
}

impl<'a> Body<'a> {
    /// Asks for the object, in the version that was announced if we may. The bucket's region is the one that the notification
    /// names, else `region`; a bucket that is elsewhere says where. What is found out is `learnt`.
    pub(crate) async fn open(
        account: &'a Account,
        object: &'a ObjectRef,
        region: &str,
        learnt: &Learnt,
        silence: Duration,
        world: &'a World,
    ) -> Result<Self, AwsError> {
        if let Some(problem) = problem(object) {
            return Err(AwsError::Impossible { object: object.to_string(), problem });
        }
        let known = || learnt.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, mut version) = {
            let Buckets { regions, without_versions } = &*known();
            let version = object
                .version
                .as_deref()
                .filter(|_| without_versions.get(&object.bucket).is_none_or(|until| *until <= world.clock.now()));
            (regions.get(&object.bucket).cloned(), version)
        };
        let mut region = found.unwrap_or_else(|| object.region.as_deref().unwrap_or(region).to_owned());
        let mut key = &*object.key;
        let mut answer = get(account, &region, object, key, version, None).await;
        if let Err(GetError { elsewhere: Some(right), .. }) = &answer
            && *right != region
        {
            known().regions.insert(object.bucket.clone(), right.clone());
            region.clone_from(right);
            answer = get(account, &region, object, key, version, None).await;
        }
        // s3:GetObjectVersion is a permission of its own, and a version may be gone, or be none of this store's.
        let code = answer.as_ref().err().and_then(|error| error.error.aws_code()).unwrap_or_default();
        let (denied, unknown) = (code.starts_with("AccessDenied"), matches!(code, "NoSuchVersion" | "InvalidArgument"));
        if version.is_some() && (denied || unknown) {
            let newest = get(account, &region, object, key, None, None).await;
            if newest.is_ok() && unknown {
                (version, answer) = (None, newest);
            } else if newest.is_ok() {
                let bucket = object.bucket.clone();
                if known().without_versions.insert(bucket.clone(), world.clock.now() + VERSIONS_REFUSED).is_none() {
                    info!(
                        bucket,
                        "versions of objects cannot be read without s3:GetObjectVersion: the newest ones are"
                    );
                }
                (version, answer) = (None, newest);
            }
        }
        if let (Err(GetError { error: AwsError::Api { status: Some(404), .. }, .. }), Some(raw)) =
            (&answer, &object.raw_key)
            && account.has_other_store()
        {
            // Found so, it is the object; else the error stands that the right key met.
            if let Ok(found) = get(account, &region, object, raw, version, None).await {
                (key, answer) = (raw, Ok(found));
            }
        }
        let answer = answer.map_err(|e| e.error)?;
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5), world.random.fork());
        Ok(Body {
            account,
            object,
            key,
            region,
            version,
            world,
            etag: answer.e_tag,
            length: answer.content_length.and_then(|n| u64::try_from(n).ok()),
            stream: answer.body,
            got: 0,
            breaks: 0,
            silence,
            backoff,
        })
    }

    /// Whether this is not what was announced, but what was written over it since.
    pub(crate) fn is_another(&self) -> bool {
        let announced = self.object.etag.as_deref().filter(|_| self.version.is_none());
        let found = self.etag.as_deref().map(|etag| etag.trim_matches('"'));
        announced.zip(found).is_some_and(|(announced, found)| {
            // Where other stores announce something else than they answer with, that says nothing.
            is_etag_of_s3(announced) && is_etag_of_s3(found) && announced != found
        })
    }

    /// Bytes of the object as it is stored.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; `None` at the end, when all bytes have come.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, AwsError> {
        loop {
            let piece = tokio::select! {
                biased;
                piece = self.stream.next() => piece,
                () = self.world.clock.sleep(self.silence) => Some(Err(silent(self.silence))),
            };
            let error: Box<dyn std::error::Error + Send + Sync> = match piece {
                Some(Ok(bytes)) => {
                    self.got += bytes.len() as u64;
                    self.breaks = 0;
                    return Ok(Some(bytes));
                }
                None if self.length.is_none_or(|length| self.got == length) => return Ok(None),
                None => "the transfer ended early".into(),
                // Everything has come, so it is not the transfer that broke: the SDK has compared checksums.
                Some(Err(error)) if self.length == Some(self.got) => {
                    return Err(AwsError::Checksum { object: self.object.to_string(), source: error.into() });
                }
                Some(Err(error)) => error.into(),
            };
            self.resume(error).await?;
        }
    }

    /// Asks for the rest of the same version.
    async fn resume(&mut self, mut cause: Box<dyn std::error::Error + Send + Sync>) -> Result<(), AwsError> {
        loop {
            self.breaks += 1;
            let Some(etag) = self.etag.clone().filter(|_| self.breaks <= MAX_BREAKS) else {
                return Err(AwsError::Transfer { object: self.object.to_string(), at: self.got, source: cause });
            };
            self.world.clock.sleep(self.backoff.wait()).await;
            match get(self.account, &self.region, self.object, self.key, self.version, Some((self.got, etag))).await {
                Ok(answer) => {
                    // A store that ignores ranges answers with the whole; what we have is passed over.
                    if answer.content_range.is_none() && self.got > 0 {
                        self.stream = answer.body;
                        return self.skip_to_got().await;
                    }
                    self.stream = answer.body;
                    self.got += u64::from(planted("resumed-one-byte-late"));
                    return Ok(());
                }
                Err(GetError { error: AwsError::Api { status: Some(412), .. }, .. }) => {
                    return Err(AwsError::Overwritten { object: self.object.to_string() });
                }
                Err(GetError { error, .. }) if matches!(error.class(), Class::Retry | Class::Throttled) => {
                    cause = error.into()
                }
                Err(GetError { error, .. }) => return Err(error),
            }
        }
    }

    async fn skip_to_got(&mut self) -> Result<(), AwsError> {
        let broken = |at, source| AwsError::Transfer { object: self.object.to_string(), at, source };
        let mut skip = self.got;
        while skip > 0 {
            match self.stream.next().await {
                // The piece that straddles the place cannot be put back; a fresh pass is simpler than keeping it.
                Some(Ok(bytes)) if bytes.len() as u64 > skip => {
                    return Err(broken(self.got, "the store does not answer ranges".into()));
                }
                Some(Ok(bytes)) => skip -= bytes.len() as u64,
                Some(Err(error)) => return Err(broken(self.got, error.into())),
                None => return Err(broken(self.got, "the object became shorter".into())),
            }
        }
        Ok(())
    }
}

/// Why an object cannot be, whoever is asked.
fn problem(object: &ObjectRef) -> Option<&'static str> {
    let ObjectRef { bucket, key, .. } = object;
    let is_access_point = bucket.starts_with("arn:") && bucket.contains(":accesspoint");
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b) || (is_access_point && b":/".contains(&b));
    match () {
        () if bucket.is_empty() || bucket.len() > 255 || !bucket.bytes().all(in_name) => {
            Some("that is no bucket's name")
        }
        () if bucket.starts_with("arn:") && !is_access_point => Some("that is no bucket's name"),
        () if key.is_empty() => Some("it has no key"),
        () if key.len() > 1024 => Some("its key is longer than 1024 bytes"),
        () => None,
    }
}

/// As S3 writes them: 32 digits, and a number of parts behind them.
fn is_etag_of_s3(etag: &str) -> bool {
    let (digest, parts) = etag.split_once('-').unwrap_or((etag, "1"));
    digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit()) && parts.parse::<u32>().is_ok()
}

fn silent(time: Duration) -> aws_sdk_s3::primitives::ByteStreamError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no byte for {time:?}")).into()
}

struct GetError {
    error: AwsError,
    /// The region that the bucket is in, where S3 says it.
    elsewhere: Option<String>,
}

async fn get(
    account: &Account,
    region: &str,
    object: &ObjectRef,
    key: &str,
    version: Option<&str>,
    rest: Option<(u64, String)>,
) -> Result<aws_sdk_s3::operation::get_object::GetObjectOutput, GetError> {
    let client = account.s3(region);
    let mut request = client.turn("GetObject").await.get_object().bucket(&object.bucket).key(key);
    request = request.set_version_id(version.map(str::to_owned));
    if let Some((from, etag)) = rest {
        let from = if planted("resumed-one-byte-late") { from + 1 } else { from };
        request = request.range(format!("bytes={from}-"));
        if !planted("overwritten-unnoticed") {
            request = request.if_match(etag);
        }
    }
    // Boxed: the SDK's future is large, and one stands in every reader.
    Box::pin(request.send()).await.map_err(|e| {
        let elsewhere = buckets::elsewhere(&e);
        GetError { error: AwsError::api("GetObject", object.to_string(), e), elsewhere }
    })
}

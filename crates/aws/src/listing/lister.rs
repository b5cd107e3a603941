//! Asks a bucket what it has, wherever the bucket is.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::{
    error::SdkError,
    operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output},
    types::EncodingType,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{Account, AwsError, buckets};

/// Lists one bucket.
pub(super) struct Lister {
    account: Arc<Account>,
    bucket: String,
    /// Where the bucket is, once it said so.
    region: Mutex<String>,
}

/// What is asked for.
#[derive(Clone, Default)]
pub(super) struct Ask<'a> {
    /// How keys begin.
    pub(super) prefix: &'a str,
    /// Only the folders below it.
    pub(super) folders: bool,
    /// Where an earlier page ended, in S3's words.
    pub(super) token: Option<String>,
    /// Only keys behind this one.
    pub(super) after: Option<String>,
}

impl Lister {
    pub(super) fn new(account: &Arc<Account>, bucket: &str, region: &str) -> Self {
        Lister { account: account.clone(), bucket: bucket.to_owned(), region: Mutex::new(region.to_owned()) }
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// A page, with keys that are URL-encoded.
    pub(super) async fn page(&self, ask: Ask<'_>) -> Result<ListObjectsV2Output, AwsError> {
        let answer = match self.ask(ask.clone()).await {
            Err(error) => match buckets::elsewhere(&error) {
                Some(right) if self.is_elsewhere(&right) => self.ask(ask.clone()).await,
                _ => Err(error),
            },
            answer => answer,
        };
        answer.map_err(|error| AwsError::api("ListObjectsV2", format!("s3://{}/{}", self.bucket, ask.prefix), error))
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<ListObjectsV2Output, SdkError<ListObjectsV2Error, HttpResponse>> {
        let Ask { prefix, folders, token, after } = ask;
        let region = self.region.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let client = self.account.s3(&region);
        let request = client.turn("ListObjectsV2").await.list_objects_v2();
        let request = request
            .bucket(&self.bucket)
            .prefix(prefix)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(token)
            .set_start_after(after);
        let request = if folders { request.delimiter("/") } else { request };
        Box::pin(request.send()).await
    }

    /// Takes over where the bucket is. Whether that is news.
    fn is_elsewhere(&self, right: &str) -> bool {
        let mut region = self.region.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *region != right;
        right.clone_into(&mut region);
        news
    }
}

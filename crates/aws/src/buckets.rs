//! What is asked of a bucket beside reading an object whole: where it is, and whether we may list and read.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use quittance_core::Class;

use crate::{Account, AwsError};

/// The region that the bucket is in, where S3 says it.
pub(crate) fn elsewhere<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region")).map(str::to_owned)
}

/// The bucket's region, and the key of an object below `prefix` if there is one. Proves s3:ListBucket.
pub(crate) async fn list_one(
    account: &Account,
    region: &str,
    bucket: &str,
    prefix: &str,
) -> Result<(String, Option<String>), AwsError> {
    let ask = async |region: &str| {
        let client = account.s3(region);
        let request = client.turn("ListObjectsV2").await.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1);
        // Boxed: the SDK's future is large.
        Box::pin(request.send()).await
    };
    let mut region = region.to_owned();
    let mut answer = ask(&region).await;
    if let Some(right) = answer.as_ref().err().and_then(elsewhere).filter(|right| *right != region) {
        region = right;
        answer = ask(&region).await;
    }
    let page = answer.map_err(|e| AwsError::api("ListObjectsV2", format!("s3://{bucket}/{prefix}"), e))?;
    let key = page.contents.unwrap_or_default().into_iter().find_map(|object| object.key);
    Ok((region, key))
}

/// Reads the first byte of an object. Proves s3:GetObject, and kms:Decrypt on its key if it is encrypted with one. What is
/// archived, empty or gone again proves it too: S3 says so only to whoever may read.
pub(crate) async fn read_one(account: &Account, region: &str, bucket: &str, key: &str) -> Result<(), AwsError> {
    let client = account.s3(region);
    let request = client.turn("GetObject").await.get_object().bucket(bucket).key(key).range("bytes=0-0");
    let answer = Box::pin(request.send()).await;
    match answer.map_err(|e| AwsError::api("GetObject", format!("s3://{bucket}/{key}"), e)) {
        Err(error) if error.aws_code() == Some("InvalidObjectState") => Ok(()),
        Err(error) if error.class() == Class::Retry && error.aws_code().is_some() => Ok(()),
        answer => answer.map(|_| ()),
    }
}

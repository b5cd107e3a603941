//! S3 in REST-XML with path-style addresses, and the buckets as tests see them.

use std::fmt::Write;
use std::ops::Range;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::{Body, BodyFault};
use super::bucket::{self, Access, Bucket, ListRequest, Object};
use super::clock::{http_date, iso};
use super::error::ApiError;
use super::notification::Shape;
use super::request::{Call, UNKNOWN};
use super::{ACCOUNT, FakeAws, REGION, lock, xml};

/// The most keys of one page of a listing.
const LONGEST_PAGE: usize = 1000;

impl FakeAws {
    /// Makes an empty bucket, unless there is one of this name. All that follow do the same.
    pub fn create_bucket(&self, bucket: &str) {
        self.with_bucket(bucket, |_| {});
    }

    /// Puts a bucket into a region: requests signed for another one are redirected.
    pub fn set_bucket_region(&self, bucket: &str, region: &str) {
        self.with_bucket(bucket, |bucket| bucket.region = Some(region.to_owned()));
    }

    /// Says what callers may do with a bucket.
    pub fn set_access(&self, bucket: &str, access: Access) {
        self.with_bucket(bucket, |bucket| bucket.access = access);
    }

    /// From now on the bucket keeps a CRC-32 of each new object and answers with it, for the SDK to
    /// verify. Corrupted bodies then end with an error, instead of looking whole.
    pub fn keep_checksums(&self, bucket: &str) {
        self.with_bucket(bucket, |bucket| bucket.checksums = true);
    }

    /// Sends a notification to `queue` for every object that is put into `bucket` from now on.
    ///
    /// # Panics
    ///
    /// If the queue does not exist. One that is deleted later gets nothing, as in AWS.
    pub fn notify(&self, bucket: &str, queue: &str, shape: Shape) {
        self.queue(queue);
        self.with_bucket(bucket, |bucket| bucket.notify.push((queue.to_owned(), shape)));
    }

    /// Sends no more notifications of `bucket`: its configuration names nobody.
    pub fn stop_notifying(&self, bucket: &str) {
        self.with_bucket(bucket, |bucket| bucket.notify.clear());
    }

    /// Stores an object, sends the notifications of its bucket, and returns the ETag.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        let etag = bucket::etag(&bytes);
        let modified = self.now();
        let (notify, region, version) = self.with_bucket(bucket, |bucket| {
            let crc32 = bucket.checksums.then(|| bucket::crc32(&bytes));
            let object = Object { bytes, etag: etag.clone(), modified, archived: false, encoding: None, crc32 };
            let version = bucket.versioned.then(|| format!("v{}", self.0.sequence.fetch_add(1, Ordering::Relaxed)));
            if let Some(id) = &version {
                bucket.versions.insert((key.to_owned(), id.clone()), object.clone());
            }
            bucket.objects.insert(key.to_owned(), object);
            (bucket.notify.clone(), bucket.region.clone(), version)
        });
        let region = region.as_deref().unwrap_or(REGION);
        for (queue, shape) in notify {
            let body = self.announcement(shape, region, bucket, key, size, &etag, version.as_deref());
            if let Ok(queue) = self.queue_named(&queue) {
                queue.send(&self.0.clock, body, None);
            }
        }
        etag
    }

    /// Lets a bucket keep every version from now on, and says in its notifications which one they are of.
    pub fn keep_versions(&self, bucket: &str) {
        self.with_bucket(bucket, |bucket| bucket.versioned = true);
    }

    /// Takes the permission to read versions, or gives it back: objects can still be read.
    pub fn deny_versions(&self, bucket: &str, denied: bool) {
        self.with_bucket(bucket, |bucket| bucket.versions_denied = denied);
    }

    /// Removes an object, if it is there.
    pub fn delete_object(&self, bucket: &str, key: &str) {
        self.with_bucket(bucket, |bucket| bucket.objects.remove(key));
    }

    /// The content of an object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        Some(lock(&self.0.buckets).get(bucket)?.objects.get(key)?.bytes.clone())
    }

    /// The keys in a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        lock(&self.0.buckets).get(bucket).map_or(Vec::new(), |bucket| bucket.objects.keys().cloned().collect())
    }

    /// Moves an object into the archive, where a GET answers `InvalidObjectState`, or back.
    pub fn set_archived(&self, bucket: &str, key: &str, archived: bool) {
        self.with_bucket(bucket, |bucket| {
            if let Some(object) = bucket.objects.get_mut(key) {
                object.archived = archived;
            }
        });
    }

    /// Has an object answered with this `Content-Encoding`, whatever its content is.
    pub fn set_content_encoding(&self, bucket: &str, key: &str, encoding: &str) {
        self.with_bucket(bucket, |bucket| {
            if let Some(object) = bucket.objects.get_mut(key) {
                object.encoding = Some(encoding.to_owned());
            }
        });
    }

    /// Adds a fault for one GET of this key. Successive GETs take successive faults; the key need
    /// not exist yet, and overwriting it changes nothing about them.
    pub fn body_fault(&self, bucket: &str, key: &str, fault: BodyFault) {
        self.with_bucket(bucket, |bucket| {
            bucket.faults.entry(key.to_owned()).or_default().push_back(fault);
        });
    }

    /// The next GET breaks after so many bytes.
    pub fn cut_after(&self, bucket: &str, key: &str, bytes: u64) {
        self.body_fault(bucket, key, BodyFault::CutAfter(bytes));
    }

    /// The next GET stops after so many bytes and never goes on.
    pub fn stall_after(&self, bucket: &str, key: &str, bytes: u64) {
        self.body_fault(bucket, key, BodyFault::StallAfter(bytes));
    }

    /// The next GET has a wrong byte at this place.
    pub fn corrupt_at(&self, bucket: &str, key: &str, byte: u64) {
        self.body_fault(bucket, key, BodyFault::CorruptAt(byte));
    }

    /// The next GET comes at this rate.
    pub fn slow(&self, bucket: &str, key: &str, bytes_per_second: u64) {
        self.body_fault(bucket, key, BodyFault::Slow(bytes_per_second));
    }

    fn with_bucket<R>(&self, name: &str, change: impl FnOnce(&mut Bucket) -> R) -> R {
        let mut buckets = lock(&self.0.buckets);
        if !buckets.contains_key(name) {
            buckets.insert(name.to_owned(), Bucket::default());
        }
        change(buckets.entry(name.to_owned()).or_default())
    }

    pub(super) async fn answer_s3(&self, call: &Call, request: Request<Bytes>) -> Result<Response<Body>, ApiError> {
        let headers = request.headers();
        match call.api {
            "GetObject" | "HeadObject" => self.get_object(call, headers),
            "PutObject" => {
                self.called_bucket(call, headers, |_| Ok(()))?;
                let body = match headers.get("x-amz-decoded-content-length") {
                    Some(_) => unchunked(request.body().clone())?,
                    None => request.into_body(),
                };
                let etag = self.put_object(&call.bucket, &call.key, body);
                Ok(with_headers(Body::empty(), [(ETAG, format!("\"{etag}\""))]))
            }
            "DeleteObject" => {
                self.called_bucket(call, headers, |bucket| Ok(bucket.objects.remove(&call.key)))?;
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok(response)
            }
            "ListObjectsV2" => self.list_objects(call, headers),
            "GetBucketNotificationConfiguration" => {
                let notify = self.called_bucket(call, headers, |bucket| Ok(bucket.notify.clone()))?;
                Ok(Response::new(Body::from(notification_configuration(&notify))))
            }
            "HeadBucket" => {
                let region = self.called_bucket(call, headers, |bucket| Ok(bucket.region.clone()))?;
                let region = region.unwrap_or_else(|| REGION.to_owned());
                let name = HeaderName::from_static("x-amz-bucket-region");
                Ok(with_headers(Body::empty(), [(name, region)]))
            }
            "CreateBucket" => {
                self.create_bucket(&call.bucket);
                Ok(Response::new(Body::empty()))
            }
            api => {
                debug_assert_eq!(api, UNKNOWN);
                Err(ApiError::new(501, "NotImplemented", "Not an operation that is here."))
            }
        }
    }

    /// Does something with the bucket of a call, if it is there and the caller may.
    fn called_bucket<R>(
        &self,
        call: &Call,
        headers: &HeaderMap,
        act: impl FnOnce(&mut Bucket) -> Result<R, ApiError>,
    ) -> Result<R, ApiError> {
        let owner_is_other = header(headers, "x-amz-expected-bucket-owner").is_some_and(|owner| owner != ACCOUNT);
        let mut buckets = lock(&self.0.buckets);
        let bucket = buckets
            .get_mut(&call.bucket)
            .ok_or_else(|| ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))?;
        bucket.admit(call, owner_is_other)?;
        act(bucket)
    }

    /// GetObject, and HeadObject, which is the same without the bytes.
    fn get_object(&self, call: &Call, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
        let (object, range, fault) = self.called_bucket(call, headers, |bucket| {
            let object = match call.param("versionId").filter(|version| *version != "null") {
                Some(_) if bucket.versions_denied => return Err(bucket::denied()),
                Some(version) => {
                    let found = bucket.versions.get(&(call.key.clone(), version.to_owned())).cloned();
                    let missing = || ApiError::new(404, "NoSuchVersion", "The specified version does not exist.");
                    found.ok_or_else(missing)?
                }
                None => bucket.object(&call.key)?.clone(),
            };
            check_conditions(&object, headers)?;
            if object.archived && !call.is_head {
                let message = "The operation is not valid for the object's storage class";
                return Err(ApiError::new(403, "InvalidObjectState", message));
            }
            let range = match header(headers, "range") {
                Some(range) => asked_range(range, object.bytes.len())?,
                None => None,
            };
            let fault = if call.is_head { None } else { bucket.next_fault(&call.key) };
            Ok((object, range, fault))
        })?;

        let whole = object.bytes.len();
        let bytes = match &range {
            Some(range) => object.bytes.slice(range.clone()),
            None => object.bytes,
        };
        let length = bytes.len();
        let body = if call.is_head { Body::empty() } else { Body::with_fault(bytes, fault) };
        let mut response = with_headers(
            body,
            [
                (ETAG, format!("\"{}\"", object.etag)),
                (CONTENT_LENGTH, length.to_string()),
                (LAST_MODIFIED, http_date(object.modified)),
                (ACCEPT_RANGES, "bytes".to_owned()),
                (CONTENT_TYPE, "binary/octet-stream".to_owned()),
            ],
        );
        if let Some(range) = range {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            // The range is not empty, or it could not have been satisfied.
            let content_range = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
            set_header(response.headers_mut(), CONTENT_RANGE, &content_range);
        } else if let Some(crc32) = object.crc32
            && header(headers, "x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"))
        {
            let headers = response.headers_mut();
            let checksum = base64(crc32.to_be_bytes());
            set_header(headers, HeaderName::from_static("x-amz-checksum-crc32"), &checksum);
            set_header(headers, HeaderName::from_static("x-amz-checksum-type"), "FULL_OBJECT");
        }
        if let Some(encoding) = &object.encoding {
            set_header(response.headers_mut(), CONTENT_ENCODING, encoding);
        }
        if object.archived {
            set_header(response.headers_mut(), HeaderName::from_static("x-amz-storage-class"), "GLACIER");
        }
        Ok(response)
    }

    fn list_objects(&self, call: &Call, headers: &HeaderMap) -> Result<Response<Body>, ApiError> {
        let invalid = |message: &str| ApiError::new(400, "InvalidArgument", message);
        let max: usize = match call.param("max-keys") {
            Some(max) => max.parse().map_err(|_| invalid("Provided max-keys not an integer"))?,
            None => LONGEST_PAGE,
        };
        let token = match call.param("continuation-token") {
            Some(token) => {
                Some(token.strip_prefix(TOKEN).ok_or_else(|| invalid("The continuation token provided is incorrect"))?)
            }
            None => None,
        };
        let request = ListRequest {
            prefix: call.param("prefix").unwrap_or_default(),
            delimiter: call.param("delimiter").filter(|delimiter| !delimiter.is_empty()),
            after: token.or(call.param("start-after")),
            max: max.min(LONGEST_PAGE),
        };
        let url_encoded = call.param("encoding-type") == Some("url");
        let text = |text: &str| {
            if url_encoded { utf8_percent_encode(text, LISTED).to_string() } else { xml::escape(text).into_owned() }
        };
        let element = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("<{name}>{}</{name}>", text(value)))
        };

        let body = self.called_bucket(call, headers, |bucket| {
            if bucket.access == Access::NoList {
                return Err(bucket::denied());
            }
            let page = bucket.list(&request);
            let mut body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <Name>{}</Name><Prefix>{}</Prefix>{}{}{}<KeyCount>{}</KeyCount><MaxKeys>{}</MaxKeys>\
                 <IsTruncated>{}</IsTruncated>",
                xml::escape(&call.bucket),
                text(request.prefix),
                element("Delimiter", request.delimiter),
                element("StartAfter", call.param("start-after")),
                if url_encoded { "<EncodingType>url</EncodingType>" } else { "" },
                page.objects.len() + page.prefixes.len(),
                request.max,
                page.next.is_some(),
            );
            if let Some(next) = &page.next {
                let next = format!("{TOKEN}{next}");
                let _ = write!(body, "<NextContinuationToken>{}</NextContinuationToken>", xml::escape(&next));
            }
            for (key, object) in page.objects {
                let _ = write!(
                    body,
                    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag>\
                     <Size>{}</Size><StorageClass>{}</StorageClass></Contents>",
                    text(key),
                    iso(object.modified),
                    object.etag,
                    object.bytes.len(),
                    if object.archived { "GLACIER" } else { "STANDARD" },
                );
            }
            for prefix in &page.prefixes {
                let _ = write!(body, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", text(prefix));
            }
            body.push_str("</ListBucketResult>");
            Ok(body)
        })?;
        Ok(with_headers(Body::from(body), [(CONTENT_TYPE, "application/xml".to_owned())]))
    }
}

/// What every continuation token begins with.
const TOKEN: &str = "after:";

/// What stands unescaped in the keys of a listing with `encoding-type=url`.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn set_header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

fn with_headers<const N: usize>(body: Body, headers: [(HeaderName, String); N]) -> Response<Body> {
    let mut response = Response::new(body);
    for (name, value) in headers {
        set_header(response.headers_mut(), name, &value);
    }
    response
}

fn check_conditions(object: &Object, headers: &HeaderMap) -> Result<(), ApiError> {
    let matches = |list: &str| {
        list.split(',').any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.trim_matches('"') == object.etag
        })
    };
    if header(headers, "if-match").is_some_and(|list| !matches(list)) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(ApiError::new(412, "PreconditionFailed", message));
    }
    if header(headers, "if-none-match").is_some_and(matches) {
        return Err(ApiError::new(304, "NotModified", "Not Modified"));
    }
    Ok(())
}

/// The bytes that a `Range` header asks for. One that is not understood is ignored, as S3 does.
fn asked_range(header: &str, length: usize) -> Result<Option<Range<usize>>, ApiError> {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if last >= first => first..length.min(last.saturating_add(1)),
        (Ok(first), Err(_)) if last.is_empty() => first..length,
        (Err(_), Ok(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return Ok(None),
    };
    if range.is_empty() {
        return Err(ApiError::new(416, "InvalidRange", "The requested range is not satisfiable")
            .with_header("content-range", format!("bytes */{length}")));
    }
    Ok(Some(range))
}

/// The content of an `aws-chunked` body; signatures and trailers are not verified.
fn unchunked(mut body: Bytes) -> Result<Bytes, ApiError> {
    let broken = || ApiError::new(400, "IncompleteBody", "The chunked body is not well formed.");
    let mut content = BytesMut::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").ok_or_else(broken)?;
        let line = body.split_to(end + 2);
        let size = std::str::from_utf8(&line[..end]).ok().and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).ok_or_else(broken)?;
        if size == 0 {
            return Ok(content.freeze());
        }
        if body.len() < size + 2 {
            return Err(broken());
        }
        content.extend_from_slice(&body.split_to(size));
        let _ = body.split_to(2);
    }
}

/// Base64 of the four bytes of a CRC.
fn base64(bytes: [u8; 4]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = u64::from(u32::from_be_bytes(bytes)) << 4;
    let mut text: String = (0..6).map(|digit| char::from(DIGITS[(bits >> (30 - 6 * digit)) as usize & 63])).collect();
    text.push_str("==");
    text
}

/// What a bucket says of its notifications. A trail's own messages are none of its bucket's.
fn notification_configuration(notify: &[(String, Shape)]) -> String {
    let event = "<Event>s3:ObjectCreated:*</Event>";
    let one = |(queue, shape): &(String, Shape)| match shape {
        Shape::S3Event => {
            let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
            format!("<QueueConfiguration><Id>{queue}</Id><Queue>{arn}</Queue>{event}</QueueConfiguration>")
        }
        Shape::SnsWrapped | Shape::SnsRaw => {
            let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{queue}");
            format!("<TopicConfiguration><Id>{queue}</Id><Topic>{arn}</Topic>{event}</TopicConfiguration>")
        }
        Shape::EventBridge => "<EventBridgeConfiguration></EventBridgeConfiguration>".to_owned(),
        Shape::CloudTrailSns | Shape::CloudTrailRaw => String::new(),
    };
    let all: String = notify.iter().map(one).collect();
    format!(
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{all}</NotificationConfiguration>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunked_uploads_are_put_together() {
        let body = Bytes::from_static(
            b"5;chunk-signature=ab\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n",
        );
        assert_eq!(unchunked(body.clone()).unwrap(), "hello world");
        assert!(unchunked(body.slice(..30)).is_err());
    }

    #[test]
    fn ranges_are_read_as_s3_reads_them() {
        let range = |header| asked_range(header, 10).map_err(|error| error.status);
        assert_eq!(range("bytes=0-"), Ok(Some(0..10)));
        assert_eq!(range("bytes=3-5"), Ok(Some(3..6)));
        assert_eq!(range("bytes=9-99"), Ok(Some(9..10)));
        assert_eq!(range("bytes=-4"), Ok(Some(6..10)));
        assert_eq!(range("bytes=-40"), Ok(Some(0..10)));
        assert_eq!(range("bytes=10-"), Err(416));
        assert_eq!(range("bytes=-0"), Err(416));
        assert_eq!(range("bytes=5-3"), Ok(None));
        assert_eq!(range("bytes=0-1,3-4"), Ok(None));
        assert_eq!(range("lines=1-2"), Ok(None));
        assert_eq!(asked_range("bytes=0-", 0).map_err(|error| error.status), Err(416));
    }

    #[test]
    fn checksums_are_written_in_base64() {
        assert_eq!(base64(*b"test"), "dGVzdA==");
        assert_eq!(base64([0xff; 4]), "/////w==");
    }
}

//! Buckets: the objects in them, and what a test has arranged for them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::ops::Bound;

use bytes::Bytes;
use jiff::Timestamp;

use super::body::BodyFault;
use super::error::ApiError;
use super::notification::Shape;
use super::request::Call;

/// What callers may do with a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    #[default]
    Full,
    /// Get objects but not list them, so that a missing object looks like a denied one.
    NoList,
    /// Nothing.
    Denied,
}

#[derive(Default)]
pub(super) struct Bucket {
    pub(super) access: Access,
    /// The region that requests must be signed for; none: any.
    pub(super) region: Option<String>,
    pub(super) checksums: bool,
    pub(super) objects: BTreeMap<String, Object>,
    /// Whether every version is kept.
    pub(super) versioned: bool,
    /// Whether whoever may read objects may not read versions.
    pub(super) versions_denied: bool,
    /// By key and version.
    pub(super) versions: HashMap<(String, String), Object>,
    /// What will go wrong with the next GETs of a key.
    pub(super) faults: HashMap<String, VecDeque<BodyFault>>,
    /// The queues that learn of new objects.
    pub(super) notify: Vec<(String, Shape)>,
}

#[derive(Clone)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) etag: String,
    pub(super) modified: Timestamp,
    pub(super) archived: bool,
    /// What `Content-Encoding` says of the content, true or not.
    pub(super) encoding: Option<String>,
    /// CRC-32 of the content, in buckets that keep checksums.
    pub(super) crc32: Option<u32>,
}

impl Bucket {
    /// Refuses a call that this bucket does not accept.
    pub(super) fn admit(&self, call: &Call, owner_is_other: bool) -> Result<(), ApiError> {
        if let Some(region) = &self.region
            && call.region.as_ref() != Some(region)
        {
            let message = "The bucket you are attempting to access must be addressed using the specified endpoint.";
            return Err(
                ApiError::new(301, "PermanentRedirect", message).with_header("x-amz-bucket-region", region.as_str())
            );
        }
        if self.access == Access::Denied || owner_is_other {
            return Err(denied());
        }
        Ok(())
    }

    pub(super) fn object(&self, key: &str) -> Result<&Object, ApiError> {
        self.objects.get(key).ok_or_else(|| match self.access {
            Access::Full => ApiError::new(404, "NoSuchKey", "The specified key does not exist."),
            Access::NoList | Access::Denied => denied(),
        })
    }

    pub(super) fn next_fault(&mut self, key: &str) -> Option<BodyFault> {
        let faults = self.faults.get_mut(key)?;
        let fault = faults.pop_front();
        if faults.is_empty() {
            self.faults.remove(key);
        }
        fault
    }

    /// One page of keys in order, those that share a part up to the delimiter taken together.
    pub(super) fn list(&self, request: &ListRequest<'_>) -> Page<'_> {
        let mut page = Page { objects: Vec::new(), prefixes: Vec::new(), next: None };
        let mut last = request.after.map(str::to_owned);
        loop {
            let from = match last.as_deref() {
                Some(last) if last >= request.prefix => Bound::Excluded(last),
                _ => Bound::Included(request.prefix),
            };
            let next = self.objects.range::<str, _>((from, Bound::Unbounded)).next();
            let Some((key, object)) = next.filter(|(key, _)| key.starts_with(request.prefix)) else {
                return page;
            };
            if page.objects.len() + page.prefixes.len() == request.max {
                // Asked for nothing, S3 says that nothing is left.
                page.next = last.filter(|_| request.max > 0);
                return page;
            }
            let rest = &key[request.prefix.len()..];
            let group = request.delimiter.and_then(|delimiter| {
                let end = rest.find(delimiter)? + delimiter.len();
                Some(&key[..request.prefix.len() + end])
            });
            match group {
                Some(group) => {
                    page.prefixes.push(group.to_owned());
                    // Past every key that begins so.
                    last = Some(format!("{group}\u{10ffff}"));
                }
                None => {
                    page.objects.push((key, object));
                    last = Some(key.clone());
                }
            }
        }
    }
}

pub(super) struct ListRequest<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// Only keys behind this one.
    pub(super) after: Option<&'a str>,
    pub(super) max: usize,
}

pub(super) struct Page<'a> {
    pub(super) objects: Vec<(&'a String, &'a Object)>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page goes on, if there is one.
    pub(super) next: Option<String>,
}

pub(super) fn denied() -> ApiError {
    ApiError::new(403, "AccessDenied", "Access Denied")
}

/// An ETag that follows from the content. It is not its MD5, and neither is that of an encrypted or
/// multipart object: nobody may rely on it.
pub(super) fn etag(content: &[u8]) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(content);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}

pub(super) fn crc32(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

//! AWS JSON 1.1, the protocol of CloudTrail and of CloudWatch Logs.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::error::ApiError;

/// Reads a request.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))
}

/// Writes an answer.
pub(super) fn answer(value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).expect("plain values are JSON");
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}

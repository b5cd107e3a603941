//! The metadata service of an instance: the credentials of its role.

use std::time::Duration;

use http::Response;
use http::header::HeaderName;
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Instant;

use super::body::Body;
use super::clock::iso;
use super::credentials::Session;
use super::error::ApiError;
use super::request::Call;
use super::{ACCOUNT, FakeAws, lock};

const LIFE_SECONDS: u32 = 6 * 3600;

impl FakeAws {
    /// Callers run on an instance with this role.
    pub fn set_instance_role(&self, role: impl Into<String>) {
        *lock(&self.0.instance_role) = Some(role.into());
    }

    pub(super) fn answer_metadata(&self, call: &Call) -> Result<Response<Body>, ApiError> {
        let Some(role) = lock(&self.0.instance_role).clone() else {
            return Err(ApiError::new(404, "NotFound", "not found"));
        };
        if call.api == "InstanceToken" {
            let mut response = Response::new(Body::from("token".to_owned()));
            let name = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
            response.headers_mut().insert(name, 21_600.into());
            return Ok(response);
        }
        let path = call.key.split("/iam/security-credentials").nth(1).or(call.key.split("credentials-extended").nth(1));
        match path.map(|path| path.trim_matches('/')) {
            Some("") => Ok(Response::new(Body::from(role))),
            Some(name) if name == role => Ok(Response::new(Body::from(self.instance_credentials(&role)))),
            _ => Err(ApiError::new(404, "NotFound", "not found")),
        }
    }

    fn instance_credentials(&self, role: &str) -> String {
        let random = self.random_u128();
        let access_key = format!("ASIA{:016X}", random as u64);
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/i-0123456789abcdef0");
        let expires = Instant::now() + Duration::from_secs(LIFE_SECONDS.into());
        self.0.credentials.open_session(access_key.clone(), Session { expires, arn });
        let life = SignedDuration::from_secs(LIFE_SECONDS.into());
        json!({
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": access_key, "SecretAccessKey": format!("{random:032x}"),
            "Token": format!("session-{random:032x}"), "LastUpdated": iso(self.now()),
            "Expiration": iso(self.now().checked_add(life).unwrap_or(jiff::Timestamp::MAX)),
        })
        .to_string()
    }
}

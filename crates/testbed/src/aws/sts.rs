//! STS: who am I, and roles.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::body::Body;
use super::clock::iso;
use super::credentials::{Assumed, Session};
use super::error::ApiError;
use super::request::Call;
use super::{ACCOUNT, FakeAws, xml};

impl FakeAws {
    pub(super) fn answer_sts(&self, call: &Call) -> Result<Response<Body>, ApiError> {
        match call.api {
            "GetCallerIdentity" => Ok(self.get_caller_identity(call)),
            "AssumeRole" => self.assume_role(call),
            "AssumeRoleWithWebIdentity" => self.assume_role_with_web_identity(call),
            _ => Err(ApiError::new(400, "InvalidAction", "Not an operation that is here.")),
        }
    }

    fn get_caller_identity(&self, call: &Call) -> Response<Body> {
        let key = call.access_key.as_deref().unwrap_or_default();
        let arn = self.0.credentials.arn(key);
        let account = arn.split(':').nth(4).unwrap_or(ACCOUNT);
        answer(
            "GetCallerIdentity",
            &format!(
                "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
                xml::escape(&arn),
                xml::escape(key),
                xml::escape(account)
            ),
        )
    }

    fn assume_role(&self, call: &Call) -> Result<Response<Body>, ApiError> {
        let invalid = |message: &str| Err(ApiError::new(400, "ValidationError", message));
        let (Some(role), Some(name)) = (call.param("RoleArn"), call.param("RoleSessionName")) else {
            return invalid("RoleArn and RoleSessionName are required.");
        };
        let Some((account, role_name)) =
            role.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::")?.1.split_once(":role/"))
        else {
            return invalid("RoleArn is not the ARN of a role.");
        };
        if !(2..=64).contains(&name.len()) {
            return invalid("RoleSessionName must have 2 to 64 characters.");
        }
        let asked = call.param("DurationSeconds").unwrap_or("3600");
        let Some(seconds) = asked.parse().ok().filter(|seconds| (900..=43_200).contains(seconds)) else {
            return invalid("DurationSeconds must be between 900 and 43200.");
        };
        let caller = call.access_key.as_deref().unwrap_or_default();
        if seconds > 3600 && self.0.credentials.session(caller).is_some() {
            return invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            );
        }
        let asked = Assumed {
            role: role.to_owned(),
            caller: self.0.credentials.arn(caller),
            external_id: call.param("ExternalId").map(str::to_owned),
            session: name.to_owned(),
            seconds,
            region: call.region.clone().unwrap_or_default(),
        };
        if !self.0.credentials.may_assume(asked) {
            let message = format!("The caller is not authorized to perform: sts:AssumeRole on resource: {role}");
            return Err(ApiError::new(403, "AccessDenied", message));
        }

        Ok(self.issue(call.api, (account, role_name, name), seconds))
    }

    /// Any token is good, but one that says `expired`.
    fn assume_role_with_web_identity(&self, call: &Call) -> Result<Response<Body>, ApiError> {
        let token = call.param("WebIdentityToken").unwrap_or_default();
        if token.is_empty() || token == "expired" {
            return Err(ApiError::new(400, "ExpiredTokenException", "Token expired."));
        }
        let role = call.param("RoleArn").and_then(|role| role.split_once(":iam::")?.1.split_once(":role/"));
        let (Some((account, role)), Some(name)) = (role, call.param("RoleSessionName")) else {
            return Err(ApiError::new(400, "ValidationError", "RoleArn and RoleSessionName are required."));
        };
        Ok(self.issue(call.api, (account, role, name), 3600))
    }

    /// Credentials of a role, for so many seconds.
    fn issue(&self, api: &str, (account, role_name, name): (&str, &str, &str), seconds: u64) -> Response<Body> {
        let random = self.random_u128();
        let access_key = format!("ASIA{:016X}", random as u64);
        let id = format!("AROA{:016X}:{name}", (random >> 64) as u64);
        // The role's path is left out.
        let role_name = role_name.rsplit('/').next().unwrap_or(role_name);
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}");
        let expires = Instant::now() + Duration::from_secs(seconds);
        self.0.credentials.open_session(access_key.clone(), Session { expires, arn: arn.clone() });
        self.0.credentials.issued(format!("{random:032x}"));
        let lifetime = SignedDuration::from_secs(seconds.cast_signed());
        let expiration = self.now().checked_add(lifetime).unwrap_or(jiff::Timestamp::MAX);
        answer(
            api,
            &format!(
                "<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>\
                 <Credentials><AccessKeyId>{access_key}</AccessKeyId>\
                 <SecretAccessKey>{random:032x}</SecretAccessKey>\
                 <SessionToken>session-{random:032x}</SessionToken>\
                 <Expiration>{}</Expiration></Credentials>",
                xml::escape(&id),
                xml::escape(&arn),
                iso(expiration),
            ),
        )
    }
}

fn answer(api: &str, result: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!(
        "<{api}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{api}Result>{result}</{api}Result>\
         <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>\
         </{api}Response>"
    )));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

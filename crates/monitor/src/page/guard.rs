//! Who may see the page, and what browsers are told about it.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};

/// What every answer says: nothing from elsewhere, nothing in another's frame, nothing kept.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// Who may.
pub(super) struct Guard {
    token: Option<SecretString>,
}

impl Guard {
    pub(super) fn new(token: Option<SecretString>) -> Guard {
        Guard { token }
    }

    /// What is answered to who may not; nothing to who may.
    fn refusal(&self, request: &Request<Body>) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Some(
                (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "only GET\n").into_response(),
            );
        }
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        match &self.token {
            // A browser tells the token to the name alone that it was typed for, so the name does not matter.
            Some(token) if header(header::AUTHORIZATION).is_some_and(|given| is_token(given, token)) => None,
            Some(_) => {
                let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"Quittance: any name, and the page_token\"")];
                Some((StatusCode::UNAUTHORIZED, ask, "the page_token is needed\n").into_response())
            }
            // Another site's name may lead to this address too: then a browser here would show that site what we answer.
            None if header(header::HOST).is_some_and(is_here) => None,
            None => {
                let why = "this name is not that of this machine: use localhost or 127.0.0.1\n";
                Some((StatusCode::FORBIDDEN, why).into_response())
            }
        }
    }
}

/// Lets a request through that may have an answer.
pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request<Body>, next: Next) -> Response {
    let mut response = match guard.refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the `Host` of a request is one that only this machine has.
fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether `Authorization` has the token: as a bearer's, or as the password of any name.
fn is_token(given: &str, token: &SecretString) -> bool {
    let Some((scheme, given)) = given.split_once(' ') else { return false };
    let given = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(given.trim().as_bytes().to_vec()),
        "basic" => decoded(given.trim()).and_then(|pair| {
            let colon = pair.iter().position(|byte| *byte == b':')?;
            Some(pair[colon + 1..].to_vec())
        }),
        _ => None,
    };
    given.is_some_and(|given| same(&given, token.expose_secret().as_bytes()))
}

/// Compares in a time that says nothing of where two differ.
fn same(given: &[u8], token: &[u8]) -> bool {
    let differ =
        token.iter().enumerate().fold(0, |differ, (at, byte)| differ | (byte ^ given.get(at).unwrap_or(&!byte)));
    (differ == 0) & (given.len() == token.len())
}

/// Base64, as browsers write it.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits = text.trim_end_matches('=').bytes().map(digit).collect::<Option<Vec<u8>>>()?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_has_its_names() {
        let here = ["localhost", "LOCALHOST:9465", "127.0.0.1:9465", "[::1]:9465", "127.9.9.9"];
        assert!(here.into_iter().all(is_here));
        let elsewhere = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1:9465", ""];
        assert!(!elsewhere.into_iter().any(is_here));
    }

    #[test]
    fn the_token_is_a_bearers_or_a_password() {
        let token = SecretString::from("sesame:open".to_owned());
        let right =
            ["Bearer sesame:open", "bearer sesame:open", "Basic YWRtaW46c2VzYW1lOm9wZW4=", "Basic OnNlc2FtZTpvcGVu"];
        assert!(right.into_iter().all(|given| is_token(given, &token)));
        let wrong = [
            "Bearer sesame:opem",
            "Bearer sesame:ope",
            "Bearer sesame:openn",
            "Bearer ",
            "Basic !",
            "sesame:open",
            "Digest sesame:open",
        ];
        assert!(!wrong.into_iter().any(|given| is_token(given, &token)));
    }
}

//! Which operation of AWS a request asks for, as each of its protocols says it.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use super::resign::Scope;

/// What is not recognised.
const OTHER: &str = "other";

/// The API's name of the operation; never anything that a user or a source named.
pub(super) fn of(request: &HttpRequest) -> String {
    // JSON: `AmazonSQS.ReceiveMessage`.
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or(OTHER).to_owned();
    }
    let (path, query) = path_and_query(request.uri());
    let service = Scope::of(request).map_or("", |scope| scope.service);
    match service {
        "s3" => of_s3(request.method(), query).to_owned(),
        "guardduty" => of_guardduty(request.method(), path).to_owned(),
        _ => {
            // CBOR: `/service/GraniteServiceVersion20100801/operation/GetMetricData`; forms: `Action=AssumeRole`.
            let in_path =
                path.strip_prefix("/service/").and_then(|path| path.split_once("/operation/")).map(|(_, op)| op);
            let form = request.body().bytes().and_then(|form| std::str::from_utf8(form).ok()).unwrap_or_default();
            let in_form = form.split('&').find_map(|field| field.strip_prefix("Action="));
            in_path.or(in_form).unwrap_or(OTHER).to_owned()
        }
    }
}

fn of_s3(method: &str, query: &str) -> &'static str {
    let asks = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    match method {
        "GET" if asks("list-type") => "ListObjectsV2",
        "GET" if asks("location") => "GetBucketLocation",
        "GET" if asks("notification") => "GetBucketNotificationConfiguration",
        "GET" if asks("versioning") => "GetBucketVersioning",
        "GET" => "GetObject",
        "HEAD" => "Head",
        _ => OTHER,
    }
}

fn of_guardduty(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["detector"]) => "ListDetectors",
        ("GET", ["detector", _]) => "GetDetector",
        ("POST", ["detector", _, "findings"]) => "ListFindings",
        ("POST", ["detector", _, "findings", "get"]) => "GetFindings",
        _ => OTHER,
    }
}

fn path_and_query(uri: &str) -> (&str, &str) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split_once('?').unwrap_or((path, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, service: &str) -> HttpRequest {
        let mut request = HttpRequest::empty();
        request.set_method(method).unwrap();
        request.set_uri(uri.to_owned()).unwrap();
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/r/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        request.headers_mut().insert("authorization", scope);
        request
    }

    #[test]
    fn every_protocol_says_its_operation() {
        let mut json = request("POST", "https://sqs.r.amazonaws.com/", "sqs");
        json.headers_mut().insert("x-amz-target", "AmazonSQS.ReceiveMessage");
        assert_eq!(of(&json), "ReceiveMessage");
        let cbor = "https://monitoring.r.amazonaws.com/service/GraniteServiceVersion20100801/operation/GetMetricData";
        assert_eq!(of(&request("POST", cbor, "monitoring")), "GetMetricData");
        let object = "https://b.s3.r.amazonaws.com/list-type/a?x-id=GetObject";
        assert_eq!(of(&request("GET", object, "s3")), "GetObject");
        assert_eq!(of(&request("GET", "https://b.s3.r.amazonaws.com/?list-type=2&prefix=x", "s3")), "ListObjectsV2");
        let findings = "https://guardduty.r.amazonaws.com/detector/d1/findings/get";
        assert_eq!(of(&request("POST", findings, "guardduty")), "GetFindings");
        let mut form = request("POST", "https://sts.r.amazonaws.com/", "sts");
        *form.body_mut() = "Action=AssumeRole&Version=2011-06-15".into();
        assert_eq!(of(&form), "AssumeRole");
        assert_eq!(of(&request("GET", "https://x.amazonaws.com/secret-name", "x")), "other");
    }
}

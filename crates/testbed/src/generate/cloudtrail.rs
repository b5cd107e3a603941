//! CloudTrail: one JSON document on one line, with the management events of one account and region.

mod calls;

use fastrand::Rng;

use super::template::Filler;
use super::values::{self, LETTERS, Origin, favour, pick};
use calls::{Call, GLOBAL, REGIONAL};

/// The home of the services that have no region: their events are found there alone.
const GLOBAL_REGION: &str = "us-east-1";

/// An object's content before compression: `events` records with the ordinals from `first`.
pub fn object(rng: &mut Rng, origin: &Origin, first: u64, events: usize) -> Vec<u8> {
    let mut out = String::with_capacity(32 + events * 1400);
    out.push_str("{\"Records\":[");
    for index in 0..events {
        if index > 0 {
            out.push(',');
        }
        record(&mut out, rng, origin, first + index as u64);
    }
    out.push_str("]}");
    out.into_bytes()
}

/// The key of a new object:
/// `AWSLogs/<account>/CloudTrail/<region>/<date>/<account>_CloudTrail_<region>_<time>_<id>.json.gz`.
pub fn key(rng: &mut Rng, origin: &Origin) -> String {
    let Origin { account, region, .. } = origin;
    let mut out = format!("AWSLogs/{account}/CloudTrail/{region}/");
    values::date(&mut out, origin.civil(), "/");
    out.push_str(&format!("/{account}_CloudTrail_{region}_"));
    values::compact(&mut out, origin.civil());
    out.push('_');
    values::random(&mut out, rng, LETTERS, 16);
    out.push_str(".json.gz");
    out
}

/// Appends one record: the element of `Records`, or LookupEvents' `CloudTrailEvent`.
pub fn record(out: &mut String, rng: &mut Rng, origin: &Origin, ordinal: u64) {
    let call = call(rng, origin);
    let seconds = origin.moment(rng);
    let caller = caller(rng);
    let failed = rng.u8(..) < 10;
    let mut filler = Filler { rng, origin, ordinal, seconds };
    out.push_str("{\"eventVersion\":\"1.11\",\"userIdentity\":");
    filler.fill(out, caller.identity);
    filler.fill(out, ",\"eventTime\":\"$t\",\"eventSource\":\"");
    out.push_str(call.service);
    out.push_str(".amazonaws.com\",\"eventName\":\"");
    out.push_str(call.name);
    filler.fill(out, "\",\"awsRegion\":\"$r\",\"sourceIPAddress\":\"");
    filler.fill(out, caller.address);
    out.push_str("\",\"userAgent\":\"");
    out.push_str(match caller.agent {
        Some(agent) => agent,
        None => pick(filler.rng, &AGENTS),
    });
    out.push('"');
    if failed {
        let error = pick(filler.rng, &ERRORS);
        filler.fill(out, error);
    }
    out.push_str(",\"requestParameters\":");
    filler.fill(out, call.parameters);
    out.push_str(",\"responseElements\":");
    filler.fill(out, if failed { "null" } else { call.response });
    filler.fill(out, ",\"requestID\":\"$u\",\"eventID\":\"$e\",\"readOnly\":");
    out.push_str(if call.read_only { "true" } else { "false" });
    filler.fill(out, call.resources);
    out.push_str(",\"eventType\":\"");
    out.push_str(match call.service {
        "signin" => "AwsConsoleSignIn",
        _ => "AwsApiCall",
    });
    filler.fill(out, "\",\"managementEvent\":true,\"recipientAccountId\":\"$a\",\"eventCategory\":\"Management\"");
    if caller.agent.is_none() {
        out.push_str(",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"");
        out.push_str(call.service);
        filler.fill(out, ".$r.amazonaws.com\"}");
    }
    out.push('}');
}

fn call(rng: &mut Rng, origin: &Origin) -> &'static Call {
    if origin.region == GLOBAL_REGION && rng.u8(..) < 60 {
        &GLOBAL[favour(rng, GLOBAL.len())]
    } else {
        &REGIONAL[favour(rng, REGIONAL.len())]
    }
}

/// Who calls: the identity, the address, and the agent where it is no program of the customer's.
struct Caller {
    identity: &'static str,
    address: &'static str,
    agent: Option<&'static str>,
}

fn caller(rng: &mut Rng) -> &'static Caller {
    &CALLERS[match rng.u8(..100) {
        0..38 => 0,
        38..50 => 1,
        50..78 => 2,
        78..90 => 3,
        90..98 => 4,
        _ => 5,
    }]
}

static CALLERS: [Caller; 6] = [
    Caller {
        identity: r#"{"type":"AssumedRole","principalId":"AROA$U:i-$x","arn":"arn:aws:sts::$a:assumed-role/$R/i-$x","accountId":"$a","accessKeyId":"ASIA$U","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA$U","arn":"arn:aws:iam::$a:role/$R","accountId":"$a","userName":"$R"},"attributes":{"creationDate":"$T","mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"}}"#,
        address: "$p",
        agent: None,
    },
    Caller {
        identity: r#"{"type":"AssumedRole","principalId":"AROA$U:$P","arn":"arn:aws:sts::$a:assumed-role/AWSReservedSSO_AdministratorAccess_$h/$P","accountId":"$a","accessKeyId":"ASIA$U","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA$U","arn":"arn:aws:iam::$a:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_AdministratorAccess_$h","accountId":"$a","userName":"AWSReservedSSO_AdministratorAccess_$h"},"attributes":{"creationDate":"$T","mfaAuthenticated":"true"}}}"#,
        address: "$p",
        agent: None,
    },
    Caller {
        identity: r#"{"type":"IAMUser","principalId":"AIDA$U","arn":"arn:aws:iam::$a:user/$P","accountId":"$a","accessKeyId":"AKIA$U","userName":"$P"}"#,
        address: "$p",
        agent: None,
    },
    Caller {
        identity: r#"{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}"#,
        address: "autoscaling.amazonaws.com",
        agent: Some("autoscaling.amazonaws.com"),
    },
    Caller {
        identity: r#"{"type":"AssumedRole","principalId":"AROA$U:AWSConfig-Describe","arn":"arn:aws:sts::$a:assumed-role/AWSServiceRoleForConfig/AWSConfig-Describe","accountId":"$a","accessKeyId":"ASIA$U","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA$U","arn":"arn:aws:iam::$a:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig","accountId":"$a","userName":"AWSServiceRoleForConfig"},"attributes":{"creationDate":"$T","mfaAuthenticated":"false"}},"invokedBy":"config.amazonaws.com"}"#,
        address: "config.amazonaws.com",
        agent: Some("config.amazonaws.com"),
    },
    Caller {
        identity: r#"{"type":"Root","principalId":"$a","arn":"arn:aws:iam::$a:root","accountId":"$a","accessKeyId":"ASIA$U","sessionContext":{"attributes":{"creationDate":"$T","mfaAuthenticated":"true"}}}"#,
        address: "$p",
        agent: None,
    },
];

const AGENTS: [&str; 8] = [
    "aws-cli/2.17.20 md/awscrt#0.20.11 ua/2.0 os/linux#6.1.0-1030-aws md/arch#x86_64 lang/python#3.11.9",
    "Boto3/1.34.144 md/Botocore#1.34.144 ua/2.0 os/linux#5.10.219 md/arch#aarch64 lang/python#3.12.4",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/sts#1.30.1",
    "aws-sdk-java/2.26.21 Linux/5.10.218 OpenJDK_64-Bit_Server_VM/21.0.3+9-LTS Java/21.0.3 vendor/Amazon.com_Inc.",
    "console.amazonaws.com",
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.750]",
];

const ERRORS: [&str; 4] = [
    r#","errorCode":"AccessDenied","errorMessage":"User: arn:aws:sts::$a:assumed-role/$R/i-$x is not authorized to perform this action because no identity-based policy allows it""#,
    r#","errorCode":"Client.UnauthorizedOperation","errorMessage":"You are not authorized to perform this operation. Encoded authorization failure message: $U$U$U$U""#,
    r#","errorCode":"ThrottlingException","errorMessage":"Rate exceeded""#,
    r#","errorCode":"ResourceNotFoundException","errorMessage":"Resource \"$w-$h\" was not found""#,
];

//! GuardDuty: findings as GetFindings answers them.

use fastrand::Rng;
use jiff::Timestamp;

use super::template::Filler;
use super::values::{Origin, scramble};

/// What changes of a finding from one version to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// When it was updated.
    pub updated: Timestamp,
    /// How often it occurred.
    pub count: u64,
    /// Whether it was archived.
    pub archived: bool,
}

/// The id of the finding of that ordinal.
pub fn id(ordinal: u64) -> String {
    let scrambled = u128::from(scramble(ordinal));
    format!("{:032x}", scrambled << 64 | scrambled.wrapping_mul(0x9e37_79b9_7f4a_7c15) & u128::from(u64::MAX))
}

/// A version of the finding of that ordinal. All versions of one say the same but for what changes, if `rng` begins alike.
pub fn finding(rng: &mut Rng, origin: &Origin, ordinal: u64, version: Version) -> String {
    let Version { updated, count, archived } = version;
    let kind = &KINDS[rng.usize(..KINDS.len())];
    let id = id(ordinal);
    let mut out = String::with_capacity(1500);
    let mut filler = Filler { rng, origin, ordinal, seconds: origin.time.as_second() };
    filler.fill(
        &mut out,
        r#"{"accountId":"$a","arn":"arn:aws:guardduty:$r:$a:detector/0123456789abcdef0123456789abcdef/finding/"#,
    );
    out.push_str(&id);
    filler.fill(&mut out, r#"","createdAt":"$t","description":"$s","id":""#);
    out.push_str(&id);
    filler.fill(&mut out, r#"","partition":"aws","region":"$r","resource":"#);
    filler.fill(&mut out, kind.resource);
    filler.fill(&mut out, r#","schemaVersion":"2.0","service":{"action":"#);
    filler.fill(&mut out, kind.action);
    out.push_str(&format!(
        r#","additionalInfo":{{"type":"default","value":"{{}}"}},"archived":{archived},"count":{count},"detectorId":"0123456789abcdef0123456789abcdef","eventFirstSeen":"{:.3}","eventLastSeen":"{updated:.3}","resourceRole":"TARGET","serviceName":"guardduty"}},"severity":{},"title":"{}","type":"{}","updatedAt":"{updated:.3}"}}"#,
        origin.time, kind.severity, kind.title, kind.name
    ));
    out
}

struct Kind {
    name: &'static str,
    title: &'static str,
    severity: u8,
    resource: &'static str,
    action: &'static str,
}

const INSTANCE: &str = r#"{"instanceDetails":{"availabilityZone":"$r$z","imageId":"ami-$x","instanceId":"i-$x","instanceState":"running","instanceType":"m7g.large","networkInterfaces":[{"ipv6Addresses":[],"networkInterfaceId":"eni-$x","privateIpAddress":"$i","publicIp":"$p","securityGroups":[{"groupId":"sg-$x","groupName":"$w"}],"subnetId":"subnet-$x","vpcId":"vpc-$x"}],"tags":[{"key":"note","value":"$s"}]},"resourceType":"Instance"}"#;

const ACCESS_KEY: &str = r#"{"accessKeyDetails":{"accessKeyId":"AKIA$U","principalId":"AIDA$U","userName":"$P","userType":"IAMUser"},"resourceType":"AccessKey"}"#;

const CALL: &str = r#"{"actionType":"AWS_API_CALL","awsApiCallAction":{"affectedResources":{},"api":"DescribeInstances","callerType":"Remote IP","remoteIpDetails":{"city":{"cityName":"Lund"},"country":{"countryName":"Sweden"},"geoLocation":{"lat":55.7,"lon":13.19},"ipAddressV4":"$p","organization":{"asn":"64500","asnOrg":"$w","isp":"$w","org":"$w"}},"serviceName":"ec2.amazonaws.com"}}"#;

static KINDS: [Kind; 4] = [
    Kind {
        name: "UnauthorizedAccess:EC2/SSHBruteForce",
        title: "SSH brute force attacks against an instance.",
        severity: 2,
        resource: INSTANCE,
        action: r#"{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"blocked":false,"connectionDirection":"INBOUND","localPortDetails":{"port":22,"portName":"SSH"},"protocol":"TCP","remoteIpDetails":{"country":{"countryName":"Sweden"},"ipAddressV4":"$p"},"remotePortDetails":{"port":$n,"portName":"Unknown"}}}"#,
    },
    Kind {
        name: "Recon:EC2/PortProbeUnprotectedPort",
        title: "An unprotected port of an instance is probed.",
        severity: 5,
        resource: INSTANCE,
        action: r#"{"actionType":"PORT_PROBE","portProbeAction":{"blocked":false,"portProbeDetails":[{"localPortDetails":{"port":$n,"portName":"Unknown"},"remoteIpDetails":{"ipAddressV4":"$p"}}]}}"#,
    },
    Kind {
        name: "Backdoor:EC2/C&CActivity.B!DNS",
        title: "An instance asks for the name of a command and control server.",
        severity: 8,
        resource: INSTANCE,
        action: r#"{"actionType":"DNS_REQUEST","dnsRequestAction":{"blocked":false,"domain":"$w.example.com","protocol":"UDP"}}"#,
    },
    Kind {
        name: "Discovery:IAMUser/AnomalousBehavior",
        title: "A user calls APIs that it does not usually call.",
        severity: 2,
        resource: ACCESS_KEY,
        action: CALL,
    },
];

//! Security Hub: EventBridge's envelope around findings in ASFF, which is an SQS message's whole body.

use fastrand::Rng;

use super::template::Filler;
use super::values::{Origin, favour};

/// A message with the findings of the ordinals from `first`: one as it is imported, more as a person's custom action
/// sends them.
pub fn message(rng: &mut Rng, origin: &Origin, first: u64, findings: u64) -> String {
    let seconds = origin.moment(rng);
    let mut out = String::with_capacity(800 + findings as usize * 2600);
    let mut filler = Filler { rng, origin, ordinal: first, seconds };
    filler.fill(
        &mut out,
        match findings {
            1 => IMPORTED,
            _ => CUSTOM_ACTION,
        },
    );
    for ordinal in first..first + findings {
        if ordinal > first {
            out.push(',');
        }
        let kind = &KINDS[favour(rng, KINDS.len())];
        let mut filler = Filler { rng, origin, ordinal, seconds };
        filler.fill(&mut out, HEAD);
        filler.fill(&mut out, kind);
        filler.fill(&mut out, TAIL);
    }
    out.push_str("]}}");
    out
}

const IMPORTED: &str = r#"{"version":"0","id":"$u","detail-type":"Security Hub Findings - Imported","source":"aws.securityhub","account":"$a","time":"$t","region":"$r","resources":["arn:aws:securityhub:$r::product/aws/securityhub/arn:aws:securityhub:$r:$a:finding/$u"],"detail":{"findings":["#;

const CUSTOM_ACTION: &str = r#"{"version":"0","id":"$u","detail-type":"Security Hub Findings - Custom Action","source":"aws.securityhub","account":"$a","time":"$t","region":"$r","resources":["arn:aws:securityhub:$r:$a:action/custom/ticket"],"detail":{"actionName":"Open a ticket","actionDescription":"$s","findings":["#;

/// What every finding has; its id holds the ordinal.
const HEAD: &str = r#"{"SchemaVersion":"2018-10-08","Id":"arn:aws:securityhub:$r:$a:security-control/finding/$e","AwsAccountId":"$a","Region":"$r","CreatedAt":"$T","UpdatedAt":"$t","FirstObservedAt":"$T","LastObservedAt":"$t","#;

/// The frequent ones first.
static KINDS: [&str; 5] = [
    r#""ProductArn":"arn:aws:securityhub:$r::product/aws/securityhub","ProductName":"Security Hub","CompanyName":"AWS","GeneratorId":"security-control/EC2.19","Types":["Software and Configuration Checks/Industry and Regulatory Standards"],"Severity":{"Label":"CRITICAL","Normalized":90,"Original":"CRITICAL"},"Title":"Security groups should not allow unrestricted access to ports with high risk","Description":"This control checks whether unrestricted incoming traffic for a security group is accessible to the specified ports [3389, 20, 23, 110].","Remediation":{"Recommendation":{"Text":"For information on how to correct this issue, consult the AWS Security Hub controls documentation.","Url":"https://docs.aws.amazon.com/console/securityhub/EC2.19/remediation"}},"ProductFields":{"RelatedAWSResources:0/name":"securityhub-vpc-sg-restricted-common-ports-$h","RelatedAWSResources:0/type":"AWS::Config::ConfigRule","aws/securityhub/ProductName":"Security Hub","aws/securityhub/CompanyName":"AWS","Resources:0/Id":"arn:aws:ec2:$r:$a:security-group/sg-$x"},"Resources":[{"Type":"AwsEc2SecurityGroup","Id":"arn:aws:ec2:$r:$a:security-group/sg-$x","Partition":"aws","Region":"$r","Tags":{"Name":"$w-sg","note":"$s"},"Details":{"AwsEc2SecurityGroup":{"GroupName":"$w-sg","GroupId":"sg-$x","OwnerId":"$a","VpcId":"vpc-$x","IpPermissions":[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}}}],"Compliance":{"Status":"FAILED","SecurityControlId":"EC2.19","AssociatedStandards":[{"StandardsId":"standards/aws-foundational-security-best-practices/v/1.0.0"}]},"FindingProviderFields":{"Severity":{"Label":"CRITICAL","Original":"CRITICAL"},"Types":["Software and Configuration Checks/Industry and Regulatory Standards"]},"#,
    r#""ProductArn":"arn:aws:securityhub:$r::product/aws/securityhub","ProductName":"Security Hub","CompanyName":"AWS","GeneratorId":"security-control/S3.8","Types":["Software and Configuration Checks/Industry and Regulatory Standards"],"Severity":{"Label":"INFORMATIONAL","Normalized":0,"Original":"INFORMATIONAL"},"Title":"S3 general purpose buckets should block public access","Description":"This control checks if an S3 bucket blocks public access at the bucket level.","ProductFields":{"Resources:0/Id":"arn:aws:s3:::$b"},"Resources":[{"Type":"AwsS3Bucket","Id":"arn:aws:s3:::$b","Partition":"aws","Region":"$r","Details":{"AwsS3Bucket":{"OwnerId":"$h$h$h$h","Name":"$b","CreatedAt":"$T"}}}],"Compliance":{"Status":"PASSED","SecurityControlId":"S3.8"},"#,
    r#""ProductArn":"arn:aws:securityhub:$r::product/aws/inspector","ProductName":"Inspector","CompanyName":"Amazon","GeneratorId":"AWSInspector","Types":["Software and Configuration Checks/Vulnerabilities/CVE"],"Severity":{"Label":"HIGH","Normalized":70},"Title":"CVE-2024-$n - openssl","Description":"A \"use after free\" in a path C:\\openssl {legacy}.\nSee the vendor's advisory.","Resources":[{"Type":"AwsEc2Instance","Id":"arn:aws:ec2:$r:$a:instance/i-$x","Partition":"aws","Region":"$r","Details":{"AwsEc2Instance":{"Type":"m7g.large","ImageId":"ami-$x","IpV4Addresses":["$i","$p"],"LaunchedAt":"$T"}}}],"Vulnerabilities":[{"Id":"CVE-2024-$n","VulnerablePackages":[{"Name":"openssl","Version":"1.1.$n","Architecture":"ARM64","PackageManager":"OS"}],"Cvss":[{"Version":"3.1","BaseScore":7.5,"BaseVector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],"FixAvailable":"YES"}],"#,
    r#""ProductArn":"arn:aws:securityhub:$r::product/aws/guardduty","ProductName":"GuardDuty","CompanyName":"Amazon","GeneratorId":"arn:aws:guardduty:$r:$a:detector/$h$h$h$h","Types":["TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce"],"Severity":{"Label":"LOW","Normalized":40,"Product":2},"Title":"$p is performing SSH brute force attacks against i-$x.","Description":"$s","ProductFields":{"aws/guardduty/service/action/networkConnectionAction/remoteIpDetails/ipAddressV4":"$p","aws/guardduty/service/count":"$n"},"Action":{"ActionType":"NETWORK_CONNECTION","NetworkConnectionAction":{"ConnectionDirection":"INBOUND","Protocol":"TCP","Blocked":false}},"Resources":[{"Type":"AwsEc2Instance","Id":"arn:aws:ec2:$r:$a:instance/i-$x","Partition":"aws","Region":"$r"}],"#,
    r#""ProductArn":"arn:aws:securityhub:$r::product/aws/macie","ProductName":"Macie","CompanyName":"Amazon","GeneratorId":"aws/macie","Types":["Sensitive Data Identifications/PII/SensitiveData:S3Object-Personal"],"Severity":{"Label":"MEDIUM","Normalized":50},"Title":"The S3 object contains personal information.","Description":"$s","Resources":[{"Type":"AwsS3Bucket","Id":"arn:aws:s3:::$b","Partition":"aws","Region":"$r"},{"Type":"AwsS3Object","Id":"arn:aws:s3:::$b/exports/$h.csv","Partition":"aws","Region":"$r","DataClassification":{"Result":{"MimeType":"text/csv","SizeClassified":$N,"Status":{"Code":"COMPLETE"}}}}],"#,
];

const TAIL: &str = r#""WorkflowState":"NEW","Workflow":{"Status":"NEW"},"RecordState":"ACTIVE","ProcessedAt":"$t"}"#;

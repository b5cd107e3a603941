//! EventBridge: the envelope of one event, which is an SQS message's whole body.

use fastrand::Rng;

use super::template::Filler;
use super::values::{Origin, favour};

/// One event's envelope.
pub fn event(rng: &mut Rng, origin: &Origin, ordinal: u64) -> String {
    let kind = &KINDS[favour(rng, KINDS.len())];
    let seconds = origin.moment(rng);
    let mut filler = Filler { rng, origin, ordinal, seconds };
    let mut out = String::with_capacity(1200);
    out.push_str("{\"version\":\"0\",\"id\":\"");
    filler.fill(&mut out, "$e\",\"detail-type\":\"");
    out.push_str(kind.detail_type);
    out.push_str("\",\"source\":\"");
    out.push_str(kind.source);
    filler.fill(&mut out, "\",\"account\":\"$a\",\"time\":\"$t\",\"region\":\"$r\",\"resources\":");
    filler.fill(&mut out, kind.resources);
    out.push_str(",\"detail\":");
    filler.fill(&mut out, kind.detail);
    out.push('}');
    out
}

struct Kind {
    source: &'static str,
    detail_type: &'static str,
    resources: &'static str,
    detail: &'static str,
}

/// The frequent ones first.
static KINDS: [Kind; 14] = [
    Kind {
        source: "aws.ec2",
        detail_type: "EC2 Instance State-change Notification",
        resources: r#"["arn:aws:ec2:$r:$a:instance/i-$x"]"#,
        detail: r#"{"instance-id":"i-$x","state":"running"}"#,
    },
    Kind {
        source: "aws.ecs",
        detail_type: "ECS Task State Change",
        resources: r#"["arn:aws:ecs:$r:$a:task/prod/$h$h$h$h"]"#,
        detail: r#"{"attachments":[{"id":"$u","type":"eni","status":"ATTACHED","details":[{"name":"subnetId","value":"subnet-$x"},{"name":"networkInterfaceId","value":"eni-$x"},{"name":"privateIPv4Address","value":"$i"}]}],"availabilityZone":"$r$z","clusterArn":"arn:aws:ecs:$r:$a:cluster/prod","containers":[{"containerArn":"arn:aws:ecs:$r:$a:container/prod/$h$h$h$h/$u","lastStatus":"RUNNING","name":"$w","image":"$a.dkr.ecr.$r.amazonaws.com/acme/$w:v1.$n","runtimeId":"$h$h-$N","cpu":"256","memory":"512"}],"cpu":"512","createdAt":"$T","desiredStatus":"RUNNING","group":"service:$w","lastStatus":"RUNNING","launchType":"FARGATE","memory":"1024","overrides":{"containerOverrides":[{"name":"$w"}]},"platformVersion":"1.4.0","startedBy":"ecs-svc/$N","taskArn":"arn:aws:ecs:$r:$a:task/prod/$h$h$h$h","taskDefinitionArn":"arn:aws:ecs:$r:$a:task-definition/$w:$n","updatedAt":"$t","version":3}"#,
    },
    Kind {
        source: "aws.autoscaling",
        detail_type: "EC2 Instance Launch Successful",
        resources: r#"["arn:aws:autoscaling:$r:$a:autoScalingGroup:$u:autoScalingGroupName/$w-asg","arn:aws:ec2:$r:$a:instance/i-$x"]"#,
        detail: r#"{"StatusCode":"InProgress","Description":"Launching a new EC2 instance: i-$x","AutoScalingGroupName":"$w-asg","ActivityId":"$u","Details":{"Availability Zone":"$r$z","Subnet ID":"subnet-$x"},"RequestId":"$u","StatusMessage":"","EndTime":"$t","EC2InstanceId":"i-$x","StartTime":"$T","Cause":"At $T an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 2 to 3.","Origin":"EC2","Destination":"AutoScalingGroup"}"#,
    },
    Kind {
        source: "aws.s3",
        detail_type: "AWS API Call via CloudTrail",
        resources: "[]",
        detail: r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA$U","arn":"arn:aws:iam::$a:user/$P","accountId":"$a","accessKeyId":"AKIA$U","userName":"$P"},"eventTime":"$t","eventSource":"s3.amazonaws.com","eventName":"PutBucketTagging","awsRegion":"$r","sourceIPAddress":"$p","userAgent":"[S3Console/0.4]","requestParameters":{"bucketName":"$b","tagging":"","Tagging":{"TagSet":{"Tag":[{"Key":"note","Value":"$s"}]}}},"responseElements":null,"requestID":"$U","eventID":"$u","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"$a","eventCategory":"Management"}"#,
    },
    Kind {
        source: "aws.cloudwatch",
        detail_type: "CloudWatch Alarm State Change",
        resources: r#"["arn:aws:cloudwatch:$r:$a:alarm:$w-cpu-high"]"#,
        detail: r#"{"alarmName":"$w-cpu-high","configuration":{"description":"$s","metrics":[{"id":"$u","metricStat":{"metric":{"dimensions":{"InstanceId":"i-$x"},"name":"CPUUtilization","namespace":"AWS/EC2"},"period":300,"stat":"Average"},"returnData":true}]},"previousState":{"reason":"Insufficient Data","timestamp":"$T","value":"INSUFFICIENT_DATA"},"state":{"reason":"Threshold Crossed: 1 out of the last 1 datapoints [$n.$n] was greater than the threshold (80.0).","reasonData":"{\"version\":\"1.0\",\"queryDate\":\"$t\",\"statistic\":\"Average\",\"period\":300,\"recentDatapoints\":[$n.$n],\"threshold\":80.0}","timestamp":"$t","value":"ALARM"}}"#,
    },
    Kind {
        source: "aws.ssm",
        detail_type: "Parameter Store Change",
        resources: r#"["arn:aws:ssm:$r:$a:parameter/prod/$w/limit"]"#,
        detail: r#"{"operation":"Update","name":"/prod/$w/limit","type":"SecureString","description":"$s"}"#,
    },
    Kind {
        source: "aws.rds",
        detail_type: "RDS DB Instance Event",
        resources: r#"["arn:aws:rds:$r:$a:db:$w-prod"]"#,
        detail: r#"{"EventCategories":["backup"],"SourceType":"DB_INSTANCE","SourceArn":"arn:aws:rds:$r:$a:db:$w-prod","Date":"$t","Message":"Finished DB Instance backup","SourceIdentifier":"$w-prod","EventID":"RDS-EVENT-0002"}"#,
    },
    Kind {
        source: "aws.codepipeline",
        detail_type: "CodePipeline Pipeline Execution State Change",
        resources: r#"["arn:aws:codepipeline:$r:$a:$w-deploy"]"#,
        detail: r#"{"pipeline":"$w-deploy","execution-id":"$u","start-time":"$T","state":"SUCCEEDED","version":$n,"pipeline-execution-attempt":1}"#,
    },
    Kind {
        source: "aws.kms",
        detail_type: "KMS CMK Rotation",
        resources: r#"["arn:aws:kms:$r:$a:key/$u"]"#,
        detail: r#"{"key-id":"$u"}"#,
    },
    Kind {
        source: "aws.health",
        detail_type: "AWS Health Event",
        resources: r#"["i-$x"]"#,
        detail: r#"{"eventArn":"arn:aws:health:$r::event/EC2/AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED/AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED_$u","service":"EC2","eventTypeCode":"AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED","eventTypeCategory":"scheduledChange","startTime":"$t","eventDescription":[{"language":"en_US","latestDescription":"EC2 has detected degradation of the underlying hardware hosting your instance.\\n\\nIt will be stopped after the start time.\n"}],"affectedEntities":[{"entityValue":"i-$x","tags":{"Name":"$s"}}],"page":"1","totalPages":"1","affectedAccount":"$a"}"#,
    },
    Kind {
        source: "aws.guardduty",
        detail_type: "GuardDuty Finding",
        resources: "[]",
        detail: r#"{"schemaVersion":"2.0","accountId":"$a","region":"$r","partition":"aws","id":"$h$h$h$h","arn":"arn:aws:guardduty:$r:$a:detector/$h$h$h$h/finding/$h$h$h$h","type":"UnauthorizedAccess:EC2/SSHBruteForce","resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-$x","instanceType":"m7g.large","networkInterfaces":[{"networkInterfaceId":"eni-$x","privateIpAddress":"$i","publicIp":"$p"}],"tags":[{"key":"note","value":"$s"}]}},"service":{"serviceName":"guardduty","detectorId":"$h$h$h$h","action":{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"connectionDirection":"INBOUND","remoteIpDetails":{"ipAddressV4":"$p","country":{"countryName":"Sweden"}},"localPortDetails":{"port":22,"portName":"SSH"},"protocol":"TCP","blocked":false}},"eventFirstSeen":"$T","eventLastSeen":"$t","archived":false,"count":$n},"severity":2,"createdAt":"$T","updatedAt":"$t","title":"$p is performing SSH brute force attacks against i-$x.","description":"$p is performing SSH brute force attacks against i-$x."}"#,
    },
    Kind {
        source: "aws.backup",
        detail_type: "Backup Job State Change",
        resources: r#"["arn:aws:ec2:$r::snapshot/snap-$x"]"#,
        detail: r#"{"backupJobId":"$u","backupVaultArn":"arn:aws:backup:$r:$a:backup-vault:default","backupVaultName":"default","bytesTransferred":"$N","creationDate":"$T","iamRoleArn":"arn:aws:iam::$a:role/$R","percentDone":100.0,"resourceArn":"arn:aws:ec2:$r:$a:volume/vol-$x","resourceType":"EBS","state":"COMPLETED"}"#,
    },
    Kind {
        source: "aws.events",
        detail_type: "Scheduled Event",
        resources: r#"["arn:aws:events:$r:$a:rule/$w-hourly"]"#,
        detail: "{}",
    },
    Kind {
        source: "com.acme.orders",
        detail_type: "Order Placed",
        resources: "[]",
        detail: r#"{"orderId":"$u","total":$n.50,"currency":"EUR","note":"$s","lines":[{"sku":"SKU-$h","quantity":1},{"sku":"SKU-$h","quantity":2}]}"#,
    },
];

//! The API calls that the generated trail records, as templates of their parameters and responses.

/// One API call.
pub(super) struct Call {
    /// The event source without `.amazonaws.com`.
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) read_only: bool,
    pub(super) parameters: &'static str,
    pub(super) response: &'static str,
    /// Further members of the record, with a comma before each.
    pub(super) resources: &'static str,
}

const fn read(service: &'static str, name: &'static str, parameters: &'static str) -> Call {
    Call { service, name, read_only: true, parameters, response: "null", resources: "" }
}

const fn write(service: &'static str, name: &'static str, parameters: &'static str, response: &'static str) -> Call {
    Call { service, name, read_only: false, parameters, response, resources: "" }
}

impl Call {
    const fn on(mut self, resources: &'static str) -> Self {
        self.resources = resources;
        self
    }
}

/// Calls to services that every region has, the frequent ones first.
pub(super) static REGIONAL: &[Call] = &[
    write("sts", "AssumeRole",
        r#"{"roleArn":"arn:aws:iam::$a:role/$R","roleSessionName":"$w-$h","durationSeconds":3600,"externalId":"$h"}"#,
        r#"{"credentials":{"accessKeyId":"ASIA$U","sessionToken":"IQoJb3JpZ2luX2VjE$U$U$U$U$U$U","expiration":"$t"},"assumedRoleUser":{"assumedRoleId":"AROA$U:$w","arn":"arn:aws:sts::$a:assumed-role/$R/$w"}}"#)
        .on(r#","resources":[{"accountId":"$a","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$a:role/$R"}]"#),
    read("kms", "Decrypt",
        r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$b/$w/$h"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#)
        .on(r#","resources":[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$r:$a:key/$u"}]"#),
    read("ec2", "DescribeInstances",
        r#"{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"tag:Name","valueSet":{"items":[{"value":"$w"},{"value":"$s"}]}}]}}"#),
    read("kms", "GenerateDataKey",
        r#"{"keyId":"arn:aws:kms:$r:$a:key/$u","encryptionContext":{"aws:sqs:arn":"arn:aws:sqs:$r:$a:$w"},"keySpec":"AES_256"}"#)
        .on(r#","resources":[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$r:$a:key/$u"}]"#),
    read("s3", "GetBucketAcl",
        r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","acl":""}"#)
        .on(r#","additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$U$U$U","bytesTransferredOut":$n},"resources":[{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$b"}]"#),
    read("sts", "GetCallerIdentity", "null"),
    read("logs", "DescribeLogStreams",
        r#"{"logGroupName":"/aws/lambda/$w","orderBy":"LastEventTime","descending":true,"limit":50}"#),
    write("logs", "CreateLogStream",
        r#"{"logGroupName":"/aws/lambda/$w","logStreamName":"2024/07/$n/[$DLATEST]$h$h"}"#, "null"),
    read("secretsmanager", "GetSecretValue", r#"{"secretId":"prod/$w/$w-credentials"}"#),
    read("ec2", "DescribeSecurityGroups",
        r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-$x"},{"groupId":"sg-$x"}]},"filterSet":{}}"#),
    read("lambda", "GetFunction20150331v2",
        r#"{"functionName":"arn:aws:lambda:$r:$a:function:$w"}"#),
    read("ssm", "GetParametersByPath",
        r#"{"path":"/prod/$w/","recursive":true,"withDecryption":true,"maxResults":10}"#),
    read("monitoring", "DescribeAlarms",
        r#"{"alarmNamePrefix":"$w","maxRecords":100,"alarmTypes":["MetricAlarm","CompositeAlarm"]}"#),
    write("ec2", "CreateTags",
        r#"{"resourcesSet":{"items":[{"resourceId":"i-$x"},{"resourceId":"vol-$x"}]},"tagSet":{"items":[{"key":"Name","value":"$w-$n"},{"key":"Description","value":"$s"},{"key":"owner","value":"$P"}]}}"#,
        r#"{"requestId":"$u","_return":true}"#),
    read("elasticloadbalancing", "DescribeTargetHealth",
        r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:$r:$a:targetgroup/$w/$h$h"}"#),
    read("dynamodb", "DescribeTable", r#"{"tableName":"$w"}"#)
        .on(r#","resources":[{"accountId":"$a","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:$r:$a:table/$w"}],"apiVersion":"2012-08-10""#),
    read("ecs", "DescribeTasks",
        r#"{"cluster":"arn:aws:ecs:$r:$a:cluster/prod","tasks":["arn:aws:ecs:$r:$a:task/prod/$h$h$h$h"]}"#),
    write("sqs", "SetQueueAttributes",
        r#"{"queueUrl":"https://sqs.$r.amazonaws.com/$a/$w","attributes":{"VisibilityTimeout":"300","RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:$r:$a:$w-dlq\",\"maxReceiveCount\":5}"}}"#,
        "null"),
    read("ecr", "BatchGetImage",
        r#"{"repositoryName":"acme/$w","registryId":"$a","imageIds":[{"imageTag":"v1.$n"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"]}"#)
        .on(r#","resources":[{"accountId":"$a","ARN":"arn:aws:ecr:$r:$a:repository/acme/$w"}]"#),
    write("sns", "Subscribe",
        r#"{"topicArn":"arn:aws:sns:$r:$a:$w","protocol":"sqs","endpoint":"arn:aws:sqs:$r:$a:$w","returnSubscriptionArn":true}"#,
        r#"{"subscriptionArn":"arn:aws:sns:$r:$a:$w:$u"}"#),
    read("rds", "DescribeDBInstances", r#"{"dBInstanceIdentifier":"$w-prod"}"#),
    read("eks", "DescribeCluster", r#"{"name":"prod-$z"}"#),
    write("cloudformation", "UpdateStack",
        r#"{"stackName":"$w-prod","templateURL":"https://$b.s3.amazonaws.com/$w/template-$h.yaml","capabilities":["CAPABILITY_NAMED_IAM"],"parameters":[{"parameterKey":"Environment","parameterValue":"****"},{"parameterKey":"Owner","parameterValue":"****"}],"tags":[{"key":"purpose","value":"$s"}],"clientRequestToken":"$u"}"#,
        r#"{"stackId":"arn:aws:cloudformation:$r:$a:stack/$w-prod/$u"}"#),
    read("config", "DescribeConfigurationRecorderStatus", r#"{"configurationRecorderNames":[]}"#),
    read("guardduty", "ListFindings",
        r#"{"detectorId":"$h$h$h$h","findingCriteria":{"criterion":{"updatedAt":{"gte":$N000},"service.archived":{"eq":["false"]}}},"maxResults":50}"#),
    write("kms", "CreateGrant",
        r#"{"keyId":"arn:aws:kms:$r:$a:key/$u","granteePrincipal":"ec2.$r.amazonaws.com","operations":["Decrypt","Encrypt","GenerateDataKeyWithoutPlaintext","ReEncryptFrom","ReEncryptTo","CreateGrant","DescribeKey"],"constraints":{"encryptionContextSubset":{"aws:ebs:id":"vol-$x"}},"retiringPrincipal":"ec2.$r.amazonaws.com"}"#,
        r#"{"grantId":"$h$h$h$h$h$h$h$h","keyId":"arn:aws:kms:$r:$a:key/$u"}"#)
        .on(r#","resources":[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$r:$a:key/$u"}]"#),
    write("autoscaling", "SetDesiredCapacity",
        r#"{"autoScalingGroupName":"$w-asg","desiredCapacity":$n,"honorCooldown":false}"#, "null"),
    read("network-firewall", "DescribeFirewallPolicy",
        r#"{"firewallPolicyArn":"arn:aws:network-firewall:$r:$a:firewall-policy/$w"}"#),
    write("cognito-idp", "AdminUpdateUserAttributes",
        r#"{"userPoolId":"$r_$h","username":"HIDDEN_DUE_TO_SECURITY_REASONS","userAttributes":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#, "null"),
    read("cloudtrail", "LookupEvents",
        r#"{"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"ConsoleLogin"}],"startTime":"$T","endTime":"$t","maxResults":50}"#),
    write("events", "PutRule",
        r#"{"name":"$w","eventPattern":"{\"source\":[\"aws.ec2\"],\"detail-type\":[\"EC2 Instance State-change Notification\"]}","state":"ENABLED","description":"$s","eventBusName":"default"}"#,
        r#"{"ruleArn":"arn:aws:events:$r:$a:rule/$w"}"#),
    write("states", "StartExecution",
        r#"{"stateMachineArn":"arn:aws:states:$r:$a:stateMachine:$w","name":"$u","input":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
        r#"{"executionArn":"arn:aws:states:$r:$a:execution:$w:$u","startDate":"$t"}"#),
    write("ec2", "TerminateInstances",
        r#"{"instancesSet":{"items":[{"instanceId":"i-$x"}]}}"#,
        r#"{"requestId":"$u","instancesSet":{"items":[{"instanceId":"i-$x","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}"#),
    write("s3", "CreateBucket",
        r#"{"bucketName":"$b-$h","Host":"s3.$r.amazonaws.com","CreateBucketConfiguration":{"LocationConstraint":"$r","xmlns":"http://s3.amazonaws.com/doc/2006-03-01/"}}"#,
        "null"),
    write("s3", "PutBucketPolicy",
        r#"{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","policy":"","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"$w","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::$a:role/$R","arn:aws:iam::$a:root"]},"Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::$b","arn:aws:s3:::$b/*"],"Condition":{"StringEquals":{"aws:SourceVpce":"vpce-$x"},"Bool":{"aws:SecureTransport":"true"}}}]}}"#,
        "null")
        .on(r#","resources":[{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$b"}]"#),
    write("lambda", "UpdateFunctionConfiguration20150331v2",
        r#"{"functionName":"$w","description":"$s","timeout":30,"memorySize":1024,"environment":{},"layers":["arn:aws:lambda:$r:$a:layer:$w:$n"]}"#,
        r#"{"functionName":"$w","functionArn":"arn:aws:lambda:$r:$a:function:$w","runtime":"python3.12","role":"arn:aws:iam::$a:role/$R","handler":"app.handler","codeSize":$N,"description":"$s","timeout":30,"memorySize":1024,"lastModified":"$t","codeSha256":"$U$U$U=","version":"$DLATEST","tracingConfig":{"mode":"Active"},"revisionId":"$u","state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["arm64"],"ephemeralStorage":{"size":512}}"#),
    write("ec2", "RunInstances",
        r#"{"instancesSet":{"items":[{"imageId":"ami-$x","minCount":1,"maxCount":2,"keyName":"$w"}]},"userData":"<sensitiveDataRemoved>","instanceType":"m7g.large","blockDeviceMapping":{"items":[{"deviceName":"/dev/xvda","ebs":{"volumeSize":$n,"deleteOnTermination":true,"volumeType":"gp3","encrypted":true}}]},"monitoring":{"enabled":false},"subnetId":"subnet-$x","disableApiTermination":false,"clientToken":"$u","tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"Name","value":"$w"},{"key":"note","value":"$s"}]}]}}"#,
        r#"{"requestId":"$u","reservationId":"r-$x","ownerId":"$a","groupSet":{},"instancesSet":{"items":[{"instanceId":"i-$x","imageId":"ami-$x","currentInstanceBootMode":"uefi","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-$n.$r.compute.internal","amiLaunchIndex":0,"instanceType":"m7g.large","launchTime":$N000,"placement":{"availabilityZone":"$r$z","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"subnet-$x","vpcId":"vpc-$x","privateIpAddress":"$i","stateReason":{"code":"pending","message":"pending"},"architecture":"arm64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","blockDeviceMapping":{},"virtualizationType":"hvm","hypervisor":"xen","groupSet":{"items":[{"groupId":"sg-$x","groupName":"$w"}]},"sourceDestCheck":true,"networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-$x","subnetId":"subnet-$x","vpcId":"vpc-$x","ownerId":"$a","status":"in-use","macAddress":"02:42:ac:11:00:02","privateIpAddress":"$i"}]},"ebsOptimized":false,"cpuOptions":{"coreCount":2,"threadsPerCore":1},"metadataOptions":{"state":"pending","httpTokens":"required","httpPutResponseHopLimit":2,"httpEndpoint":"enabled"}}]}}"#),
    write("ec2", "AuthorizeSecurityGroupIngress",
        r#"{"groupId":"sg-$x","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"$p/32","description":"$s"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}"#,
        r#"{"requestId":"$u","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"$a","groupId":"sg-$x","securityGroupRuleId":"sgr-$x","description":"$s","isEgress":false,"ipProtocol":"tcp","fromPort":443,"toPort":443,"cidrIpv4":"$p/32"}]}}"#),
    write("ecs", "UpdateService",
        r#"{"cluster":"prod","service":"$w","desiredCount":4,"taskDefinition":"$w:$n","forceNewDeployment":true}"#,
        r#"{"service":{"serviceArn":"arn:aws:ecs:$r:$a:service/prod/$w","serviceName":"$w","clusterArn":"arn:aws:ecs:$r:$a:cluster/prod","status":"ACTIVE","desiredCount":4,"runningCount":3,"pendingCount":1,"launchType":"FARGATE","platformVersion":"1.4.0","taskDefinition":"arn:aws:ecs:$r:$a:task-definition/$w:$n","deploymentConfiguration":{"maximumPercent":200,"minimumHealthyPercent":100},"schedulingStrategy":"REPLICA","createdBy":"arn:aws:iam::$a:role/$R"}}"#),
    write("rds", "CreateDBSnapshot",
        r#"{"dBSnapshotIdentifier":"$w-$h","dBInstanceIdentifier":"$w-prod"}"#,
        r#"{"dBSnapshotIdentifier":"$w-$h","dBInstanceIdentifier":"$w-prod","engine":"aurora-postgresql","allocatedStorage":$n,"status":"creating","port":5432,"availabilityZone":"$r$z","vpcId":"vpc-$x","instanceCreateTime":"$T","masterUsername":"postgres","engineVersion":"16.3","snapshotType":"manual","encrypted":true,"kmsKeyId":"arn:aws:kms:$r:$a:key/$u","dBSnapshotArn":"arn:aws:rds:$r:$a:snapshot:$w-$h","iAMDatabaseAuthenticationEnabled":true}"#),
];

/// Calls to services that only one region has, the frequent ones first.
pub(super) static GLOBAL: &[Call] = &[
    read("iam", "GetRole", r#"{"roleName":"$R"}"#),
    write("signin", "ConsoleLogin", "null", r#"{"ConsoleLogin":"Success"}"#)
        .on(r#","additionalEventData":{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_$r_$h","MobileVersion":"No","MFAUsed":"Yes"}"#),
    read("iam", "ListAttachedRolePolicies", r#"{"roleName":"$R","maxItems":100}"#),
    read("organizations", "ListAccounts", r#"{"maxResults":20}"#),
    write("iam", "CreateRole",
        r#"{"roleName":"$R-$h","description":"$s","path":"/","assumeRolePolicyDocument":"{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Allow\",\n    \"Principal\": {\"Service\": \"lambda.amazonaws.com\"},\n    \"Action\": \"sts:AssumeRole\"\n  }]\n}","maxSessionDuration":3600}"#,
        r#"{"role":{"path":"/","roleName":"$R-$h","roleId":"AROA$U","arn":"arn:aws:iam::$a:role/$R-$h","createDate":"$t","assumeRolePolicyDocument":"%7B%0A%20%20%22Version%22%3A%20%222012-10-17%22%7D"}}"#),
    read("route53", "ListResourceRecordSets", r#"{"hostedZoneId":"Z$U","maxItems":300}"#),
    write("iam", "AttachRolePolicy",
        r#"{"roleName":"$R","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}"#, "null"),
    write("cloudfront", "CreateInvalidation",
        r#"{"distributionId":"E$U","invalidationBatch":{"paths":{"quantity":2,"items":["/index.html","/assets/*"]},"callerReference":"$u"}}"#,
        r#"{"location":"https://cloudfront.amazonaws.com/2020-05-31/distribution/E$U/invalidation/I$U","invalidation":{"id":"I$U","status":"InProgress","createTime":"$t"}}"#),
    write("iam", "CreateAccessKey", r#"{"userName":"$P"}"#,
        r#"{"accessKey":{"userName":"$P","accessKeyId":"AKIA$U","status":"Active","createDate":"$t"}}"#),
    write("route53", "ChangeResourceRecordSets",
        r#"{"hostedZoneId":"Z$U","changeBatch":{"comment":"$s","changes":[{"action":"UPSERT","resourceRecordSet":{"name":"$w.example.com.","type":"A","tTL":60,"resourceRecords":[{"value":"$p"}]}}]}}"#,
        r#"{"changeInfo":{"id":"/change/C$U","status":"PENDING","submittedAt":"$t"}}"#),
];

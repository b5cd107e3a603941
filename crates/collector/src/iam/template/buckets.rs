//! Buckets, who may write into them, and how they announce what is written.

use quittance_aws::{Fed, Reads, Source, Writer};
use serde_json::{Value, json};

use super::{
    super::{
        document::{Effect, Statement, when},
        reading::{Reader, queue_name},
    },
    queues::{Feed, Queue, document, wrapped},
    shape::{Parameter, Template, free, pascal},
};

/// The longest beginning of a name that leaves room for an account and a region.
const LONGEST_BEGINNING: usize = 35;

/// How many VPCs one stack can have flow logs of.
const MOST_VPCS: usize = 5;

/// A bucket whose objects queues announce.
pub(super) struct Bucket {
    pub(super) id: String,
    /// Its name, with `{account}` and `{region}` in it.
    name: String,
    pub(super) regions: Vec<String>,
    writers: Vec<Writer>,
    /// The places of its queues.
    pub(super) queues: Vec<usize>,
    /// Whether a topic stands between it and its queues.
    topic: bool,
    /// Whether it is made unless someone says otherwise.
    usual: bool,
}

/// The name of the bucket of a queue, where the configuration names none.
fn usual_name(queue: &str) -> String {
    let plain = queue.strip_suffix(".fifo").unwrap_or(queue).to_ascii_lowercase().replace('_', "-");
    let beginning = plain.trim_matches('-');
    let beginning = beginning[..beginning.len().min(LONGEST_BEGINNING)].trim_end_matches('-');
    format!("{beginning}-{{account}}-{{region}}")
}

/// `sources` with the names of all buckets.
pub(super) fn named(sources: &[Source]) -> Vec<Source> {
    let mut sources = sources.to_vec();
    for source in &mut sources {
        if let Reads::Queue(queue) = &mut source.reads
            && let Fed::Objects { buckets, .. } = &mut queue.fed
            && buckets.is_empty()
        {
            buckets.push(usual_name(queue_name(&queue.queue).name));
        }
    }
    sources
}

/// The buckets of all queues, each once.
pub(super) fn found(reader: &Reader, queues: &[Queue], topics: bool, notes: &mut Vec<String>) -> Vec<Bucket> {
    let mut found: Vec<Bucket> = Vec::new();
    for (index, queue) in queues.iter().enumerate() {
        for Feed { regions, fed } in &queue.feeds {
            let Fed::Objects { writer, buckets } = fed else { continue };
            if queue.is_fifo() {
                notes.push(format!("S3 cannot announce to the FIFO queue `{}`: name a standard queue", queue.name));
                continue;
            }
            let usual = vec![usual_name(&queue.name)];
            for name in if buckets.is_empty() { &usual } else { buckets } {
                // A bucket of one name is in one region.
                let regions = if name.contains("{region}") { regions.as_slice() } else { &regions[..1] };
                let at = found.iter().position(|bucket| bucket.name == *name).unwrap_or_else(|| {
                    let plain = name.replace("{account}", "").replace("{region}", "");
                    let id = free(format!("{}Bucket", pascal(&plain)), |id| found.iter().any(|one| one.id == id));
                    // In many accounts there is one bucket of such a name at most, and it is elsewhere.
                    let usual = reader.accounts.is_none() || name.contains("{account}");
                    let (regions, writers, queues) = Default::default();
                    found.push(Bucket { id, name: name.clone(), regions, writers, queues, topic: topics, usual });
                    found.len() - 1
                });
                let bucket = &mut found[at];
                for region in
                    regions.iter().filter(|region| !bucket.regions.contains(region)).cloned().collect::<Vec<_>>()
                {
                    bucket.regions.push(region);
                }
                if !bucket.writers.contains(writer) {
                    bucket.writers.push(*writer);
                }
                if !bucket.queues.contains(&index) {
                    bucket.queues.push(index);
                }
                // S3 announces an object to one destination.
                bucket.topic |= bucket.queues.len() > 1;
            }
        }
    }
    found
}

impl Bucket {
    /// As it stands in a template.
    fn full_name(&self) -> String {
        self.name.replace("{account}", "${AWS::AccountId}").replace("{region}", "${AWS::Region}")
    }

    fn arn(&self) -> String {
        format!("arn:${{AWS::Partition}}:s3:::{}", self.full_name())
    }

    fn topic_id(&self) -> String {
        format!("{}Topic", self.id)
    }

    /// What `queue` must allow for it to hear of new objects.
    pub(super) fn announces_to(&self, queue: &Queue, number: usize) -> Statement {
        let statement = Statement {
            sid: if number == 0 { "Objects".to_owned() } else { format!("Objects{}", number + 1) },
            action: vec!["sqs:SendMessage".to_owned()],
            resource: vec![format!("${{{}.Arn}}", queue.id)],
            ..Statement::default()
        };
        match self.topic {
            true => Statement {
                principal: [("Service", "sns.amazonaws.com".to_owned())].into(),
                condition: when("ArnEquals", "aws:SourceArn", [format!("${{{}}}", self.topic_id())]),
                ..statement
            },
            false => self.by_s3(statement),
        }
    }

    fn by_s3(&self, statement: Statement) -> Statement {
        let mut condition = when("ArnEquals", "aws:SourceArn", [self.arn()]);
        condition.extend(when("StringEquals", "aws:SourceAccount", ["${AWS::AccountId}".to_owned()]));
        Statement { principal: [("Service", "s3.amazonaws.com".to_owned())].into(), condition, ..statement }
    }
}

/// Adds them, with what writes into them.
pub(super) fn add(template: &mut Template, queues: &[Queue], buckets: &[Bucket]) {
    for bucket in buckets {
        let place = template.in_regions(&bucket.regions);
        let ask = format!(
            "Whether bucket {} is made. Of one that exists already, say false, and let it announce its new objects to the \
             queue{} by hand.",
            bucket.name,
            if bucket.topic { "'s topic" } else { "" }
        );
        let wanted = template.choice(&format!("Make{}", bucket.id), &ask, bucket.usual);
        let condition = template.all_of(&[&place, &wanted]);
        let mut before: Vec<String> = Vec::new();
        let notification = match bucket.topic {
            true => {
                add_topic(template, bucket, &place, queues);
                before.push(format!("{}Policy", bucket.topic_id()));
                let topic = json!({ "Event": "s3:ObjectCreated:*", "Topic": format!("${{{}}}", bucket.topic_id()) });
                json!({ "TopicConfigurations": [topic] })
            }
            false => {
                let announced = bucket.queues.iter().map(|index| &queues[*index]);
                before.extend(announced.clone().map(|queue| format!("{}Policy", queue.id)));
                let each = announced
                    .map(|queue| json!({ "Event": "s3:ObjectCreated:*", "Queue": format!("${{{}.Arn}}", queue.id) }));
                json!({ "QueueConfigurations": each.collect::<Vec<_>>() })
            }
        };
        template.parameters.entry("KeepDays".to_owned()).or_insert_with(|| Parameter {
            kind: "Number",
            description: "How many days objects are kept in the buckets.".to_owned(),
            default: Some("90".to_owned()),
            min_value: Some(15),
            ..Parameter::default()
        });
        // CloudFront's older delivery writes by ACLs.
        let by_acl = bucket.writers.contains(&Writer::CloudFront);
        let ownership = if by_acl { "BucketOwnerPreferred" } else { "BucketOwnerEnforced" };
        let properties = json!({
            "BucketName": bucket.full_name(),
            "BucketEncryption": { "ServerSideEncryptionConfiguration": [
                { "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } },
            ] },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
            },
            "OwnershipControls": { "Rules": [{ "ObjectOwnership": ownership }] },
            "LifecycleConfiguration": { "Rules": [{
                "Id": "expire",
                "Status": "Enabled",
                "ExpirationInDays": "${KeepDays}",
                "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
            }] },
            "NotificationConfiguration": notification,
        });
        let resource = template.add(&bucket.id, &condition, "AWS::S3::Bucket", properties);
        resource.depends_on = before;
        resource.deletion_policy = Some("Retain");
        resource.update_replace_policy = Some("Retain");
        let description = format!("The bucket of {}", bucket.name);
        template.tell(&format!("{}Name", bucket.id), &condition, description, &format!("${{{}}}", bucket.id));
        add_policy(template, bucket, &condition);
        add_writers(template, bucket, &condition);
    }
}

fn add_topic(template: &mut Template, bucket: &Bucket, place: &str, queues: &[Queue]) {
    let topic = bucket.topic_id();
    template.add(&topic, place, "AWS::SNS::Topic", json!({ "DisplayName": "New objects" }));
    let statement = bucket.by_s3(Statement {
        sid: "Objects".to_owned(),
        action: vec!["sns:Publish".to_owned()],
        resource: vec![format!("${{{topic}}}")],
        ..Statement::default()
    });
    let document = document(vec![wrapped(statement, place, place)]);
    let properties = json!({ "Topics": [format!("${{{topic}}}")], "PolicyDocument": document });
    template.add(&format!("{topic}Policy"), place, "AWS::SNS::TopicPolicy", properties);
    for queue in bucket.queues.iter().map(|index| &queues[*index]) {
        let shared: Vec<String> =
            bucket.regions.iter().filter(|region| queue.regions.contains(region)).cloned().collect();
        if shared.is_empty() {
            continue;
        }
        let condition = template.in_regions(&shared);
        let properties = json!({
            "TopicArn": format!("${{{topic}}}"),
            "Protocol": "sqs",
            "Endpoint": format!("${{{}.Arn}}", queue.id),
            "RawMessageDelivery": true,
        });
        let subscription = format!("{topic}To{}", queue.id);
        let resource = template.add(&subscription, &condition, "AWS::SNS::Subscription", properties);
        resource.depends_on = vec![format!("{}Policy", queue.id)];
    }
}

fn add_policy(template: &mut Template, bucket: &Bucket, condition: &str) {
    let arn = bucket.arn();
    let logs = format!("{arn}/AWSLogs/${{AWS::AccountId}}/*");
    let full_control = || when("StringEquals", "s3:x-amz-acl", ["bucket-owner-full-control".to_owned()]);
    let statement = |sid: &str, principal: (&'static str, &str), actions: &[&str], resource: &str| Statement {
        sid: sid.to_owned(),
        principal: [(principal.0, principal.1.to_owned())].into(),
        action: actions.iter().map(|action| (*action).to_owned()).collect(),
        resource: vec![resource.to_owned()],
        ..Statement::default()
    };
    let mut statements = vec![Statement {
        effect: Effect::Deny,
        condition: when("Bool", "aws:SecureTransport", ["false".to_owned()]),
        resource: vec![arn.clone(), format!("{arn}/*")],
        ..statement("OnlyEncrypted", ("AWS", "*"), &["s3:*"], &arn)
    }];
    for writer in &bucket.writers {
        match writer {
            Writer::Trail => {
                let trail = when("StringEquals", "aws:SourceArn", [trail_arn(bucket)]);
                let service = ("Service", "cloudtrail.amazonaws.com");
                let mut both = full_control();
                both.entry("StringEquals").or_default().extend(trail["StringEquals"].clone());
                statements.push(Statement {
                    condition: trail,
                    ..statement("TrailLooks", service, &["s3:GetBucketAcl"], &arn)
                });
                statements
                    .push(Statement { condition: both, ..statement("TrailWrites", service, &["s3:PutObject"], &logs) });
            }
            Writer::FlowLogs | Writer::CloudFront => {
                let service = ("Service", "delivery.logs.amazonaws.com");
                let mut own = when("StringEquals", "aws:SourceAccount", ["${AWS::AccountId}".to_owned()]);
                let any = "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:*".to_owned();
                own.extend(when("ArnLike", "aws:SourceArn", [any]));
                let mut both = own.clone();
                both.entry("StringEquals").or_default().extend(full_control()["StringEquals"].clone());
                let looks = ["s3:GetBucketAcl", "s3:ListBucket"];
                statements.push(Statement { condition: own, ..statement("LogsLook", service, &looks, &arn) });
                statements
                    .push(Statement { condition: both, ..statement("LogsWrite", service, &["s3:PutObject"], &logs) });
            }
            Writer::Stranger { name, user } => {
                let parameter = format!("{name}User");
                template.parameters.entry(parameter.clone()).or_insert_with(|| Parameter {
                    kind: "String",
                    description: format!("The ARN of the user that {name} writes with, as its documentation says."),
                    default: Some((*user).to_owned()),
                    ..Parameter::default()
                });
                let user = format!("${{{parameter}}}");
                let looks = ["s3:GetBucketLocation", "s3:ListBucket"];
                statements.push(statement(&format!("{name}Looks"), ("AWS", &user), &looks, &arn));
                let all = format!("{arn}/*");
                statements.push(statement(&format!("{name}Writes"), ("AWS", &user), &["s3:PutObject"], &all));
                statements.push(Statement {
                    effect: Effect::Deny,
                    ..statement(&format!("{name}ReadsNothing"), ("AWS", &user), &["s3:GetObject"], &all)
                });
            }
        }
    }
    let mut seen: Vec<Statement> = Vec::new();
    for statement in statements {
        if !seen.iter().any(|other| other.sid == statement.sid) {
            seen.push(statement);
        }
    }
    let document = document(seen.into_iter().map(|one| wrapped(one, condition, condition)).collect());
    let properties = json!({ "Bucket": format!("${{{}}}", bucket.id), "PolicyDocument": document });
    template.add(&format!("{}Policy", bucket.id), condition, "AWS::S3::BucketPolicy", properties);
}

fn trail_name(bucket: &Bucket) -> String {
    format!("{}-trail", pascal(&bucket.name.replace("{account}", "").replace("{region}", "")).to_ascii_lowercase())
}

fn trail_arn(bucket: &Bucket) -> String {
    format!("arn:${{AWS::Partition}}:cloudtrail:${{AWS::Region}}:${{AWS::AccountId}}:trail/{}", trail_name(bucket))
}

fn add_writers(template: &mut Template, bucket: &Bucket, condition: &str) {
    let policy = format!("{}Policy", bucket.id);
    if bucket.writers.contains(&Writer::Trail) {
        let ask = "Whether a trail of management events is made. Say false if a trail of yours is to write into the bucket, and \
                   let the bucket's policy name it.";
        let wanted = template.choice("MakeTrail", ask, true);
        let condition = template.all_of(&[condition, &wanted]);
        // Where buckets of several regions are read, each has the events of its own.
        let alone = bucket.regions.len() == 1;
        let first = bucket.regions.first().cloned().unwrap_or_default();
        let global = match alone {
            true => Value::Bool(true),
            false => {
                let first = template.in_regions(&[first]);
                json!({ "Fn::If": [first, true, false] })
            }
        };
        let properties = json!({
            "TrailName": trail_name(bucket),
            "S3BucketName": format!("${{{}}}", bucket.id),
            "IsLogging": true,
            "IsMultiRegionTrail": alone,
            "IncludeGlobalServiceEvents": global,
            "EnableLogFileValidation": true,
        });
        let trail = format!("{}Trail", bucket.id);
        template.add(&trail, &condition, "AWS::CloudTrail::Trail", properties).depends_on = vec![policy.clone()];
    }
    if bucket.writers.contains(&Writer::FlowLogs) {
        // CloudFormation's conditions cannot take a list apart.
        for number in 1..=MOST_VPCS {
            let parameter = format!("Vpc{number}");
            template.parameters.entry(parameter.clone()).or_insert_with(|| Parameter {
                kind: "String",
                description: "A VPC of this region whose flow logs are written; empty for none.".to_owned(),
                default: Some(String::new()),
                allowed_pattern: Some("^(vpc-[0-9a-f]+)?$"),
                ..Parameter::default()
            });
            let named = json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": parameter }, ""] }] });
            let named = template.condition(&format!("Has{parameter}"), named);
            let condition = template.all_of(&[condition, &named]);
            let properties = json!({
                "ResourceType": "VPC",
                "ResourceId": format!("${{{parameter}}}"),
                "TrafficType": "ALL",
                "LogDestinationType": "s3",
                "LogDestination": format!("${{{}.Arn}}", bucket.id),
                "MaxAggregationInterval": 60,
            });
            let flow_log = format!("{}FlowLog{number}", bucket.id);
            let resource = template.add(&flow_log, &condition, "AWS::EC2::FlowLog", properties);
            resource.depends_on = vec![policy.clone()];
        }
    }
}

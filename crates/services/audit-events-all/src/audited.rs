//! Whether a trail records what we read, told by its event selectors before an event shows it.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use aws_sdk_cloudtrail::{
    Client,
    types::{AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType, Trail},
};
use quittance_aws::{Account, codes::OWN_CALLS, partition};
use quittance_core::{Finding, chain};
use tracing::debug;

/// What CloudTrail calls an object.
const OBJECT: &str = "AWS::S3::Object";

/// How the keys of a trail's objects end.
const KEYS_END: &str = ".json.gz";

/// Who asks about trails.
pub(crate) struct Audited(Arc<Account>);

impl Audited {
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Audited(account.clone())
    }

    /// The trails that record reads of `buckets`, and write to one of them. Who may not ask about trails reads well enough.
    pub(crate) async fn findings(&self, region: &str, buckets: &BTreeSet<String>) -> Vec<Finding> {
        self.ask(region, buckets).await.unwrap_or_else(|error| {
            debug!(error = chain(&*error), "whether a trail records our own reads is not known");
            Vec::new()
        })
    }

    async fn ask(
        &self,
        region: &str,
        buckets: &BTreeSet<String>,
    ) -> Result<Vec<Finding>, Box<dyn Error + Send + Sync>> {
        let Audited(account) = self;
        account.turn(region, "DescribeTrails").await;
        let describe = Client::new(&account.config(region)).describe_trails().include_shadow_trails(true);
        let trails = Box::pin(describe.send()).await?.trail_list.unwrap_or_default();
        let caller = account.known_caller().map(|caller| &*caller.arn);
        let mut findings = Vec::new();
        for trail in trails.iter().filter(|trail| trail.s3_bucket_name.as_ref().is_some_and(|b| buckets.contains(b))) {
            let Some(name) = trail.trail_arn.as_ref().or(trail.name.as_ref()) else { continue };
            // Only its own region knows all of it.
            let home = trail.home_region.as_deref().unwrap_or(region);
            account.turn(home, "GetEventSelectors").await;
            let request = Client::new(&account.config(home)).get_event_selectors().trail_name(name);
            let selectors = Box::pin(request.send()).await?;
            let (basic, advanced) = (selectors.event_selectors(), selectors.advanced_event_selectors());
            let recorded = buckets.iter().find(|bucket| {
                let read = Read { objects: arn_of_objects(region, bucket, trail), caller };
                basic.iter().any(|selector| read.is_selected(selector))
                    || advanced.iter().any(|selector| read.is_selected_by_fields(selector))
            });
            findings.extend(recorded.map(|bucket| found(trail, bucket)));
        }
        Ok(findings)
    }
}

fn found(trail: &Trail, bucket: &str) -> Finding {
    let (name, own) = (trail.name.as_deref().unwrap_or_default(), trail.s3_bucket_name.as_deref().unwrap_or_default());
    let writes = if own == bucket { "which it writes to".to_owned() } else { format!("and writes to `{own}`") };
    let problem =
        format!("trail `{name}` records reads of bucket `{bucket}`, {writes}: each object that is read makes new ones");
    Finding::warning(&OWN_CALLS, problem)
}

/// What the ARNs of all objects begin with that are read in a bucket.
fn arn_of_objects(region: &str, bucket: &str, trail: &Trail) -> String {
    let bucket_of_trail = trail.s3_bucket_name.as_deref() == Some(bucket);
    let folder = match trail.s3_key_prefix.as_deref() {
        _ if !bucket_of_trail => String::new(),
        Some(prefix) if !prefix.is_empty() => format!("{prefix}/AWSLogs/"),
        _ => "AWSLogs/".to_owned(),
    };
    format!("arn:{}:s3:::{bucket}/{folder}", partition(region))
}

/// Our reads of a bucket, as an event tells of them.
struct Read<'r> {
    /// What the ARN of each object begins with.
    objects: String,
    /// Who reads, if it is known.
    caller: Option<&'r str>,
}

impl Read<'_> {
    fn is_selected(&self, selector: &EventSelector) -> bool {
        let of_reads = selector.read_write_type() != Some(&ReadWriteType::WriteOnly);
        let mut resources = selector.data_resources().iter().filter(|resource| resource.r#type() == Some(OBJECT));
        of_reads && resources.any(|resource| resource.values().iter().any(|value| self.meets(value)))
    }

    /// Whether some of the objects have ARNs that begin so.
    fn meets(&self, value: &str) -> bool {
        self.objects.starts_with(value) || value.starts_with(&self.objects)
    }

    /// Every field must agree. One that says nothing of us beforehand may.
    fn is_selected_by_fields(&self, selector: &AdvancedEventSelector) -> bool {
        let fields = selector.field_selectors();
        let of_data = fields.iter().any(|field| field.field() == "eventCategory");
        of_data
            && fields.iter().all(|field| match field.field() {
                "eventCategory" => admits(field, "Data"),
                "resources.type" => admits(field, OBJECT),
                "readOnly" => admits(field, "true"),
                "eventName" => admits(field, "GetObject"),
                "eventSource" => admits(field, "s3.amazonaws.com"),
                "eventType" => admits(field, "AwsApiCall"),
                "sessionCredentialFromConsole" => admits(field, "false"),
                "userIdentity.arn" => self.caller.is_none_or(|caller| admits(field, caller)),
                "resources.ARN" => self.is_among(field),
                _ => true,
            })
    }

    /// Whether the ARNs of our objects are among those that a field selects. One object alone is of no matter.
    fn is_among(&self, field: &AdvancedFieldSelector) -> bool {
        let ends = |value: &String| KEYS_END.ends_with(value.as_str()) || value.ends_with(KEYS_END);
        let begins = field.starts_with().iter().any(|value| self.meets(value)) || field.ends_with().iter().any(ends);
        let any = field.equals().is_empty() && field.starts_with().is_empty() && field.ends_with().is_empty();
        let none = field.not_starts_with().iter().any(|value| self.objects.starts_with(value.as_str()))
            || field.not_ends_with().iter().any(|value| KEYS_END.ends_with(value.as_str()));
        (any || begins) && !none
    }
}

/// Whether a field that has this value is selected: by one of the conditions that want something, and all that want it not.
fn admits(field: &AdvancedFieldSelector, value: &str) -> bool {
    let (equals, starts, ends) = (field.equals(), field.starts_with(), field.ends_with());
    let wanted = equals.iter().any(|one| one == value)
        || starts.iter().any(|one| value.starts_with(one.as_str()))
        || ends.iter().any(|one| value.ends_with(one.as_str()));
    let refused = field.not_equals().iter().any(|one| one == value)
        || field.not_starts_with().iter().any(|one| value.starts_with(one.as_str()))
        || field.not_ends_with().iter().any(|one| value.ends_with(one.as_str()));
    (wanted || (equals.is_empty() && starts.is_empty() && ends.is_empty())) && !refused
}

//! A template of CloudFormation with everything at AWS that an input reads from.
//!
//! One template serves all regions: what belongs into some of them has a condition on `AWS::Region`. A queue's policy must name
//! the bucket, and the bucket is not made before the queue lets it send; so buckets have names that are known beforehand.

mod buckets;
mod identity;
mod queues;
mod shape;
mod stack_set;

use serde_json::Value;

use super::{TemplateOptions, Written, policy, policy::Owner, reading::Reader};

use shape::Template;

/// Stands for the account's number, in texts of a template.
const ACCOUNT: &str = "${AWS::AccountId}";

/// What CloudFormation takes as a template that is not in a bucket, in bytes.
const LARGEST: usize = 51_200;

/// The template for what `reader` reads: of a stack, or of a StackSet if it reads many accounts.
pub(super) fn of(input: &str, reader: &Reader, options: &TemplateOptions) -> Result<Written, String> {
    let mut notes = Vec::new();
    let mut template = Template::new(format!(
        "What Quittance's input {input} reads at AWS. To be deployed in each of: {}.",
        reader.regions().join(", ")
    ));
    let queues = queues::found(reader, &mut notes);
    if queues::leave_out_api_calls(&queues) {
        notes.push(
            "the rule for events of all services leaves out API calls, since a trail is read that holds them: take the \
             `detail-type`s out of its pattern to have them too"
                .to_owned(),
        );
    }
    let buckets = buckets::found(reader, &queues, options.topics, &mut notes);
    queues::add(&mut template, &queues, &buckets);
    buckets::add(&mut template, &queues, &buckets);
    let document = policy::of(&buckets::named(&reader.sources), Owner(Some(ACCOUNT)));
    identity::add(&mut template, reader, &document, options.principal.as_deref());
    identity::add_senders(&mut template, reader);
    if template.resources.is_empty() {
        return Err("nothing has to be made at AWS for what is read".to_owned());
    }
    if reader.accounts.is_some() && !options.member {
        template = stack_set::of(input, reader, &template, &mut notes)?;
    }
    let length = template.text().len();
    if length > LARGEST {
        notes.push(format!(
            "the template has {length} bytes, more than the {LARGEST} that CloudFormation takes directly: put it into a bucket \
             (`aws cloudformation deploy --s3-bucket`)"
        ));
    }
    Ok(Written { json: serde_json::to_value(&template).unwrap_or(Value::Null), notes })
}

//! What a queue says of itself, and of where it is.

use quittance_fuzz::fuzz;

use super::{RedrivePolicy, SqsQueue, buckets};

#[test]
fn attributes_of_queues() {
    let seeds = [
        r#"{"maxReceiveCount":"5","deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:dead"}"#,
        r#"{"maxReceiveCount":5}"#,
        r#"{"Statement":[{"Condition":{"ArnLike":{"aws:SourceArn":["arn:aws:s3:::one","arn:aws-cn:s3:::two*"]}}}]}"#,
        "https://sqs.eu-west-1.amazonaws.com/111122223333/queue",
    ];
    fuzz("attributes_of_queues", seeds, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        for bucket in buckets(text) {
            assert!(!bucket.contains(['*', '?', '/', '$']));
        }
        if let Ok(policy) = serde_json::from_str::<RedrivePolicy>(text)
            && let Some(count) = policy.max_receive_count.as_u32()
        {
            assert!(
                text.contains(&count.to_string()) || text.contains('\\') || text.contains('+') || text.contains('0')
            );
        }
        let account = SqsQueue::account_of(text);
        assert!(account.is_none_or(|account| text.contains(&format!("/{account}/")) || text.starts_with(account)));
    });
}

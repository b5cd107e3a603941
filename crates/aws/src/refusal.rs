//! What a refusal means to a setup: which code it is found under, in one line that names what to change.

use quittance_core::{Class, Code, Finding};

use crate::{AwsError, codes};

/// The finding that `error` is, if it does not pass by itself; otherwise the error comes back. `what` is what cannot be done
/// for it, as in "queue `q` in eu-west-1 cannot be read"; `action` is what must be allowed, as in `sqs:ReceiveMessage`.
pub fn finding(error: AwsError, what: &str, action: &str) -> Result<Finding, AwsError> {
    if error.class() != Class::NeedsPerson {
        return Err(error);
    }
    let code = code(&error);
    // Whoever does not sign in is refused everything, and hears of it once.
    let AwsError::SignIn { source, .. } = &error else {
        let found = Finding::error(code, format!("{what}: {}", error.chain()));
        return Ok(if *code == codes::NOT_ALLOWED { found.with_fix(format!("allow {action}")) } else { found });
    };
    Ok(Finding::error(code, quittance_core::chain(&**source)))
}

/// The findings of calls that were made to see whether they are allowed: one for each that is refused. `service` is the first
/// part of their actions, as in `sqs`.
pub fn findings(
    errors: impl IntoIterator<Item = AwsError>,
    what: &str,
    service: &str,
) -> Result<Vec<Finding>, AwsError> {
    let found = errors.into_iter().map(|error| {
        // There is no action for a batch alone.
        let action = format!("{service}:{}", error.operation().trim_end_matches("Batch"));
        finding(error, what, &action)
    });
    let mut found: Vec<Finding> = found.collect::<Result<_, _>>()?;
    found.dedup();
    Ok(found)
}

/// Which refusal it is.
fn code(error: &AwsError) -> &'static Code {
    let AwsError::Api { code, status, source, .. } = error else { return error.code() };
    let code = code.as_deref().unwrap_or_default().trim_start_matches("AWS.SimpleQueueService.");
    match code {
        _ if code.starts_with("KMS.") => &codes::KMS_REFUSED,
        // S3 has no code of its own for it.
        _ if code.starts_with("AccessDenied") && source.to_string().contains("kms:") => &codes::KMS_REFUSED,
        _ if code.starts_with("AccessDenied") => &codes::NOT_ALLOWED,
        "UnauthorizedOperation" | "InvalidAddress" | "InvalidSecurity" => &codes::NOT_ALLOWED,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "AuthFailure"
        | "MissingAuthenticationToken" => &codes::KEY_REFUSED,
        "NonExistentQueue" | "QueueDoesNotExist" => &codes::QUEUE_MISSING,
        "NoSuchBucket" => &codes::BUCKET_MISSING,
        "ResourceNotFoundException" => &codes::MISSING,
        "RequestTimeTooSkewed" => &codes::CLOCK_WRONG,
        "RegionDisabledException" | "OptInRequired" | "SubscriptionRequiredException" => &codes::REGION_UNUSABLE,
        // A HEAD has no body to say more in.
        "" if *status == Some(403) => &codes::NOT_ALLOWED,
        _ => &codes::REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, said: &str) -> AwsError {
        AwsError::Api {
            operation: "ReceiveMessage",
            target: "q".to_owned(),
            code: Some(code.to_owned()),
            status: Some(400),
            class: Class::NeedsPerson,
            source: said.into(),
        }
    }

    #[test]
    fn each_refusal_has_its_code_and_names_what_to_allow() {
        let check = |code: &str, said: &str, expected: &Code| {
            let found = finding(refused(code, said), "no", "sqs:ReceiveMessage").unwrap();
            assert_eq!(found.code, expected, "{code}");
            assert_eq!(found.problem, format!("no: ReceiveMessage on `q` failed ({code}): {said}"));
            found
        };
        let denied = check("AccessDenied", "User: x is not authorized", &codes::NOT_ALLOWED);
        assert_eq!(denied.fix, "allow sqs:ReceiveMessage");
        check("AccessDenied", "no kms:Decrypt on the ciphertext", &codes::KMS_REFUSED);
        check("KMS.DisabledException", "it is disabled", &codes::KMS_REFUSED);
        check("AWS.SimpleQueueService.NonExistentQueue", "gone", &codes::QUEUE_MISSING);
        check("InvalidClientTokenId", "unknown", &codes::KEY_REFUSED);
        check("RequestTimeTooSkewed", "late", &codes::CLOCK_WRONG);
        check("SomethingNew", "?", &codes::REFUSED);
    }

    #[test]
    fn what_passes_by_itself_is_no_finding() {
        let AwsError::Api { operation, target, code, status, source, .. } = refused("Throttling", "slow") else {
            return;
        };
        let error = AwsError::Api { operation, target, code, status, class: Class::Throttled, source };
        assert!(finding(error, "no", "").is_err());
    }
}

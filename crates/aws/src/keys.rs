//! What the key of an object says of the service that wrote it.

/// The folder of the service that an object below `AWSLogs` belongs to: `CloudTrail` of
/// `AWSLogs/o-0a1b2c/111122223333/CloudTrail/...`, with or without the organization's id, or in Hive's form
/// (`aws-account-id=111122223333/aws-service=vpcflowlogs`). `None` if the key names no service in that way.
pub fn writer_folder(key: &str) -> Option<&str> {
    let folders = key.rsplit_once('/')?.0;
    let mut rest = folders.split('/');
    while rest.by_ref().any(|folder| folder == "AWSLogs") {
        // What stands before may have that name too.
        let mut below = rest.clone();
        let mut account = below.next()?;
        if account.starts_with("o-") {
            account = below.next()?;
        }
        let account = account.strip_prefix("aws-account-id=").unwrap_or(account);
        if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) {
            return below.next().map(|folder| folder.strip_prefix("aws-service=").unwrap_or(folder));
        }
    }
    None
}

/// Whether an object stands in a folder `AWSLogs`, in which each service has a folder of its own.
pub fn is_below_aws_logs(key: &str) -> bool {
    key.rsplit_once('/').is_some_and(|(folders, _)| folders.split('/').any(|folder| folder == "AWSLogs"))
}

/// Whether a service wrote an object only to see whether it may write, as its name says.
pub fn is_write_test(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    matches!(name, "ELBAccessLogTestFile" | "ConfigWritabilityCheckFile" | "aws-logs-write-test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_below_the_account_names_the_service() {
        for (key, folder) in [
            ("AWSLogs/111122223333/redshift/eu-west-1/x.gz", Some("redshift")),
            ("p/q/AWSLogs/o-0a1b2c/111122223333/CloudTrail-Digest/eu-west-1/x.json.gz", Some("CloudTrail-Digest")),
            ("o-0a1b2c/AWSLogs/o-0a1b2c/111122223333/Config/x.json.gz", Some("Config")),
            ("AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/x", Some("vpcflowlogs")),
            ("AWSLogs/AWSLogs/111122223333/WAFLogs/x.gz", Some("WAFLogs")),
            ("AWSLogs/111122223333/x.gz", None),
            ("AWSLogs/111122223333", None),
            ("AWSLogs/1111/redshift/x.gz", None),
            ("MyAWSLogs/111122223333/redshift/x.gz", None),
            ("111122223333/redshift/x.gz", None),
            ("x.gz", None),
        ] {
            assert_eq!(writer_folder(key), folder, "{key}");
        }
    }
}

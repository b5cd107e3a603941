//! The separate clouds of AWS.

/// The region that is asked about a whole account, where no region in use says which: the partition's oldest.
pub fn main_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-iso-e" => "eu-isoe-west-1",
        "aws-iso-f" => "us-isof-south-1",
        "aws-eusc" => "eusc-de-east-1",
        _ => "us-east-1",
    }
}

/// The partition of a region: `aws`, `aws-cn`, `aws-us-gov` and so on.
pub fn partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// The partition that an ARN stands in.
pub fn partition_of_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_partition_and_every_partition_a_main_region() {
        for region in
            ["eu-west-1", "cn-northwest-1", "us-gov-east-1", "us-iso-west-1", "us-isob-east-1", "eusc-de-east-1"]
        {
            let partition = partition(region);
            assert_eq!(super::partition(main_region(partition)), partition, "{region}");
        }
        assert_eq!(partition_of_arn("arn:aws-cn:iam::111122223333:role/a"), Some("aws-cn"));
    }
}

//! Which logs an object holds: Umbrella says so by the folder alone, as in `dnslogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz`.

/// The last level of the table, and the names of the folders whose logs go there. Cisco has changed some over the years;
/// `firewallogs` stands in its own documentation.
const FOLDERS: [(&str, &[&str]); 7] = [
    ("dns", &["dnslogs"]),
    ("ip", &["iplogs"]),
    ("proxy", &["proxylogs"]),
    ("firewall", &["firewalllogs", "firewallogs", "cloudfirewalllogs", "cdfwlogs"]),
    ("audit", &["auditlogs"]),
    ("intrusion", &["intrusionlogs"]),
    ("dlp", &["dlplogs"]),
];

/// The last level of the table of logs whose folder is none of these.
pub(crate) const UNKNOWN: &str = "unknown";

/// What an object's folder says: the last level of the table, or the folder that nobody knows.
pub(crate) fn logs_of(key: &str) -> Result<&'static str, &str> {
    let (path, _) = key.rsplit_once('/').unwrap_or_default();
    // The last that is known counts: before it, a prefix may have any name.
    let known = path.rsplit('/').find_map(|folder| {
        let is_it = |name: &&str| name.eq_ignore_ascii_case(folder);
        FOLDERS.iter().find(|(_, names)| names.iter().any(is_it)).map(|(logs, _)| *logs)
    });
    known.ok_or_else(|| path.rsplit('/').find(|folder| !is_date(folder)).unwrap_or_default())
}

/// Whether an object stands in the folder of a day, below another folder.
pub(crate) fn in_day(key: &str) -> bool {
    let mut folders = key.rsplit('/').skip(1);
    folders.next().is_some_and(is_date) && folders.next().is_some_and(|folder| !folder.is_empty())
}

/// `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
    shape.eq(b"0000-00-00".iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_says_which_logs_they_are() {
        let check = |key: &str, expected: Result<&'static str, &str>| assert_eq!(logs_of(key), expected, "{key}");
        check("dnslogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", Ok("dns"));
        check("8234970_0a1b2c3d4e5f/iplogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", Ok("ip"));
        check("a/b/proxylogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", Ok("proxy"));
        for folder in ["firewalllogs", "firewallogs", "cloudfirewalllogs", "cdfwlogs", "FirewallLogs"] {
            check(&format!("{folder}/2026-01-15/x.csv.gz"), Ok("firewall"));
        }
        check("auditlogs/2026-01-15/x.csv.gz", Ok("audit"));
        check("intrusionlogs/2026-01-15/x.csv.gz", Ok("intrusion"));
        check("dlplogs/x.csv", Ok("dlp"));
        // A prefix may be called like another kind of logs.
        check("dnslogs/backup/proxylogs/2026-01-15/x.csv.gz", Ok("proxy"));
    }

    #[test]
    fn an_unknown_folder_is_named() {
        let check = |key: &str, folder: &str| assert_eq!(logs_of(key), Err(folder), "{key}");
        check("p/ravpnlogs/2026-01-15/2026-01-15-12-00-e4e1.csv.gz", "ravpnlogs");
        check("old-dnslogs/2026-01-15/x.csv.gz", "old-dnslogs");
        check("2026-01-15/x.csv.gz", "");
        check("dnslogs", "");
        check("", "");
    }
}

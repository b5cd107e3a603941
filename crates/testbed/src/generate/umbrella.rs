//! Cisco Umbrella's logs: rows of quoted cells, of as many columns as the schema of a bucket has, in some buckets below a
//! row that names them.

use fastrand::Rng;

use super::template::Filler;
use super::values::{self, LETTERS, Origin};

/// A kind of logs, which is a folder in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Queries of names.
    Dns,
    /// Connections past the name service.
    Ip,
    /// Requests through the web gateway.
    Proxy,
    /// Connections through the firewall in the cloud.
    Firewall,
    /// What administrators changed.
    Audit,
    /// Hits of the intrusion prevention.
    Intrusion,
    /// Hits of the data loss prevention.
    Dlp,
}

impl Log {
    /// Every kind.
    pub const ALL: [Log; 7] = [Log::Dns, Log::Ip, Log::Proxy, Log::Firewall, Log::Audit, Log::Intrusion, Log::Dlp];

    /// Its folder.
    pub fn folder(self) -> &'static str {
        match self {
            Log::Dns => "dnslogs",
            Log::Ip => "iplogs",
            Log::Proxy => "proxylogs",
            Log::Firewall => "firewalllogs",
            Log::Audit => "auditlogs",
            Log::Intrusion => "intrusionlogs",
            Log::Dlp => "dlplogs",
        }
    }

    /// Any kind, queries of names more often than others, as in a real bucket.
    pub fn any(rng: &mut Rng) -> Log {
        if rng.bool() { Log::Dns } else { Log::ALL[rng.usize(..Log::ALL.len())] }
    }

    fn columns(self) -> &'static [Column] {
        match self {
            Log::Dns => DNS,
            Log::Ip => IP,
            Log::Proxy => PROXY,
            Log::Firewall => FIREWALL,
            Log::Audit => AUDIT,
            Log::Intrusion => INTRUSION,
            Log::Dlp => DLP,
        }
    }

    /// How many columns there were, by version of the schema.
    fn widths(self) -> &'static [usize] {
        match self {
            Log::Dns => &[10, 13, 16],
            Log::Ip => &[7, 8],
            Log::Proxy => &[21, 22, 23, 26, 32, 35],
            Log::Firewall => &[14],
            Log::Audit => &[9],
            Log::Intrusion => &[17],
            Log::Dlp => &[13],
        }
    }
}

/// An object's content before compression: rows with the ordinals from `first`, and sometimes a header.
pub fn object(rng: &mut Rng, origin: &Origin, log: Log, first: u64, events: usize) -> Vec<u8> {
    let widths = log.widths();
    let columns = &log.columns()[..widths[rng.usize(..widths.len())]];
    let mut out = String::with_capacity((events + 1) * columns.len() * 16);
    if rng.u8(..) < 64 {
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        out.push_str(&names.join(","));
        out.push('\n');
    }
    for ordinal in first..first + events as u64 {
        let seconds = origin.moment(rng);
        let mut filler = Filler { rng, origin, ordinal, seconds };
        for (index, (_, cell)) in columns.iter().enumerate() {
            if index > 0 {
                // A space gets in here and there.
                out.push_str(if filler.rng.u8(..) == 0 { ", " } else { "," });
            }
            out.push('"');
            fill(&mut out, &mut filler, cell);
            out.push('"');
        }
        out.push('\n');
    }
    out.into_bytes()
}

/// The key of a new object: `<organisation>_<hash>/<folder>/<date>/<date>-<hour>-<minute>-<4 letters>.csv.gz`.
pub fn key(rng: &mut Rng, origin: &Origin, log: Log) -> String {
    let civil = origin.civil();
    let mut out = String::from("8234970_5f2c19aa77d0e3b1c6/");
    out.push_str(log.folder());
    out.push('/');
    values::date(&mut out, civil, "-");
    out.push('/');
    values::date(&mut out, civil, "-");
    for part in [civil.hour(), civil.minute() / 10 * 10] {
        out.push('-');
        values::two(&mut out, part);
    }
    out.push('-');
    values::random(&mut out, rng, LETTERS, 4);
    out.push_str(".csv.gz");
    out
}

/// Fills a cell: `%t` is the row's time, `%o` its ordinal made unlike a counter, `%O` the ordinal itself; the rest are the
/// blanks of templates.
fn fill(out: &mut String, filler: &mut Filler<'_>, cell: &str) {
    for (index, part) in cell.split('%').enumerate() {
        let mut rest = part;
        if index > 0 {
            let (blank, after) = part.split_at(1);
            rest = after;
            match blank {
                "t" => {
                    let civil = values::civil(filler.seconds);
                    values::date(out, civil, "-");
                    out.push(' ');
                    values::time(out, civil);
                }
                "o" => values::hex(out, values::scramble(filler.ordinal), 12),
                "O" => values::number(out, filler.ordinal),
                other => unreachable!("no cell has the blank %{other}"),
            }
        }
        filler.fill(out, rest);
    }
}

/// A column's name, and what its cells hold.
type Column = (&'static str, &'static str);

const DNS: &[Column] = &[
    ("Timestamp", "%t"),
    ("Most Granular Identity", "LAPTOP-$w"),
    ("Identities", "LAPTOP-$w,Branch \"\"North\"\",AD Users"),
    ("Internal IP", "$i"),
    ("External IP", "$p"),
    ("Action", "Allowed"),
    ("Query Type", "1 (A)"),
    ("Response Code", "NOERROR"),
    ("Domain", "d%o.cdn.example.net."),
    ("Categories", "Software/Technology,Business Services,Application"),
    ("Most Granular Identity Type", "Anyconnect Roaming Client"),
    ("Identity Types", "AD Users,Anyconnect Roaming Client"),
    ("Blocked Categories", ""),
    ("Rule ID", "506165"),
    ("Destination Countries", "US,IE"),
    ("Organization ID", "8234970"),
];
const IP: &[Column] = &[
    ("Timestamp", "%t"),
    ("Identity", "FR-%o"),
    ("Source IP", "$i"),
    ("Source Port", "54128"),
    ("Destination IP", "$p"),
    ("Destination Port", "443"),
    ("Categories", "Command and Control"),
    ("Identity Types", "Roaming Computers"),
];
const PROXY: &[Column] = &[
    ("Timestamp", "%t"),
    ("Policy Identity Label", "LAPTOP-$w"),
    ("Internal Client IP", "$i"),
    ("External Client IP", "$p"),
    ("Destination IP", "$p"),
    ("Content Type", "text/html; charset=utf-8"),
    ("Action", "ALLOWED"),
    ("URL", "https://www.example.com/search?q=a,b&id=%o"),
    ("Referer", "https://www.example.com/"),
    (
        "User Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ),
    ("Status Code", "200"),
    ("Request Size", "562"),
    ("Response Size", "$N"),
    ("Response Body Size", "1024"),
    ("SHA-SHA256", "$h$h$h$h$h$h$h$h"),
    ("Categories", "Search Engines"),
    ("AV Detections", ""),
    ("PUAs", ""),
    ("AMP Disposition", "Unknown"),
    ("AMP Malware Name", ""),
    ("AMP Score", ""),
    ("Policy Identity Type", "Roaming Computer"),
    ("Blocked Categories", ""),
    ("Identities", "LAPTOP-$w, ADSite,Network"),
    ("Identity Types", "Roaming Computer, Site, Network"),
    ("Request Method", "GET"),
    ("DLP Status", ""),
    ("Certificate Errors", ""),
    ("File Name", "the.js"),
    ("Ruleset ID", "1234$n"),
    ("Rule ID", "506165"),
    ("Destination List IDs", "15543,17441"),
    ("Isolate Action", ""),
    ("File Action", "downloaded_original_file"),
    ("Warn Status", ""),
];
const FIREWALL: &[Column] = &[
    ("Timestamp", "%t"),
    ("Origin ID", "[211039844]"),
    ("Identity", "Branch $w %o"),
    ("Identity Type", "CDFW Tunnel Device"),
    ("Direction", "OUTBOUND"),
    ("IP Protocol", "1"),
    ("Packet Size", "84"),
    ("Source IP", "$i"),
    ("Source Port", ""),
    ("Destination IP", "$p"),
    ("Destination Port", ""),
    ("Data Center", "ams1.edc"),
    ("Rule ID", "12"),
    ("Verdict", "ALLOW"),
];
const AUDIT: &[Column] = &[
    ("ID", "1%O"),
    ("Time", "%t"),
    ("Email", "$w@acme.example"),
    ("User", "$P"),
    ("Type", "logexportconfigurations"),
    ("Action", "update"),
    ("Logged in from", "$p"),
    ("Before", "version: 4\nname: \"\"$w\"\"\nnote: first, second"),
    ("After", "version: 5\r\nname: \"\"$w\"\"\n\nnote: $n"),
];
const INTRUSION: &[Column] = &[
    ("Timestamp", "%t"),
    ("Identities", "Branch $w"),
    ("Identity Types", "CDFW Tunnel Device"),
    ("Generator ID", "1"),
    ("Signature ID", "$N"),
    ("Signature Message", "SERVER-WEBAPP Apache \"\"Log4j\"\" logging remote code execution attempt, inbound"),
    ("Signature List ID", "7"),
    ("Severity", "HIGH"),
    ("Attack Classification", "Attempted Administrator Privilege Gain"),
    ("CVEs", "CVE-2021-44228,CVE-2021-45046"),
    ("IP Protocol", "TCP"),
    ("Session ID", "%O"),
    ("Source IP", "$i"),
    ("Source Port", "54128"),
    ("Destination IP", "$p"),
    ("Destination Port", "8080"),
    ("Action", "Blocked"),
];
const DLP: &[Column] = &[
    ("Timestamp", "%t"),
    ("Event ID", "%o"),
    ("Severity", "HIGH"),
    ("Identity", "$P"),
    ("Owner", "$w@acme.example"),
    ("Name", "export of $w, final.xlsx"),
    ("Application", "Dropbox"),
    ("Destination", "https://www.dropbox.com/upload"),
    ("Action", "BLOCK"),
    ("Rule", "Cards \"\"and\"\" accounts"),
    ("Data Classification", "PCI"),
    ("Data Identifier", "Credit Card Number"),
    ("File Hash", "$h$h$h$h$h$h$h$h"),
];

//! How fast one core goes through input of each kind: `cargo bench -p quittance-formats`. A word as argument selects by
//! name.
// Real time is what a benchmark measures.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use quittance_formats::{
    Csv, Frame, Framer, Header, Inflate, Lines, Records, Values, fields,
    paths::{Paths, Step, Walk},
};

/// As pieces come out of an inflating buffer.
const WINDOW: usize = 256 * 1024;
const MAX_EVENT_BYTES: usize = 1 << 20;
const INPUT_BYTES: usize = 32 << 20;

fn main() {
    let records: Vec<String> = (0..).map(record).take(INPUT_BYTES / record(0).len()).collect();
    let document = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let json_lines = records.join("\n");
    let flows: String = (0..INPUT_BYTES / flow(0).len()).map(flow).collect();
    let rows: String = (0..INPUT_BYTES / row(0).len()).map(row).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(document.as_bytes()).and_then(|()| gzip.try_finish()).expect("memory takes all");
    let gzip = gzip.finish().expect("memory takes all");

    measure("records", document.len(), || frame(Records::new("Records", MAX_EVENT_BYTES), document.as_bytes()));
    measure("values", json_lines.len(), || frame(Values::new(MAX_EVENT_BYTES), json_lines.as_bytes()));
    measure("lines", flows.len(), || frame(Lines::new(Header::VpcFlow, MAX_EVENT_BYTES), flows.as_bytes()));
    measure("csv", rows.len(), || frame(Csv::new(MAX_EVENT_BYTES), rows.as_bytes()));
    // What was just framed is in the cache when its fields are read.
    let hot = &records[..WINDOW / records[0].len()];
    let rounds = INPUT_BYTES / WINDOW;
    let paths: [&[&str]; 3] = [&["eventSource"], &["awsRegion"], &["userIdentity", "accountId"]];
    let found = |record: &String| fields::read(record.as_bytes(), paths).iter().flatten().count();
    let hot_bytes: usize = hot.iter().map(String::len).sum();
    measure("fields", hot_bytes * rounds, || (0..rounds).flat_map(|_| black_box(hot)).map(found).sum());
    let one = |record: &String| fields::read(record.as_bytes(), [&["eventSource"]]).iter().flatten().count();
    measure("field", hot_bytes * rounds, || (0..rounds).flat_map(|_| black_box(hot)).map(one).sum());
    // A filter sees every value at its paths, and so the whole event.
    let mut asked = Paths::default();
    for path in paths {
        asked.add(&path.iter().map(|key| Step::Key((*key).to_owned())).collect::<Vec<_>>());
    }
    measure("paths", hot_bytes * rounds, || {
        let mut walk = Walk::default();
        let mut found = |record: &String| asked.find(record.as_bytes(), &mut walk).map_or(0, |()| walk.found.len());
        (0..rounds).flat_map(|_| black_box(hot)).map(&mut found).sum()
    });
    measure("inflate", document.len(), || inflate(&gzip));
}

/// Prints the best of some runs: events (or bytes) found, MB/s of uncompressed input, time for each found.
fn measure(name: &str, bytes: usize, run: impl Fn() -> usize) {
    if std::env::args().skip(1).any(|word| !word.starts_with('-') && !name.contains(&word)) {
        return;
    }
    let mut best = Duration::MAX;
    let mut found = 0;
    for _ in 0..7 {
        let start = Instant::now();
        found = black_box(run());
        best = best.min(start.elapsed());
    }
    let rate = bytes as f64 / 1e6 / best.as_secs_f64();
    println!("{name:8} {rate:8.0} MB/s  {found:9} found  {:7.1} ns each", best.as_nanos() as f64 / found as f64);
}

fn frame(mut framer: impl Framer, input: &[u8]) -> usize {
    let (mut frames, mut from, mut to, mut events) = (Vec::<Frame>::new(), 0, 0, 0);
    while to < input.len() {
        to = (to + WINDOW).min(input.len());
        frames.clear();
        from += framer.frame(&input[from..to], to == input.len(), &mut frames).expect("whole");
        events += frames.len();
    }
    events
}

fn inflate(input: &[u8]) -> usize {
    let (mut decoder, mut out, mut from, mut total) = (Inflate::new(), Vec::with_capacity(WINDOW), 0, 0);
    while from < input.len() || !decoder.is_drained() {
        let to = (from + WINDOW).min(input.len());
        from += decoder.decode(&input[from..to], &mut out).expect("whole");
        total += out.len();
        out.clear();
    }
    decoder.finish().expect("whole");
    total
}

/// A CloudTrail record of common size, different for each `n`.
fn record(n: usize) -> String {
    let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        r#"{{"eventVersion":"1.09","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{id:x}:session","arn":"arn:aws:sts::123456789012:assumed-role/application/session-{n}","accountId":"123456789012","accessKeyId":"ASIA{id:016X}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{id:x}","arn":"arn:aws:iam::123456789012:role/application","accountId":"123456789012","userName":"application"}},"attributes":{{"creationDate":"2024-05-01T12:00:00Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2024-05-01T12:{:02}:{:02}Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","sourceIPAddress":"10.{}.{}.7","userAgent":"[aws-sdk-go/1.44.0 (go1.19; linux; amd64) S3Manager \"x\"]","requestParameters":{{"bucketName":"customer-data-{}","Host":"customer-data.s3.eu-west-1.amazonaws.com","key":"path/to/an/object/{id:x}.json"}},"responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{id:x}{id:X}","bytesTransferredOut":{n}}},"requestID":"{id:X}","eventID":"{id:08x}-1111-2222-3333-444455556666","readOnly":true,"resources":[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::customer-data/path/to/an/object/{id:x}.json"}},{{"accountId":"123456789012","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::customer-data"}}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"123456789012","eventCategory":"Data"}}"#,
        n / 60 % 60,
        n % 60,
        n / 256 % 256,
        n % 256,
        n % 10,
    )
}

fn flow(n: usize) -> String {
    format!(
        "2 123456789012 eni-0123456789abcdef0 10.0.{}.{} 10.1.2.3 {} 443 6 {n} {} 1714564800 1714564860 ACCEPT OK\n",
        n / 256 % 256,
        n % 256,
        1024 + n % 60_000,
        n * 52,
    )
}

fn row(n: usize) -> String {
    format!(
        "\"2024-05-01 12:00:00\",\"user {n}\",\"user {n},Site\",\"10.0.0.{}\",\"24.123.132.133\",\"Allowed\",\"1 (A)\",\"NOERROR\",\"domain-{n}.com.\",\"Photo Sharing\"\r\n",
        n % 256,
    )
}

//! CloudFront standard logs: two `#` lines, then one line of 33 TAB-separated fields a request.

use fastrand::Rng;

use super::values::{self, BASE64_URL, Origin, favour, pick};

const HEADER: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n";

/// An object's content before compression: the header and `events` requests with the ordinals from
/// `first`.
pub fn object(rng: &mut Rng, origin: &Origin, first: u64, events: usize) -> Vec<u8> {
    let mut out = String::with_capacity(HEADER.len() + events * 480);
    out.push_str(HEADER);
    for ordinal in first..first + events as u64 {
        request(&mut out, rng, origin, ordinal);
        out.push('\n');
    }
    out.into_bytes()
}

/// The key of a new object: `<distribution>.<YYYY-MM-DD-HH>.<id>.gz`, with neither account nor region.
pub fn key(rng: &mut Rng, origin: &Origin) -> String {
    let mut out = String::new();
    out.push_str(distribution(origin).0);
    out.push('.');
    values::date(&mut out, origin.civil(), "-");
    out.push('-');
    values::two(&mut out, origin.civil().hour());
    out.push('.');
    values::hex(&mut out, rng.u64(..), 8);
    out.push_str(".gz");
    out
}

/// An account's distribution and its domain.
fn distribution(origin: &Origin) -> (&'static str, &'static str) {
    let digits: usize = origin.account.bytes().map(usize::from).sum();
    [
        ("E2K9QW7RT4ZX1M", "d1k8x2vq9w3ler.cloudfront.net"),
        ("E1B5NH3JD8YC6P", "d3m7tz5hq0cabn.cloudfront.net"),
        ("E3V0LS6GF2UA9K", "dk4w9e6y1pjxoz.cloudfront.net"),
    ][digits % 3]
}

/// Appends one request's line without its LF.
pub fn request(out: &mut String, rng: &mut Rng, origin: &Origin, ordinal: u64) {
    let civil = values::civil(origin.moment(rng));
    let (_, domain) = distribution(origin);
    let (path, content) = PATHS[favour(rng, PATHS.len())];
    let (result, status) = RESULTS[favour(rng, RESULTS.len())];
    let edge = pick(rng, &EDGES);
    let size = rng.u64(300..400_000);

    values::date(out, civil, "-");
    out.push('\t');
    values::time(out, civil);
    out.push('\t');
    out.push_str(edge);
    out.push('\t');
    values::number(out, size + 412);
    out.push('\t');
    values::ip(out, values::public_ip(rng));
    out.push('\t');
    out.push_str(["GET", "GET", "HEAD", "POST"][favour(rng, 4)]);
    out.push('\t');
    out.push_str(domain);
    out.push('\t');
    out.push_str(path);
    out.push('\t');
    out.push_str(status);
    out.push('\t');
    out.push_str(pick(rng, &REFERERS));
    out.push('\t');
    out.push_str(pick(rng, &AGENTS));
    out.push('\t');
    if rng.bool() {
        out.push_str("v=");
        values::hex(out, rng.u64(..), 8);
    } else {
        out.push('-');
    }
    out.push_str("\t-\t");
    out.push_str(result);
    out.push('\t');
    request_id(out, rng, ordinal);
    out.push_str("\twww.example.com\thttps\t");
    values::number(out, rng.u64(60..900));
    out.push('\t');
    let taken = rng.u64(1..900);
    seconds(out, taken);
    out.push_str("\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\t");
    out.push_str(result);
    out.push_str("\tHTTP/2.0\t-\t-\t");
    values::number(out, rng.u64(1024..65_536));
    out.push('\t');
    seconds(out, taken.div_ceil(2));
    out.push('\t');
    out.push_str(result);
    out.push('\t');
    out.push_str(content);
    out.push('\t');
    values::number(out, size);
    out.push_str("\t-\t-");
}

/// 54 characters and `==`; the first eight hold the ordinal.
fn request_id(out: &mut String, rng: &mut Rng, ordinal: u64) {
    let unique = values::scramble(ordinal);
    for shift in (0..48).step_by(6) {
        out.push(char::from(BASE64_URL[(unique >> shift) as usize & 63]));
    }
    values::random(out, rng, BASE64_URL, 46);
    out.push_str("==");
}

fn seconds(out: &mut String, thousandths: u64) {
    out.push_str("0.");
    for unit in [100, 10, 1] {
        values::number(out, thousandths / unit % 10);
    }
}

const PATHS: [(&str, &str); 9] = [
    ("/", "text/html"),
    ("/assets/app-5f2c19.js", "application/javascript"),
    ("/assets/main.css", "text/css"),
    ("/api/v1/orders", "application/json"),
    ("/images/hero%20large.webp", "image/webp"),
    ("/search/caf%C3%A9", "text/html;%20charset=utf-8"),
    ("/favicon.ico", "image/vnd.microsoft.icon"),
    ("/api/v1/cart/items", "application/json"),
    ("/downloads/catalogue-2024.pdf", "application/pdf"),
];
const RESULTS: [(&str, &str); 6] =
    [("Hit", "200"), ("Miss", "200"), ("RefreshHit", "304"), ("Error", "404"), ("Redirect", "301"), ("Error", "502")];
const EDGES: [&str; 8] =
    ["FRA56-P4", "IAD89-C1", "SYD62-P2", "LHR61-C2", "CDG50-P1", "SEA19-C3", "NRT57-P3", "GRU3-P7"];
const REFERERS: [&str; 4] = [
    "-",
    "https://www.example.com/",
    "https://www.example.com/search?q=shoes%2520red",
    "https://news.example.org/2024/07/launch",
];
const AGENTS: [&str; 5] = [
    "Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/126.0.0.0%20Safari/537.36",
    "Mozilla/5.0%20(iPhone;%20CPU%20iPhone%20OS%2017_5%20like%20Mac%20OS%20X)%20AppleWebKit/605.1.15%20(KHTML,%20like%20Gecko)%20Version/17.5%20Mobile/15E148%20Safari/604.1",
    "Mozilla/5.0%2520(X11;%2520Linux%2520x86_64;%2520rv:127.0)%2520Gecko/20100101%2520Firefox/127.0",
    "curl/8.8.0",
    "Googlebot/2.1%20(+http://www.google.com/bot.html)",
];

//! A message of RFC 5424 in a frame of RFC 5425: `LEN SP <14>1 TIME HOST APP - - [event@32473 tag="TAG"] BOM MESSAGE`.
//!
//! The name of the application is the tag, as far as 48 characters reach; the whole tag stands in the structured data. A message
//! that is no UTF-8 goes as it is, without the mark that says UTF-8.

use std::io::Write;

use jiff::Timestamp;
use quittance_core::Tag;

use super::PRIORITY;

/// The longest HOSTNAME and APP-NAME of RFC 5424, in characters.
const LONGEST_HOST: usize = 255;
const LONGEST_APP: usize = 48;

/// Says that UTF-8 follows.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What stands before the message of every event of `tag`, in `out`. `host` is printable ASCII. A tag holds nothing that
/// structured data would have to escape.
pub(super) fn header(out: &mut Vec<u8>, host: &str, tag: &Tag, time: Timestamp) {
    let first = |text: &str, most| text[..text.len().min(most)].to_owned();
    let (host, app) = (first(host, LONGEST_HOST), first(tag.as_str(), LONGEST_APP));
    let time = time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
    write!(out, "{PRIORITY}1 {time} {host} {app} - - [event@32473 tag=\"{tag}\"] ")
        .expect("a vector takes every write");
}

/// Appends the frame of one event.
pub(super) fn append(out: &mut Vec<u8>, header: &[u8], message: &[u8]) {
    let mark = if str::from_utf8(message).is_ok() { BOM } else { b"" };
    write!(out, "{} ", header.len() + mark.len() + message.len()).expect("a vector takes every write");
    out.extend_from_slice(header);
    out.extend_from_slice(mark);
    out.extend_from_slice(message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(host: &str, tag: &str, message: &[u8]) -> Vec<u8> {
        let (mut before, mut out) = (Vec::new(), Vec::new());
        let time = "2026-11-22T17:20:01.5Z".parse().unwrap();
        header(&mut before, host, &Tag::new(tag).unwrap(), time);
        append(&mut out, &before, message);
        out
    }

    #[test]
    fn an_event_is_one_frame_of_the_rfc() {
        let expected =
            "92 <14>1 2026-11-22T17:20:01.500000Z collector my.app - - [event@32473 tag=\"my.app\"] \u{feff}{\"a\":1}";
        assert_eq!(String::from_utf8(frame("collector", "my.app", b"{\"a\":1}")).unwrap(), expected);
    }

    #[test]
    fn a_long_tag_is_whole_in_the_structured_data() {
        let tag = "cloud.aws.cloudtrail.management.111122223333.eu-west-1";
        let frame = String::from_utf8(frame(&"h".repeat(300), tag, b"x")).unwrap();
        let fields: Vec<&str> = frame.split(' ').collect();
        assert_eq!(fields[3], "h".repeat(255));
        assert_eq!((fields[4].len(), &tag[..48]), (48, fields[4]));
        assert!(frame.contains(&format!("[event@32473 tag=\"{tag}\"] ")));
    }

    #[test]
    fn what_is_no_utf_8_has_no_mark_that_says_so() {
        assert!(frame("c", "my.app", b"\xff\n5 <14>1").ends_with(b"] \xff\n5 <14>1"));
        assert!(frame("c", "my.app", "é".as_bytes()).ends_with("] \u{feff}é".as_bytes()));
    }
}

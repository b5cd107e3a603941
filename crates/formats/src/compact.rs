//! Makes a JSON event one line.

use memchr::memchr2;

use crate::scan::is_space;
use crate::skip::Quoted;

/// Takes the JSON white space outside strings out of `json`, in place, if it holds a line end outside strings; answers
/// the new length.
///
/// What stands behind that length is of no meaning. Without such a line end nothing changes. Valid JSON keeps its
/// meaning; line ends within strings, which valid JSON does not have, stay.
pub fn compact(json: &mut [u8]) -> usize {
    if memchr2(b'\r', b'\n', json).is_none() || !has_line_end(json) {
        return json.len();
    }
    let (mut read, mut write) = (0, 0);
    while read < json.len() {
        let end = if json[read] == b'"' { string_end(json, read) } else { read + 1 };
        if !is_space(json[read]) {
            json.copy_within(read..end, write);
            write += end - read;
        }
        read = end;
    }
    write
}

fn has_line_end(json: &[u8]) -> bool {
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => at = string_end(json, at),
            b'\r' | b'\n' => return true,
            _ => at += 1,
        }
    }
    false
}

/// One past the string that opens at `at`; a string that is never closed goes to the end.
fn string_end(json: &[u8], at: usize) -> usize {
    Quoted::default().advance(json, at + 1).unwrap_or(json.len())
}

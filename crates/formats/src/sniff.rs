//! Tells kinds of content by their first bytes, since names of objects lie.

/// The content is an Apache Parquet file. Needs the first four bytes.
pub fn is_parquet(prefix: &[u8]) -> bool {
    prefix.starts_with(b"PAR1")
}

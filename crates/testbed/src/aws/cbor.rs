//! CBOR, as far as the protocol `smithy-rpc-v2-cbor` uses it, and the same values in JSON.

use minicbor::data::{IanaTag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::Value;

/// What an answer is made of.
pub(super) enum Cbor {
    Text(String),
    Number(f64),
    /// In milliseconds since the epoch.
    Time(i64),
    List(Vec<Cbor>),
    Map(Vec<(&'static str, Cbor)>),
    /// Numbers by names that data gave.
    Named(Vec<(String, f64)>),
}

impl Cbor {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        self.write(&mut encoder).expect("a vector takes every write");
        encoder.into_writer()
    }

    /// The same in JSON, where a time is a number of seconds.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Time(millis) => (*millis as f64 / 1000.0).into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => entries.iter().map(|(name, value)| (*name, value.to_json())).collect(),
            Self::Named(entries) => {
                entries.iter().map(|(name, number)| (name.as_str(), Value::from(*number))).collect()
            }
        }
    }

    fn write(&self, out: &mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        match self {
            Self::Text(text) => out.str(text)?.ok(),
            Self::Number(number) => out.f64(*number)?.ok(),
            Self::Time(millis) => out.tag(IanaTag::Timestamp)?.f64(*millis as f64 / 1000.0)?.ok(),
            Self::List(items) => {
                out.array(items.len() as u64)?;
                items.iter().try_for_each(|item| item.write(out))
            }
            Self::Map(entries) => {
                out.map(entries.len() as u64)?;
                entries.iter().try_for_each(|(name, value)| {
                    out.str(name)?;
                    value.write(out)
                })
            }
            Self::Named(entries) => {
                out.map(entries.len() as u64)?;
                entries.iter().try_for_each(|(name, number)| out.str(name)?.f64(*number)?.ok())
            }
        }
    }
}

/// Reads a request; a time is the number of its seconds.
pub(super) fn read(bytes: &[u8]) -> Result<Value, minicbor::decode::Error> {
    value(&mut Decoder::new(bytes))
}

fn value(from: &mut Decoder<'_>) -> Result<Value, minicbor::decode::Error> {
    Ok(match from.datatype()? {
        Type::Bool => from.bool()?.into(),
        Type::Null | Type::Undefined => {
            from.skip()?;
            Value::Null
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => from.u64()?.into(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => from.i64()?.into(),
        Type::F16 | Type::F32 | Type::F64 => from.f64()?.into(),
        Type::String => from.str()?.into(),
        Type::StringIndef => from.str_iter()?.collect::<Result<String, _>>()?.into(),
        Type::Tag => {
            from.tag()?;
            value(from)?
        }
        Type::Array | Type::ArrayIndef => {
            let count = from.array()?;
            let mut items = Vec::new();
            while more(from, count, items.len())? {
                items.push(value(from)?);
            }
            items.into()
        }
        Type::Map | Type::MapIndef => {
            let count = from.map()?;
            let mut entries = serde_json::Map::new();
            while more(from, count, entries.len())? {
                let Value::String(name) = value(from)? else {
                    return Err(minicbor::decode::Error::message("a key that is no text"));
                };
                entries.insert(name, value(from)?);
            }
            entries.into()
        }
        other => return Err(minicbor::decode::Error::type_mismatch(other)),
    })
}

/// Whether another item comes; takes the mark at the end of an array or map that does not say its length.
fn more(from: &mut Decoder<'_>, count: Option<u64>, read: usize) -> Result<bool, minicbor::decode::Error> {
    match count {
        Some(count) => Ok((read as u64) < count),
        None if from.datatype()? == Type::Break => from.skip().map(|()| false),
        None => Ok(true),
    }
}

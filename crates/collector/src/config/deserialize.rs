//! From the tree to types, by serde: a scalar is read as what its place wants, and an error knows its place.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor, value::StrDeserializer,
};

use super::{
    KeyPath, Position,
    tree::{Entry, Node, Scalar, Value},
};

/// Reads a `T` from `node`.
pub(crate) fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, Misfit> {
    T::deserialize(Reader(node)).map_err(|error| Misfit { message: node.redact(error.message), ..error })
}

/// Why a node is not what a type wants.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// What is wrong.
    pub(crate) message: String,
    /// Where, if that is known more closely than the whole node.
    pub(crate) at: Option<Position>,
    /// The keys that lead there from the node.
    pub(crate) path: KeyPath,
}

impl Misfit {
    fn at(self, position: Position) -> Self {
        Misfit { at: self.at.or(Some(position)), ..self }
    }

    fn below(self, path: KeyPath) -> Self {
        Misfit { path: path.join(&self.path), ..self }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Misfit { message: message.to_string(), at: None, path: KeyPath::default() }
    }
}

struct Reader<'de>(&'de Node);

impl<'de> Reader<'de> {
    fn scalar(&self, expected: &dyn de::Expected) -> Result<&'de Scalar, Misfit> {
        match &self.0.value {
            Value::Scalar(scalar) if !scalar.is_null() => Ok(scalar),
            _ => Err(self.unexpected(self.0.kind(), expected)),
        }
    }

    fn unexpected(&self, found: &str, expected: &dyn de::Expected) -> Misfit {
        de::Error::invalid_type(Unexpected::Other(found), expected)
    }

    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let scalar = self.scalar(&visitor)?;
        match scalar.as_integer() {
            Some(number) => integer(number, visitor),
            None => match scalar.as_float() {
                Some(number) => visitor.visit_f64(number),
                None => Err(self.unexpected(&scalar.shown(), &visitor)),
            },
        }
    }
}

fn integer<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Misfit> {
    match (u64::try_from(number), i64::try_from(number)) {
        (Ok(number), _) => visitor.visit_u64(number),
        (_, Ok(number)) => visitor.visit_i64(number),
        _ => visitor.visit_i128(number),
    }
}

macro_rules! as_number {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            let at = self.0.at;
            self.number(visitor).map_err(|error| error.at(at))
        })*
    };
}

macro_rules! as_text {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            let read = self.scalar(&visitor).and_then(|scalar| visitor.visit_borrowed_str(&scalar.text));
            read.map_err(|error| error.at(self.0.at))
        })*
    };
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Misfit;

    as_number! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 }
    as_number! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 }
    as_number! { deserialize_f32 deserialize_f64 }
    as_text! { deserialize_char deserialize_str deserialize_string deserialize_identifier }
    as_text! { deserialize_bytes deserialize_byte_buf }

    /// What YAML says that it is, where the type leaves it open.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let at = self.0.at;
        let read = match &self.0.value {
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.deserialize_map(visitor),
            Value::Scalar(scalar) if scalar.is_null() => visitor.visit_unit(),
            Value::Scalar(scalar) if !scalar.plain => visitor.visit_borrowed_str(&scalar.text),
            Value::Scalar(scalar) => match (scalar.as_bool(), scalar.as_integer(), scalar.as_float()) {
                (Some(boolean), ..) => visitor.visit_bool(boolean),
                (_, Some(number), _) => integer(number, visitor),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => visitor.visit_borrowed_str(&scalar.text),
            },
        };
        read.map_err(|error| error.at(at))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let read = self.scalar(&visitor).and_then(|scalar| match scalar.as_bool() {
            Some(boolean) => visitor.visit_bool(boolean),
            None => Err(self.unexpected(&scalar.shown(), &visitor)),
        });
        read.map_err(|error| error.at(self.0.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.is_blank() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.is_blank() {
            true => visitor.visit_unit(),
            false => Err(self.unexpected(self.0.kind(), &visitor).at(self.0.at)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let read = match &self.0.value {
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            _ => Err(self.unexpected(self.0.kind(), &visitor)),
        };
        read.map_err(|error| error.at(self.0.at))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let read = match &self.0.value {
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter().rev().collect(), value: None }),
            _ => Err(self.unexpected(self.0.kind(), &visitor)),
        };
        read.map_err(|error| error.at(self.0.at))
    }

    /// Keys come in the order of the type's fields, so that what a tagged enum is comes before its content.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let Value::Map(entries) = &self.0.value else { return self.deserialize_map(visitor) };
        let mut entries: Vec<&Entry> = entries.iter().collect();
        entries.sort_by_key(|entry| fields.iter().position(|field| *field == entry.key).unwrap_or(usize::MAX));
        // The last one is given first.
        entries.reverse();
        visitor.visit_map(Entries { entries, value: None }).map_err(|error| error.at(self.0.at))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let read = match (&self.0.value, self.0.entries()) {
            (_, [entry]) => visitor.visit_enum(Variant { name: &entry.key, content: Some(&entry.value) }),
            (Value::Scalar(scalar), _) => visitor.visit_enum(Variant { name: &scalar.text, content: None }),
            _ => Err(self.unexpected(self.0.kind(), &visitor)),
        };
        read.map_err(|error| error.at(self.0.at))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let path = KeyPath::default().item(self.index);
        self.index += 1;
        seed.deserialize(Reader(item)).map(Some).map_err(|error| error.below(path))
    }
}

struct Entries<'de> {
    /// Those to come, the next one last.
    entries: Vec<&'de Entry>,
    value: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.entries.pop() else { return Ok(None) };
        self.value = Some(entry);
        let key: StrDeserializer<'_, Misfit> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.at(entry.key_at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let entry = self.value.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        let path = KeyPath::default().key(&entry.key);
        seed.deserialize(Reader(&entry.value)).map_err(|error| error.at(entry.value.at).below(path))
    }
}

/// `name`, or `name: content`.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Misfit;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Misfit> {
        let name: StrDeserializer<'_, Misfit> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.content)))
    }
}

struct Content<'de>(Option<&'de Node>);

impl<'de> Content<'de> {
    fn reader(self) -> Result<Reader<'de>, Misfit> {
        self.0.map(Reader).ok_or_else(|| de::Error::custom("expected keys below this one"))
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.0 {
            Some(content) if !content.is_blank() => Err(de::Error::custom("expected nothing below this key")),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self.reader()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_seq(self.reader()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_map(self.reader()?, visitor)
    }
}

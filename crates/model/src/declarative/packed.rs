//! A document in little room: as JSON text, in the form in which memory and databases keep it. It is read again when it is
//! its turn, so that of 100,000 documents a few are whole at a time.

use std::fmt;

use serde::Serialize;
use serde::Serializer;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Value;

use crate::Document;
use crate::Entity;

/// A document as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a document.
    pub fn of(document: &Document) -> Self {
        Self::write(document)
    }

    /// Packs what `flat` makes of a filled document of a file: its own fields only, in the order of the schema, without
    /// nulls that say the same as nothing.
    pub(super) fn own_fields(entity: &Entity, document: &Document) -> Self {
        Self::write(&Own { entity, document })
    }

    /// Takes a text that was packed before.
    pub fn from_text(text: Box<[u8]>) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text, to be kept.
    pub fn into_text(self) -> Box<[u8]> {
        self.0
    }

    /// Returns the document.
    ///
    /// # Errors
    /// When the text is not that of a document, which a damaged database can hold.
    pub fn unpack(&self) -> Result<Document, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// Returns some fields of the document. The others are passed over, which is a third of the work.
    ///
    /// # Errors
    /// As [`unpack`](Self::unpack), as far as it is seen.
    pub fn unpack_only(&self, wanted: impl Fn(&str) -> bool) -> Result<Document, serde_json::Error> {
        serde_json::Deserializer::from_slice(&self.0).deserialize_map(Only(wanted))
    }

    fn write(value: &impl Serialize) -> Self {
        let mut text = Vec::with_capacity(512);
        serde_json::to_writer(&mut text, value).expect("invariant: a map of JSON values can be written as JSON");
        // Copied, so that each takes exactly the room it needs.
        Self(text.as_slice().into())
    }
}

/// The fields of a document that are its entity's.
struct Own<'a> {
    entity: &'a Entity,
    document: &'a Document,
}

impl Serialize for Own<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let fields = &self.entity.record.fields;
        let own = fields.iter().filter_map(|field| {
            let value = self.document.get(&field.name)?;
            (!value.is_null() || !field.is_null_when_missing()).then_some((field.name.as_str(), value))
        });
        let lives = self.entity.ttl && self.entity.record.field("ttl").is_none();
        let ttl = self.document.get("ttl").filter(|ttl| lives && !Value::is_null(ttl));
        to.collect_map(own.chain(ttl.map(|ttl| ("ttl", ttl))))
    }
}

/// Reads the fields whose names are wanted.
struct Only<F>(F);

/// Reads a name, and keeps it if it is wanted.
struct Name<'a, F>(&'a F);

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Only<F> {
    type Value = Document;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut fields = Document::new();
        while let Some(name) = map.next_key_seed(Name(&self.0))? {
            match name {
                Some(name) => drop(fields.insert(name, map.next_value()?)),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }
}

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for Name<'_, F> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<F: Fn(&str) -> bool> Visitor<'_> for Name<'_, F> {
    type Value = Option<String>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.0)(name).then(|| name.to_owned()))
    }
}

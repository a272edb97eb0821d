//! From Rust types to schemas and from admitted documents to Rust values.
//! The derive in `gibbon-schema-derive` implements these traits for structs and enums.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Deref;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::Document;
use crate::Field;
use crate::Kind;
use crate::Record;

/// A type whose schema is known.
pub trait Typed {
    /// Builds the schema; keep it in a `LazyLock`.
    fn record() -> Record;
}

/// A type that can be a field.
pub trait FieldType {
    /// Whether null is a value of the type, so that the field is not required.
    const NULLABLE: bool = false;

    /// Builds the field, nameless and not yet required.
    fn field() -> Field;
}

/// Makes a field required unless its type or the field itself says otherwise, or the engine makes its values.
#[must_use]
pub fn require_unless_nullable<T: FieldType>(field: Field) -> Field {
    if T::NULLABLE || field.auto || field.required.is_some() { field } else { field.required() }
}

/// Reads a typed value from an admitted document.
///
/// # Errors
/// When the type does not agree with its schema: a defect, not a user's mistake.
pub fn from_document<T: Typed + DeserializeOwned>(document: Document) -> Result<T, serde_json::Error> {
    serde_json::from_value(Value::Object(document))
}

/// A reference to another entity: `{"id": …}` in documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Foreign {
    /// The id of the entity referred to.
    pub id: Uuid,
}

/// A list without duplicates, in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Set<T>(pub Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Set<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a Set<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: FieldType> FieldType for Option<T> {
    const NULLABLE: bool = true;

    fn field() -> Field {
        T::field()
    }
}

impl<T: FieldType> FieldType for Box<T> {
    const NULLABLE: bool = T::NULLABLE;

    fn field() -> Field {
        T::field()
    }
}

impl<T: FieldType> FieldType for Vec<T> {
    fn field() -> Field {
        Field::array(T::field())
    }
}

impl<T: FieldType> FieldType for Set<T> {
    fn field() -> Field {
        Field::set(T::field())
    }
}

impl<T: FieldType> FieldType for BTreeMap<String, T> {
    fn field() -> Field {
        Field::map(Field::string(), T::field())
    }
}

impl<T: FieldType, S> FieldType for HashMap<String, T, S> {
    fn field() -> Field {
        Field::map(Field::string(), T::field())
    }
}

impl FieldType for Foreign {
    /// The entity referred to is given by the attribute `reference`.
    fn field() -> Field {
        Field::foreign("")
    }
}

impl FieldType for Value {
    fn field() -> Field {
        Field::new("", Kind::Any)
    }
}

impl FieldType for Document {
    fn field() -> Field {
        Field::map(Field::string(), Value::field())
    }
}

impl FieldType for Uuid {
    fn field() -> Field {
        Field::string().uuid()
    }
}

macro_rules! field_types {
    ($($kind:ident: $($ty:ty),+;)+) => {
        $($(impl FieldType for $ty {
            fn field() -> Field {
                Field::new("", Kind::$kind)
            }
        })+)+
    };
}

field_types! {
    String: String, Box<str>;
    Boolean: bool;
    Integer: i8, i16, i32, i64, u8, u16, u32, u64, usize;
    Number: f32, f64;
}

//! Pages: what may be asked, and how a place in a listing is written down for the client.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use gibbon_model::Document;
use serde_json::Value;
use uuid::Uuid;

use crate::error::StoreError;

/// base64url as Kong reads it: padding may be missing, and bits that are left over mean nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Sorts behind every primary key.
const BEHIND_ALL: &str = "\u{10ffff}";

/// Size of a page when the client names none.
pub const DEFAULT_SIZE: usize = 100;
/// Largest page a client may ask for.
pub const MAX_SIZE: usize = 1000;

/// How several tags of a filter combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagMatch {
    /// The document has every tag (`?tags=a,b`).
    All,
    /// The document has one of them (`?tags=a/b`).
    Any,
}

/// A filter by tags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TagFilter<'a> {
    pub tags: &'a [String],
    pub matching: TagMatch,
}

impl TagFilter<'_> {
    /// Returns whether a document passes; one without tags does not.
    pub fn matches(&self, document: &Document) -> bool {
        let Some(Value::Array(have)) = document.get("tags") else {
            return false;
        };
        let has = |tag: &String| have.iter().any(|t| t.as_str() == Some(tag));
        match self.matching {
            TagMatch::All => self.tags.iter().all(has),
            TagMatch::Any => self.tags.iter().any(has),
        }
    }
}

/// What a page shall hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageQuery<'a> {
    /// Only documents whose foreign field has this id.
    pub parent: Option<(&'a str, &'a str)>,
    /// Only documents with these tags.
    pub tags: Option<TagFilter<'a>>,
    /// Most documents on the page, 1..=1000.
    pub size: usize,
    /// Where the page begins, as the page before gave it.
    pub offset: Option<&'a str>,
}

impl Default for PageQuery<'_> {
    fn default() -> Self {
        Self { parent: None, tags: None, size: DEFAULT_SIZE, offset: None }
    }
}

/// A page of documents.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub rows: Vec<Document>,
    /// Where the next page begins; none on the last page.
    pub next: Option<String>,
}

/// How a backend writes down a place in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offsets {
    /// base64url of the JSON list of primary key values, as Kong on Postgres.
    Keys,
    /// base64url of the storage key, as Kong without a database.
    Plain,
}

impl Offsets {
    /// Returns the offset of the page that begins after this primary key.
    pub(crate) fn encode(self, entity: &str, id: &str) -> String {
        BASE64.encode(match self {
            Self::Keys => Value::from(vec![id]).to_string(),
            Self::Plain => format!("{entity}|{id}"),
        })
    }

    /// Returns the offset behind one tag of an entity, as Kong on Postgres.
    pub(crate) fn encode_tag(id: &str, place: i64) -> String {
        BASE64.encode(Value::from(vec![Value::from(id), place.into()]).to_string())
    }

    /// Returns the entity's id and the tag's place in its list.
    pub(crate) fn decode_tag(offset: &str) -> Result<(Uuid, i64), StoreError> {
        let invalid = |reason| StoreError::InvalidOffset { offset: offset.to_owned(), reason };
        let bytes = BASE64.decode(offset).map_err(|_| invalid("bad base64 encoding"))?;
        let keys: Option<(String, i64)> = serde_json::from_slice(&bytes).ok();
        let key = keys.and_then(|(id, place)| Some((Uuid::try_parse(&id).ok()?, place)));
        key.ok_or_else(|| invalid("bad json encoding"))
    }

    /// Returns the primary key that an offset stands for.
    pub(crate) fn decode(self, entity: &str, offset: &str) -> Result<String, StoreError> {
        let invalid = |reason| StoreError::InvalidOffset { offset: offset.to_owned(), reason };
        let bytes = BASE64.decode(offset).map_err(|_| invalid("bad base64 encoding"))?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        match self {
            Self::Keys => match serde_json::from_str::<Vec<String>>(&text) {
                Ok(keys) if keys.len() == 1 => Ok(keys.into_iter().next().unwrap_or_default()),
                _ => Err(invalid("bad json encoding")),
            },
            Self::Plain => match text.split_once('|') {
                Some((name, id)) if name == entity => Ok(id.to_owned()),
                _ if entity == "tags" => Err(invalid("bad offset string")),
                // A place that nothing is at; Kong's memory finds nothing behind it.
                _ => Ok(BEHIND_ALL.to_owned()),
            },
        }
    }
}

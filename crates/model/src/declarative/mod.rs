//! Declarative configuration: the whole of it in one file, YAML or JSON, formats 1.1, 2.1 and 3.0.
//!
//! ```text
//! text ── read ──► tree ── parse ──► documents by entity ──► (a store)
//!                     └── refused: errors as tree, text or flat list
//! documents ── export ──► YAML
//! ```
//!
//! It reads no files and stores nothing.

use std::sync::Arc;

use gibbon_schema::Record;
use gibbon_schema::World;
use md5::Digest as _;
use md5::Md5;
use serde_json::Value;

pub use self::errors::Errors;
pub use self::errors::Flattened;
pub use self::export::Exporter;
pub use self::export::to_yaml;
pub use self::packed::Packed;
use self::schema::References;
pub use self::yaml::YamlError;
use crate::Catalog;
use crate::Document;

mod errors;
mod export;
mod ids;
mod index;
mod load;
mod packed;
mod paths;
mod quick;
mod schema;
mod yaml;

/// Documents by entity, what is referred to before what refers to it.
pub type Documents = Vec<(&'static str, Vec<Packed>)>;

/// Hash of a configuration without entities, and of a node that has none yet.
pub const EMPTY_HASH: &str = "00000000000000000000000000000000";

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Yaml,
    /// JSON, else YAML: bodies and environment variables have no extension.
    Any,
}

impl Format {
    /// Returns the format that a file's name tells.
    ///
    /// # Errors
    /// When it is neither, with the text for the user.
    pub fn of_file(name: &str) -> Result<Self, Errors> {
        if name.ends_with("json") {
            Ok(Self::Json)
        } else if name.ends_with("yml") || name.ends_with("yaml") {
            Ok(Self::Yaml)
        } else {
            let message = format!("unknown file type: {name}. (Accepted types: json, yaml)");
            Err(Errors::unreadable(message))
        }
    }
}

/// Does two pieces of work, side by side if there are threads for it.
pub type Join = fn(&mut (dyn FnMut() + Send), &mut (dyn FnMut() + Send));

/// A configuration that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Filled and validated, with ids; nulls are left out where that says the same. Transformations are not yet made.
    pub documents: Documents,
    /// Whether transformations are still to be made (`_transform`).
    pub transform: bool,
    /// MD5 of the text in hexadecimal, or [`EMPTY_HASH`].
    pub hash: String,
}

/// A configuration that was refused.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Refused {
    pub errors: Errors,
    /// The file as far as it was read, for [`Errors::flatten`].
    pub input: Document,
}

impl From<Errors> for Refused {
    fn from(errors: Errors) -> Self {
        Self { errors, input: Document::new() }
    }
}

/// Reads declarative configurations against a catalog.
pub struct Declarative {
    catalog: Arc<Catalog>,
    /// The schema of files as written, references by name.
    names: Record,
    /// The same with references by key.
    keys: Record,
}

impl Declarative {
    /// Builds the schema of files for a catalog.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        let names = schema::file(&catalog, References::Names);
        let keys = schema::file(&catalog, References::Keys);
        Self { catalog, names, keys }
    }

    /// Returns the catalog.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Returns what a text says.
    ///
    /// # Errors
    /// When it cannot be read, is not valid, or refers to what is not there.
    pub fn parse(&self, text: &str, format: Format, world: &(dyn World + Sync)) -> Result<Parsed, Refused> {
        self.parse_joined(None, text, format, world)
    }

    /// Returns what a text says, as [`parse`](Self::parse) does; `join` reads the halves of what is large.
    ///
    /// # Errors
    /// The same.
    pub fn parse_joined(
        &self,
        join: Option<Join>,
        text: &str,
        format: Format,
        world: &(dyn World + Sync),
    ) -> Result<Parsed, Refused> {
        if format != Format::Yaml
            && let Some(accepted) = quick::read(self, text, &[], join, world)
        {
            return Ok(parsed(accepted, || hash(text)));
        }
        let mut file = read(text, format)?;
        paths::migrate(&mut file);
        // What is taken out of the file can be read again from the text.
        match quick::flatten(self, &mut file, Value::take, world) {
            Some(accepted) => Ok(parsed(accepted, || hash(text))),
            None => self.judge_file(read(text, format)?, Some(hash(text)), world),
        }
    }

    /// Returns what a JSON text says without the `ignored` entries at its top, or nothing if anything is wrong with it:
    /// then [`parse_file`](Self::parse_file) tells what.
    pub fn parse_json(&self, join: Join, text: &str, ignored: &[&str], world: &(dyn World + Sync)) -> Option<Parsed> {
        let accepted = quick::read(self, text, ignored, Some(join), world)?;
        Some(parsed(accepted, || hash(text)))
    }

    /// Returns what a file that was already read says; its hash is made from the content if none is given.
    ///
    /// # Errors
    /// When it is not valid, or refers to what is not there.
    pub fn parse_file(
        &self,
        mut file: Document,
        hash_of_text: Option<String>,
        world: &(dyn World + Sync),
    ) -> Result<Parsed, Refused> {
        paths::migrate(&mut file);
        match quick::flatten(self, &mut file, |document| document.clone(), world) {
            Some(accepted) => {
                Ok(parsed(accepted, || hash_of_text.unwrap_or_else(|| hash(&Value::Object(file).to_string()))))
            }
            None => self.judge_file(file, hash_of_text, world),
        }
    }

    /// Goes the long way through a file, which words its errors.
    fn judge_file(
        &self,
        mut file: Document,
        hash_of_text: Option<String>,
        world: &(dyn World + Sync),
    ) -> Result<Parsed, Refused> {
        paths::migrate(&mut file);
        match self.flatten(&mut file, world) {
            Ok(accepted) => {
                Ok(parsed(accepted, || hash_of_text.unwrap_or_else(|| hash(&Value::Object(file).to_string()))))
            }
            Err(errors) => Err(Refused { errors, input: file }),
        }
    }
}

impl Parsed {
    /// Returns the documents with the names of their entities, each unpacked when it is asked for.
    ///
    /// # Panics
    /// Never: what was packed by [`Declarative`] can be unpacked.
    pub fn unpacked(&self) -> impl Iterator<Item = (&'static str, Document)> {
        let all = self.documents.iter().flat_map(|(entity, all)| all.iter().map(|document| (*entity, document)));
        all.map(|(entity, document)| (entity, document.unpack().expect("invariant: it was packed as JSON")))
    }
}

/// Returns what was accepted: the documents of a file, and its other entries.
fn parsed((documents, meta): (Documents, Document), hash: impl FnOnce() -> String) -> Parsed {
    let transform = meta.get("_transform") != Some(&Value::Bool(false));
    let is_empty = documents.iter().all(|(_, documents)| documents.is_empty());
    Parsed { documents, transform, hash: if is_empty { EMPTY_HASH.to_owned() } else { hash() } }
}

/// Returns the tree of a text.
///
/// # Errors
/// When it is neither JSON nor YAML, or not a mapping; the message is Kong's.
pub fn read(text: &str, format: Format) -> Result<Document, Errors> {
    let failed = |reason: String| Errors::unreadable(format!("failed parsing declarative configuration: {reason}"));
    let not_object = || failed("expected an object".to_owned());
    if format != Format::Yaml {
        match serde_json::from_str(text) {
            Ok(Value::Object(file)) => return Ok(file),
            Ok(_) if format == Format::Json => return Err(not_object()),
            Err(error) if format == Format::Json => return Err(failed(error.to_string())),
            _ => {}
        }
    }
    match yaml::parse(text) {
        Ok(Some(Value::Object(file))) => Ok(file),
        // Kong's YAML null is a table of its own, and so an empty file.
        Ok(Some(Value::Null)) => Ok(Document::new()),
        Ok(_) => Err(not_object()),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Returns the MD5 of a text in hexadecimal: what identifies a configuration, nothing more.
pub fn hash(text: &str) -> String {
    let digest = Md5::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

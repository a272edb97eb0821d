//! What a refused write or read is told: Kong's error codes, names, messages and fields. The HTTP
//! status is chosen by the surface.

use gibbon_model::Document;
use gibbon_model::declarative;
use gibbon_model::lua;
use gibbon_schema::Violations;
use serde_json::Value;
use serde_json::json;

use crate::error::StoreError;

/// Kong's number for a kind of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    InvalidPrimaryKey = 1,
    SchemaViolation = 2,
    PrimaryKeyViolation = 3,
    ForeignKeyViolation = 4,
    UniqueViolation = 5,
    NotFound = 6,
    InvalidOffset = 7,
    DatabaseError = 8,
    InvalidSize = 9,
    InvalidUnique = 10,
    InvalidOptions = 11,
    OperationUnsupported = 12,
    ForeignKeysUnresolved = 13,
    DeclarativeConfig = 14,
    TransformationError = 15,
    ReferencedByOthers = 19,
}

impl Code {
    /// Returns the number that clients see.
    pub fn number(self) -> u8 {
        self as u8
    }

    fn name(self) -> &'static str {
        match self {
            Self::InvalidPrimaryKey => "invalid primary key",
            Self::SchemaViolation => "schema violation",
            Self::PrimaryKeyViolation => "primary key violation",
            Self::ForeignKeyViolation => "foreign key violation",
            Self::UniqueViolation => "unique constraint violation",
            Self::NotFound => "not found",
            Self::InvalidOffset => "invalid offset",
            Self::DatabaseError => "database error",
            Self::InvalidSize => "invalid size",
            Self::InvalidUnique => "invalid unique %s",
            Self::InvalidOptions => "invalid options",
            Self::OperationUnsupported => "operation unsupported",
            Self::ForeignKeysUnresolved => "foreign keys unresolved",
            Self::DeclarativeConfig => "invalid declarative configuration",
            Self::TransformationError => "transformation error",
            Self::ReferencedByOthers => "referenced by others",
        }
    }
}

/// Everything that a client is told about a refused call.
#[derive(Debug, thiserror::Error)]
#[error("{}", message.as_deref().unwrap_or(name))]
pub struct WriteError {
    pub code: Code,
    /// Name of the kind, such as `schema violation`.
    pub name: String,
    pub message: Option<String>,
    /// What is wrong by field; absent where Kong sends none.
    pub fields: Option<Box<Value>>,
    /// What went wrong inside, for the log; never shown to clients.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl WriteError {
    fn new(code: Code, message: impl Into<String>, fields: Option<Value>) -> Self {
        Self {
            code,
            name: code.name().to_owned(),
            message: Some(message.into()),
            fields: fields.map(Box::new),
            source: None,
        }
    }

    /// Returns the body of Kong's Admin API: `{code, name, message, fields}`, with `options` in the
    /// place of `fields` for code 11.
    pub fn body(&self) -> Document {
        let mut body = Document::new();
        body.insert("code".to_owned(), self.code.number().into());
        body.insert("name".to_owned(), self.name.clone().into());
        body.insert("message".to_owned(), self.message.clone().into());
        if let Some(fields) = &self.fields {
            let key = if self.code == Code::InvalidOptions { "options" } else { "fields" };
            body.insert(key.to_owned(), fields.as_ref().clone());
        }
        body
    }

    /// A primary key that is none (code 1).
    pub fn invalid_primary_key(field: &str, message: &str) -> Self {
        let fields = json!({ field: message });
        let text = format!("invalid primary key: '{}'", lua::line(&fields));
        Self::new(Code::InvalidPrimaryKey, text, Some(fields))
    }

    /// A document that its schema refuses (code 2).
    pub fn schema_violation(violations: &Violations) -> Self {
        Self::new(Code::SchemaViolation, violations.summary(), Some(violations.to_fields()))
    }

    /// One field that is wrong (code 2).
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        Self::schema_violation(&Violations::field(name, message.into()))
    }

    /// Nothing has this key (code 6).
    pub fn not_found(primary_key: &str, id: &str) -> Self {
        let fields = json!({ primary_key: id });
        let text = format!("could not find the entity with primary key '{}'", lua::line(&fields));
        Self::new(Code::NotFound, text, Some(fields))
    }

    /// Nothing has this value in a unique field (code 6).
    pub fn not_found_by(field: &str, value: &str) -> Self {
        let fields = json!({ field: value });
        let text = format!("could not find the entity with '{}'", lua::line(&fields));
        Self::new(Code::NotFound, text, Some(fields))
    }

    /// A page size that is none (code 9).
    pub fn invalid_size(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidSize, message, None)
    }

    /// A value that its unique field cannot have (code 10).
    pub fn invalid_unique(field: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(Code::InvalidUnique, message, None);
        error.name = format!("invalid unique {field}");
        error
    }

    /// Options of a call that are wrong, such as `tags` (code 11).
    pub fn invalid_options(options: &Document) -> Self {
        let mut texts: Vec<_> =
            options.iter().map(|(name, message)| format!("{name}: {}", message.as_str().unwrap_or_default())).collect();
        texts.sort();
        let text = match texts.as_slice() {
            [only] => format!("invalid option ({only})"),
            many => format!("{} option violations ({})", many.len(), many.join("; ")),
        };
        Self::new(Code::InvalidOptions, text, Some(Value::Object(options.clone())))
    }

    /// A write without a database (code 12); `verb` is `create`, `update`, `create or update` or
    /// `remove`, `field` the one that named the entity if it was not the primary key.
    pub fn unsupported(verb: &str, entity: &str, field: Option<&str>) -> Self {
        let by = field.map(|field| format!(" by '{field}'")).unwrap_or_default();
        let text = format!("cannot {verb} '{entity}' entities{by} when not using a database");
        Self::new(Code::OperationUnsupported, text, None)
    }

    /// Foreign keys given by unique values that nothing has (code 13).
    ///
    /// Each is the foreign field, the unique field, its value and the target entity.
    pub fn unresolved(keys: &[(&str, &str, Value, &str)]) -> Self {
        let mut fields = Document::new();
        let mut texts: Vec<(String, String)> = Vec::new();
        for (field, unique, value, target) in keys {
            let key = lua::line(&json!({ *unique: value }));
            let text = format!("the foreign key cannot be resolved with '{key}' for an existing '{target}' entity");
            let entry = fields.entry(*field).or_insert_with(|| json!({}));
            entry[*unique] = text.clone().into();
            texts.push((format!("{field}.{unique}"), text));
        }
        texts.sort();
        let texts: Vec<_> = texts.iter().map(|(path, text)| format!("{path}: {text}")).collect();
        let text = match texts.as_slice() {
            [only] => format!("foreign key unresolved ({only})"),
            many => format!("{} foreign keys unresolved ({})", many.len(), many.join("; ")),
        };
        Self::new(Code::ForeignKeysUnresolved, text, Some(Value::Object(fields)))
    }

    /// A declarative configuration that is refused (code 14).
    pub fn declarative(errors: &declarative::Errors) -> Self {
        let fields = errors.to_value();
        let text = format!("declarative config is invalid: {}", lua::line(&fields));
        Self::new(Code::DeclarativeConfig, text, Some(fields))
    }

    /// A transformation that failed (code 15).
    pub fn transformation(message: &str) -> Self {
        Self::new(Code::TransformationError, format!("transformation failed: {message}"), None)
    }

    /// A document that others name outside of foreign keys (code 19).
    pub fn referenced(message: impl Into<String>) -> Self {
        Self::new(Code::ReferencedByOthers, message, None)
    }

    /// A failure inside (code 8); the cause is for the log only.
    pub fn internal(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let mut error = Self::new(Code::DatabaseError, "database error", None);
        error.source = Some(Box::new(source));
        error
    }
}

/// Each situation of a store has one of Kong's codes.
impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::PrimaryKeyTaken { field, id, .. } => {
                let fields = json!({ field: id });
                let text = format!("primary key violation on key '{}'", lua::line(&fields));
                Self::new(Code::PrimaryKeyViolation, text, Some(fields))
            }
            StoreError::UniqueTaken { fields, .. } => {
                let fields = Value::Object(fields);
                let text = format!("UNIQUE violation detected on '{}'", lua::line(&fields));
                Self::new(Code::UniqueViolation, text, Some(fields))
            }
            StoreError::ForeignMissing { field, target, key, .. } => {
                let key = Value::Object(key);
                let text =
                    format!("the foreign key '{}' does not reference an existing '{target}' entity.", lua::line(&key),);
                Self::new(Code::ForeignKeyViolation, text, Some(json!({ field: key })))
            }
            StoreError::Referenced { entity, by } => {
                let text = format!("an existing '{by}' entity references this '{entity}' entity");
                Self::new(Code::ForeignKeyViolation, text, Some(json!({ "@referenced_by": by })))
            }
            StoreError::Missing { field, id, .. } => Self::not_found(field, &id),
            StoreError::InvalidOffset { offset, reason } => {
                let text = format!("'{offset}' is not a valid offset: {reason}");
                Self::new(Code::InvalidOffset, text, None)
            }
            error => Self::internal(error),
        }
    }
}

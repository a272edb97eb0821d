//! What is wrong with a document: nested messages, in the shapes and texts Kong's clients know.
//! Choosing a status code or an error envelope is the surface's business.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Map;
use serde_json::Value;

/// The key under which messages about the whole entity stand.
const ENTITY: &str = "@entity";

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Violation {
    /// A message.
    Text(String),
    /// The problems of a record's fields.
    Fields(Violations),
    /// The problems of a list's elements, by index from 0.
    Elements(BTreeMap<usize, Self>),
}

impl<T: Into<String>> From<T> for Violation {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl From<Violations> for Violation {
    fn from(fields: Violations) -> Self {
        Self::Fields(fields)
    }
}

/// What is wrong with a document: messages about the whole, then about its fields.
#[derive(Clone, Debug, Default, PartialEq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Violations {
    entity: Vec<String>,
    fields: IndexMap<String, Violation>,
}

impl Violations {
    /// Makes the violations of a single field.
    #[must_use]
    pub fn field(name: impl Into<String>, violation: impl Into<Violation>) -> Self {
        let mut violations = Self::default();
        violations.set(name, violation);
        violations
    }

    /// Makes the violation of a whole entity.
    #[must_use]
    pub fn entity(message: impl Into<String>) -> Self {
        let mut violations = Self::default();
        violations.push_entity(message);
        violations
    }

    /// Sets what is wrong with a field; the last one counts.
    pub fn set(&mut self, name: impl Into<String>, violation: impl Into<Violation>) {
        self.fields.insert(name.into(), violation.into());
    }

    /// Sets what is wrong with a field inside records, named by a dotted path.
    pub fn set_path(&mut self, path: &str, violation: impl Into<Violation>) {
        let Some((head, tail)) = path.split_once('.') else {
            return self.set(path, violation);
        };
        let slot = self.fields.entry(head.to_owned()).or_insert_with(|| Self::default().into());
        match slot {
            Violation::Fields(inner) => inner.set_path(tail, violation),
            // The field as a whole is wrong already; that message says enough.
            Violation::Text(_) | Violation::Elements(_) => {}
        }
    }

    /// Adds a message about the whole entity.
    pub fn push_entity(&mut self, message: impl Into<String>) {
        self.entity.push(message.into());
    }

    /// Takes over everything `other` says.
    pub fn extend(&mut self, other: Self) {
        self.entity.extend(other.entity);
        self.fields.extend(other.fields);
    }

    /// Returns whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entity.is_empty() && self.fields.is_empty()
    }

    /// Returns whether a message stands for the field called `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Returns what is wrong with the field called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Violation> {
        self.fields.get(name)
    }

    /// Returns the messages about the whole entity.
    #[must_use]
    pub fn entity_messages(&self) -> &[String] {
        &self.entity
    }

    /// Returns the wrong fields in the order in which they were found.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Violation)> {
        self.fields.iter().map(|(name, violation)| (name.as_str(), violation))
    }

    /// Returns `Err` with these violations unless there are none.
    ///
    /// # Errors
    /// When something is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Returns the `fields` object of Kong's error body.
    ///
    /// Messages about the entity are an array under `@entity`; elements that are right are `null` in arrays.
    #[must_use]
    pub fn to_fields(&self) -> Value {
        let mut fields = Map::new();
        if !self.entity.is_empty() {
            fields.insert(ENTITY.to_owned(), self.entity.clone().into());
        }
        for (name, violation) in &self.fields {
            fields.insert(name.clone(), violation.to_value());
        }
        Value::Object(fields)
    }

    /// Returns the `message` of Kong's error body, such as `schema violation (name: required field missing)`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut messages = self.entity.clone();
        let mut fields: Vec<_> = self.fields.iter().collect();
        fields.sort_by(|a, b| a.0.cmp(b.0));
        for (name, violation) in fields {
            match violation {
                Violation::Text(text) => messages.push(format!("{name}: {text}")),
                nested => {
                    for (key, value) in nested.sorted_entries() {
                        messages.push(format!("{name}.{key}: {value}"));
                    }
                }
            }
        }
        match messages.as_slice() {
            [only] => format!("schema violation ({only})"),
            many => format!("{} schema violations ({})", many.len(), many.join("; ")),
        }
    }
}

impl Violation {
    /// Returns the violation as JSON: a string, an object or a sparse array.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Fields(inner) => inner.to_fields(),
            Self::Elements(elements) => {
                let len = elements.keys().next_back().map_or(0, |last| last + 1);
                (0..len).map(|index| elements.get(&index).map_or(Value::Null, Self::to_value)).collect()
            }
        }
    }

    /// Returns the entries of a nested violation by sorted key, deeper ones printed as Lua tables.
    fn sorted_entries(&self) -> Vec<(String, String)> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Elements(elements) => {
                elements.iter().map(|(index, inner)| ((index + 1).to_string(), inner.to_lua_or_text())).collect()
            }
            Self::Fields(inner) => {
                let mut entries: Vec<_> =
                    inner.fields.iter().map(|(name, inner)| (name.clone(), inner.to_lua_or_text())).collect();
                if !inner.entity.is_empty() {
                    entries.push((ENTITY.to_owned(), lua_table(&inner.entity.clone().into(), 0)));
                }
                entries.sort();
                entries
            }
        }
    }

    fn to_lua_or_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            nested => lua_table(&nested.to_value(), 0),
        }
    }
}

/// Prints a value as Penlight's `pretty.write` does, two spaces a level.
fn lua_table(value: &Value, depth: usize) -> String {
    let pad = "  ".repeat(depth + 1);
    let mut lines: Vec<String> = Vec::new();
    match value {
        Value::Array(items) => {
            // Up to the first hole elements are positional; those behind it carry their index.
            let dense = items.iter().position(Value::is_null).unwrap_or(items.len());
            for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                let printed = lua_table(item, depth + 1);
                lines.push(if index < dense {
                    format!("{pad}{printed}")
                } else {
                    format!("{pad}[{}] = {printed}", index + 1)
                });
            }
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            lines.extend(entries.into_iter().map(|(key, item)| {
                let printed = lua_table(item, depth + 1);
                if is_lua_name(key) {
                    format!("{pad}{key} = {printed}")
                } else {
                    format!("{pad}[{}] = {printed}", lua_string(key))
                }
            }));
        }
        Value::String(text) => return lua_string(text),
        other => return other.to_string(),
    }
    format!("{{\n{}\n{}}}", lines.join(",\n"), "  ".repeat(depth))
}

fn is_lua_name(key: &str) -> bool {
    let mut bytes = key.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Quotes as Penlight does: long brackets when the text has line breaks, else escapes.
fn lua_string(text: &str) -> String {
    if text.contains('\n') || (text.contains('"') && text.contains('\'')) {
        let mut level = String::new();
        while text.contains(&format!("]{level}]")) {
            level.push('=');
        }
        let newline = if text.starts_with('\n') { "\n" } else { "" };
        return format!("[{level}[{newline}{text}]{level}]");
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

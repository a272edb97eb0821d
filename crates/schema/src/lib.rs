//! A schema is data: what documents may look like, what they are filled with, and what is said when they are wrong.
//! It speaks Kong's schema language, messages included, and knows no store, no HTTP, no clock.
//!
//! ```text
//! input ── prepare: shorthands, automatic fields, defaults, merge ──► validate: fields, then checks ──► document
//! document ── select: old names, nulls, defaults ──► output
//! record ── describe ──► the JSON of GET /schemas/…
//! ```

// The derive names this crate by its name, also in here.
#[allow(unused_extern_crates)]
extern crate self as gibbon_schema;

mod admit;
pub mod check;
mod describe;
mod entity;
mod field;
mod fill;
mod merge;
mod pattern;
mod plugin;
mod record;
mod rule;
mod select;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod typed;
pub mod typedefs;
mod validate;
mod violation;
mod world;

pub use gibbon_schema_derive::OneOf;
pub use gibbon_schema_derive::Record;
pub use serde_json::Value;
pub use serde_json::json;

pub use self::admit::Operation;
pub use self::admit::admit;
pub use self::admit::dry_run;
pub use self::admit::judge;
pub use self::admit::judge_as_written;
pub use self::admit::judge_nested;
pub use self::admit::prepare;
pub use self::admit::validate;
pub use self::check::EntityCheck;
pub use self::describe::describe;
pub use self::field::Bound;
pub use self::merge::merge;
pub use self::pattern::Pattern;
pub use self::pattern::PatternError;
pub use self::plugin::Binding;
pub use self::plugin::Bindings;
pub use self::plugin::plugin_record;
pub use self::record::Deprecation;
pub use self::record::Field;
pub use self::record::Kind;
pub use self::record::OnDelete;
pub use self::record::Record;
pub use self::record::Shorthand;
pub use self::record::SubschemaKey;
pub use self::record::TransformationInputs;
pub use self::rule::Choices;
pub use self::rule::Custom;
pub use self::rule::IntoCustom;
pub use self::rule::Rule;
pub use self::rule::Rules;
pub use self::select::Nulls;
pub use self::select::OldNames;
pub use self::select::select;
pub use self::typed::FieldType;
pub use self::typed::Foreign;
pub use self::typed::Set;
pub use self::typed::Typed;
pub use self::typed::from_document;
pub use self::typed::require_unless_nullable;
pub use self::validate::validate_field;
pub use self::violation::Violation;
pub use self::violation::Violations;
pub use self::world::Context;
pub use self::world::Database;
pub use self::world::NoSubschemas;
pub use self::world::Options;
pub use self::world::Role;
pub use self::world::RouterFlavor;
pub use self::world::Subschemas;
pub use self::world::World;

/// An entity, or a part of one, as JSON: what clients send and stores keep.
pub type Document = serde_json::Map<String, Value>;

/// Returns whether a text is a vault reference: `{vault://…}`.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    text.starts_with("{vault://") && text.ends_with('}')
}

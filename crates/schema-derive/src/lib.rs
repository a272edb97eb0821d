//! `#[derive(Record)]` and `#[derive(OneOf)]`: schemas written as Rust types.
//! The macros only call the builder methods of `gibbon-schema`; what an attribute means is said there.

mod attributes;
mod one_of;
mod record;

use proc_macro::TokenStream;
use syn::DeriveInput;
use syn::parse_macro_input;

/// Makes the schema of a struct, as `Typed` and `FieldType`.
///
/// Each field's type gives its kind: `String`, `bool`, integers, `f64`, `Vec`, `Set`, `BTreeMap` and `HashMap` with
/// string keys, `Foreign`, other structs with this derive, enums with `OneOf`. `Option<T>` may be null, any other
/// type is required. Doc comments are descriptions. The name is the field's, or that of `#[serde(rename = "…")]`.
///
/// In `#[field(…)]` each item calls the method of `Field` with its name: `unique` calls `.unique()`, `gt = 0` calls
/// `.gt(0)`, `between(0, 65535)` calls `.between(0, 65535)`. Items with a form of their own:
/// `default = JSON`, `eq = JSON`, `ne = JSON`, `contains = JSON`; `required = false`;
/// `elements(…)`, `keys(…)`, `values(…)` with items for the inner field;
/// `base = typedefs::port` starts from a ready-made field in place of the type's; `name = "…"`.
///
/// In `#[record(…)]` each item calls the method of `Record` with its name, with the functions of
/// `gibbon_schema::check` in scope: `check = at_least_one_of(["a", "b"])`, `custom = function`, `ttl`.
#[proc_macro_derive(Record, attributes(field, record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    record::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes an enum without data a string field with a fixed choice of values, as `FieldType`.
///
/// The values are the names serde uses: `#[serde(rename = "…")]` and `#[serde(rename_all = "…")]` are read.
#[proc_macro_derive(OneOf)]
pub fn derive_one_of(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    one_of::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

//! Edits of one place (headers, query or body) with their templates compiled.

use super::template::Template;
use crate::pairs::{Pair, pairs};

/// `name:template`.
pub(super) struct Edit {
    pub(super) name: String,
    pub(super) value: Template,
}

/// All edits of one place, each list in the order given.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) remove: Vec<String>,
    pub(super) rename: Vec<Edit>,
    pub(super) replace: Vec<Edit>,
    pub(super) add: Vec<Edit>,
    pub(super) append: Vec<Edit>,
}

impl Edits {
    pub(super) fn new(
        remove: &[String],
        rename: &[String],
        replace: &[String],
        add: &[String],
        append: &[String],
    ) -> Self {
        Self {
            remove: pairs(remove).into_iter().map(|pair| pair.name).collect(),
            rename: compiled(rename),
            replace: compiled(replace),
            add: compiled(add),
            append: compiled(append),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.remove.is_empty()
            && [&self.rename, &self.replace, &self.add, &self.append].iter().all(|list| list.is_empty())
    }
}

/// Compiles a list; pairs without a value have nothing to set and are left out.
fn compiled(list: &[String]) -> Vec<Edit> {
    let edit = |pair: Pair| pair.value.map(|value| Edit { name: pair.name, value: Template::compile(&value) });
    pairs(list).into_iter().filter_map(edit).collect()
}

/// Tells whether a pair has a value; the message is Kong's.
pub(super) fn check_value(pair: &str) -> Result<(), String> {
    let (name, rest) = pair.split_once(':').unwrap_or((pair, ""));
    if rest.trim_start_matches(':').is_empty() { Err(format!("key '{name}' has no value")) } else { Ok(()) }
}

/// Tells whether a pair names a header; the message is Kong's.
pub(super) fn check_header(pair: &str) -> Result<(), String> {
    let name = pair.split(':').next().unwrap_or_default();
    match gibbon_schema::typedefs::text::header_name(name) {
        Ok(()) => Ok(()),
        Err(_) => Err(format!("'{name}' is not a valid header")),
    }
}

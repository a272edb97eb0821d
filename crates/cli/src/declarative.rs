//! Declarative files as commands and a starting node read them: from a path to a document that was found good.

use std::io;
use std::path::Path;

use gibbon_model::declarative::Declarative;
use gibbon_model::declarative::Format;
use gibbon_model::declarative::Parsed;
use gibbon_store::Beside;
use serde::Deserialize;
use serde::Serialize;

use crate::world;

/// A file that was read, not yet checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct File {
    /// Its absolute path, whose end tells the format.
    name: String,
    text: String,
}

impl File {
    /// Reads a file; the error is what Kong says below `Failed parsing:`.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {}", reason(&error)))?;
        Ok(Self { name, text })
    }

    /// Checks the file; the error is a tree of what is wrong.
    pub(crate) fn parse(&self, declarative: &Declarative, beside: Beside) -> Result<Parsed, String> {
        let format = Format::of_file(&self.name).map_err(|errors| errors.to_text())?;
        let parsed = declarative.parse_joined(Some(beside.join()), &self.text, format, &world::Real);
        parsed.map_err(|refused| refused.errors.to_text())
    }
}

/// Checks a text; the error is a tree of what is wrong.
pub(crate) fn parse(declarative: &Declarative, text: &str, format: Format) -> Result<Parsed, String> {
    declarative.parse(text, format, &world::Real).map_err(|refused| refused.errors.to_text())
}

/// The C library's words for an error, as Kong shows them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

//! Reading cases: from the text of a README to checked values.
//!
//! A key that is not known is an error, so that a mistyped `expect` cannot pass.

use std::collections::BTreeMap;

use anyhow::Context;
use anyhow::ensure;
use serde::Deserialize;
use serde_json::Value;

/// One case: a configuration, and steps to be done against it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// One plain sentence; the heading above the block, if none is said.
    #[serde(default)]
    pub title: String,
    /// Where it stands, as `path:line`.
    #[serde(skip)]
    pub place: String,
    /// Properties of the node.
    #[serde(default)]
    pub(super) conf: BTreeMap<String, String>,
    /// The declarative document.
    pub(super) config: Option<Value>,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: Option<String>,
    pub(super) send: Send,
    /// Seconds to wait before sending; for things that only time brings.
    pub(super) wait: Option<f64>,
    pub(super) until: Option<Until>,
    /// Name to dotted path into the answer, such as `body.id`.
    #[serde(default)]
    pub(super) save: BTreeMap<String, String>,
    /// One expectation for all answers, or a list with one for each.
    pub(super) expect: Option<Expectations>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) headers: Vec<(String, Value)>,
    pub(super) body: Option<String>,
    pub(super) json: Option<Value>,
    pub(super) form: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    pub(super) to: Door,
    pub(super) source: Option<String>,
    pub(super) times: Option<usize>,
    pub(super) raw: Option<String>,
}

/// Which listener of the node is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Door {
    #[default]
    Proxy,
    Admin,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Until {
    pub(super) status: u16,
    /// Seconds.
    pub(super) within: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expectations {
    Each(Vec<Value>),
    All(Value),
}

/// Returns the cases in a Markdown text, in order; `path` is only for the places in messages.
///
/// `${NAME}` is replaced by `names` before the block is read; other names are left for later (`save`).
///
/// # Errors
/// If a block is not closed, is not YAML, or has keys that the format does not know.
pub fn read(path: &str, markdown: &str, names: &[(&str, String)]) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for block in blocks(markdown) {
        let place = format!("{path}:{}", block.line);
        let text = block.text.with_context(|| format!("{place}: the block is not closed"))?;
        let mut case: Case =
            serde_saphyr::from_str(&substitute(&text, names)).with_context(|| format!("{place}: not a case"))?;
        ensure!(!case.steps.is_empty(), "{place}: a case without steps proves nothing");
        if case.title.is_empty() {
            case.title = block.heading.to_owned();
        }
        case.place = place;
        cases.push(case);
    }
    Ok(cases)
}

/// A fenced `case` block.
struct Block<'a> {
    /// Of its fence, from 1.
    line: usize,
    heading: &'a str,
    /// `None` if the fence is not closed.
    text: Option<String>,
}

fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut heading = "";
    let mut lines = markdown.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim();
        }
        let fence: String = line.chars().take_while(|c| *c == '`').collect();
        if fence.len() < 3 {
            continue;
        }
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_end() != fence).collect();
        if line[fence.len()..].trim() == "case" {
            let closed = markdown.lines().nth(index + body.len() + 1).is_some();
            blocks.push(Block { line: index + 1, heading, text: closed.then(|| body.join("\n")) });
        }
    }
    blocks
}

/// Replaces `${NAME}`; names that are not known stay.
pub(super) fn substitute(text: &str, names: &[(&str, String)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

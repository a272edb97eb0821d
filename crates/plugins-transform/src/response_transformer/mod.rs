//! `response-transformer`: removes, renames, replaces, adds and appends headers and JSON members of responses.

mod body;

use std::sync::Arc;

use gibbon_schema::{OneOf, Record};
use gibbon_sdk::http::{Headers, Part};
use gibbon_sdk::{BuildError, Cx, Env, Filter, GO, Phases, Plugin, Scope, Verdict};
use serde::Deserialize;

use crate::pairs::{Pair, check_header_names, pairs};
use body::BodyEdits;

/// The kind.
pub struct ResponseTransformer;

/// A name, a colon and a value, in Lua's notation as messages quote it.
const PAIR: &str = "^[^:]+:.*$";

/// What a user may set: edits, made in the order remove, rename, replace, add, append.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Config {
    /// What is taken away.
    pub remove: Remove,
    /// What gets another name: `old:new`.
    pub rename: Rename,
    /// What gets another value, where it is there: `name:value`.
    pub replace: Set,
    /// What is set where it is not there: `name:value`.
    pub add: Set,
    /// What is set beside what is there: `name:value`.
    pub append: Set,
}

/// Names to take away.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Remove {
    /// Members of a JSON object.
    #[field(default = [])]
    pub json: Vec<String>,
    /// Headers.
    #[field(default = [])]
    pub headers: Vec<String>,
}

/// Names to change.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Rename {
    /// Members of a JSON object.
    #[field(default = [], elements(matches = PAIR))]
    pub json: Vec<String>,
    /// Headers.
    #[field(default = [], elements(matches = PAIR, custom = check_header_names))]
    pub headers: Vec<String>,
}

/// Values to set.
#[derive(Clone, Debug, Deserialize, Record)]
pub struct Set {
    /// Members of a JSON object.
    #[field(default = [], elements(matches = PAIR))]
    pub json: Vec<String>,
    /// Types of the values in `json`, in the same order; strings where left out.
    #[field(default = [])]
    pub json_types: Vec<JsonType>,
    /// Headers.
    #[field(default = [], elements(matches = PAIR))]
    pub headers: Vec<String>,
}

/// A type of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, OneOf)]
#[serde(rename_all = "lowercase")]
pub enum JsonType {
    /// `true`; anything but the text `true` is false.
    Boolean,
    /// A number.
    Number,
    /// A text.
    String,
}

impl Plugin for ResponseTransformer {
    const NAME: &'static str = "response-transformer";
    const PRIORITY: i32 = 800;
    const PHASES: Phases = Phases::HEADER.and(Phases::BODY);
    type Config = Config;
    type Filter = ResponseTransformerFilter;

    fn build(config: Config, env: &Arc<Env>, _scope: &Scope) -> Result<ResponseTransformerFilter, BuildError> {
        Ok(ResponseTransformerFilter {
            remove: pairs(&config.remove.headers),
            rename: pairs(&config.rename.headers),
            replace: pairs(&config.replace.headers),
            add: pairs(&config.add.headers),
            append: pairs(&config.append.headers),
            body: BodyEdits::new(&config),
            most: match usize::try_from(env.conf.bounds.response_buffer) {
                Ok(0) | Err(_) => usize::MAX,
                Ok(most) => most,
            },
        })
    }
}

/// A configured `response-transformer`.
pub struct ResponseTransformerFilter {
    remove: Vec<Pair>,
    rename: Vec<Pair>,
    replace: Vec<Pair>,
    add: Vec<Pair>,
    append: Vec<Pair>,
    body: BodyEdits,
    /// Bytes of a body that are kept (`limit_response_buffer`).
    most: usize,
}

/// The body of a response, as far as it came.
#[derive(Default)]
struct Kept {
    body: Vec<u8>,
    /// Whether it has become too large.
    too_large: bool,
}

impl ResponseTransformerFilter {
    /// Edits the headers. Whether a header is there, and with which values, is looked at before any edit, as Kong does.
    fn edit(&self, headers: &mut Headers) {
        let renamed: Vec<(&Pair, Vec<Vec<u8>>)> = self
            .rename
            .iter()
            .filter(|pair| pair.value.is_some() && headers.contains(&pair.name))
            .map(|pair| (pair, headers.get_all(&pair.name).map(<[u8]>::to_vec).collect()))
            .collect();
        let set: Vec<&Pair> = self.replace.iter().filter(|pair| headers.contains(&pair.name)).collect();
        let added: Vec<&Pair> = self.add.iter().filter(|pair| !headers.contains(&pair.name)).collect();
        for pair in &self.remove {
            headers.remove(&pair.name);
        }
        for (Pair { name, value }, values) in renamed {
            let Some(new_name) = value else { continue };
            headers.remove(new_name);
            values.iter().for_each(|value| headers.append(new_name, value));
            headers.remove(name);
        }
        for Pair { name, value } in set.into_iter().chain(added) {
            if let Some(value) = value {
                headers.set(name, value);
            }
        }
        for Pair { name, value } in &self.append {
            if let Some(value) = value {
                headers.append(name, value);
            }
        }
    }
}

impl Filter for ResponseTransformerFilter {
    fn header(&self, cx: &mut Cx<'_>) -> Verdict {
        self.edit(&mut cx.response.head.headers);
        if self.wants_body(cx) {
            cx.response.head.headers.remove("Content-Length");
        }
        GO
    }

    fn wants_body(&self, cx: &mut Cx<'_>) -> bool {
        let content_type = cx.response.head.headers.get("Content-Type");
        !self.body.is_empty() && content_type.is_some_and(body::is_json)
    }

    fn chunk(&self, cx: &mut Cx<'_>, part: &mut Part) {
        match part {
            Part::Data(data) => {
                let kept = cx.slot::<Kept>();
                kept.too_large |= kept.body.len() + data.len() > self.most;
                // What cannot be edited is not let through: it may hold what was to be removed.
                if kept.too_large {
                    kept.body = Vec::new();
                    data.clear();
                }
                kept.body.append(data);
            }
            Part::End(_) => {
                let Kept { body, too_large } = std::mem::take(cx.slot::<Kept>());
                match too_large {
                    true => tracing::warn!(limit = self.most, "response-transformer dropped a body it cannot hold"),
                    false => cx.tail = self.body.apply(body),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

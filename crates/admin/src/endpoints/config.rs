//! `/config`: the declarative configuration of a node without a database, read as YAML and replaced as a whole.

use std::sync::Arc;

use gibbon_model::Entity;
use gibbon_model::declarative::Documents;
use gibbon_model::declarative::Errors;
use gibbon_model::declarative::Format;
use gibbon_model::declarative::Packed;
use gibbon_model::declarative::Parsed;
use gibbon_model::declarative::Refused;
use gibbon_model::lua;
use gibbon_schema::Document;
use gibbon_store::Beside;
use gibbon_store::WriteError;
use http::StatusCode;
use serde::Serialize;
use serde::Serializer;
use serde::ser::Error as _;
use serde::ser::SerializeMap as _;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Handle;

use crate::Admin;
use crate::arguments::decode::MapKeys;
use crate::arguments::decode::nest;
use crate::call::BodyForm;
use crate::call::Call;
use crate::endpoints::schemas::parameters;
use crate::intake;
use crate::reply::Outcome;
use crate::reply::Reply;

const ONLY_DBLESS: &str = "this endpoint is only available when Kong is configured to not use a database";

/// Names of the options, beside which a body holds a configuration.
const OPTIONS: [&str; 2] = ["flatten_errors", "check_hash"];

/// What a call of `POST /config` says beside the configuration.
struct Options {
    /// Does nothing when the text is the one that is loaded.
    check_hash: bool,
    /// Lists errors by entity.
    flatten_errors: bool,
}

/// Answers `GET /config`.
pub(super) async fn export(admin: &Arc<Admin>, _: Call) -> Outcome {
    if !admin.env.dbless {
        return Ok(Reply::message(StatusCode::BAD_REQUEST, ONLY_DBLESS));
    }
    let text = admin.writer.export().await?;
    Ok(Reply::ok(&json!({ "config": text })))
}

/// Answers `POST /config`.
pub(super) async fn replace(admin: &Arc<Admin>, mut call: Call) -> Outcome {
    if !admin.env.dbless {
        return Ok(Reply::message(StatusCode::BAD_REQUEST, ONLY_DBLESS));
    }
    let raw = call.raw.clone();
    if call.form == BodyForm::JsonUnread {
        if let Some(parsed) = read_quickly(admin, &call).await {
            return accept(admin, parsed).await;
        }
        call.body = intake::json(&raw)?;
    }
    let mut parameters = parameters(call);
    let options = Options::take(&mut parameters);
    let parsed = if parameters.contains_key("_format_version") {
        admin.writer.declarative().parse_file(parameters, None, &**admin.writer.world())
    } else {
        let text = match parameters.remove("config") {
            Some(Value::String(text)) => text,
            Some(_) => {
                let errors = Errors::unreadable("expected a configuration as text");
                return Err(WriteError::declarative(&errors).into());
            }
            None if raw.is_empty() => {
                return Ok(Reply::message(StatusCode::BAD_REQUEST, "expected a declarative configuration"));
            }
            None => String::from_utf8_lossy(&raw).into_owned(),
        };
        if options.check_hash && gibbon_model::declarative::hash(&text) == admin.writer.configuration_hash() {
            return Ok(Reply::empty(StatusCode::NOT_MODIFIED));
        }
        admin.writer.declarative().parse(&text, Format::Any, &**admin.writer.world())
    };
    match parsed {
        Ok(parsed) => accept(admin, parsed).await,
        Err(refused) => Ok(refuse(admin, &refused, &options)),
    }
}

/// Reads a body that is a configuration as JSON and has nothing wrong with it; what is wrong is left to be told by others.
async fn read_quickly(admin: &Arc<Admin>, call: &Call) -> Option<Parsed> {
    let mut query = nest(&call.query_pairs, MapKeys::Decoded);
    Options::take(&mut query);
    if !query.is_empty() {
        return None;
    }
    let (admin, raw) = (Arc::clone(admin), call.raw.clone());
    let read = move || {
        let writer = &admin.writer;
        let text = std::str::from_utf8(&raw).ok()?;
        writer.declarative().parse_json(Beside::Traffic.join(), text, &OPTIONS, &**writer.world())
    };
    // It may be large, and others' calls shall not wait.
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// Loads a configuration, and answers with what it holds.
async fn accept(admin: &Arc<Admin>, parsed: Parsed) -> Outcome {
    let (admin, control) = (Arc::clone(admin), Handle::current());
    let load = move || {
        let reply = Reply::json(StatusCode::CREATED, &Loaded { admin: &admin, documents: &parsed.documents });
        control.block_on(admin.writer.replace_all(parsed))?;
        Ok(reply)
    };
    tokio::task::spawn_blocking(load).await.unwrap_or_else(|_| Ok(Reply::unexpected()))
}

/// What was loaded: by entity, then by id, with nulls. It is written without being built first, since it may be large.
struct Loaded<'a> {
    admin: &'a Admin,
    documents: &'a Documents,
}

/// The documents of one entity by id.
struct ById<'a>(&'a Entity, &'a [Packed]);

/// A document with all fields of its entity.
struct Whole<'a>(&'a Entity, Document);

impl Serialize for Loaded<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let entities = self.documents.iter().filter(|(_, documents)| !documents.is_empty());
        to.collect_map(entities.map(|(name, documents)| (name, ById(self.admin.writer.entity(name), documents))))
    }
}

impl Serialize for ById<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut all = to.serialize_map(Some(self.1.len()))?;
        for document in self.1 {
            let document = document.unpack().map_err(S::Error::custom)?;
            let id = gibbon_model::id_of(self.0, &document).to_owned();
            all.serialize_entry(&id, &Whole(self.0, document))?;
        }
        all.end()
    }
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(entity, document) = self;
        let shown = entity.record.fields.iter().filter_map(|field| {
            let value = document.get(&field.name);
            Some((&field.name, value.or(field.is_null_when_missing().then_some(&Value::Null))?))
        });
        let others = document.iter().filter(|(name, _)| entity.record.field(name).is_none());
        to.collect_map(shown.chain(others))
    }
}

/// Returns what a refused configuration is told: one tree of errors, or with `flatten_errors` a list by entity.
fn refuse(admin: &Admin, refused: &Refused, options: &Options) -> Reply {
    let mut body = WriteError::declarative(&refused.errors).body();
    if options.flatten_errors && !refused.input.is_empty() {
        let flattened = refused.errors.flatten(&refused.input, &admin.catalog);
        let message = format!("declarative config is invalid: {}", lua::line(&flattened.fields));
        body.insert("message".to_owned(), message.into());
        body.insert("fields".to_owned(), flattened.fields);
        body.insert("flattened_errors".to_owned(), Value::Array(flattened.errors));
    }
    Reply::json(StatusCode::BAD_REQUEST, &Value::Object(body))
}

impl Options {
    /// Takes the options out of the parameters.
    fn take(parameters: &mut Document) -> Self {
        let [flatten, check] = OPTIONS.map(|name| parameters.remove(name));
        let truthy = |value: Value| match value {
            Value::String(text) => ["true", "1", "on", "yes"].contains(&text.to_ascii_lowercase().as_str()),
            Value::Bool(on) => on,
            Value::Number(number) => number.as_f64() == Some(1.0),
            _ => false,
        };
        // The older of the two options knows one word only.
        let one = |value: Value| value.as_str() == Some("1") || value.as_f64() == Some(1.0);
        Self { check_hash: check.is_some_and(one), flatten_errors: flatten.is_some_and(truthy) }
    }
}
